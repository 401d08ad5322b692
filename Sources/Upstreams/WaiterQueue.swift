// SPDX-License-Identifier: Apache-2.0

/// Waiting requests in the order of their arrival; one that leaves from the middle costs O(1). All of them wait for
/// the same time, so the first one is also the first to run out of it.
struct WaiterQueue: ~Copyable {
    private struct Place {
        var waiter: UpstreamWaiter = 0
        var claim = UpstreamClaim(client: .nobody, mayStall: false)
        var deadlineNanoseconds: Int64 = 0
        var generation: UInt32 = 0
        var previous: Int32 = -1
        /// The next waiter, or the next free place.
        var next: Int32 = -1
        var isTaken = false
    }

    private var places: [Place] = []
    private var head: Int32 = -1
    private var tail: Int32 = -1
    private var free: Int32 = -1
    private(set) var count = 0
    /// Of requests that may stall.
    private(set) var stallableCount = 0

    var isEmpty: Bool { count == 0 }

    var firstDeadlineNanoseconds: Int64? { head < 0 ? nil : places[Int(head)].deadlineNanoseconds }

    mutating func append(
        _ waiter: UpstreamWaiter, of claim: UpstreamClaim, deadlineNanoseconds: Int64
    ) -> WaitTicket {
        let index = takeFreePlace()
        places[Int(index)].waiter = waiter
        places[Int(index)].claim = claim
        places[Int(index)].deadlineNanoseconds = deadlineNanoseconds
        places[Int(index)].isTaken = true
        places[Int(index)].previous = tail
        places[Int(index)].next = -1
        if tail >= 0 { places[Int(tail)].next = index } else { head = index }
        tail = index
        count += 1
        if claim.mayStall { stallableCount += 1 }
        return WaitTicket(slot: UInt32(index), generation: places[Int(index)].generation)
    }

    mutating func removeFirst() -> (waiter: UpstreamWaiter, claim: UpstreamClaim)? {
        removeFirst { _ in true }
    }

    /// The first whose client may have its turn.
    mutating func removeFirst(
        where mayBeNext: (UpstreamClaim) -> Bool
    ) -> (waiter: UpstreamWaiter, claim: UpstreamClaim)? {
        var index = head
        while index >= 0 {
            let place = places[Int(index)]
            if mayBeNext(place.claim) {
                remove(index)
                return (place.waiter, place.claim)
            }
            index = place.next
        }
        return nil
    }

    func contains(where mayBeNext: (UpstreamClaim) -> Bool) -> Bool {
        var index = head
        while index >= 0 {
            if mayBeNext(places[Int(index)].claim) { return true }
            index = places[Int(index)].next
        }
        return false
    }

    /// Whose it was; nil when the ticket's waiter is no longer in the queue.
    mutating func remove(_ ticket: WaitTicket) -> UpstreamClaim? {
        let index = Int(ticket.slot)
        guard index < places.count, places[index].isTaken, places[index].generation == ticket.generation
        else { return nil }
        remove(Int32(index))
        return places[index].claim
    }

    private mutating func remove(_ index: Int32) {
        let place = places[Int(index)]
        if place.previous >= 0 { places[Int(place.previous)].next = place.next } else { head = place.next }
        if place.next >= 0 { places[Int(place.next)].previous = place.previous } else { tail = place.previous }
        places[Int(index)].isTaken = false
        places[Int(index)].generation &+= 1
        places[Int(index)].next = free
        free = index
        count -= 1
        if place.claim.mayStall { stallableCount -= 1 }
    }

    private mutating func takeFreePlace() -> Int32 {
        if free >= 0 {
            let index = free
            free = places[Int(index)].next
            return index
        }
        places.append(Place())
        return Int32(places.count - 1)
    }
}
