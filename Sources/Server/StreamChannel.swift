// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Storage

/// A connected socket that is written to: what the kernel does not take at once waits in order.
class StreamChannel: Channel {
    private var queue = OutputQueue()
    private(set) final var isBroken = false
    /// The stream ends behind what waits to be sent.
    private var endsStream = false
    /// It has more to send in the next turn.
    private var comesBack = false
    /// Since the channel was opened, whether sent or waiting.
    private(set) final var writtenByteCount: UInt64 = 0
    /// The kernel may have input that was not read yet.
    final var mayHaveInput = false
    /// The kernel has said that the peer's side has ended: it says so once, so reading goes on until the end is read.
    final var peerHasEnded = false

    final var pendingByteCount: Int { queue.byteCount }
    /// What it keeps of them; stored bodies wait by reference.
    final var heldOutputBytes: Int { queue.copiedByteCount }

    /// The peer is gone. Called at most once.
    func outputFailed(_ error: SystemError) {}

    final func write(_ bytes: borrowing Span<UInt8>) {
        guard !isBroken, bytes.count > 0 else { return }
        writtenByteCount += UInt64(bytes.count)
        guard queue.isEmpty else { return queue.append(bytes) }
        guard let sent = taken(send(now: bytes)), sent < bytes.count else { return }
        queue.append(bytes.extracting(sent..<bytes.count))
    }

    /// All that was put together in `buffer`, which is empty afterwards.
    final func send(_ buffer: inout ByteBuffer) {
        write(buffer.span)
        buffer.clear()
    }

    /// The same with something behind it, by one gathered write.
    final func send(_ buffer: inout ByteBuffer, _ bytes: borrowing Span<UInt8>) {
        write(buffer.span, bytes)
        buffer.clear()
    }

    final func send(_ buffer: inout ByteBuffer, body stored: StoredResponse, _ range: Range<Int>) {
        write(buffer.span, body: stored, range)
        buffer.clear()
    }

    /// Two pieces by one gathered write.
    final func write(_ first: borrowing Span<UInt8>, _ second: borrowing Span<UInt8>) {
        guard !isBroken else { return }
        writtenByteCount += UInt64(first.count + second.count)
        var sent = 0
        if queue.isEmpty {
            guard let count = taken(kernel.send(descriptor, first, second)) else { return }
            sent = count
        }
        if sent < first.count { queue.append(first.extracting(sent..<first.count)) }
        let secondSent = max(0, sent - first.count)
        if secondSent < second.count { queue.append(second.extracting(secondSent..<second.count)) }
    }

    /// A head and a part of a stored body, which waits by reference.
    final func write(_ head: borrowing Span<UInt8>, body stored: StoredResponse, _ range: Range<Int>) {
        guard let shared = stored.sharedBody else {
            return write(head, inlineBody: stored, range)
        }
        guard !isBroken else { return }
        writtenByteCount += UInt64(head.count + range.count)
        guard queue.isEmpty, let run = shared.run(at: range.lowerBound) else {
            queue.append(head)
            return queue.append(.sharedBody(shared), range)
        }
        let piece = run.bytes.extracting(0..<min(run.count, range.count))
        let isPaged = Self.isSentByPages(piece, isPaged: run.isPaged)
        let result =
            isPaged ? sendPages(behind: head, piece, of: range.count) : kernel.send(descriptor, head, piece)
        guard let sent = taken(result) else { return }
        if sent < head.count { queue.append(head.extracting(sent..<head.count)) }
        queue.append(.sharedBody(shared), range.lowerBound + max(0, sent - head.count)..<range.upperBound)
        if sent == head.count + piece.count { sendQueued() }
    }

    private func sendPages(
        behind head: borrowing Span<UInt8>, _ piece: borrowing Span<UInt8>, of bodyByteCount: Int
    ) -> IOResult {
        if head.count > 0 {
            let result = kernel.sendBeginning(descriptor, head)
            guard result.value == head.count else { return result }
        }
        let result = loop.sendPages(descriptor, piece, isFollowed: piece.count < bodyByteCount)
        if result.isWouldBlock { return IOResult(head.count) }
        return result.value < 0 ? result : IOResult(head.count + result.value)
    }

    private static func isSentByPages(_ bytes: borrowing Span<UInt8>, isPaged: Bool) -> Bool {
        isPaged && bytes.count >= pagedByteMinimum
    }

    /// Fewer bytes are copied: that costs less than handing pages over.
    private static var pagedByteMinimum: Int { 24 << 10 }

    private func write(_ head: borrowing Span<UInt8>, inlineBody stored: StoredResponse, _ range: Range<Int>) {
        guard !isBroken else { return }
        writtenByteCount += UInt64(head.count + range.count)
        var sent = 0
        if queue.isEmpty {
            let body = stored.inlineBody.extracting(range)
            guard let count = taken(kernel.send(descriptor, head, body)) else { return }
            sent = count
        }
        if sent < head.count { queue.append(head.extracting(sent..<head.count)) }
        queue.append(.inlineBody(stored), range.lowerBound + max(0, sent - head.count)..<range.upperBound)
    }

    /// Sends what waits, as far as the kernel takes it. A peer who reads as fast as we write does not keep the loop
    /// from the others: after a while it goes on in the next turn.
    final func sendQueued() {
        var budget = Self.turnByteLimit
        while !isBroken, !queue.isEmpty {
            guard budget > 0 else { return comeBack() }
            guard let (result, asked) = sendFront(), let sent = taken(result) else { return }
            queue.consume(sent)
            budget -= sent
            // The kernel tells when there is room again.
            if sent < asked { return }
        }
        if endsStream { endStream() }
    }

    /// Nothing more is written: the peer sees the end of our stream once it has all that waits.
    final func endStream() {
        endsStream = !queue.isEmpty
        if !endsStream, isOpen, !isBroken { kernel.shutdownWrite(descriptor) }
    }

    private static var turnByteLimit: Int { 8 << 20 }

    private func sendFront() -> (result: IOResult, asked: Int)? {
        let waiting = queue.byteCount
        return queue.withFront { bytes, isPaged in
            guard Self.isSentByPages(bytes, isPaged: isPaged) else {
                return (kernel.send(descriptor, bytes), bytes.count)
            }
            return (loop.sendPages(descriptor, bytes, isFollowed: bytes.count < waiting), bytes.count)
        }
    }

    private func comeBack() {
        guard !comesBack else { return }
        comesBack = true
        loop.later { [self] in
            comesBack = false
            if isOpen { ready(.writable) }
        }
    }

    /// How many bytes the kernel took; nil when the connection broke.
    private func taken(_ result: IOResult) -> Int? {
        if result.value >= 0 { return result.value }
        if result.isWouldBlock { return 0 }
        isBroken = true
        queue = OutputQueue()
        if let error = result.error { outputFailed(error) }
        return nil
    }
}
