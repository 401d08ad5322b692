// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What a parser made of the bytes so far.
package enum HeadParse<Failure: Error>: Sendable {
    /// The head, blank line included, takes the first `length` bytes.
    case complete(length: Int)
    /// Call again with the same parser, the same head, and the same bytes with more behind them.
    case incomplete
    /// Nothing after this can be trusted: answer and close.
    case failed(Failure)
}

extension HeadParse: Equatable where Failure: Equatable {}

/// Where a parser stands between two calls, so that a head that comes byte by byte costs no more than one that
/// comes whole: complete lines are read once, and a long line is read again only when its end may have come.
struct HeadProgress: Sendable {
    // Small, as each idle connection has them; no head is longer.
    private var leadBytes: UInt32 = 0
    private var lineBytes: UInt32 = 0
    private var seenBytes: UInt32 = 0

    /// Bytes of empty lines before the start line.
    var lead: Int {
        get { Int(leadBytes) }
        set { leadBytes = UInt32(clamping: newValue) }
    }
    /// The start of the first line that is not complete, counted from the start line; zero is the start line.
    var line: Int {
        get { Int(lineBytes) }
        set { lineBytes = UInt32(clamping: newValue) }
    }
    /// Bytes already looked at, counted likewise.
    private var seen: Int {
        get { Int(seenBytes) }
        set { seenBytes = UInt32(clamping: newValue) }
    }

    /// Lines shorter than this are read again whenever bytes arrive, so that what is wrong is known at once.
    private static let shortLine = 512

    mutating func stop(at line: Int, seen: Int) {
        self.line = line
        self.seen = seen
    }

    /// Whether reading again cannot come to anything: the line is long, and no byte that ends it, nor a limit,
    /// has come since.
    mutating func mustWait(_ message: borrowing Span<UInt8>, limit: Int) -> Bool {
        guard message.count - line > HeadProgress.shortLine, message.count <= limit, seen > 0, seen < message.count
        else {
            return false
        }
        var index = message.firstControl(in: max(seen, line)..<message.count)
        while index < message.count, message[index] == ASCII.tab {
            index = message.firstControl(in: index + 1..<message.count)
        }
        guard index == message.count else { return false }
        seen = message.count
        return true
    }
}
