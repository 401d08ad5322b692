// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Request methods that Larder gives a meaning to; any other token is `.other` and passed through.
@usableFromInline
package enum Method: UInt8, Sendable {
    case get, head, post, put, delete, patch, options, trace, connect, query, purge, other
    /// Another of which is known that it changes nothing.
    case otherSafe

    package init(_ bytes: borrowing Span<UInt8>) {
        switch bytes.count {
        case 3: self = bytes.equals("GET") ? .get : bytes.equals("PUT") ? .put : .other
        case 4: self = bytes.equals("HEAD") ? .head : bytes.equals("POST") ? .post : .other
        case 5:
            if bytes.equals("PATCH") {
                self = .patch
            } else if bytes.equals("TRACE") {
                self = .trace
            } else if bytes.equals("QUERY") {
                self = .query
            } else {
                self = bytes.equals("PURGE") ? .purge : .other
            }
        case 6:
            self = bytes.equals("DELETE") ? .delete : Self.isReading(bytes) ? .otherSafe : .other
        case 7: self = bytes.equals("OPTIONS") ? .options : bytes.equals("CONNECT") ? .connect : .other
        case 8: self = Self.isReading(bytes) ? .otherSafe : .other
        default: self = .other
        }
    }

    /// Those of RFC 3253, 4918 and 5323 that the registry of methods calls safe.
    private static func isReading(_ bytes: borrowing Span<UInt8>) -> Bool {
        bytes.equals("REPORT") || bytes.equals("SEARCH") || bytes.equals("PROPFIND")
    }

    /// RFC 9110 §9.2.1; QUERY by RFC 10008. An unknown method is not safe.
    package var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace, .query, .otherSafe: true
        default: false
        }
    }

    /// RFC 9110 §9.2.2. An unknown method is not idempotent.
    package var isIdempotent: Bool { isSafe || self == .put || self == .delete }
}

extension Method {
    /// The derived one is a call from every other module.
    @inlinable @inline(__always)
    package static func == (left: Method, right: Method) -> Bool {
        unsafe unsafeBitCast(left, to: UInt8.self) == unsafeBitCast(right, to: UInt8.self)
    }
}
