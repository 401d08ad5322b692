// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Storage

struct PageArenaTests {
    @Test("Segments of every size are apart from one another and can be written to their end")
    func places() {
        let sizes = [32 << 10, (32 << 10) + 1, 64 << 10, 100_000, 1_000_000, 4 << 20, 33_000, 4 << 20]
        let segments = sizes.map { BodySegment(capacity: $0) }
        for (index, segment) in segments.enumerated() {
            segment.write([UInt8](repeating: UInt8(index + 1), count: sizes[index]).span, at: 0)
        }
        for (index, segment) in segments.enumerated() {
            let content = array(segment.bytes(0..<sizes[index]))
            #expect(content == [UInt8](repeating: UInt8(index + 1), count: sizes[index]))
        }
    }

    @Test("A place that was given back has nothing left of what was there")
    func reuse() {
        for size in [40_000, 100_000, 50_000, 70_000, 4 << 20] {
            let segment = BodySegment(capacity: size)
            let content = array(segment.bytes(0..<size))
            #expect(content == [UInt8](repeating: 0, count: size))
            segment.write([UInt8](repeating: 7, count: size).span, at: 0)
        }
    }

    @Test("Segments lie in pages from the least size on")
    func segments() {
        #expect(!BodySegment(capacity: PageArena.minimum - 1).isPaged)
        #expect(BodySegment(capacity: PageArena.minimum).isPaged)
        #expect(!BodySegment(capacity: (4 << 20) + 1).isPaged)
    }

    @Test("A body that came in pieces lies in one run when it is not long")
    func united() throws {
        let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
        let body = GrowingBody()
        body.append(content.span)
        let before = try #require(body.run(at: 0))
        #expect(before.count < content.count)
        let run = try #require(body.sealed().run(at: 0))
        #expect(run.isPaged)
        let read = array(run.bytes)
        #expect(read == content)
    }
}
