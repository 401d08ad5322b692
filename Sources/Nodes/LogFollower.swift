// SPDX-License-Identifier: Apache-2.0
package import Storage

/// What to ask Redis next; one question at a time.
package enum LogQuestion: Equatable, Sendable {
    /// Entries from this one on, itself included: XRANGE.
    case range(from: SharedEpoch, count: Int)
    /// The log has no entry, or not what was read from it: another has to begin, under another name, which
    /// `connected` hears of.
    case begin
    /// Entries after this one, as soon as there is one: XREAD BLOCK.
    case wait(after: SharedEpoch)
}

/// Why the log is read from its first entry.
package enum LogRestart: String, CaseIterable, Sendable {
    case start
    /// It does not reach back any more to where this node stopped.
    case trimmed
    /// Redis has lost what this node has read: it was emptied, or came back with older data. Or it may have lost what
    /// this node has not read.
    case lost
}

/// What is to be done with what was read, in this order.
package enum LogAction: Equatable, Sendable {
    case ask(LogQuestion)
    /// The log is read anew, from its first entry.
    case restart(LogGeneration, first: SharedEpoch)
    /// It is another log, and holds all that was applied: what is in memory stays.
    case adopt(LogGeneration)
    /// Older than what this process has done.
    case load([PlacedEntry])
    /// All is loaded; what is in memory cannot be related to it.
    case follow(from: SharedEpoch, why: LogRestart)
    case apply([PlacedEntry])
    /// Everything up to the end of the log has been applied.
    case caughtUp
    /// What other nodes have in memory may have been invalidated by entries that are gone: all has to be.
    case invalidateAll
}

/// Reads the shared log and never skips an entry unnoticed. Pure.
///
/// That the entry which was applied last is still there proves that everything after it is there too: entries are
/// removed from the front only. Every connection begins with that proof, and it is repeated whenever the log is quiet.
/// Where it fails, what is in memory is dropped and the log is read from its first entry. No clock is asked: the order
/// is that of Redis' IDs.
///
/// Another log may hold all that was read from the one before, but lack what came after it. Then what is in memory
/// stays only if others have waited for this node all the time: what was confirmed meanwhile, it has applied.
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
    /// The log that `last` is of.
    private var generation = LogGeneration.none
    /// The log that there is.
    private var present = LogGeneration.none
    /// Whether others have waited for this node all the time.
    private var isContinuous = false
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

    /// - Parameters:
    ///   - generation: the log that there is.
    ///   - isContinuous: others have waited for this node since it applied the last entry, and still do.
    package mutating func connected(to generation: LogGeneration, isContinuous: Bool) -> [LogAction] {
        precondition(state == .detached, "one connection at a time")
        isCaughtUp = false
        present = generation
        self.isContinuous = isContinuous
        return applied == nil ? load(.start) : prove()
    }

    package mutating func disconnected() {
        state = .detached
        isCaughtUp = false
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
        if isFirst, isLost(entries, why) {
            if why != .start { isInvalidatingAll = true }
            return [.ask(.begin)]
        }
        // The entry that was the last of the batch before heads this one; without it the log has changed meanwhile.
        guard isFirst || entries.first?.epoch == next else { return load(why) }
        guard let first = entries.first, let last = entries.last else { return load(why) }
        var actions: [LogAction] = []
        if isFirst { actions.append(.restart(present, first: first.epoch)) }
        actions.append(.load(isFirst ? entries : Array(entries.dropFirst())))
        guard entries.count < batch else {
            state = .loading(next: last.epoch, why: why)
            return actions + [.ask(.range(from: last.epoch, count: batch))]
        }
        self.last = last
        generation = present
        actions.append(.follow(from: last.epoch, why: isInvalidatingAll ? .lost : why))
        if isInvalidatingAll { actions.append(.invalidateAll) }
        isInvalidatingAll = false
        return actions + wait(after: last.epoch)
    }

    /// A log is made with its first entry, and keeps some. It is cut at its front: what begins before the last entry
    /// that was applied, and lacks it, is another log under the same name.
    private func isLost(_ entries: [PlacedEntry], _ why: LogRestart) -> Bool {
        guard let first = entries.first else { return true }
        guard let applied, why == .trimmed else { return false }
        return first.epoch <= applied
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
            guard generation != present else { return load(.trimmed) }
            isInvalidatingAll = true
            return load(.lost)
        }
        var actions: [LogAction] = []
        if generation != present {
            guard isContinuous else { return load(.lost) }
            generation = present
            actions.append(.adopt(present))
        }
        actions += apply(entries.dropFirst())
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
