// SPDX-License-Identifier: Apache-2.0
package import Storage

/// What to ask Redis next; one question at a time.
package enum LogQuestion: Equatable, Sendable {
    /// Entries from this one on, itself included: XRANGE.
    case range(from: SharedEpoch, count: Int)
    /// The log has no entry: write one that says nothing, so that there is a place to begin at.
    case begin
    /// Entries after this one, as soon as there is one: XREAD BLOCK.
    case wait(after: SharedEpoch)
}

/// Why the log is read from its first entry.
package enum LogRestart: String, CaseIterable, Sendable {
    case start
    /// It does not reach back any more to where this node stopped.
    case trimmed
    /// Redis has lost what this node has read: it was emptied, or came back with older data.
    case lost
}

/// What is to be done with what was read, in this order.
package enum LogAction: Equatable, Sendable {
    case ask(LogQuestion)
    /// The log is read anew, from its first entry.
    case restart(first: SharedEpoch)
    /// Older than what this process has done.
    case load([PlacedEntry])
    /// All is loaded; what is in memory cannot be related to it.
    case follow(from: SharedEpoch, why: LogRestart)
    case apply([PlacedEntry])
    /// Everything up to the end of the log has been applied.
    case caughtUp
    /// Records in Redis may come from a log that is gone: all of them have to be invalidated.
    case invalidateAll
}

/// Reads the shared log and never skips an entry unnoticed. Pure.
///
/// That the entry which was applied last is still there proves that everything after it is there too: entries are
/// removed from the front only. Every connection begins with that proof, and it is repeated whenever the log is quiet.
/// Where it fails, what is in memory is dropped and the log is read from its first entry. No clock is asked: the order
/// is that of Redis' IDs, and a log whose IDs went back is another log.
package struct LogFollower: Sendable {
    package enum State: Equatable, Sendable {
        /// Left by `connected`.
        case detached
        /// Reads the log for the first time, or anew. Left by the last entry for .following.
        case loading(next: SharedEpoch, why: LogRestart)
        /// Makes sure that the last applied entry is there and reads on from it. Left for .following, or .loading.
        case proving
        /// Waits for the next entry.
        case following
    }

    package private(set) var state = State.detached
    /// The last entry that was applied; nil before the log was read for the first time.
    private var last: PlacedEntry?
    /// How many entries are asked for at once.
    private let batch: Int
    /// Whether the log has been read to its end since the connection was made.
    package private(set) var isCaughtUp = false
    private var isInvalidatingAll = false

    package var applied: SharedEpoch? { last?.epoch }

    package init(batch: Int = 128) {
        precondition(batch > 1)
        self.batch = batch
    }

    package mutating func connected() -> [LogAction] {
        precondition(state == .detached, "one connection at a time")
        isCaughtUp = false
        return applied == nil ? load(.start) : prove()
    }

    package mutating func disconnected() {
        state = .detached
        isCaughtUp = false
    }

    /// The log has an entry now.
    package mutating func begun() -> [LogAction] {
        guard case .loading(.zero, let why) = state else { return [] }
        return load(why)
    }

    /// The answer to the last question but `begin`; none when nothing came in time.
    package mutating func entriesRead(_ entries: [PlacedEntry]) -> [LogAction] {
        switch state {
        case .detached: return []
        case .loading(let next, let why): return loaded(entries, from: next, why)
        case .proving: return proved(entries)
        case .following: return followed(entries)
        }
    }

    // MARK: Loading

    private mutating func load(_ why: LogRestart) -> [LogAction] {
        state = .loading(next: .zero, why: why)
        return [.ask(.range(from: .zero, count: batch))]
    }

    private mutating func loaded(_ entries: [PlacedEntry], from next: SharedEpoch, _ why: LogRestart) -> [LogAction] {
        let isFirst = next == .zero
        if isFirst, entries.isEmpty {
            if why != .start { isInvalidatingAll = true }
            return [.ask(.begin)]
        }
        // The entry that was the last of the batch before heads this one; without it the log has changed meanwhile.
        guard isFirst || entries.first?.epoch == next else { return load(why) }
        guard let first = entries.first, let last = entries.last else { return load(why) }
        var actions: [LogAction] = []
        if isFirst {
            actions.append(.restart(first: first.epoch))
            // An older log that ends before, or lacks, what was read from it once is not the same.
            if let applied, why != .start, first.epoch <= applied { isInvalidatingAll = true }
        }
        actions.append(.load(isFirst ? entries : Array(entries.dropFirst())))
        guard entries.count < batch else {
            state = .loading(next: last.epoch, why: why)
            return actions + [.ask(.range(from: last.epoch, count: batch))]
        }
        self.last = last
        actions.append(.follow(from: last.epoch, why: isInvalidatingAll ? .lost : why))
        if isInvalidatingAll { actions.append(.invalidateAll) }
        isInvalidatingAll = false
        return actions + wait(after: last.epoch)
    }

    private mutating func wait(after epoch: SharedEpoch) -> [LogAction] {
        state = .following
        let wasCaughtUp = isCaughtUp
        isCaughtUp = true
        return (wasCaughtUp ? [] : [.caughtUp]) + [.ask(.wait(after: epoch))]
    }

    // MARK: Following

    private mutating func prove() -> [LogAction] {
        state = .proving
        return [.ask(.range(from: applied ?? .zero, count: batch))]
    }

    private mutating func proved(_ entries: [PlacedEntry]) -> [LogAction] {
        // Not by its ID alone: a clock that was set back may have given it to another.
        guard let newest = entries.last, entries.first == last else {
            isCaughtUp = false
            return load(.trimmed)
        }
        let actions = apply(entries.dropFirst())
        return actions + (entries.count < batch ? wait(after: newest.epoch) : prove())
    }

    private mutating func followed(_ entries: [PlacedEntry]) -> [LogAction] {
        // Quiet, or so many that the log may be trimmed while they are read: the proof is due.
        guard !entries.isEmpty, entries.count < batch else { return apply(entries[...]) + prove() }
        return apply(entries[...]) + wait(after: entries[entries.count - 1].epoch)
    }

    private mutating func apply(_ entries: ArraySlice<PlacedEntry>) -> [LogAction] {
        guard let last = entries.last else { return [] }
        self.last = last
        return [.apply(Array(entries))]
    }
}
