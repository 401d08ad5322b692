// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import CacheRules

/// Fields are taken away before anything is made of them, when they are not sent.
@Suite struct SentFieldsTests {
    private static func head(_ lines: [(String, String)]) -> RequestHead {
        var head = RequestHead()
        for (name, value) in lines { head.fields.append(name, value) }
        return head
    }

    private static func lines(_ fields: borrowing Fields) -> [String] {
        fields.slots.indices.map { "\(fields.name(at: $0).text()): \(fields.value(at: $0).text())" }
    }

    // MARK: Connection

    @Test(arguments: [
        ("x-a", ["X-B: 2", "Cache-Control: no-cache", "Host: h"]),
        ("close, X-A ,x-b", ["Cache-Control: no-cache", "Host: h"]),
        ("host, cache-control", ["X-A: 1", "X-B: 2", "Host: h"]),
        ("keep-alive, x-c", ["X-A: 1", "X-B: 2", "Cache-Control: no-cache", "Host: h"]),
        (", ,x-a,", ["X-B: 2", "Cache-Control: no-cache", "Host: h"]),
        ("connection, x-", ["X-A: 1", "X-B: 2", "Cache-Control: no-cache", "Host: h"]),
    ])
    func whatConnectionListsIsNotSent(list: String, rest: [String]) {
        var head = Self.head([
            ("Connection", list), ("X-A", "1"), ("X-B", "2"), ("Cache-Control", "no-cache"), ("Host", "h"),
        ])
        HopByHop.removeListed(from: &head.fields, keepsIdentity: false)
        let sent = Self.lines(head.fields)
        #expect(sent == ["Connection: \(list)"] + rest)
        let isHeard = head.fields.contains(.cacheControl)
        #expect(isHeard == rest.contains("Cache-Control: no-cache"))
    }

    // MARK: Identity

    private static func kind(_ name: String) -> IdentityField? {
        let bytes = Array(name.utf8)
        return IdentityField.of(bytes.span)
    }

    @Test(arguments: [
        "X-Forwarded-Server", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded", "X-Forwarded-Path",
        "X-Forwarded-Prefix", "X-Forwarded-User", "X-Host", "Front-End-Https", "X-Url-Scheme", "X-Original-URL",
        "X-Original-Host", "X-Rewrite-URL", "x-rewrite-uri", "X-Scheme", "X-WAP-Profile", "Proxy", "Remote-User",
        "X-Host-Override", "CloudFront-Forwarded-Proto", "CF-Visitor", "X-Envoy-Original-Path", "Forwarded-Proto",
        "X_FORWARDED_HOST", "X.Original.URL", "X-Arr-Ssl", "X-HTTP-DestinationURL", "x-invoke-path",
        "X-Accel-Mapping", "X-Sendfile-Type", "X-Auth-User", "X-WebAuth-User", "Remote-Groups", "X-Consumer-Username",
        "X-MS-Client-Principal-Name", "X-Goog-IAP-JWT-Assertion", "X-Amzn-Oidc-Identity", "Tailscale-User-Login",
        "SSL-Client-Verify", "X-Client-Cert", "X-MS-Original-URL", "X-Http-Url", "X-Upstream-Host", "X-Proxy-User",
        "CF-Access-Authenticated-User-Email",
    ])
    func sites(name: String) {
        #expect(Self.kind(name) == .site || name == "X-HTTP-DestinationURL")
    }

    @Test(arguments: [
        "X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP",
        "Fastly-Client-IP", "X-Forwarded-For", "X-Forwarded-By", "x-azure-clientip", "X-ProxyUser-IP", "X_Real_IP",
        "Remote-Addr", "X-Originating-IP", "WL-Proxy-Client-IP", "Forwarded-For", "Remote_Addr",
        "CloudFront-Viewer-Address",
        "X-Client",
    ])
    func clients(name: String) { #expect(Self.kind(name) == .client) }

    @Test(arguments: [
        "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "x_http_method_override", "Method-Override",
        "HTTP-Method-Override", "X-Method", "X-Request-Method", "METHOD.OVERRIDE",
    ])
    func methods(name: String) { #expect(Self.kind(name) == .method) }

    @Test(arguments: [
        "Sec-CH-UA", "Sec-Fetch-Site", "Upgrade-Insecure-Requests", "DNT", "Priority", "X-Request-ID", "X-Api-Key",
        "X-Requested-With", "X-CSRF-Token", "Origin", "Accept", "X-A", "Ip", "Zip", "Idempotency-Key", "Tip", "X-Trace",
        "X-Membership",
    ])
    func others(name: String) { #expect(Self.kind(name) == nil) }

    @Test func whatIsNotTrustedIsDroppedUnlessAllowed() {
        let fields = [
            ("X-Host", "a"), ("X-Real-IP", "1"), ("X_Real_IP", "2"), ("A", "3"), ("Close", "4"), ("x.y", "5"),
        ]
        func sent(_ rule: SentFields, isTrusted: Bool) -> ([String], SentFields.Outcome) {
            var head = Self.head(fields)
            let outcome = rule.apply(
                to: &head.fields, isTrusted: isTrusted, keepsUpgrade: false, mayOverrideMethod: false)
            return (Self.lines(head.fields), outcome)
        }
        let (lines, outcome) = sent(SentFields(forwarded: .append, stores: true), isTrusted: false)
        #expect(lines == ["A: 3"])
        #expect(outcome == SentFields.Outcome(identityLines: 2, unusualLines: 2))
        let trusted = sent(SentFields(forwarded: .append, stores: true), isTrusted: true)
        #expect(trusted.0 == ["X-Host: a", "X-Real-IP: 1", "A: 3"])
        #expect(trusted.1.keysIdentity)
        let allowing = SentFields(forwarded: .append, stores: true, allowed: ["x-host", "X_Real_IP"])
        #expect(sent(allowing, isTrusted: false).0 == ["X-Host: a", "X_Real_IP: 2", "A: 3"])
        #expect(sent(SentFields(forwarded: .append, stores: false), isTrusted: false).0.count == fields.count)
        let open = SentFields(forwarded: .append, stores: true, dropsIdentity: false, dropsUnusual: false)
        #expect(sent(open, isTrusted: false).0.count == fields.count - 1)
    }

    @Test func methodOverridesPassOnlyWhereNothingIsStored() {
        for (mayOverride, isTrusted) in [(true, false), (false, false), (false, true)] {
            var head = Self.head([("X-HTTP-Method-Override", "DELETE")])
            let outcome = SentFields(forwarded: .append, stores: true).apply(
                to: &head.fields, isTrusted: isTrusted, keepsUpgrade: false, mayOverrideMethod: mayOverride)
            let count = head.fields.count
            #expect(count == (mayOverride ? 1 : 0))
            #expect(outcome.overridesMethod == mayOverride)
        }
    }

    // MARK: Forwarding

    @Test(arguments: [
        ([("X-Forwarded-Proto", "https")], true), ([("X-Forwarded-Proto", "http")], false),
        ([("X-Forwarded-Proto", "HTTPS")], false), ([("X-Forwarded-Proto", "https, http")], false),
        ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")], false),
        ([("Forwarded", "for=1;proto=https;host=a")], true), ([("Forwarded", "proto=http, proto=https")], false),
        ([("Forwarded", "for=\"a;proto=https\"")], false), ([("Forwarded", "Proto=\"https\"")], true),
        ([("X-Forwarded-Proto", "http"), ("Forwarded", "proto=https")], false),
    ])
    func scheme(lines: [(String, String)], isSecure: Bool) {
        for rule in [ForwardedRule.append, .off] {
            var head = Self.head(lines)
            rule.apply(to: &head, believed: ForwardedRule.names)
            let isTold = head.isSecure
            #expect(isTold == isSecure)
            var stranger = Self.head(lines)
            rule.apply(to: &stranger, believed: [])
            let (isBelieved, isEmpty) = (stranger.isSecure, stranger.fields.isEmpty)
            #expect(!isBelieved)
            #expect(isEmpty == rule.isWritten)
        }
        var head = Self.head(lines)
        ForwardedRule.replace.apply(to: &head, believed: ForwardedRule.names)
        let (isBelieved, isEmpty) = (head.isSecure, head.fields.isEmpty)
        #expect(!isBelieved && isEmpty)
    }

    /// Proxies pass on what their clients say in fields that they do not write.
    @Test(arguments: [
        (ForwardingFields.xForwarded, "X-Forwarded-For: 1, X-Forwarded-Proto: http, X-Forwarded-Host: h", false),
        (.forwarded, "Forwarded: for=2;proto=https", true),
        (
            .both,
            "X-Forwarded-For: 1, X-Forwarded-Proto: http, Forwarded: for=2;proto=https, X-Forwarded-Host: h", false
        ),
    ])
    func whatProxiesDoNotWriteIsAStrangers(written: ForwardingFields, kept: String, isSecure: Bool) {
        let lines = [
            ("X-Forwarded-For", "1"), ("X-Forwarded-Proto", "http"), ("Forwarded", "for=2;proto=https"),
            ("X-Forwarded-Host", "h"),
        ]
        var head = Self.head(lines)
        ForwardedRule.append.apply(to: &head, believed: written.names)
        #expect(Self.lines(head.fields).joined(separator: ", ") == kept)
        let isTold = head.isSecure
        #expect(isTold == isSecure)
        // Nothing is dropped for all, but on a route that stores.
        var open = Self.head(lines)
        ForwardedRule.off.apply(to: &open, believed: written.names)
        let rule = SentFields(forwarded: .off, written: written, stores: true)
        let outcome = rule.apply(to: &open.fields, isTrusted: true, keepsUpgrade: false, mayOverrideMethod: false)
        #expect(Self.lines(open.fields).joined(separator: ", ") == kept)
        let dropped = lines.count - kept.split(separator: ",").count
        #expect(outcome.identityLines == dropped)
    }

    /// A client could have its own address forgotten by naming the field in Connection, which its proxy passes on.
    @Test func whatATrustedProxySaysOfItsClientStaysThoughConnectionListsIt() {
        let said = [
            ("X-Forwarded-For", "1"), ("Forwarded", "for=1"), ("X-Real-IP", "1"), ("X-Forwarded-Host", "h"),
            ("CF-Connecting-IP", "1"), ("X-Remote-User", "u"),
        ]
        let options = ("Connection", (said.map(\.0) + ["x-a", "X-HTTP-Method-Override"]).joined(separator: ", "))
        let lines = [options] + said + [("X-A", "1"), ("X-HTTP-Method-Override", "PUT")]
        for (keepsIdentity, count) in [(true, said.count), (false, 0)] {
            var head = Self.head(lines)
            HopByHop.removeListed(from: &head.fields, keepsIdentity: keepsIdentity)
            #expect(Self.lines(head.fields).count == 1 + count)
        }
    }

    @Test(arguments: [
        (["for=1.2.3.4"], ""), (["for=1;by=2, for=3"], ""), (["for=1;proto=https;host=a"], ";proto=https;host=a"),
        (["for=1, for=2;host=b"], ",;host=b"), (["for=\"a;host=b\""], ""), (["for=\"a;host=b"], "for=\"a;host=b"),
        (["host=a", "for=1"], "host=a,"), (["secret"], "secret"),
    ])
    func whatForwardedSaysBesidesAddresses(lines: [String], text: String) {
        let head = Self.head(lines.map { ("Forwarded", $0) })
        var buffer = ByteBuffer()
        ForwardedElements.writeSite(head.fields, into: &buffer)
        #expect(buffer.span.text() == text)
    }

    // MARK: Authorities

    @Test(arguments: [
        ("shop.example", "shop.example", false), ("SHOP.example:80", "shop.example", false), ("a.", "a", false),
        ("a.:80", "a", false), ("a:", "a", false), ("a:080", "a", false), ("a:443", "a:443", false),
        ("a:443", "a", true), ("a:80", "a:80", true), ("a:0", "a:0", false), ("[::A]:80", "[::a]", false),
        ("[::1]", "[::1]", false), ("a.:8080", "a:8080", false), ("", "", false), ("A!b", "a!b", false),
    ])
    func authorities(text: String, sent: String, isSecure: Bool) {
        let bytes = Array(text.utf8)
        var buffer = ByteBuffer()
        Authority.writeSent(bytes.span, isSecure: isSecure, into: &buffer)
        #expect(buffer.span.text() == sent)
        let (before, after) = (
            Authority.isAsSent(bytes.span, isSecure: isSecure), Authority.isAsSent(buffer.span, isSecure: isSecure)
        )
        #expect(before == (text == sent))
        #expect(after)
    }
}
