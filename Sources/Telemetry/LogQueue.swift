// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// The log lines of one event loop on their way to whoever writes them out. Lines gather here and are handed over
/// in one piece; when the writer cannot keep up, lines are dropped and counted, never waited for.
package struct LogQueue: ~Copyable {
    package enum Advice: Sendable, Equatable {
        case keep
        /// Enough has gathered: call `take`.
        case handOver
    }

    /// Lines are appended here, between `admitsLine` and `lineEnded`.
    package var lines = ByteBuffer()
    /// Handed over and not yet written.
    package private(set) var pendingBytes = 0
    package private(set) var droppedLines: UInt64 = 0
    private let handOverBytes: Int
    private let maxBytes: Int

    package init(handOverBytes: Int = 32 << 10, maxBytes: Int = 4 << 20) {
        self.handOverBytes = handOverBytes
        self.maxBytes = maxBytes
    }

    /// Whether there is room for one more line; if not, it is counted as dropped and must not be written.
    package mutating func admitsLine() -> Bool {
        guard pendingBytes + lines.count < maxBytes else {
            droppedLines += 1
            return false
        }
        return true
    }

    package func lineEnded() -> Advice { lines.count >= handOverBytes ? .handOver : .keep }

    /// At the end of a turn of the loop no line stays behind, so that a quiet server's log is not late.
    package func turnEnded() -> Advice { lines.isEmpty ? .keep : .handOver }

    /// What has gathered, for the writer; `spare`, an emptied buffer that it gave back, takes its place.
    package mutating func take(spare: consuming ByteBuffer = ByteBuffer()) -> ByteBuffer {
        pendingBytes += lines.count
        spare.clear()
        swap(&lines, &spare)
        return spare
    }

    /// The writer wrote, or gave up on, that much of what it was handed.
    package mutating func writeFinished(bytes: Int) {
        precondition(bytes >= 0 && bytes <= pendingBytes)
        pendingBytes -= bytes
    }
}
