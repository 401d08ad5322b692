// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Settings
import Storage
import Telemetry
import TestKit
import Testing

@testable import Server

/// A body that cannot be coded in the background: its entry stays as it was, nothing stays counted, and whoever asks
/// next is answered right (promise 7).
@Suite struct CompressionFailureTests {
    /// An entry in br as it is first made, and a job that would make it smaller.
    private final class Rig {
        let larder: ScriptedWorld
        let job: CompressionPool.Job
        let version: Version

        /// Of the origin's body; the next fetch brings the next one.
        final class Version {
            var number = 1

            var body: [UInt8] {
                (0..<4000).flatMap { Array(#"{"id":\#($0 &* 7919 % 10_007),"version":\#(number)},"#.utf8) }
            }
        }

        init(memory: String = "64MB") throws {
            let version = Version()
            self.version = version
            larder = try ScriptedWorld(
                "route /* { upstream api; ttl 10s; compress br climb=off }", top: "memory \(memory)",
                pieces: { _ in
                    let body = version.body
                    let head =
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
                    return [Array(head.utf8), body]
                })
            // What was asked for once is not among what is used most.
            for _ in 0..<3 { try Self.expectBody(version.body, from: larder) }
            let store = larder.proxy.shared.store
            let stored = try #require((0..<store.shardCount).flatMap { store.mostUsed(inShard: $0, limit: 1) }.first)
            job = CompressionPool.Job(
                stored: stored, coding: .brotli, level: .best, limit: DecodingLimit(maximumByteCount: .max),
                origin: larder.proxy.workers[0].link, route: "/*")
        }

        var store: MemoryStore { larder.proxy.shared.store }
        var pool: CompressionPool { larder.proxy.shared.compressor }
        var now: StoredResponse? { store.current(job.stored) }

        /// How jobs ended, as the metrics tell it.
        var results: [String: UInt64] {
            Dictionary(uniqueKeysWithValues: pool.readings.flatMap(\.results).map { ($0.label, $0.count) })
                .filter { $0.value > 0 }
        }

        static func expectBody(_ body: [UInt8], from larder: ScriptedWorld) throws {
            let answer = try larder.askDecoded("GET /", fields: "Accept-Encoding: br\r\n")
            #expect(answer?.status == 200)
            #expect(answer?.coding == .brotli)
            #expect((answer?.body == body) == true)
        }

        /// That `attempt` left everything as it was, and that the same job succeeds when nothing is in its way.
        func expectNoTrace(of attempt: () throws -> Void, ending results: [String: UInt64]) throws {
            let (bytes, form) = (store.accountedBytes, now?.forms?[.brotli])
            try attempt()
            #expect(self.results == results)
            #expect(pool.queuedCount == 0)
            #expect(store.reservedBytes == 0)
            #expect(store.accountedBytes == bytes)
            #expect(now?.forms?[.brotli]?.isBest == form?.isBest)
            #expect(now?.forms?[.brotli]?.response.identity == form?.response.identity)
            let asked = larder.requests.count
            try Self.expectBody(version.body, from: larder)
            #expect(larder.requests.count == asked)
        }

        func expectSuccess(after results: [String: UInt64]) throws {
            let before = now?.forms?[.brotli]?.response.bodyCount ?? 0
            pool.offer(job)
            #expect(self.results == results.merging(["made": 1]) { $1 })
            #expect(now?.forms?[.brotli]?.isBest == true)
            #expect(now?.forms?[.brotli]?.response.bodyCount ?? .max < before)
            #expect(store.reservedBytes == 0)
            try Self.expectBody(version.body, from: larder)
        }

        /// The entry goes, and what the origin has by now takes its place.
        func replace() throws {
            larder.world.run(for: .seconds(11))
            version.number += 1
            try Self.expectBody(version.body, from: larder)
            #expect(now == nil)
        }
    }

    /// How much memory other bodies under way leave: none, enough for the form, and nearly enough for its coder.
    @Test(arguments: [0, 300 << 10, 10 << 20])
    func withoutRoomItFailsAndIsMadeLater(left: Int) throws {
        let rig = try Rig()
        try rig.expectNoTrace(
            of: {
                let others = try #require(rig.store.reserve(bytes: rig.store.limitBytes / 2 - left))
                rig.pool.offer(rig.job)
                others.release()
            }, ending: ["failed": 1])
        try rig.expectSuccess(after: ["failed": 1])
    }

    @Test func whatWasReplacedWhileItWaitedIsNotMade() throws {
        let rig = try Rig()
        try rig.replace()
        try rig.expectNoTrace(of: { rig.pool.offer(rig.job) }, ending: ["cancelled": 1])
    }

    @Test func whatIsInvalidatedWhileItWaitsIsNotMade() throws {
        let rig = try Rig()
        let stored = rig.job.stored
        _ = rig.store.remove(key: stored.key, hash: stored.keyHash)
        rig.pool.offer(rig.job)
        #expect(rig.results == ["cancelled": 1])
        #expect(rig.store.reservedBytes == 0)
        try Rig.expectBody(rig.version.body, from: rig.larder)
        #expect(rig.larder.requests.count == 2)
    }

    @Test func whatIsReplacedWhileItIsMadeIsGivenUp() throws {
        let rig = try Rig()
        let draft = try FormDraft(
            of: rig.job.stored, .brotli, level: .best, limit: rig.job.limit, store: rig.store)
        #expect(rig.store.reservedBytes > 0)
        var steps = 0
        #expect(throws: CodingError.cancelled) {
            try draft.make {
                steps += 1
                if steps == 2 { rig.store.setLimit(bytes: 0) }
                return rig.job.stored.forms?.areKept ?? true
            }
        }
        #expect(steps == 2)
        #expect(rig.now == nil)
    }

    @Test func whatIsReplacedBeforeItIsKeptIsDropped() throws {
        let rig = try Rig()
        let draft = try FormDraft(
            of: rig.job.stored, .brotli, level: .best, limit: rig.job.limit, store: rig.store)
        try draft.make()
        let form = try draft.sealed()
        #expect(rig.store.reservedBytes == 0)
        try rig.replace()
        try rig.expectNoTrace(of: { #expect(rig.pool.keep(form, of: rig.job) == nil) }, ending: [:])
    }
}
