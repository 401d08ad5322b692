// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The minor version of HTTP/1; a later major version presents itself as 1.1 to the flow.
@usableFromInline
package enum HTTPVersion: UInt8, Sendable { case http10, http11 }

extension HTTPVersion {
    /// The derived one is a call from every other module.
    @inlinable @inline(__always)
    package static func == (left: HTTPVersion, right: HTTPVersion) -> Bool {
        unsafe unsafeBitCast(left, to: UInt8.self) == unsafeBitCast(right, to: UInt8.self)
    }
}

/// A request's start line and fields. Ranges refer to `fields.bytes`.
///
/// It is lent, not copied, on its way through a request's life: a copy would count references. What it is lent to gets
/// it bit by bit all the same, so that it is kept below 128 bytes, which move without a call.
@usableFromInline
package struct RequestHead: ~Copyable, Sendable {
    @usableFromInline package var method: Method = .get
    @usableFromInline package var version: HTTPVersion = .http11
    /// The target is a path of letters, digits, hyphens and slashes, as the parser has seen.
    @usableFromInline package var hasPlainTarget = false
    /// The scheme under which the origin is told that the request came is https.
    @usableFromInline package var isSecure = false
    @usableFromInline var methodSpan = HeadRange()
    @usableFromInline var targetSpan = HeadRange()
    @usableFromInline var pathSpan = HeadRange()
    @usableFromInline var querySpan = HeadRange.none
    @usableFromInline var authoritySpan = HeadRange.none
    @usableFromInline var hostSpan = HeadRange.none
    /// The authority is spelled as keys spell it.
    @usableFromInline package var hasPlainAuthority = false
    /// The request's Host is the known one.
    @usableFromInline var namesKnownHost = false
    /// The known Host is spelled, under http, both as it is sent and as keys spell it.
    @usableFromInline var knownHostIsPlain = false
    @usableFromInline package var fields = Fields()
    /// The last Host that was found valid; stays when the head is cleared, for the next is likely to be the same.
    private var knownHost = ContiguousArray<UInt8>()
    /// Who asks, as trusted proxies say; nil where it is the peer.
    package var client: ClientAddress?

    package init() {}

    /// Its own copy of `other`.
    package init(copying other: borrowing RequestHead) {
        method = other.method
        version = other.version
        methodSpan = other.methodSpan
        targetSpan = other.targetSpan
        pathSpan = other.pathSpan
        querySpan = other.querySpan
        authoritySpan = other.authoritySpan
        hostSpan = other.hostSpan
        hasPlainTarget = other.hasPlainTarget
        isSecure = other.isSecure
        client = other.client
        hasPlainAuthority = other.hasPlainAuthority
        fields = other.fields
    }

    package mutating func removeAll() {
        method = .get
        version = .http11
        methodSpan = HeadRange()
        targetSpan = HeadRange()
        pathSpan = HeadRange()
        querySpan = .none
        authoritySpan = .none
        hostSpan = .none
        hasPlainTarget = false
        isSecure = false
        client = nil
        hasPlainAuthority = false
        namesKnownHost = false
        fields.removeAll()
    }

    /// The request names this host from now on, in its one Host line.
    package mutating func setAuthority(_ text: borrowing Span<UInt8>) {
        let range = fields.appendText(text)
        authorityRange = nil
        hostRange = range
        namesKnownHost = false
        if let index = fields.firstIndex(of: .host) {
            fields.setValue(at: index, range)
        } else {
            let name = fields.appendText("Host")
            fields.record(FieldSlot(name: .host, nameRange: name, valueRange: range))
        }
    }

    /// Whether the request's Host is the one that was remembered.
    package mutating func knows(host: borrowing Span<UInt8>) -> Bool {
        namesKnownHost = knownHost.span.elementsEqual(host)
        return namesKnownHost
    }

    /// It is valid. A long one is looked at anew each time.
    package mutating func remember(host: borrowing Span<UInt8>) {
        guard host.count <= Self.longestKnownHost else { return }
        knownHost.removeAll(keepingCapacity: true)
        for index in 0..<host.count { knownHost.append(host[index]) }
        knownHostIsPlain = false
        namesKnownHost = true
    }

    /// Whether the host that it names is known to be plain.
    @inlinable @inline(__always)
    package var namesPlainHost: Bool {
        namesKnownHost && knownHostIsPlain && !isSecure && authoritySpan.rangeIfAny == nil
    }

    /// The authority is plain, and will be when the next request names the same.
    @inlinable @inline(__always)
    package mutating func foundPlainAuthority() {
        hasPlainAuthority = true
        if namesKnownHost, !isSecure { knownHostIsPlain = true }
    }

    private static var longestKnownHost: Int { 64 }
}

/// The parts of a request's start line, and its authority.
extension RequestHead {
    @inlinable @inline(__always)
    package var methodRange: Range<Int> {
        get { methodSpan.range }
        set { methodSpan = HeadRange(newValue) }
    }

    /// The request target as it came.
    @inlinable @inline(__always)
    package var targetRange: Range<Int> {
        get { targetSpan.range }
        set { targetSpan = HeadRange(newValue) }
    }

    /// Path within an origin-form or absolute-form target; `*` for asterisk-form; empty for authority-form.
    @inlinable @inline(__always)
    package var pathRange: Range<Int> {
        get { pathSpan.range }
        set { pathSpan = HeadRange(newValue) }
    }

    /// Query without its `?`; nil when there is no `?`.
    @inlinable @inline(__always)
    package var queryRange: Range<Int>? {
        get { querySpan.rangeIfAny }
        set { querySpan = HeadRange(newValue) }
    }

    /// Authority of an absolute-form or authority-form target, which wins over Host (RFC 9112 §3.2.2).
    @inlinable @inline(__always)
    package var authorityRange: Range<Int>? {
        get { authoritySpan.rangeIfAny }
        set { authoritySpan = HeadRange(newValue) }
    }

    /// Where the parser has found the value of Host.
    @inlinable @inline(__always)
    package var hostRange: Range<Int>? {
        get { hostSpan.rangeIfAny }
        set { hostSpan = HeadRange(newValue) }
    }

    @inlinable @inline(__always)
    package var methodBytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes.extracting(methodRange) }
    }

    @inlinable @inline(__always)
    package var target: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes.extracting(targetRange) }
    }

    @inlinable @inline(__always)
    package var path: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes.extracting(pathRange) }
    }

    /// Without its `?`; nil when there is none.
    @inlinable @inline(__always)
    package var query: Span<UInt8>? {
        @_lifetime(borrow self)
        borrowing get {
            guard let queryRange else { return nil }
            return fields.bytes.extracting(queryRange)
        }
    }

    /// The host that the request names: the target's authority, else Host, else nothing.
    @inlinable @inline(__always)
    package var authority: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            if let range = authorityRange ?? hostRange { return fields.bytes.extracting(range) }
            if let index = fields.firstIndex(of: .host) {
                return fields.bytes.extracting(fields.slots[index].valueRange)
            }
            return fields.bytes.extracting(0..<0)
        }
    }
}

/// Where a part of a head stands among its bytes, in half the room of a `Range<Int>`: a head is lent so often that it
/// must be small.
@usableFromInline
struct HeadRange: Sendable {
    @usableFromInline var start: UInt32
    @usableFromInline var end: UInt32

    /// Nothing, and nowhere.
    @inlinable @inline(__always)
    init() { (start, end) = (0, 0) }

    @inlinable @inline(__always)
    init(_ range: Range<Int>) { (start, end) = (UInt32(range.lowerBound), UInt32(range.upperBound)) }

    @inlinable @inline(__always)
    init(_ range: Range<Int>?) {
        if let range { self.init(range) } else { self = .none }
    }

    /// No such part.
    @inlinable @inline(__always)
    static var none: HeadRange {
        var none = HeadRange()
        none.start = .max
        return none
    }

    @inlinable @inline(__always)
    var range: Range<Int> { unsafe Range(uncheckedBounds: (Int(start), Int(end))) }

    @inlinable @inline(__always)
    var rangeIfAny: Range<Int>? { start == .max ? nil : range }
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

    /// The whole status line with its CRLF, where the bytes begin with just what Larder would write.
    package var plainStatusLine: Range<Int>? {
        let text = fields.bytes
        let (prefix, end) = (13, reasonRange.upperBound)  // "HTTP/1.1 200 "
        guard reasonRange.lowerBound == prefix, end > prefix, end &+ 2 <= text.count,
            text.word(at: 0) == Self.versionText, text[8] == ASCII.space, text[12] == ASCII.space,
            text[end] == ASCII.carriageReturn, text[end &+ 1] == ASCII.lineFeed,
            (Int(text[9]) &* 10 &+ Int(text[10])) &* 10 &+ Int(text[11]) &- 0x30 &* 111 == Int(status.code)
        else { return nil }
        return 0..<reasonRange.upperBound &+ 2
    }

    /// "HTTP/1.1", its first letter lowest.
    private static var versionText: UInt64 { 0x312E_312F_5054_5448 }
}
