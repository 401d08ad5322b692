// SPDX-License-Identifier: Apache-2.0
import Bytes
import Synchronization

/// Why lines of a log are lost.
package enum LogLoss: Int, CaseIterable, Sendable {
    /// Nobody reads the pipe, and what may wait for that is full.
    case unread
    /// The reader of the pipe is gone.
    case readerGone
    case diskFull
    case writeError
    /// They came faster than they could be handed over.
    case overload

    package var label: StaticString {
        switch self {
        case .unread: "unread"
        case .readerGone: "reader_gone"
        case .diskFull: "disk_full"
        case .writeError: "write_error"
        case .overload: "overload"
        }
    }
}

/// How many lines of one log are lost, counted by several threads.
package final class LogLossCounts: Sendable {
    private let counts = Mutex(ContiguousArray(repeating: UInt64(0), count: LogLoss.allCases.count))

    package init() {}

    package func add(_ lines: UInt64, _ loss: LogLoss) { counts.withLock { $0[loss.rawValue] += lines } }

    package subscript(loss: LogLoss) -> UInt64 { counts.withLock { $0[loss.rawValue] } }
}

/// The lines that a log has taken and not written yet, up to a limit. What is lost is lost in whole lines: one that was
/// cut is ended before the next begins. Pure.
package struct LogBacklog: ~Copyable {
    private var chunks: ContiguousArray<ContiguousArray<UInt8>> = []
    private var firstChunk = 0
    /// Of the first chunk.
    private var written = 0
    package private(set) var byteCount = 0
    /// The last byte that was written ended no line.
    private var isWithinLine = false
    /// What waits begins with the end of a line that was cut, which is lost already.
    private var beginsWithLineEnd = false
    private let limit: Int

    package init(byteLimit: Int) { limit = byteLimit }

    package var isEmpty: Bool { byteCount == 0 }

    /// Takes whole lines; answers how many are lost because there is no room for them.
    package mutating func add(_ lines: ContiguousArray<UInt8>) -> UInt64 {
        guard byteCount == 0 || byteCount + lines.count <= limit else { return Self.lineCount(lines.span) }
        if byteCount == 0, isWithinLine {
            append([ASCII.lineFeed])
            beginsWithLineEnd = true
        }
        append(lines)
        return 0
    }

    private mutating func append(_ bytes: ContiguousArray<UInt8>) {
        guard !bytes.isEmpty else { return }
        chunks.append(bytes)
        byteCount += bytes.count
    }

    /// Hands out what is to be written next.
    package func withNext<Result>(_ write: (_ bytes: borrowing Span<UInt8>) -> Result) -> Result? {
        guard firstChunk < chunks.count else { return nil }
        let chunk = chunks[firstChunk]
        return write(chunk.span.extracting(written..<chunk.count))
    }

    /// That many bytes of what was handed out are written.
    package mutating func wrote(_ count: Int) {
        guard count > 0, firstChunk < chunks.count else { return }
        written += count
        byteCount -= count
        beginsWithLineEnd = false
        isWithinLine = chunks[firstChunk][written - 1] != ASCII.lineFeed
        guard written == chunks[firstChunk].count else { return }
        chunks[firstChunk] = []
        firstChunk += 1
        written = 0
        guard firstChunk == chunks.count else { return }
        chunks = []
        firstChunk = 0
    }

    /// Nothing of it can be written; answers how many lines are lost, the one that was cut among them.
    package mutating func lose() -> UInt64 {
        var lines: UInt64 = 0
        let isEnded = beginsWithLineEnd
        beginsWithLineEnd = false
        while let count = withNext({ bytes in Self.lineCount(bytes) }) {
            lines += count
            byteCount -= chunks[firstChunk].count - written
            firstChunk += 1
            written = 0
        }
        chunks = []
        firstChunk = 0
        return isEnded ? lines - 1 : lines
    }

    /// What follows is written to another place. Answers how many lines are lost: the rest of one that was cut would
    /// mean nothing there.
    package mutating func beginAnew() -> UInt64 {
        guard isWithinLine else { return 0 }
        let isEnded = beginsWithLineEnd
        var lost: UInt64 = 0
        while let (end, count) = withNext({ bytes in
            (bytes.firstIndex(of: ASCII.lineFeed, in: 0..<bytes.count), bytes.count)
        }) {
            lost = isEnded ? 0 : 1
            wrote(end.map { $0 + 1 } ?? count)
            if end != nil { break }
        }
        isWithinLine = false
        return lost
    }

    private static func lineCount(_ bytes: borrowing Span<UInt8>) -> UInt64 {
        var count: UInt64 = 0
        for index in 0..<bytes.count where bytes[index] == ASCII.lineFeed { count += 1 }
        return count
    }
}
