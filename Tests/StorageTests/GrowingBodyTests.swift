// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Storage

struct GrowingBodyTests {
    private func whole(_ body: StoredBody) -> [UInt8] {
        var bytes: [UInt8] = []
        while let run = body.run(at: bytes.count) { bytes += array(run.bytes) }
        return bytes
    }

    @Test("What is appended in parts reads back whole", arguments: [1, 100, 4096, 5000, 100_000], [nil, 10, 250_000])
    func parts(part: Int, expectedCount: Int?) {
        let content = (0..<250_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let body = GrowingBody(expectedCount: expectedCount)
        for start in stride(from: 0, to: part == 1 ? 10_000 : content.count, by: part) {
            body.append(content.span.extracting(start..<min(start + part, content.count)))
        }
        let expected = part == 1 ? Array(content[..<10_000]) : content
        #expect(body.count == expected.count)
        #expect(whole(body.sealed()) == expected)
    }

    @Test("Nothing is there to read before something was appended, nor beyond it")
    func empty() {
        let body = GrowingBody()
        #expect(body.run(at: 0) == nil)
        body.append([1, 2, 3].span)
        #expect(body.run(at: 2)?.count == 1)
        #expect(body.run(at: 3) == nil)
        #expect(body.run(at: -1) == nil)
    }

    @Test("A sealed body of unknown length wastes little", arguments: [10, 5000, 70_000, 400_000])
    func trimmed(count: Int) {
        let body = GrowingBody()
        body.append([UInt8](repeating: 1, count: count).span)
        #expect(body.sealed().allocatedBytes <= count + count / 8 + 4096 + 512)
    }

    @Test("A run keeps its bytes although the body is gone and was trimmed")
    func runOutlives() {
        var body: GrowingBody? = GrowingBody()
        body?.append([1, 2, 3].span)
        let run = body?.run(at: 0)
        let sealed = body?.sealed()
        body = nil
        #expect(sealed?.count == 3)
        #expect(run.map { array($0.bytes) } == [1, 2, 3])
    }
}
