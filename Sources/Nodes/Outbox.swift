// SPDX-License-Identifier: Apache-2.0

/// Invalidations issued here until they have been seen in the log, in the order they were issued. Pure.
///
/// What is written to the log is kept until it was read from there, and what a broken connection may have swallowed is
/// written again: an invalidation that stands twice in the log costs a few more fetches, one that is lost breaks a
/// promise. When too many wait, they become a single one that invalidates everything.
package struct Outbox: Sendable {
    package struct Limits: Sendable {
        package var entries: Int
        package var bytes: Int

        package init(entries: Int = 65_536, bytes: Int = 16 << 20) {
            self.entries = entries
            self.bytes = bytes
        }
    }

    private struct Slot {
        var entry: LogEntry
        var byteCount: Int
        var isSent = false
    }

    /// What an entry invalidates.
    private struct Content: Hashable {
        var isSoft: Bool
        var rules: [NamedRule]

        init(_ entry: LogEntry) {
            isSoft = entry.isSoft
            rules = entry.rules
        }
    }

    /// By `LogEntry.ownEpoch`.
    private var slots: [UInt64: Slot] = [:]
    /// As they were issued; some of them may be gone.
    private var order: ContiguousArray<UInt64> = []
    /// Of those that were never written: the same thing invalidated again takes the place of the earlier.
    private var waiting: [Content: UInt64] = [:]
    private var byteCount = 0
    private var isOpen = false
    private let limits: Limits
    /// How often too many waited.
    package private(set) var collapses: UInt64 = 0

    package init(limits: Limits = Limits()) {
        precondition(limits.entries > 0)
        self.limits = limits
    }

    /// Written or not, those that were not seen in the log yet.
    package var count: Int { slots.count }

    /// The log is read to its end: answers what is to be written now, oldest first.
    package mutating func opened() -> [LogEntry] {
        isOpen = true
        waiting = [:]
        var entries: [LogEntry] = []
        for own in order where slots[own] != nil {
            slots[own]?.isSent = true
            if let slot = slots[own] { entries.append(slot.entry) }
        }
        return entries
    }

    /// Nothing can be written; what is under way may be lost.
    package mutating func closed() { isOpen = false }

    package mutating func add(_ entry: LogEntry) -> OutboxAction {
        var action = isOpen ? OutboxAction.write : .wait
        if !isOpen {
            if let earlier = waiting.updateValue(entry.ownEpoch, forKey: Content(entry)) {
                remove(earlier)
                action = .replaced(earlier)
            }
        }
        let size = entry.rules.reduce(64) { $0 + $1.text.count + 32 }
        put(Slot(entry: entry, byteCount: size, isSent: isOpen))
        guard slots.count > limits.entries || byteCount > limits.bytes else { return action }
        return collapse(into: entry)
    }

    /// It was read from the log.
    package mutating func seen(_ ownEpoch: UInt64) {
        guard let slot = slots[ownEpoch] else { return }
        if !slot.isSent { waiting[Content(slot.entry)] = nil }
        remove(ownEpoch)
    }

    private mutating func put(_ slot: Slot) {
        slots[slot.entry.ownEpoch] = slot
        order.append(slot.entry.ownEpoch)
        byteCount += slot.byteCount
    }

    private mutating func remove(_ ownEpoch: UInt64) {
        guard let slot = slots.removeValue(forKey: ownEpoch) else { return }
        byteCount -= slot.byteCount
        guard order.count > 2 * slots.count + 16 else { return }
        order.removeAll { slots[$0] == nil }
    }

    /// One with the newest epoch stands for all of them; they have been applied here, each when it was issued.
    private mutating func collapse(into newest: LogEntry) -> OutboxAction {
        let highest = order.reduce(newest.ownEpoch) { max($0, $1) }
        let all = LogEntry(
            node: newest.node, ownEpoch: highest, isSoft: false, wantsConfirmation: false, rules: [.all])
        collapses += 1
        slots = [:]
        order = []
        waiting = [:]
        byteCount = 0
        put(Slot(entry: all, byteCount: 96, isSent: isOpen))
        return isOpen ? .collapsedAndWrite(all) : .collapsed(upTo: highest)
    }
}

/// What becomes of an entry that was just issued.
package enum OutboxAction: Equatable, Sendable {
    /// Write it to the log now.
    case write
    /// It waits until the log can be written to.
    case wait
    /// It waits, in the place of an earlier one that says the same.
    case replaced(UInt64)
    /// Everything waits as one that invalidates everything, which has the newest epoch.
    case collapsed(upTo: UInt64)
    /// The same, and it is to be written now.
    case collapsedAndWrite(LogEntry)
}
