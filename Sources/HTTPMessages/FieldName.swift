// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The field names that Larder gives a meaning to, as small integers. All others are `.other` and known by
/// their bytes alone.
@usableFromInline
package enum FieldName: UInt8, CaseIterable, Sendable {
    case other = 0
    case accept, acceptEncoding, acceptLanguage, acceptRanges, age, allow, authorization
    case cacheControl, cacheGroupInvalidation, cacheGroups, cacheStatus, cacheTag, cdnCacheControl
    case connection, contentEncoding, contentLanguage, contentLength, contentLocation, contentRange, contentType
    case cookie, date, edgeCacheTag, eTag, expect, expires, forwarded, host, http2Settings
    case ifMatch, ifModifiedSince, ifNoneMatch, ifRange, ifUnmodifiedSince, keepAlive, larderCacheControl
    case lastModified, link, location, maxForwards, origin, pragma, proxyAuthenticate, proxyAuthenticationInfo,
        proxyAuthorization
    case proxyConnection, range, referer, retryAfter, server, setCookie, surrogateControl, surrogateKey
    case te, traceParent, trailer, transferEncoding, upgrade, userAgent, vary, via, warning, wwwAuthenticate
    case xAccelBuffering, xAccelExpires, xCache, xForwardedFor, xForwardedHost, xForwardedPort, xForwardedProto
    case xKey, xNoCompression, xRealIP, xRequestID

    /// The name in lower case; empty for `.other`.
    package var lowercased: StaticString {
        switch self {
        case .other: ""
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .acceptLanguage: "accept-language"
        case .acceptRanges: "accept-ranges"
        case .age: "age"
        case .allow: "allow"
        case .authorization: "authorization"
        case .cacheControl: "cache-control"
        case .cacheGroupInvalidation: "cache-group-invalidation"
        case .cacheGroups: "cache-groups"
        case .cacheStatus: "cache-status"
        case .cacheTag: "cache-tag"
        case .cdnCacheControl: "cdn-cache-control"
        case .connection: "connection"
        case .contentEncoding: "content-encoding"
        case .contentLanguage: "content-language"
        case .contentLength: "content-length"
        case .contentLocation: "content-location"
        case .contentRange: "content-range"
        case .contentType: "content-type"
        case .cookie: "cookie"
        case .date: "date"
        case .edgeCacheTag: "edge-cache-tag"
        case .eTag: "etag"
        case .expect: "expect"
        case .expires: "expires"
        case .forwarded: "forwarded"
        case .host: "host"
        case .http2Settings: "http2-settings"
        case .ifMatch: "if-match"
        case .ifModifiedSince: "if-modified-since"
        case .ifNoneMatch: "if-none-match"
        case .ifRange: "if-range"
        case .ifUnmodifiedSince: "if-unmodified-since"
        case .keepAlive: "keep-alive"
        case .larderCacheControl: "larder-cache-control"
        case .lastModified: "last-modified"
        case .link: "link"
        case .location: "location"
        case .maxForwards: "max-forwards"
        case .origin: "origin"
        case .pragma: "pragma"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthenticationInfo: "proxy-authentication-info"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyConnection: "proxy-connection"
        case .range: "range"
        case .referer: "referer"
        case .retryAfter: "retry-after"
        case .server: "server"
        case .setCookie: "set-cookie"
        case .surrogateControl: "surrogate-control"
        case .surrogateKey: "surrogate-key"
        case .te: "te"
        case .traceParent: "traceparent"
        case .trailer: "trailer"
        case .transferEncoding: "transfer-encoding"
        case .upgrade: "upgrade"
        case .userAgent: "user-agent"
        case .vary: "vary"
        case .via: "via"
        case .warning: "warning"
        case .wwwAuthenticate: "www-authenticate"
        case .xAccelBuffering: "x-accel-buffering"
        case .xAccelExpires: "x-accel-expires"
        case .xCache: "x-cache"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedPort: "x-forwarded-port"
        case .xForwardedProto: "x-forwarded-proto"
        case .xKey: "xkey"
        case .xNoCompression: "x-no-compression"
        case .xRealIP: "x-real-ip"
        case .xRequestID: "x-request-id"
        }
    }

    /// By which names are looked up, for who looks up many.
    package static var table: FieldNameTable { FieldNameTable.shared }

    /// The name that `bytes` spell in any case of letters; `.other` when it has no meaning here.
    package static func lookUp(_ bytes: borrowing Span<UInt8>) -> FieldName {
        table.lookUp(bytes)
    }
}

extension FieldName {
    /// The derived one is a call from every other module.
    @inlinable @inline(__always)
    package static func == (left: FieldName, right: FieldName) -> Bool {
        unsafe unsafeBitCast(left, to: UInt8.self) == unsafeBitCast(right, to: UInt8.self)
    }
}

/// A set of known field names, as bits.
@usableFromInline
package struct FieldNameSet: Sendable, Equatable, ExpressibleByArrayLiteral {
    @usableFromInline var low: UInt64 = 0
    @usableFromInline var high: UInt64 = 0

    package init() {}

    @usableFromInline
    package init(arrayLiteral names: FieldName...) {
        for name in names { insert(name) }
    }

    @inlinable @inline(__always)
    package init(_ name: FieldName) { insert(name) }

    /// The set with one more. What is put together so is a constant where it is asked for, and no global variable that
    /// has to be looked after.
    @inlinable @inline(__always)
    package func with(_ name: FieldName) -> FieldNameSet {
        var more = self
        more.insert(name)
        return more
    }

    @inlinable @inline(__always)
    package mutating func formUnion(_ other: FieldNameSet) {
        low |= other.low
        high |= other.high
    }

    @inlinable
    package var isEmpty: Bool { low | high == 0 }

    @inlinable @inline(__always)
    package func contains(_ name: FieldName) -> Bool {
        let bit = Self.bit(of: name)
        return (bit < 64 ? low &>> bit : high &>> (bit &- 64)) & 1 != 0
    }

    @inlinable @inline(__always)
    package mutating func insert(_ name: FieldName) {
        let bit = Self.bit(of: name)
        if bit < 64 { low |= 1 &<< bit } else { high |= 1 &<< (bit &- 64) }
    }

    package func subtracting(_ other: FieldNameSet) -> FieldNameSet {
        var rest = self
        rest.low &= ~other.low
        rest.high &= ~other.high
        return rest
    }

    /// The raw value; the derived one is a call from every other module.
    @inlinable @inline(__always)
    static func bit(of name: FieldName) -> UInt64 { unsafe UInt64(unsafeBitCast(name, to: UInt8.self)) }

    @inlinable
    package func isDisjoint(with other: FieldNameSet) -> Bool { !intersects(other) }

    @inlinable
    package func intersects(_ other: FieldNameSet) -> Bool { (low & other.low) | (high & other.high) != 0 }
}
