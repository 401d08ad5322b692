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
        if longestIdle() != nil || connections.first(of: .begun) != nil { return true }
        let links = shared.links.withLock { $0 }
        guard links.count > 1 else { return false }
        let (asker, other) = (link, links[nextToGiveWay % links.count])
        nextToGiveWay += 1
        guard let asker, other.index != index else { return false }
        other.post { if $0.giveWay() { asker.post { $0.acceptAgain() } } }
        return false
    }

    /// The longest idle connection is closed, else the head that began first; whether there was one. The kernel shares newcomers out evenly, so that the longest idle ones of
    /// all loops are about alike.
    @discardableResult
    func giveWay() -> Bool {
        for list in [ConnectionLists<ClientConnection>.List.idle, .begun] {
            for _ in 0..<Self.triesPerNewcomer {
                guard let client = list == .idle ? longestIdle() : connections.first(of: list) else { break }
                guard client.gaveWay() else { continue }
                shared.gaveWayCount.add(1, ordering: .relaxed)
                events.connectionGaveWay(list == .idle ? "idle" : "head-begun")
                return true
            }
        }
        return false
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

    /// Cuts off the slowest until that is enough. For a newcomer's sake only those go who have stood still.
    func cutSlowest(for newcomer: ClientConnection? = nil, until isEnough: (borrowing HeldBytes) -> Bool) {
        // The others' loops look after themselves.
        let fairShare = held.budget.limitBytes / 2 / max(snapshot.workerCount, 1)
        var count = 0
        while !isEnough(held), let slowest = connections.first(of: .holding), slowest !== newcomer {
            guard newcomer == nil ? held.bytes > fairShare : slowest.isStalled else { break }
            slowest.cutOff()
            count += 1
        }
        if count > 0 { events.connectionsCutOff(count, heldBytes: held.budget.heldBytes) }
    }
}
