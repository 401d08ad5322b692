// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The minor version of HTTP/1; a later major version presents itself as 1.1 to the flow.
package enum HTTPVersion: UInt8, Sendable { case http10, http11 }

/// A request's start line and fields. Ranges refer to `fields.bytes`.
package struct RequestHead: Sendable {
    package var method: Method = .get
    package var version: HTTPVersion = .http11
    package var methodRange: Range<Int> = 0..<0
    /// The request target as it came.
    package var targetRange: Range<Int> = 0..<0
    /// Path within an origin-form or absolute-form target; `*` for asterisk-form; empty for authority-form.
    package var pathRange: Range<Int> = 0..<0
    /// Query without its `?`; nil when there is no `?`.
    package var queryRange: Range<Int>?
    /// Authority of an absolute-form or authority-form target, which wins over Host (RFC 9112 §3.2.2).
    package var authorityRange: Range<Int>?
    package var fields = Fields()

    package init() {}

    package mutating func removeAll() {
        method = .get
        version = .http11
        methodRange = 0..<0
        targetRange = 0..<0
        pathRange = 0..<0
        queryRange = nil
        authorityRange = nil
        fields.removeAll()
    }

    package var methodBytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes.span.extracting(methodRange) }
    }

    package var target: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes.span.extracting(targetRange) }
    }

    package var path: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes.span.extracting(pathRange) }
    }

    /// Without its `?`; nil when there is none.
    package var query: Span<UInt8>? {
        @_lifetime(borrow self)
        borrowing get {
            guard let queryRange else { return nil }
            return fields.bytes.span.extracting(queryRange)
        }
    }

    /// The host that the request names: the target's authority, else Host, else nothing.
    package var authority: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            if let authorityRange { return fields.bytes.span.extracting(authorityRange) }
            if let index = fields.firstIndex(of: .host) {
                return fields.bytes.span.extracting(fields.slots[index].valueRange)
            }
            return fields.bytes.span.extracting(0..<0)
        }
    }
}

/// A response's status line and fields. Ranges refer to `fields.bytes`.
package struct ResponseHead: Sendable {
    package var status: Status = Status(200)
    package var version: HTTPVersion = .http11
    package var reasonRange: Range<Int> = 0..<0
    package var fields = Fields()

    package init() {}

    package mutating func removeAll() {
        status = Status(200)
        version = .http11
        reasonRange = 0..<0
        fields.removeAll()
    }
}
