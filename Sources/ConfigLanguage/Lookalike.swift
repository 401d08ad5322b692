// SPDX-License-Identifier: Apache-2.0

/// A character that looks like one of the syntax, and is none.
struct Lookalike {
    enum Kind { case blank, quote, dash, nothing }

    let kind: Kind
    let message: String

    /// `character` in UTF-8; nil when it is a letter like any other.
    init?(_ character: ArraySlice<UInt8>) {
        guard let scalar = String(decoding: character, as: UTF8.self).unicodeScalars.first else { return nil }
        let hex = String(scalar.value, radix: 16, uppercase: true)
        let code = "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
        switch scalar.value {
        case 0xA0, 0x202F, 0x2007:
            (kind, message) = (.blank, "this is a no-break space (\(code)): write a plain blank")
        case 0x1680, 0x2000...0x200A, 0x205F, 0x3000:
            (kind, message) = (.blank, "this is a wide or narrow space (\(code)): write a plain blank")
        case 0x85, 0x2028, 0x2029:
            (kind, message) = (.blank, "this is a line separator (\(code)): end the line with a plain line end")
        case 0x2018, 0x2019, 0x201A, 0x201C, 0x201D, 0x201E, 0xAB, 0xBB:
            (kind, message) = (.quote, "this is a typographic quote (\(code)): write \" or '")
        case 0x2010...0x2015, 0x2212:
            (kind, message) = (.dash, "this is a typographic dash (\(code)): write -")
        case 0xFEFF, 0x200B...0x200F, 0x2060, 0x202A...0x202E, 0xAD:
            (kind, message) = (.nothing, "there is an invisible character (\(code)) here: take it away")
        case 0xFF1A, 0xFF1B, 0xFF0F, 0xFF1D:
            (kind, message) = (.nothing, "this is a full-width character (\(code)): write the plain one")
        default: return nil
        }
    }
}
