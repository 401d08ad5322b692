// SPDX-License-Identifier: Apache-2.0
import Bytes
import Storage
import Testing

@testable import Nodes

struct OutboxTests {
    @Test("While the log can be written to, everything goes at once, and is kept until it was read back")
    func open() {
        var outbox = Outbox()
        #expect(outbox.opened() == [])
        #expect(outbox.add(tagEntry(1)) == .write)
        #expect(outbox.add(tagEntry(2)) == .write)
        #expect(outbox.count == 2)
        outbox.seen(1)
        outbox.seen(1)
        outbox.seen(99)
        #expect(outbox.count == 1)
    }

    @Test("What was made during an outage is replayed in order (promise 5)")
    func replay() {
        var outbox = Outbox()
        for own in 1...100 as ClosedRange<UInt64> { #expect(outbox.add(tagEntry(own, "\(own)")) == .wait) }
        #expect(outbox.opened().map(\.ownEpoch) == Array(1...100))
    }

    @Test("What a lost connection may have swallowed is written again, before what came later")
    func again() {
        var outbox = Outbox()
        _ = outbox.opened()  // nothing waits
        #expect(outbox.add(tagEntry(1, "a")) == .write)
        #expect(outbox.add(tagEntry(2, "b")) == .write)
        outbox.closed()
        #expect(outbox.add(tagEntry(3, "a")) == .wait)
        outbox.seen(1)
        #expect(outbox.opened().map(\.ownEpoch) == [2, 3])
    }

    @Test("The same thing invalidated again waits once, at its later place")
    func replaced() {
        var outbox = Outbox()
        #expect(outbox.add(tagEntry(1, "a")) == .wait)
        #expect(outbox.add(tagEntry(2, "b")) == .wait)
        #expect(outbox.add(tagEntry(3, "a")) == .replaced(1))
        #expect(outbox.opened().map(\.ownEpoch) == [2, 3])
    }

    @Test("When too many wait, one that invalidates everything stands for them (promises 3 and 7)")
    func collapse() {
        var outbox = Outbox(limits: .init(entries: 3))
        for own in 1...3 as ClosedRange<UInt64> { #expect(outbox.add(tagEntry(own, "\(own)")) == .wait) }
        #expect(outbox.add(tagEntry(4, "4")) == .collapsed(upTo: 4))
        #expect(outbox.add(tagEntry(5, "5")) == .wait)
        let waiting = outbox.opened()
        #expect(waiting.map(\.ownEpoch) == [4, 5] && waiting[0].rules == [.all] && outbox.collapses == 1)
    }

    @Test("So does it when their texts are too long")
    func bytes() {
        var outbox = Outbox(limits: .init(bytes: 1000))
        _ = outbox.opened()  // nothing waits
        #expect(outbox.add(tagEntry(1, String(repeating: "a", count: 800))) == .write)
        guard case .collapsedAndWrite(let all) = outbox.add(tagEntry(2, String(repeating: "b", count: 800))) else {
            Issue.record("expected one for all")
            return
        }
        #expect(all.rules == [.all] && all.ownEpoch == 2)
    }

    @Test("Ten thousand that wait are written and seen in little time")
    func many() {
        var outbox = Outbox()
        for own in 1...10_000 as ClosedRange<UInt64> { #expect(outbox.add(tagEntry(own, "\(own)")) == .wait) }
        #expect(outbox.opened().count == 10_000)
        for own in 1...10_000 as ClosedRange<UInt64> { outbox.seen(own) }
        #expect(outbox.count == 0)
    }
}
