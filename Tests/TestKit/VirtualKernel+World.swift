// SPDX-License-Identifier: Apache-2.0
package import EventIO

/// Whose turn it is, and how time passes.
extension VirtualKernel {
    /// A loop that `step` turns.
    package func makeLoop() throws(SystemError) -> Loop {
        let loop = try Loop(kernel: self)
        loops.append(loop)
        return loop
    }

    /// Makes `step` turn a loop that was made elsewhere on this kernel.
    package func add(_ loop: Loop) { loops.append(loop) }

    /// The loop gets no more turns: what the death of its thread would be.
    package func remove(_ loop: Loop) { loops.removeAll { $0 === loop } }

    /// Lets go of the loops and of all that would happen. A world and its loops keep each other alive until then,
    /// which is a matter for tests with thousands of worlds.
    package func end() {
        loops = []
        future = FutureQueue()
        wokenPeers = []
    }

    /// Calls `action` in virtual time.
    package func after(_ duration: Duration, _ action: @escaping () -> Void) {
        schedule(at: time + duration.nanoseconds, action)
    }

    /// Gives one turn to a loop or scripted peer that has something to do, or, when none has, moves the time to
    /// when one will. Answers false when nothing can ever happen again.
    @discardableResult
    package func step() -> Bool {
        happenDue()
        let ready = loops.filter { poller($0.poller).hasEvents || ($0.nextDueNanoseconds ?? .max) <= time }
        let turns = ready.count + wokenPeers.count
        guard turns > 0 else { return moveTime() }
        let turn = Int.random(in: 0..<turns, using: &random)
        if turn < ready.count {
            ready[turn].runOnce(maximumWaitNanoseconds: 0)
            time += Int64.random(in: faults.turnNanoseconds, using: &random)
        } else {
            wokenPeers.remove(at: turn - ready.count)()
        }
        return true
    }

    /// Steps until `condition` holds. Answers whether it came to hold within `limit` of virtual time.
    package func run(within limit: Duration = .seconds(3600), until condition: () -> Bool) -> Bool {
        let end = time + limit.nanoseconds
        while !condition() {
            guard time <= end, step() else { return false }
        }
        return true
    }

    /// Lets virtual time pass, and all that belongs into it.
    package func run(for duration: Duration) {
        let end = time + duration.nanoseconds
        schedule(at: end) {}
        while time < end { step() }
    }

    private func happenDue() {
        while let action = future.popDue(at: time) { action() }
    }

    private func moveTime() -> Bool {
        let due = loops.compactMap(\.nextDueNanoseconds) + (future.nextTime.map { [$0] } ?? [])
        guard let next = due.min() else { return false }
        time = max(time, next)
        return true
    }
}
