// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Storage
import Telemetry
import TestKit
import Testing

@testable import Server

/// Coded bodies in Redis: what one node has coded, no other codes again, and what is damaged does no harm.
@Suite struct TierFormsTests {
    private static let record = "larder:obj:GET a/a"
    private static let brotli = "larder:obj:GET a/a coded:br"
    private static let accepting = "Accept-Encoding: br\r\n"

    private static func world(_ compress: String = "climb=4") throws -> TierWorld {
        let text = TierWorld.base.replacing("ttl 5m", with: "ttl 5m\n  compress br gzip \(compress)")
        let world = try TierWorld(text: text)
        world.control.originFields = "Content-Type: application/json\r\nETag: \"1\"\r\n"
        world.control.originText = String(repeating: "{\"id\": 12345, \"name\": \"somebody\"}, ", count: 200)
        return world
    }

    /// As after a start: what one node left in Redis, and nothing in memory.
    private static func restarted(_ first: TierWorld) throws -> TierWorld {
        let second = try world()
        second.control.originText = first.control.originText
        for key in first.redis.keys { second.redis.set(key, try #require(first.redis.bytes(at: key))) }
        return second
    }

    /// What coders took in.
    private static func codedBytes(_ world: TierWorld) -> UInt64 {
        world.control.proxy.workers.reduce(0) { sum, worker in
            var bytes: UInt64 = 0
            worker.metrics.snapshot().routes.forEach { route in
                for coding in ContentCoding.allCases { bytes += route[coding].inputBytes }
            }
            return sum + bytes
        }
    }

    private static func form(_ world: TierWorld, _ key: String = brotli) throws -> ReadForm {
        let bytes = try #require(world.redis.bytes(at: key))
        return try StoredRecord.readForm(bytes.span)
    }

    @Test func theFirstFormIsWrittenBesideItsResponseAndTheBestTakesItsPlace() throws {
        let world = try Self.world()
        let first = world.get("/a", fields: Self.accepting)
        #expect(first.contains("Content-Encoding: br") && world.redis.keys == [Self.record, Self.brotli])
        #expect(try !Self.form(world).isBest)
        let left = try #require(world.redis.remainingMilliseconds(of: Self.brotli))
        #expect((355_000...360_000).contains(left), "as long as the response")
        for _ in 0..<8 { _ = world.get("/a", fields: Self.accepting) }
        #expect(try Self.form(world).isBest)
        #expect(world.count(form: .miss) > 0, "another node might have had it")
    }

    @Test func whatOneNodeHasCodedNoOtherCodesAgain() throws {
        let first = try Self.world()
        for _ in 0..<8 { _ = first.get("/a", fields: Self.accepting) }
        #expect(try Self.form(first).isBest && Self.codedBytes(first) > 0)
        let second = try Self.restarted(first)
        for _ in 0..<20 {
            let answer = second.get("/a", fields: Self.accepting)
            #expect(answer.contains("Content-Encoding: br") && answer.contains("; hit"))
            #expect(answer.contains("ETag: W/\"1\""))
        }
        #expect(second.originRequests == 0 && Self.codedBytes(second) == 0)
        #expect(second.control.proxy.shared.compressor.madeCount == 0)
        #expect(second.count(form: .hit) == 1)
    }

    @Test func aNodeThatFetchedForItselfTakesTheBestFormOfAnother() throws {
        let first = try Self.world()
        for _ in 0..<8 { _ = first.get("/a", fields: Self.accepting) }
        let second = try Self.world()
        second.control.originText = first.control.originText
        _ = second.get("/a", fields: Self.accepting)  // fetches, and codes fast
        second.redis.set(Self.brotli, try #require(first.redis.bytes(at: Self.brotli)))
        for _ in 0..<8 { _ = second.get("/a", fields: Self.accepting) }
        #expect(second.control.proxy.shared.compressor.madeCount == 0)
        #expect(second.count(form: .hit) == 1 && second.originRequests == 1)
    }

    @Test func aFormOfAnotherBodyIsNotServed() throws {
        let first = try Self.world()
        _ = first.get("/a", fields: Self.accepting)
        let second = try Self.world()
        second.control.originText = first.control.originText + "changed"
        _ = second.get("/a")  // without a form
        second.forgetMemory("/a")
        second.redis.set(Self.brotli, try #require(first.redis.bytes(at: Self.brotli)))
        let answer = second.get("/a", fields: Self.accepting)
        #expect(answer.contains("detail=l2") && answer.contains("Content-Encoding: br"))
        #expect(second.count(form: .outdated) == 1 && Self.codedBytes(second) > 0)
        #expect(try Self.form(second).source != Self.form(first).source, "the right one has taken its place")
    }

    @Test(arguments: ["", "nonsense", "a response", "cut"])
    func aDamagedFormIsCountedAndIgnored(value: String) throws {
        let world = try Self.world()
        _ = world.get("/a", fields: Self.accepting)
        world.forgetMemory("/a")
        switch value {
        case "a response": world.redis.set(Self.brotli, try #require(world.redis.bytes(at: Self.record)))
        case "cut": world.redis.set(Self.brotli, try #require(world.redis.bytes(at: Self.brotli)?.dropLast()))
        default: world.redis.set(Self.brotli, Array(value.utf8))
        }
        let answer = world.get("/a", fields: Self.accepting)
        #expect(answer.contains("detail=l2") && answer.contains("Content-Encoding: br"))
        #expect(world.count(form: .damaged) == 1 && world.originRequests == 1)
        #expect(world.redis.commandNames.contains("UNLINK"))
        #expect(try !Self.form(world).isBest, "the one that was made instead")
    }

    /// Promise 3: a form is of use with its response alone.
    @Test func whatIsInvalidatedTakesItsFormsAlong() throws {
        let world = try Self.world()
        _ = world.get("/a", fields: Self.accepting)
        world.forgetMemory("/a")
        world.store.applyShared([
            SharedInvalidation(SharedEpoch(milliseconds: 5, sequence: 0), [InvalidationRule(.all)])
        ])
        #expect(world.get("/a", fields: Self.accepting).contains("fwd=uri-miss"))
        let bytes = try #require(world.redis.bytes(at: Self.brotli))
        let subject = StoredRecord.subject(bytes.span)
        #expect(subject.map { String(decoding: $0.key, as: UTF8.self) } == "GET a/a", "the sweep finds it as well")
    }

    @Test func whatTheOriginConfirmsKeepsItsFormsForAsLong() throws {
        let world = try Self.world()
        _ = world.get("/a", fields: Self.accepting)  // fills both
        world.world.run(for: .seconds(310))
        world.control.originConfirms = true
        #expect(world.get("/a", fields: Self.accepting).contains("fwd-status=304"))
        for key in [Self.record, Self.brotli] {
            let left = try #require(world.redis.remainingMilliseconds(of: key))
            #expect((355_000...360_000).contains(left), "\(key)")
        }
    }

    @Test func aVariantHasItsOwnForms() throws {
        let world = try Self.world()
        world.control.originFields += "Vary: Accept\r\n"
        for kind in ["x", "y"] { _ = world.get("/a", fields: Self.accepting + "Accept: \(kind)\r\n") }
        #expect(world.redis.keys.contains("larder:obj:GET a/a vary:accept=y coded:br"))
        world.forgetMemory("/a")
        for kind in ["x", "y"] {
            let answer = world.get("/a", fields: Self.accepting + "Accept: \(kind)\r\n")
            #expect(answer.contains("detail=l2") && answer.contains("Content-Encoding: br"))
        }
        #expect(world.count(form: .hit) == 2 && world.originRequests == 2)
    }

    @Test func theMetricsTellOfForms() throws {
        let world = try Self.world()
        _ = world.get("/a", fields: Self.accepting)
        world.forgetMemory("/a")
        _ = world.get("/a", fields: Self.accepting)
        let text = world.control.admin("GET /metrics")
        #expect(text.contains("larder_l2_forms_total{result=\"hit\"} 1\n"))
        #expect(text.contains("larder_l2_form_writes_total{result=\"written\"} 1\n"))
        #expect(text.contains("larder_l2_writes_total{result=\"written\"} 1\n"))
    }
}
