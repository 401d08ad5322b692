// SPDX-License-Identifier: Apache-2.0
import EventIO
import Settings
import Storage
import Synchronization

/// Room for newcomers: who has been idle or slow for the longest gives way (promise 7).
extension Worker {
    // MARK: Places

    /// All places are taken. Whether a newcomer may be accepted all the same, for which `giveWay` is to be called then;
    /// if nobody here can give way, another loop is asked.
    func mayMakeRoom(limit: Int) -> Bool {
        events.connectionLimitReached(limit)
        if !rooms().isEmpty { return true }
        let links = shared.links.withLock { $0 }
        guard links.count > 1 else { return false }
        let (asker, other) = (link, links[nextToGiveWay % links.count])
        nextToGiveWay += 1
        guard let asker, other.index != index else { return false }
        other.post { if $0.giveWay() { asker.post { $0.acceptAgain() } } }
        return false
    }

    /// One connection is closed; whether there was one that may be. The kernel shares newcomers out evenly, so that
    /// those that stand longest are about alike in all loops.
    @discardableResult
    func giveWay() -> Bool {
        for _ in 0..<Self.triesPerNewcomer {
            guard let next = rooms().first else { return false }
            guard next.client.gaveWay() else { continue }
            shared.gaveWayCount.add(1, ordering: .relaxed)
            events.connectionGaveWay(next.state)
            return true
        }
        return false
    }

    /// Who may give way, the next first. A head that has not come whole for half a second comes before who is idle:
    /// of them anybody can send as many as there are places, and who was served before, or has only just come, is no
    /// worse than they.
    private func rooms() -> [(client: ClientConnection, state: StaticString)] {
        var rooms: [(client: ClientConnection, state: StaticString)] = []
        let begun = connections.first(of: .begun)
        if let begun, begun.hasStood(ticks: 4) { rooms.append((begun, "head-begun")) }
        if let large = connections.first(of: .largeHead), large.isStalled {
            rooms.append((large, "head-begun"))
        }
        if let idle = longestIdle() { rooms.append((idle, "idle")) }
        if let begun { rooms.append((begun, "head-begun")) }
        return rooms
    }

    /// Those that a request has made busy were left where they were until now.
    private func longestIdle() -> ClientConnection? {
        while let client = connections.first(of: .idle) {
            guard client.isUnderWay else { return client }
            client.becameBusy()
        }
        return nil
    }

    /// Those that turn out not to be idle have just got their answers.
    private static var triesPerNewcomer: Int { 16 }

    /// A client that kept a connection to an upstream waiting while others waited for one.
    func gaveWay(_ state: StaticString) {
        shared.slowCount.add(1, ordering: .relaxed)
        events.connectionGaveWay(state)
    }

    // MARK: Memory

    /// Connections hold more than their share: soon, when nobody is in the middle of something, some are cut off.
    func relieve() {
        guard !relievesSoon else { return }
        relievesSoon = true
        loop.later { [weak self] in
            self?.relievesSoon = false
            self?.cutSlowest { !$0.isOverdrawn }
        }
    }

    /// Who has held much for the longest without progress.
    private var slowest: ClientConnection? {
        guard let one = connections.first(of: .holding) else { return connections.first(of: .largeHead) }
        guard let other = connections.first(of: .largeHead) else { return one }
        return one.hasStoodLonger(than: other) ? one : other
    }

    /// Cuts off the slowest until that is enough. For a newcomer's sake only those go who have stood still.
    func cutSlowest(for newcomer: ClientConnection? = nil, until isEnough: (borrowing HeldBytes) -> Bool) {
        // The others' loops look after themselves.
        let fairShare = held.budget.limitBytes / 2 / max(snapshot.workerCount, 1)
        var count = 0
        while !isEnough(held), let slowest = slowest, slowest !== newcomer {
            guard newcomer == nil ? held.bytes > fairShare : slowest.isStalled else { break }
            slowest.cutOff()
            count += 1
        }
        if count > 0 { events.connectionsCutOff(count, heldBytes: held.budget.heldBytes) }
    }
}
