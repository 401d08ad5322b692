// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Request fields from which servers and frameworks take what the request line, Host or the connection say otherwise:
/// whoever may set one chooses an answer that others get.
package enum IdentityField: Sendable, Equatable {
    /// Scheme, host, path or user.
    case site
    /// The client's address.
    case client
    case method

    /// What a field of this name stands for, in any spelling that a server may fold into it; nil for any other.
    package static func of(_ name: borrowing Span<UInt8>) -> IdentityField? {
        guard name.count > 2 else { return nil }
        if folded(name[0]) == UInt8(ascii: "x"), folded(name[1]) == hyphen { return ofExtension(name) }
        if endsLikeAddress(name) { return .client }
        if begins(name, "forwarded-for") { return .client }
        for prefix in prefixes where begins(name, prefix) { return .site }
        for known in others where equals(name, known) { return .site }
        if equals(name, "remote-addr") || equals(name, "cloudfront-viewer-address") { return .client }
        return equals(name, "http-method-override") || equals(name, "method-override") ? .method : nil
    }

    /// Whether servers that hand fields on as variables of an environment (RFC 3875 §4.1.18) may take the name for
    /// another one.
    package static func isUnusual(_ name: borrowing Span<UInt8>) -> Bool {
        for index in name.indices where folded(name[index]) == hyphen && name[index] != hyphen { return true }
        return false
    }

    private static func ofExtension(_ name: borrowing Span<UInt8>) -> IdentityField? {
        for prefix in extensionMethods where begins(name, prefix) { return .method }
        for known in extensionClients where equals(name, known) { return .client }
        if endsLikeAddress(name) { return .client }
        for prefix in extensionPrefixes where begins(name, prefix) { return .site }
        for known in extensions where equals(name, known) { return .site }
        return nil
    }

    private static func endsLikeAddress(_ name: borrowing Span<UInt8>) -> Bool {
        // The two letters that tell nearly all names from these.
        guard name[name.count - 1] | 0x20 == UInt8(ascii: "p"), name[name.count - 2] | 0x20 == UInt8(ascii: "i") else {
            return false
        }
        for suffix in addressSuffixes where ends(name, suffix) { return true }
        return false
    }

    private static let addressSuffixes: [StaticString] = [
        "-ip", "clientip", "realip", "remoteip", "socketip", "userip",
    ]
    private static let prefixes: [StaticString] = [
        "forwarded", "front-end-https", "cf-access-", "cf-visitor", "ssl-client-", "tailscale-user-",
    ]
    private static let others: [StaticString] = [
        "base-url", "cloudfront-forwarded-proto", "host-override", "http-host", "http-url", "proxy", "proxy-host",
        "proxy-url", "remote-email", "remote-groups", "remote-name", "remote-user", "request-uri", "script-name", "uri",
        "url",
    ]
    private static let extensionMethods: [StaticString] = ["x-http-method", "x-method", "x-request-method"]
    private static let extensionClients: [StaticString] = [
        "x-client", "x-client-addr", "x-envoy-external-address", "x-forwarded-by", "x-forwarded-for",
        "x-forwarder-for", "x-original-for", "x-original-forwarded-for", "x-remote-addr",
    ]
    private static let extensionPrefixes: [StaticString] = [
        "x-forward", "x-original", "x-rewrite", "x-real", "x-envoy-original", "x-invoke-", "x-middleware-", "x-ssl",
        "x-override", "x-authenticated-", "x-auth-request-", "x-auth-user", "x-wap-profile", "x-accel-", "x-amzn-oidc-",
        "x-client-cert", "x-client-verify", "x-consumer-", "x-credential-", "x-goog-authenticated-user", "x-goog-iap-",
        "x-ms-client-principal", "x-pomerium-", "x-sendfile-type", "x-vouch-", "x-webauth-",
    ]
    private static let extensions: [StaticString] = [
        "x-arr-ssl", "x-backend-host", "x-base-path", "x-base-url", "x-context-path", "x-host", "x-host-override",
        "x-http-destinationurl", "x-http-host", "x-http-host-override", "x-http-url", "x-https", "x-matched-path",
        "x-ms-original-url", "x-path", "x-path-info", "x-path-prefix", "x-port", "x-proto", "x-proxy-host",
        "x-proxy-url", "x-proxy-user", "x-remote-user", "x-request-uri", "x-scheme", "x-script-name", "x-server-name",
        "x-server-port", "x-upstream-host", "x-uri", "x-url", "x-url-scheme",
    ]

    private static let hyphen = UInt8(ascii: "-")

    private static func folded(_ byte: UInt8) -> UInt8 {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) ? ASCII.lowercased(byte) : hyphen
    }

    private static func equals(_ name: borrowing Span<UInt8>, _ known: StaticString) -> Bool {
        name.count == known.utf8CodeUnitCount && begins(name, known)
    }

    private static func begins(_ name: borrowing Span<UInt8>, _ known: StaticString) -> Bool {
        matches(name, known, from: 0)
    }

    private static func ends(_ name: borrowing Span<UInt8>, _ known: StaticString) -> Bool {
        matches(name, known, from: name.count - known.utf8CodeUnitCount)
    }

    private static func matches(_ name: borrowing Span<UInt8>, _ known: StaticString, from start: Int) -> Bool {
        guard start >= 0, start + known.utf8CodeUnitCount <= name.count else { return false }
        for index in 0..<known.utf8CodeUnitCount {
            let wanted = unsafe known.utf8Start[index]
            if folded(name[start + index]) != wanted { return false }
        }
        return true
    }
}
