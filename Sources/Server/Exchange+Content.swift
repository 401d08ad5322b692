// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings

/// A request whose body is part of its key: the body is taken whole, up to a limit, before anything else. And one whose
/// body means nothing: it is read to its end, and nothing of it is kept.
extension Exchange {
    private var keyedBodyLimit: Int { request.route.settings.key.maxBodyBytes }

    func collectBody() {
        if case .length(let count) = request.framing, count > keyedBodyLimit { return forwardUnkeyed() }
        if requestBody.isComplete { return bodyCollected() }
        invite()
    }

    func discardBody() { invite() }

    private func invite() {
        guard request.expectsContinue, let client = clientToWriteTo() else { return }
        // RFC 9110 §10.1.1: it is we who want the body now.
        requestBody.isContinued = true
        worker.output.append("HTTP/1.1 100 Continue\r\n\r\n")
        client.flush()
    }

    /// The body is none that goes on upstream as it comes.
    var takesBodyItself: Bool { machine.state == .collectingBody || machine.state == .discardingBody }

    /// Answers how many bytes were used.
    func takeRequestBody(_ bytes: borrowing Span<UInt8>) -> Int {
        var used = 0
        while used < bytes.count, takesBodyItself {
            let rest = bytes.extracting(used..<bytes.count)
            switch requestBody.next(rest) {
            case .data(let range, let consumed):
                used += consumed
                take(rest.extracting(range))
            case .finished(let consumed):
                used += consumed
                bodyTaken()
            case .needMore: return bytes.count
            case .failed:
                requestBodyFailed(Status(400), detail: "malformed-chunk")
                return bytes.count
            }
        }
        return used
    }

    private func take(_ data: borrowing Span<UInt8>) {
        if exceedsBodyLimit { return requestBodyFailed(Status(413), detail: "body-too-large") }
        if machine.state == .collectingBody {
            guard makeRoom(for: data.count) else {
                return requestBodyFailed(Status(503), detail: "connection-memory")
            }
            collected.append(data)
            if collected.count > keyedBodyLimit { return forwardUnkeyed() }
        }
        if requestBody.isComplete { bodyTaken() }
    }

    private func bodyTaken() {
        if machine.state == .collectingBody { bodyCollected() } else { bodyDiscarded() }
    }

    private func bodyDiscarded() {
        forgetBodyFields()
        switch machine.bodyDiscarded() {
        case .searchMemory: search()
        case .forward: forward()
        case .collectBody, .discardBody: preconditionFailure("its body has come")
        }
    }

    /// Grows by doubling, but not past the body's end; false when connections hold too much already.
    private func makeRoom(for more: Int) -> Bool {
        let needed = collected.count + more
        guard needed > collected.capacity else { return true }
        var length = Int.max
        if case .length(let count) = request.framing { length = count }
        let capacity = max(needed, min(max(collected.capacity * 2, Self.leastCollectedBytes), length))
        guard client?.mayHold(capacity - collected.capacity) ?? true else { return false }
        collected.grow(to: capacity)
        return true
    }

    private static var leastCollectedBytes: Int { 1 << 10 }

    private func bodyCollected() {
        request.content = KeyedContent(ContiguousArray(copying: collected.span))
        collected.release()
        guard case .searchMemory = machine.bodyCollected() else { preconditionFailure("what is keyed is looked up") }
        search()
    }

    private func search() {
        let found = worker.search(head, request)
        self.found(found)
        proceed(machine.memorySearched(found.answer))
    }

    /// What has come goes upstream before the rest, which is not kept.
    private func forwardUnkeyed() {
        _ = machine.bodyExceededLimit()  // the only way to go on
        forward()
    }

    /// Why the answer has no key to be stored under, though the route keys such requests by their body.
    var unkeyedReason: NotStoredReason? {
        guard machine.facts.isKeyedByBody, request.content == nil else { return nil }
        return machine.forwardReason == .bypass ? .requestTooLarge : .method
    }
}
