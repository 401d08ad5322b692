// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Storage

/// A connected socket that is written to: what the kernel does not take at once waits in order.
class StreamChannel: Channel {
    private var queue = OutputQueue()
    private(set) final var isBroken = false
    /// Since the channel was opened, whether sent or waiting.
    private(set) final var writtenByteCount: UInt64 = 0
    /// The kernel may have input that was not read yet.
    final var mayHaveInput = false
    /// The kernel has said that the peer's side has ended: it says so once, so reading goes on until the end is read.
    final var peerHasEnded = false

    final var pendingByteCount: Int { queue.byteCount }

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
        var sent = 0
        if queue.isEmpty, let run = shared.run(at: range.lowerBound) {
            let piece = run.bytes.extracting(0..<min(run.count, range.count))
            guard let count = taken(kernel.send(descriptor, head, piece)) else { return }
            sent = count
        }
        if sent < head.count { queue.append(head.extracting(sent..<head.count)) }
        queue.append(.sharedBody(shared), range.lowerBound + max(0, sent - head.count)..<range.upperBound)
        if sent >= head.count { sendQueued() }
    }

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

    /// Sends what waits, as far as the kernel takes it.
    final func sendQueued() {
        while !isBroken, !queue.isEmpty {
            guard let result = queue.withFront({ kernel.send(descriptor, $0) }) else { return }
            guard let sent = taken(result), sent > 0 else { return }
            queue.consume(sent)
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
