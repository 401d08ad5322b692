// SPDX-License-Identifier: Apache-2.0
import EventIO

/// One end of a virtual connection, with the bytes on their way to it.
final class VirtualEndpoint: VirtualFile {
    private enum Phase { case connecting, open, refused }
    private enum Cargo { case bytes([UInt8]), end, reset }
    private struct Segment {
        var time: Int64
        let cargo: Cargo
    }

    let local: SocketAddress
    let remote: SocketAddress
    /// The end that the connection goes to has the address whose faults both suffer.
    private let service: SocketAddress
    /// Calls of scripted peers take and bring all they can.
    var isScripted = false
    private unowned let world: VirtualKernel
    private var phase = Phase.connecting
    private(set) var peer: VirtualEndpoint?
    private(set) var isClosed = false
    private var pendingError: SystemError?
    private var isReset = false
    private var hasSentEnd = false
    private var hasReceivedEnd = false
    private var arrived: [UInt8] = []
    private var underWay: [Segment] = []
    private var bytesUnderWay = 0
    private var lastArrival: Int64 = 0
    /// A writer found no room and waits to be told of it.
    private var wantsRoom = false
    private var takesNothingBefore: Int64 = 0

    init(world: VirtualKernel, local: SocketAddress, remote: SocketAddress, service: SocketAddress) {
        self.world = world
        self.local = local
        self.remote = remote
        self.service = service
    }

    private var plan: FaultPlan { world.plan(for: service) }
    var isConnecting: Bool { phase == .connecting }
    private var room: Int { plan.socketBufferBytes - arrived.count - bytesUnderWay }
    private var hasTakenError: Bool { isReset || phase == .refused }

    // MARK: Connecting

    func connected(to peer: VirtualEndpoint) {
        phase = .open
        self.peer = peer
        changed()
    }

    func failed(_ error: SystemError) {
        guard phase == .connecting, !isClosed else { return }
        phase = .refused
        pendingError = error
        changed()
    }

    func takeError() -> SystemError? {
        defer { pendingError = nil }
        return pendingError
    }

    // MARK: Calls

    override func readiness() -> ReadyEvents {
        if phase == .connecting { return [] }
        if hasTakenError {
            let gone: ReadyEvents = [.readable, .writable, .peerClosed, .hungUp]
            return pendingError == nil ? gone : gone.union(.failed)
        }
        var events: ReadyEvents = []
        if !arrived.isEmpty || hasReceivedEnd { events.insert(.readable) }
        if hasReceivedEnd { events.insert(.peerClosed) }
        if hasReceivedEnd && hasSentEnd { events.insert(.hungUp) }
        if hasSentEnd || hasRoomToTell { events.insert(.writable) } else { wantsRoom = true }
        return events
    }

    /// As in Linux, a writer is told of room once a third of the buffer is free.
    private var hasRoomToTell: Bool {
        guard let peer, world.time >= takesNothingBefore else { return false }
        return peer.isClosed || peer.room * 3 >= plan.socketBufferBytes
    }

    func read(upTo limit: Int) -> (bytes: [UInt8], result: IOResult) {
        guard !arrived.isEmpty else {
            if let error = takeError() { return ([], IOResult(error: error)) }
            return ([], hasReceivedEnd || hasTakenError ? IOResult(0) : IOResult(error: .wouldBlock))
        }
        var count = min(limit, arrived.count)
        if !isScripted, count > 1, !isReset, world.random.chance(plan.partialRead) {
            count = Int.random(in: 1..<count, using: &world.random)
            holdBack(from: count)
        }
        let bytes = Array(arrived.prefix(count))
        arrived.removeFirst(count)
        peer?.roomGrew()
        return (bytes, IOResult(count))
    }

    /// What follows the first `count` bytes comes later.
    private func holdBack(from count: Int) {
        let time = world.time + Int64.random(in: 1_000...3_000_000, using: &world.random)
        let rest = Array(arrived[count...])
        arrived.removeLast(rest.count)
        for index in underWay.indices { underWay[index].time = max(underWay[index].time, time) }
        if hasReceivedEnd {
            hasReceivedEnd = false
            underWay.insert(Segment(time: time, cargo: .end), at: 0)
        }
        if !rest.isEmpty {
            underWay.insert(Segment(time: time, cargo: .bytes(rest)), at: 0)
            bytesUnderWay += rest.count
        }
        lastArrival = max(lastArrival, time)
        world.schedule(at: time) { self.deliver() }
    }

    func write(_ bytes: some Collection<UInt8>) -> IOResult {
        if phase == .connecting { return IOResult(error: .wouldBlock) }
        if let error = takeError() { return IOResult(error: error) }
        guard let peer, !hasSentEnd, !hasTakenError else { return IOResult(error: .brokenPipe) }
        let room = peer.isClosed ? bytes.count : min(bytes.count, peer.room)
        guard room > 0, world.time >= takesNothingBefore else {
            wantsRoom = true
            return bytes.isEmpty ? IOResult(0) : IOResult(error: .wouldBlock)
        }
        var count = room
        if !isScripted, count > 1, world.random.chance(plan.partialWrite) {
            count = Int.random(in: 1..<count, using: &world.random)
            takesNothingBefore = world.time + Int64.random(in: 1_000...3_000_000, using: &world.random)
            world.schedule(at: takesNothingBefore) { self.roomGrew() }
        }
        if count < bytes.count { wantsRoom = true }
        transmit(Array(bytes.prefix(count)), to: peer)
        return IOResult(count)
    }

    func shutdownWrite() {
        guard phase == .open, !hasSentEnd, !hasTakenError else { return }
        hasSentEnd = true
        peer?.expect(.end, after: delay())
        changed()
    }

    override func close() {
        // Unread bytes turn the end of a stream into a reset.
        if phase == .open, !isReset { if arrived.isEmpty { shutdownWrite() } else { sendReset() } }
        leave()
    }

    func reset() {
        if phase == .open, !isReset { sendReset() }
        leave()
    }

    private func leave() {
        isClosed = true
        arrived = []
        if peer?.isClosed == true {
            peer?.peer = nil
            peer = nil
        }
    }

    private func sendReset() {
        guard let peer else { return }
        if world.random.chance(plan.lossOnReset) {
            peer.underWay.removeAll()
            peer.bytesUnderWay = 0
        }
        peer.expect(.reset, after: delay())
    }

    // MARK: Bytes on their way

    private func delay() -> Int64 {
        let latency = Int64.random(in: plan.latencyNanoseconds, using: &world.random)
        guard world.random.chance(plan.stall) else { return latency }
        return latency + Int64.random(in: plan.stallNanoseconds, using: &world.random)
    }

    private func transmit(_ bytes: [UInt8], to peer: VirtualEndpoint) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let limit = min(rest.count, plan.maxSegmentBytes)
            let count =
                limit < rest.count || plan.maxSegmentBytes < .max
                ? Int.random(in: 1...limit, using: &world.random) : limit
            let latency = delay()
            if world.random.chance(plan.reset) {
                expect(.reset, after: latency)
                return peer.expect(.reset, after: latency)
            }
            peer.expect(.bytes(Array(rest.prefix(count))), after: latency)
            rest = rest.dropFirst(count)
        }
    }

    private func expect(_ cargo: Cargo, after latency: Int64) {
        lastArrival = max(lastArrival, world.time + latency)
        underWay.append(Segment(time: lastArrival, cargo: cargo))
        if case .bytes(let bytes) = cargo { bytesUnderWay += bytes.count }
        if lastArrival <= world.time { deliver() } else { world.schedule(at: lastArrival) { self.deliver() } }
    }

    private func deliver() {
        var hasChanged = false
        while let segment = underWay.first, segment.time <= world.time {
            underWay.removeFirst()
            hasChanged = true
            switch segment.cargo {
            case .bytes(let bytes):
                bytesUnderWay -= bytes.count
                // The sender has not yet heard of a reset, and what was lost with it would be missing before this.
                if isReset { continue }
                // Nobody is there to read them, which the sender learns from a reset.
                if isClosed { peer?.expect(.reset, after: delay()) } else { arrived += bytes }
            case .end: hasReceivedEnd = hasReceivedEnd || !isReset
            case .reset: arriveReset()
            }
        }
        if hasChanged, !isClosed { changed() }
    }

    private func arriveReset() {
        guard !isReset else { return }
        pendingError = hasReceivedEnd ? .brokenPipe : .connectionReset
        isReset = true
        underWay = []
        bytesUnderWay = 0
    }

    private func roomGrew() {
        guard wantsRoom, !isClosed, hasRoomToTell else { return }
        wantsRoom = false
        changed()
    }
}
