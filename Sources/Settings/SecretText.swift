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

extension SettingsBuilder {
    /// What makes a secret known to more than it should be.
    mutating func warnOfSecret(_ text: String, _ name: String, _ word: Word, file path: String?) {
        if text.utf8.count < SecretText.shortBytes {
            diagnostics.warning(
                word.place, "the \(name) is shorter than \(SecretText.shortBytes) bytes, and soon guessed")
        }
        if let path {
            guard files.isOpenToAll(path) else { return }
            diagnostics.warning(word.place, "every user of this machine can read \"\(path)\": chmod 600 or 640 it")
        } else if !word.hasVariable, files.isOpenToAll(diagnostics.files[word.place.file].name) {
            diagnostics.warning(
                word.place,
                "every user of this machine can read this file, and the \(name) in it: put it into \(name)_file= or "
                    + "the environment, or chmod 640 this file")
        }
    }
}
