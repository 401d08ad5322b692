// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What tokens and passwords may be made of.
enum SecretText {
    /// A secret that is guessed more easily than this is warned of.
    static let shortBytes = 8

    /// The content of a file without the one line end that editors add.
    static func withoutLineEnd(_ text: String) -> String {
        var text = text
        if text.unicodeScalars.last == "\n" { text.unicodeScalars.removeLast() }
        if text.unicodeScalars.last == "\r" { text.unicodeScalars.removeLast() }
        return text
    }

    /// A field value ends at a line end and loses blanks around it, so that such a token could never be sent.
    static func problem(_ text: String, name: String) -> SettingProblem? {
        if text.isEmpty { return .init("the \(name) is empty") }
        for byte in text.utf8 {
            if byte == ASCII.lineFeed || byte == ASCII.carriageReturn {
                return .init("the \(name) has a line end within it: it must be a single line")
            }
            if ASCII.isBlank(byte) { return .init("the \(name) has a blank in it, or before or behind it") }
            if byte < 0x20 || byte == 0x7F { return .init("the \(name) has a control character in it") }
        }
        return nil
    }
}
