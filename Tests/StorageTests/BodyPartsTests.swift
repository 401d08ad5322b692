// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Storage

struct BodyPartsTests {
    private static let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    private static func part(_ range: Range<Int>, of count: Int = 300_000) -> StoredBody {
        let body = GrowingBody(expectedCount: range.count)
        body.append(content.span.extracting(range))
        return StoredBody(part: body.sealed(), at: range.lowerBound, of: count)
    }

    private static func reads(_ body: StoredBody, _ range: Range<Int>) -> Bool {
        var read: [UInt8] = []
        while read.count < range.count, let run = body.run(at: range.lowerBound + read.count) {
            read += array(run.bytes).prefix(range.count - read.count)
        }
        return read == Array(content[range])
    }

    @Test("A part holds its own bytes and no others")
    func onePart() {
        let body = Self.part(100..<5000)
        #expect(body.count == 300_000)
        #expect(body.parts == [100..<5000])
        #expect(body.holds(100..<5000) && body.holds(4999..<5000) && body.holds(200..<200))
        #expect(!body.holds(99..<101) && !body.holds(4999..<5001) && !body.holds(0..<1))
        #expect(body.run(at: 99) == nil && body.run(at: 5000) == nil)
        #expect(body.missing == 0..<300_000)
        #expect(Self.part(0..<5000).missing == 5000..<300_000)
        #expect(Self.part(5000..<300_000).missing == 0..<5000)
        #expect(Self.part(0..<300_000).isComplete)
    }

    @Test(
        "Parts combine wherever they lie",
        arguments: [
            ([0..<10, 10..<20], [0..<20]), ([10..<20, 0..<10], [0..<20]), ([0..<10, 20..<30], [0..<10, 20..<30]),
            ([0..<10, 20..<30, 5..<25], [0..<30]), ([5..<8, 0..<30], [0..<30]), ([0..<30, 5..<8], [0..<30]),
            ([10..<20, 15..<25, 5..<12], [5..<25]), ([0..<100_000, 50_000..<300_000], [0..<300_000]),
            ([100_000..<200_000, 0..<300_000], [0..<300_000]), ([0..<10, 0..<10], [0..<10]),
        ] as [([Range<Int>], [Range<Int>])])
    func combining(ranges: [Range<Int>], expected: [Range<Int>]) throws {
        var body = Self.part(ranges[0])
        for range in ranges.dropFirst() { body = try #require(body.combined(with: Self.part(range))) }
        #expect(Array(body.parts) == expected)
        for range in expected { #expect(Self.reads(body, range)) }
        #expect(body.isComplete == (expected == [0..<300_000]))
    }

    @Test("What is missing reaches from the first gap to the last")
    func gaps() throws {
        let ends = try #require(Self.part(0..<10).combined(with: Self.part(299_990..<300_000)))
        #expect(ends.missing == 10..<299_990)
        let three = try #require(ends.combined(with: Self.part(100..<200)))
        #expect(three.missing == 10..<299_990)
        let last = try #require(Self.part(0..<10).combined(with: Self.part(100..<200)))
        #expect(last.missing == 10..<300_000)
    }

    @Test("Bytes that are here already take no memory again")
    func accounting() throws {
        let body = Self.part(0..<200_000)
        let again = try #require(body.combined(with: Self.part(100_000..<200_000)))
        #expect(again.allocatedBytes == body.allocatedBytes)
        let longer = try #require(body.combined(with: Self.part(100_000..<250_000)))
        #expect(longer.allocatedBytes < body.allocatedBytes + 50_000 + 8192)
    }

    @Test("A body fetched in crumbs has few pieces, and too many separate parts are refused")
    func bounds() throws {
        var body = Self.part(0..<100)
        for start in stride(from: 100, to: 200_000, by: 100) {
            body = try #require(body.combined(with: Self.part(start..<start + 100)))
        }
        #expect(body.pieces.pieceCount < 10)
        #expect(Self.reads(body, 0..<200_000))
        var scattered = Self.part(0..<1)
        for number in 1..<StoredBody.maximumParts {
            scattered = try #require(scattered.combined(with: Self.part(number * 10..<number * 10 + 1)))
        }
        #expect(scattered.combined(with: Self.part(9000..<9001)) == nil)
        #expect(scattered.combined(with: Self.part(1..<10)) != nil)
    }

    @Test("Parts combined at random hold what was put in, and nothing else")
    func model() throws {
        var random = SeededGenerator(state: 9)
        for _ in 0..<200 {
            var held = [Bool](repeating: false, count: 2000)
            var body: StoredBody?
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let start = Int.random(in: 0..<2000, using: &random)
                let end = min(2000, start + Int.random(in: 1...400, using: &random))
                for index in start..<end { held[index] = true }
                let part = Self.part(start..<end, of: 2000)
                body = try body.map { try #require($0.combined(with: part)) } ?? part
            }
            let whole = try #require(body)
            for index in 0..<2000 {
                #expect(whole.run(at: index).map { array($0.bytes)[0] } == (held[index] ? Self.content[index] : nil))
            }
            #expect(whole.isComplete == !held.contains(false))
        }
    }
}
