// SPDX-License-Identifier: Apache-2.0

/// A JSON text taken apart (RFC 8259).
enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    /// As written; no call of ours takes numbers apart.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// In the order of the text; no name stands twice.
    case object([Member])

    struct Member: Equatable, Sendable {
        var name: String
        var value: JSONValue
    }

    /// For messages: `a list`, `text`.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "true or false"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

/// Why a text is no JSON that Larder takes, and at which byte.
struct JSONError: Error, Equatable, Sendable {
    enum Problem: Equatable, Sendable {
        case endsEarly, unexpectedByte, badNumber, badEscape, controlInString, notUTF8, trailingBytes
        case nestedTooDeep(limit: Int)
        case repeatedName(String)
    }

    var problem: Problem
    var offset: Int

    var reason: String {
        let what =
            switch problem {
            case .endsEarly: "it ends early"
            case .unexpectedByte: "unexpected byte"
            case .badNumber: "malformed number"
            case .badEscape: "malformed escape in a text"
            case .controlInString: "control character in a text"
            case .notUTF8: "a text is not UTF-8"
            case .trailingBytes: "something follows the value"
            case .nestedTooDeep(let limit): "nested deeper than \(limit)"
            case .repeatedName(let name): "\"\(name)\" stands twice in one object"
            }
        return "\(what) at byte \(offset)"
    }
}
