// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import HTTPMessages
import HTTPWire
import Storage

/// Where a connection stands among those of its loop, and what it holds.
struct ConnectionPlace {
    var seat: UInt32 = 0
    /// When it was last put at the end of its list, in units of about an eighth of a second.
    var since: UInt32 = 0
    private var held: UInt32 = 0
    /// Bytes since then.
    private var progress: UInt16 = 0
    var list = ConnectionLists<ClientConnection>.List.idle

    /// Counted in the worker's `held`.
    var heldBytes: Int {
        get { Int(held) }
        set { held = UInt32(clamping: newValue) }
    }

    mutating func progressed(by bytes: Int) {
        let (sum, isMore) = progress.addingReportingOverflow(UInt16(clamping: bytes))
        progress = isMore ? .max : sum
    }

    /// So much has moved that others are slower; a byte now and then is no progress.
    var hasProgressed: Bool { progress >= Self.leastProgress }

    mutating func moved(to list: ConnectionLists<ClientConnection>.List, at tick: UInt32) {
        self.list = list
        since = tick
        progress = 0
    }

    static func tick(_ nanoseconds: Int64) -> UInt32 { UInt32(truncatingIfNeeded: nanoseconds >> 27) }

    /// From here on what it holds is worth cutting it off.
    static let largeBytes = 4 << 10
    private static let leastProgress: UInt16 = 2 << 10
}

/// Room for others: what a connection holds is counted, and it gives way when that is needed (promise 7).
extension ClientConnection {
    /// Told once a request's answer is complete, and cheap when nothing else was under way.
    func becameIdle() {
        if place.heldBytes != 0 { giveBackHeld() }
        let tick = ConnectionPlace.tick(loop.now.monotonicNanoseconds)
        guard place.list != .idle || place.since != tick else { return }
        place.moved(to: .idle, at: tick)
        worker.connections.move(place.seat, to: .idle)
    }

    /// Counts what it holds across turns, and says where it stands from that.
    func account() {
        guard isOpen else { return }
        let bytes = input.capacity + heldOutputBytes + (exchange?.heldBytes ?? 0)
        if bytes != place.heldBytes {
            worker.held.hold(bytes - place.heldBytes)
            place.heldBytes = bytes
        }
        let list = list(holding: bytes)
        // Nearly every request is answered before anybody looks for who is idle, and sees then that this one is not.
        let staysPut = list == .busy && place.list == .idle && isUnderWay
        if !staysPut, list != place.list || list.holdsMuch && place.hasProgressed {
            place.moved(to: list, at: ConnectionPlace.tick(loop.now.monotonicNanoseconds))
            worker.connections.move(place.seat, to: list)
        }
        if worker.held.isOverdrawn { worker.relieve() }
    }

    /// Something is going on which ends in `becameIdle`, if the connection goes on.
    var isUnderWay: Bool { exchange != nil || pendingByteCount > 0 || isPassingOver }

    /// It turns out to be busy where somebody looks for who is idle.
    func becameBusy() {
        place.moved(to: .busy, at: ConnectionPlace.tick(loop.now.monotonicNanoseconds))
        worker.connections.move(place.seat, to: .busy)
    }

    private func list(holding bytes: Int) -> ConnectionLists<ClientConnection>.List {
        switch waiting {
        case .lingering: .begun
        case .request, .unwantedBody: .busy
        // What it sent too early, or a tunnel's client does not take.
        case .others: input.capacity + heldOutputBytes < ConnectionPlace.largeBytes ? .busy : .holding
        case .head: bytes < ConnectionPlace.largeBytes ? .begun : .largeHead
        case .body, .output: bytes < ConnectionPlace.largeBytes ? .busy : .holding
        }
    }

    func giveBackHeld() {
        worker.held.release(place.heldBytes)
        place.heldBytes = 0
    }

    /// Whether so much more may be held for it; slower ones are cut off for that.
    func mayHold(_ more: Int) -> Bool {
        account()
        let claim = place.heldBytes < ConnectionPlace.largeBytes ? HeldBytes.Claim.newcomer : .growth
        if worker.held.admits(more, by: claim) { return true }
        worker.cutSlowest(for: self) { $0.admits(more, by: claim) }
        return worker.held.admits(more, by: claim)
    }

    /// Whether it has made no progress for a second.
    var isStalled: Bool { hasStood(ticks: 8) }

    /// Whether it stands in its list for so many eighths of a second.
    func hasStood(ticks: UInt32) -> Bool { ConnectionPlace.tick(loop.now.monotonicNanoseconds) &- place.since >= ticks }

    func hasStoodLonger(than other: ClientConnection) -> Bool {
        Int32(bitPattern: place.since &- other.place.since) < 0
    }

    /// It has made no progress for longer than any other.
    func cutOff() {
        worker.held.budget.countCut()
        switch waiting {
        case .head:
            refuse(Status(503), detail: "connection-memory", isHead: RequestParser.isForHead(input.span))
            advance()
        case .body where exchange != nil: exchange?.requestBodyFailed(Status(503), detail: "connection-memory")
        default: break
        }
        // What it was told may have to wait too.
        if isOpen, place.list.holdsMuch { reset() }
    }

    /// Makes room for a newcomer, unless a request has come meanwhile; whether it is gone.
    func gaveWay() -> Bool {
        if isIdle, !lingers {
            // What the kernel has may not have been told yet.
            mayHaveInput = true
            advance()
            guard isOpen else { return true }
            guard isIdle else {
                worker.connections.move(place.seat, to: place.list)
                return false
            }
        }
        close()
        return true
    }
}
