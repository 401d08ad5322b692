// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Settings
import Storage
import Synchronization

/// A run of the worker's output that is one client's.
struct OutputPart {
    let client: ClientConnection
    /// Where it ends; it begins where the one before it does.
    let end: Int
}

/// Answers are put together in one buffer. Those that are complete may wait for the end of the loop's turn: many
/// sends in a row find their readers awake, and cost less than as many with work in between.
extension Worker {
    /// To be called before anything is put into `output`, so that no byte for one client can be taken for
    /// another's (promise 2).
    func claimOutput(for client: ClientConnection) {
        guard outputOwner !== client else { return }
        endOutputPart()
        outputOwner = client
    }

    /// The empty line after an answer's head.
    func endHead() {
        output.append("\r\n")
        outputOwner?.headEnded(staged: ownOutputByteCount)
    }

    var ownOutputByteCount: Int { output.count - ownPartStart }

    private func endOutputPart() {
        guard let owner = outputOwner else { return }
        outputOwner = nil
        guard output.count > ownPartStart else { return }
        owner.deferredByteCount += ownOutputByteCount
        outputParts.append(OutputPart(client: owner, end: output.count))
        ownPartStart = output.count
    }

    /// The present part is complete; it is sent with the others at the end of the turn.
    func deferOutput() {
        if output.count >= Self.deferredByteLimit { return sendOutput() }
        endOutputPart()
    }

    private static var deferredByteLimit: Int { 256 << 10 }

    /// Above this many bytes that a client does not take its upstream pauses: all clients together may hold a quarter of
    /// what is for connections (promise 7), a lone one never more than a connection's share.
    var relayHighWaterBytes: Int {
        let share = shared.connections.limitBytes / 4 / max(shared.connectionCount.load(ordering: .relaxed), 1)
        let least = held.isTight ? Self.leastTightBytes : Self.leastHighWaterBytes
        return max(least, min(share, ClientConnection.outputHighWaterBytes))
    }

    /// Whether a client lets so much wait that its upstream pauses.
    @inline(__always)
    func isAboveHighWater(_ pendingBytes: Int) -> Bool {
        pendingBytes > Self.leastTightBytes && pendingBytes > relayHighWaterBytes
    }

    /// How much is taken at once that may have to wait for a client which takes none of it.
    var relayPieceBytes: Int { held.isTight ? min(relayHighWaterBytes, Self.pieceBytes) : Self.pieceBytes }

    private static var leastHighWaterBytes: Int { 16 << 10 }
    private static var leastTightBytes: Int { 4 << 10 }
    private static var pieceBytes: Int { 64 << 10 }

    /// Sends all parts.
    func sendOutput() {
        endOutputPart()
        guard !outputParts.isEmpty else { return }
        // What the sends cause may put more output together.
        var bytes = ByteBuffer()
        var parts: [OutputPart] = []
        swap(&bytes, &output)
        swap(&parts, &outputParts)
        ownPartStart = 0
        var start = 0
        for index in parts.indices {
            let end = parts[index].end
            parts[index].client.writeDeferred(bytes.span.extracting(start..<end))
            start = end
        }
        bytes.clear()
        // To remove all at once is written for the general case, and costs more.
        while !parts.isEmpty { parts.removeLast() }
        if output.isEmpty { swap(&bytes, &output) }
        if outputParts.isEmpty { swap(&parts, &outputParts) }
    }

    /// The present part, which is `client`'s, and more bytes behind it, by one gathered write where possible.
    func sendOutput(to client: ClientConnection, _ bytes: borrowing Span<UInt8>) {
        guard outputParts.isEmpty, outputOwner === client else {
            sendOutput()
            client.write(bytes)
            return client.outputQueued()
        }
        client.send(&output, bytes)
        outputOwner = nil
        client.outputQueued()
    }

    func sendOutput(to client: ClientConnection, body stored: StoredResponse, _ range: Range<Int>) {
        guard outputParts.isEmpty, outputOwner === client else {
            sendOutput()
            client.write(Span(), body: stored, range)
            return client.outputQueued()
        }
        client.send(&output, body: stored, range)
        outputOwner = nil
        client.outputQueued()
    }

    /// The client is to get nothing more.
    func dropOutput(of client: ClientConnection) {
        guard outputOwner === client else { return }
        output.truncate(to: ownPartStart)
        outputOwner = nil
    }
}
