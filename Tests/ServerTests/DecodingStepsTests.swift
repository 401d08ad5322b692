// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Storage
import Telemetry
import TestKit
import Testing

@testable import Server

/// A few coded bytes can stand for very many: they are decoded in steps, at the pace of the client (promise 7).
@Suite struct DecodingStepsTests {
    /// Noise, so that the ratio of all of it stays within the limit, and then what expands greatly.
    private static func body(noise: Int, zeros: Int) -> [UInt8] {
        var random = SeededRandom(seed: 1)
        return (0..<noise).map { _ in UInt8(truncatingIfNeeded: random.next()) } + Array(repeating: 48, count: zeros)
    }

    private func world(
        _ body: [UInt8], _ coding: ContentCoding, cache: String, framing: String = "length", top: String = "",
        missing: Int = 0
    ) throws -> ScriptedWorld {
        var output = ByteBuffer()
        try WholeBody.encode(body.span, coding, level: .fast, into: &output)
        let coded = Array(Array(copying: output.span).dropLast(missing))
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: \(cache)\r\nContent-Encoding: "
            + "\(coding.name)\r\n"
        let pieces =
            framing == "length"
            ? [Array("\(head)Content-Length: \(coded.count)\r\n\r\n".utf8), coded]
            : [
                Array("\(head)Transfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n".utf8),
                Array("\(String(coded.count, radix: 16))\r\n".utf8) + coded + Array("\r\n0\r\nX-End: 1\r\n\r\n".utf8),
            ]
        return try ScriptedWorld("route /* { upstream api }", top: top, pieces: { _ in pieces })
    }

    /// Codings, whether stored, framings.
    private static let cases = [ContentCoding.gzip, .deflate, .brotli].flatMap { coding in
        ["no-store", "max-age=60"].flatMap { cache in
            ["length", "chunked"].map { (coding, cache, $0) }
        }
    }

    @Test(arguments: cases)
    func itArrivesWhole(coding: ContentCoding, cache: String, framing: String) throws {
        let body = Self.body(noise: 8000, zeros: 1_300_000)
        let larder = try world(body, coding, cache: cache, framing: framing)
        for _ in 0..<2 {
            let answer = try larder.askDecoded("GET /")
            #expect(answer?.coding == .identity)
            #expect((answer?.body == body) == true)
        }
        #expect(try larder.askDecoded("GET /", fields: "Accept-Encoding: \(coding.name)\r\n")?.coding == coding)
        #expect(larder.requests.count == (cache == "no-store" ? 3 : 1))
        #expect(larder.proxy.shared.store.reservedBytes == 0)
    }

    /// While one client does not read, what waits for it stays small, and the loop answers others.
    @Test(arguments: [ContentCoding.gzip, .brotli], ["no-store", "max-age=60"])
    func itWaitsForASlowClient(coding: ContentCoding, cache: String) throws {
        let body = Self.body(noise: 30_000, zeros: 5_000_000)
        let larder = try world(body, coding, cache: cache, top: "memory 64MB max_object=16MB")
        let slow = larder.begin("GET /slow")
        slow.isReading = false
        larder.world.run(for: .seconds(2))
        #expect(Self.producedBytes(larder) < 2 << 20)
        #expect(larder.proxy.shared.store.reservedBytes < 8 << 20)
        #expect(try larder.askDecoded("GET /other", fields: "Accept-Encoding: \(coding.name)\r\n")?.status == 200)
        slow.isReading = true
        _ = larder.world.run(within: .seconds(90)) { slow.isOver }
        let isSame = try DecodedAnswer(slow.received)?.body == body
        #expect(isSame)
        #expect(larder.proxy.shared.store.reservedBytes == 0)
    }

    @Test(arguments: [ContentCoding.gzip, .brotli], ["no-store", "max-age=60"])
    func aClientThatLeavesTakesItAlong(coding: ContentCoding, cache: String) throws {
        let body = Self.body(noise: 30_000, zeros: 5_000_000)
        let larder = try world(body, coding, cache: cache)
        let slow = larder.begin("GET /")
        slow.isReading = false
        larder.world.run(for: .seconds(1))
        slow.close()
        larder.world.run(for: .seconds(1))
        #expect(larder.proxy.shared.store.reservedBytes == 0)
        #expect(Self.producedBytes(larder) < 2 << 20)
        #expect(try larder.askDecoded("GET /", fields: "Accept-Encoding: \(coding.name)\r\n")?.coding == coding)
        #expect(larder.requests.count == (cache == "no-store" ? 2 : 1))
    }

    /// Its end is missing, which shows after many steps (promise 6).
    @Test(arguments: [ContentCoding.gzip, .deflate, .brotli], ["no-store", "max-age=60"])
    func aTruncatedOneBreaksOff(coding: ContentCoding, cache: String) throws {
        let body = Self.body(noise: 8000, zeros: 1_300_000) + Array("the end".utf8)
        let larder = try world(body, coding, cache: cache, missing: 4)
        for count in 1...2 {
            let answer = try larder.askDecoded("GET /")
            #expect(answer == nil || answer?.status == 502, "a client can tell that it broke")
            #expect(larder.requests.count == count, "nothing of it is stored")
        }
        larder.world.run(for: .seconds(1))
        #expect(larder.proxy.shared.store.reservedBytes == 0)
    }

    /// A coded body that is too long to be stored, and that several read, is forgotten as far as all have read it.
    @Test func whatPassesIsForgotten() throws {
        var random = SeededRandom(seed: 2)
        let body = (0..<1_000_000).flatMap { _ in Array(String(random.next() % 1_000_000, radix: 16).utf8) }
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
        let pieces = stride(from: 0, to: body.count, by: 10_000).map { start in
            let part = body[start..<min(start + 10_000, body.count)]
            return Array("\(String(part.count, radix: 16))\r\n".utf8) + part + Array("\r\n".utf8)
        }
        let larder = try ScriptedWorld(
            "route /* { upstream api }", top: "memory 16MB max_object=256KB",
            pieces: { _ in [Array(head.utf8)] + pieces + [Array("0\r\n\r\n".utf8)] })
        let clients = (0..<3).map { _ in larder.begin("GET /", fields: "Accept-Encoding: gzip\r\n") }
        var most = 0
        _ = larder.world.run(within: .seconds(90)) {
            most = max(most, larder.proxy.shared.store.reservedBytes)
            return clients.allSatisfy { $0.isOver }
        }
        for client in clients {
            let isSame = try DecodedAnswer(client.received)?.body == body
            #expect(isSame)
        }
        #expect(larder.requests.count == 1)
        #expect(most < 3 << 19)
        larder.world.run(for: .seconds(1))
        #expect(larder.proxy.shared.store.reservedBytes == 0)
    }

    private static func producedBytes(_ larder: ScriptedWorld) -> UInt64 {
        larder.proxy.workers.reduce(0) { sum, worker in
            var bytes: UInt64 = 0
            worker.metrics.snapshot().routes.forEach { bytes += $0[.identity].outputBytes }
            return sum + bytes
        }
    }
}
