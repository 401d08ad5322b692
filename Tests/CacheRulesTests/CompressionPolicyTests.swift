// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Testing

struct CompressionPolicyTests {
    private static func policy(_ codings: [ContentCoding] = [.brotli, .gzip], optOut: String = "X-No-Compression")
        throws
        -> CompressionPolicy
    {
        CompressionPolicy(
            codings: codings, minimumByteCount: 1024, types: try ["text/*", "application/*+json"].map { try Glob($0) },
            excludedPaths: [try Glob("/secret/*")], optOutField: optOut)
    }

    private static let json = ("Content-Type", "application/problem+json; charset=utf-8")

    @Test(
        "What may not, or need not, be compressed stays as it is",
        arguments: [
            (UInt16(200), [json], 5000, nil), (200, [json], nil, nil), (404, [json], 5000, nil),
            (200, [("Content-Type", "TEXT/Html")], 5000, nil), (200, [json], 1024, nil),
            (200, [json], 1023, CompressionRefusal.tooShort), (200, [], 5000, .type),
            (200, [("Content-Type", "image/png")], 5000, .type), (200, [("Content-Type", "")], 5000, .type),
            (200, [json, ("Content-Encoding", "gzip")], 5000, .alreadyCoded),
            (200, [json, ("Content-Encoding", "unknown")], 5000, .alreadyCoded),
            (200, [json, ("Content-Encoding", "identity")], 5000, nil),
            (206, [json, ("Content-Range", "bytes 0-4999/9000")], 5000, .partial),
            (200, [json, ("Content-Range", "bytes 0-4999/9000")], 5000, .partial),
            (204, [json], nil, .noBody), (304, [json], nil, .noBody),
            (200, [json, ("Cache-Control", "max-age=5, no-transform")], 5000, .noTransform),
            (200, [json, ("CDN-Cache-Control", "max-age=5"), ("Cache-Control", "no-transform")], 5000, .noTransform),
            (200, [json, ("Content-Digest", "sha-256=:AA==:")], 5000, .digest),
            (200, [json, ("content-md5", "AA==")], 5000, .digest),
        ] as [(UInt16, [(String, String)], Int?, CompressionRefusal?)])
    func refusals(
        status: UInt16, fields: [(String, String)], length: Int?, expected: CompressionRefusal?
    ) throws {
        let response = Exchange.response(status, fields)
        var types = MediaTypeMemory()
        let refusal = try Self.policy().refusal(
            of: response, to: Exchange.request(), contentLength: length, types: &types)
        #expect(refusal == expected)
    }

    @Test("What is remembered of a media type is that of one route and one type")
    func mediaTypes() throws {
        var types = MediaTypeMemory()
        func refusal(_ policy: CompressionPolicy, _ type: String) -> CompressionRefusal? {
            policy.refusal(
                of: Exchange.response(200, [("Content-Type", type)]), to: Exchange.request(), contentLength: 5000,
                types: &types)
        }
        let (all, none) = (try Self.policy(), CompressionPolicy(codings: [.gzip]))
        for _ in 0..<2 {
            #expect(refusal(all, "text/css") == nil)
            #expect(refusal(none, "text/css") == .type)
            #expect(refusal(all, "image/png") == .type)
            #expect(refusal(all, "text/css; charset=utf-8") == nil)
        }
    }

    @Test("Excluded paths and routes that say off are left alone")
    func excluded() throws {
        let response = Exchange.response(200, [Self.json])
        let secret = Exchange.request("GET", "/secret/a")
        var types = MediaTypeMemory()
        #expect(try Self.policy().refusal(of: response, to: secret, contentLength: 5000, types: &types) == .path)
        #expect(CompressionPolicy.off.refusal(of: response, to: secret, contentLength: 5000, types: &types) == .off)
        #expect(CompressionPolicy.off.serves(secret) == false)
    }

    @Test(
        "A client opts out by its field, or by no-transform",
        arguments: [
            ([], "X-No-Compression", true), ([("X-No-Compression", "")], "x-no-compression", false),
            ([("x-plain", "1")], "X-Plain", false), ([("x-plain", "1")], "X-No-Compression", true),
            ([("X-No-Compression", "1")], "", true), ([("Cache-Control", "no-cache, No-Transform")], "", false),
            ([("Cache-Control", "no-cache")], "", true),
        ] as [([(String, String)], String, Bool)])
    func optOut(fields: [(String, String)], name: String, isServed: Bool) throws {
        let request = Exchange.request("GET", "/a", fields)
        #expect(try Self.policy(optOut: name).serves(request) == isServed)
    }

    @Test(
        "The client's best coding wins, the route's first among equals, identity when it takes nothing else",
        arguments: [
            ("gzip, br", ContentCoding.brotli), ("gzip", .gzip), ("gzip;q=1, br;q=0.9", .gzip), ("", .identity),
            ("*", .brotli), ("br;q=0, *", .gzip), ("deflate", .identity), ("identity, gzip;q=0.5", .identity),
            ("identity;q=0", .identity), ("*;q=0", .identity), ("identity;q=0, gzip;q=0.001", .gzip),
            ("gzip;q=0.001", .gzip), ("br;q=2, gzip", .gzip), ("x-gzip", .gzip), ("zstd, gzip;q=0.1", .gzip),
        ])
    func choice(acceptEncoding: String, expected: ContentCoding) throws {
        let fields = Exchange.fields([("Accept-Encoding", acceptEncoding)])
        let preferences = CodingPreferences(fields)
        let policy = try Self.policy()
        #expect(policy.choice(for: preferences, stored: .identity, isCompressible: true) == expected)
        #expect(policy.choice(for: preferences, stored: .identity, isCompressible: false) == .identity)
    }

    @Test(
        "A body that came coded is sent so to whom takes it, and plain to others",
        arguments: [
            ("gzip, br", ContentCoding.gzip), ("br", .identity), ("", .identity), ("identity", .identity),
            ("gzip;q=0", .identity), ("*", .gzip), ("identity;q=0.5, gzip", .gzip),
        ])
    func coded(acceptEncoding: String, expected: ContentCoding) throws {
        let preferences = CodingPreferences(Exchange.fields([("Accept-Encoding", acceptEncoding)]))
        #expect(try Self.policy().choice(for: preferences, stored: .gzip, isCompressible: false) == expected)
    }

    @Test(
        "Vary that names Accept-Encoding already is left as it is",
        arguments: [
            ([], false), (["Accept-Language"], false), (["accept-encoding"], true), (["A, Accept-Encoding"], true),
            (["A", "Accept-Encoding"], true), (["*"], true), (["Accept-Encodings"], false),
        ] as [([String], Bool)])
    func vary(values: [String], isNamed: Bool) {
        #expect(VaryField.namesAcceptEncoding(Exchange.fields(values.map { ("Vary", $0) })) == isNamed)
    }

    @Test(
        "What was asked the same for all does not select",
        arguments: [
            ("accept-encoding", ""), ("accept,accept-encoding", "accept"), ("a,accept-encoding,b", "a,b"), ("a", "a"),
            ("", ""),
        ])
    func rule(names: String, rest: String) {
        #expect(VaryField.withoutAcceptEncoding(ContiguousArray(names.utf8)) == ContiguousArray(rest.utf8))
    }
}
