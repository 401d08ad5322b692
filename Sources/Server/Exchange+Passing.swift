// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import RequestFlow
import Settings
import Storage

/// A body that turns out to be too long to be stored passes through memory: those who read it get all of it from
/// the one fetch (promise 4), at the pace of the slowest and from no more memory than a stored body may take
/// (promise 7). Who lags and keeps others waiting for as long as requests may wait for each other is cut off.
extension Exchange {
    /// The response whose body passes.
    var passing: StreamedResponse? {
        guard case .store(let response) = intake, response.body.passes else { return nil }
        return response
    }

    /// It reads the origin's answer, or did.
    private var isProducer: Bool { leads || upstream != nil }

    var feedsOthers: Bool {
        if let passing { return isProducer && passing.body.readerCount > 0 }
        if case .store = intake, upstream != nil { return true }
        return leads
    }

    // MARK: The producer

    func beginToPass(_ response: StreamedResponse, _ reason: NotStoredReason) {
        answer.notStored = reason
        if machine.asksAboutStored, let stored { worker.forget(stored) }
        remember(UnshareableAnswer(reason, response.status))
        response.beginToPass()
        endTurn(.uncacheable)
        guard let flight else { return }
        worker.shared.flights.remove(flight)
        worker.lead(flight, by: self)
    }

    func pass(_ data: borrowing Span<UInt8>, in response: StreamedResponse) {
        let body = response.body
        guard body.readerCount > 0 else { return over(status: Status(499), client: nil) }
        if reader != nil, body.readerCount == 1, sourceCursor == body.count { return goOnAlone(with: data) }
        let isCounted = body.reserve(data.count)
        body.append(data)
        flight?.wentOn(to: nil)
        pump()
        guard upstream != nil, body.holds(atBytes: window(of: body, isCounted: isCounted)) else { return }
        upstream?.pause()
        waitForReaders()
    }

    /// Nobody else reads, and its client has all that came before `data`: that needs no memory.
    private func goOnAlone(with data: borrowing Span<UInt8>) {
        endFlight(.uncacheable)
        leaveBody()
        guard goOnCodingAlone() else { return }
        intake = .relay
        bodyReceived(data)
    }

    /// How far readers may be apart.
    private func window(of body: GrowingBody, isCounted: Bool) -> Int {
        let least = worker.relayHighWaterBytes
        return isCounted && body.readerCount > 1 ? max(largestBodyBytes, least) : least
    }

    private func waitForReaders() {
        let wait = request.route.settings.coalesce.waitMilliseconds
        setDeadline(nanoseconds: worker.loop.now.monotonicNanoseconds + Int64(wait) * 1_000_000)
    }

    /// Some readers have kept the others waiting for as long as they may.
    func waitedForReaders() {
        guard let passing, isProducer else { return }
        let goesOn = passing.body.dropLaggards()
        flight?.wentOn(to: nil)
        pump()
        if goesOn { followersReadOn() } else if upstream != nil { waitForReaders() }
    }

    func followersReadOn() {
        guard let passing, isProducer else { return }
        if client == nil, passing.body.readerCount == 0 { return over(status: Status(499), client: nil) }
        guard !passing.body.isHolding else { return }
        clearDeadline()
        upstream?.resume()
    }

    // MARK: Readers

    /// Begins to read what arrives; false when its beginning is gone already.
    func begins(_ response: StreamedResponse) -> Bool {
        reader = response.body.addReader()
        return reader != nil
    }

    /// Tells how far its client has come. False when the client is cut off.
    func readOn(in response: StreamedResponse) -> Bool {
        guard let reader else { return false }
        switch response.body.read(by: reader, upTo: sourceCursor) {
        case .none: return true
        case .producerMayGoOn:
            letProducerGoOn()
            return true
        case .dropped:
            cutClientOff(response)
            return false
        }
    }

    /// The others did not wait for it any longer.
    var wasDropped: Bool {
        guard let reader, let passing else { return false }
        if case .dropped = passing.body.read(by: reader, upTo: sourceCursor) { return true }
        return false
    }

    private func letProducerGoOn() {
        if isProducer { followersReadOn() } else { flight?.followersReadOn() }
    }

    private func cutClientOff(_ response: StreamedResponse) {
        reader = nil
        guard isProducer, response.body.readerCount > 0, let client else {
            return breakOff(detail: "too-slow-to-share")
        }
        cut(client, off: "too-slow-to-share")
    }

    /// Its own client cannot go on reading, but others can.
    func leaveToFollowers(detail: StaticString) {
        leaveBody()
        if let client { cut(client, off: detail) }
    }

    private func cut(_ client: ClientConnection, off detail: StaticString) {
        self.client = nil
        answer.detail = detail
        record(status: delivery.status, client: client)
        client.breakOff()
    }

    /// It reads no more of a body in memory.
    func leaveBody() {
        guard let reader, case .store(let response) = intake else { return }
        self.reader = nil
        leaveStream()
        let goesOn = response.body.removeReader(reader)
        worker.storedStreams.left(response)
        if goesOn || (!isProducer && response.body.passes && response.body.readerCount == 0) { letProducerGoOn() }
    }
}
