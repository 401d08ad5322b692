// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Telemetry

@Suite struct LogQueueTests {
    @Test func linesAreHandedOverWhenEnoughGathered() {
        var queue = LogQueue(handOverBytes: 10, maxBytes: 100)
        #expect(queue.turnEnded() == .keep)
        #expect(queue.admitsLine() == true)
        queue.lines.append("12345\n")
        #expect(queue.lineEnded() == .keep)
        #expect(queue.turnEnded() == .handOver)
        queue.lines.append("67890\n")
        #expect(queue.lineEnded() == .handOver)
        let taken = queue.take()
        #expect(taken.span.text() == "12345\n67890\n")
        #expect(queue.pendingBytes == 12 && queue.turnEnded() == .keep)
        queue.writeFinished(bytes: 12)
        #expect(queue.pendingBytes == 0)
    }

    @Test func aSlowWriterCostsLinesAndNotMemory() {
        var queue = LogQueue(handOverBytes: 10, maxBytes: 25)
        var handedOver = 0
        for _ in 0..<10 {
            guard queue.admitsLine() else { continue }
            queue.lines.append("123456789\n")
            if queue.lineEnded() == .handOver { handedOver += queue.take().count }
        }
        #expect(handedOver == 30 && queue.pendingBytes == 30)
        #expect(queue.droppedLines == 7)
        queue.writeFinished(bytes: 30)
        #expect(queue.admitsLine() == true)
        #expect(queue.droppedLines == 7)
    }

    @Test func aBufferThatComesBackIsUsedAgain() {
        var queue = LogQueue()
        var spare = ByteBuffer(capacity: 4_096)
        spare.append("old")
        _ = queue.take(spare: spare).count  // nothing had gathered
        #expect(queue.lines.isEmpty && queue.lines.capacity == 4_096)
    }
}
