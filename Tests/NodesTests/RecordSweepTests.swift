// SPDX-License-Identifier: Apache-2.0
import Bytes
import Storage
import Testing

@testable import Nodes

struct RecordSweepTests {
    private var sweep = RecordSweep(
        intervalMilliseconds: 1000, batch: 10, lockMilliseconds: 1000, now: Self.time(0))
    private static let around: [UInt8] = [48]

    private static func time(_ milliseconds: Int64) -> Moment {
        Moment(monotonicNanoseconds: milliseconds * 1_000_000, wallNanoseconds: 0)
    }

    private mutating func lock() {
        let first = sweep.timePassed(applied: place(50), now: Self.time(1000))
        let second = sweep.markRead(nil)
        let third = sweep.locked(true, now: Self.time(1001))
        #expect(
            [first, second, third] == [.readMark, .lock(milliseconds: 1000), .scan(cursor: Self.around, count: 10)])
    }

    @Test("It begins when something was applied, and its time has come")
    mutating func begins() {
        let early = sweep.timePassed(applied: place(50), now: Self.time(999))
        let unknown = sweep.timePassed(applied: nil, now: Self.time(1000))
        #expect(early == .wait && unknown == .wait)
        lock()
        let busy = sweep.timePassed(applied: place(60), now: Self.time(5000))
        #expect(busy == .wait)
    }

    @Test("It does not wait for its time when rules are about to be folded, nor goes on without pause")
    mutating func hastens() {
        let calm = sweep.timePassed(applied: place(50), ruleFill: 0.7, now: Self.time(900))
        let early = sweep.timePassed(applied: place(50), ruleFill: 0.8, now: Self.time(124))
        let urgent = sweep.timePassed(applied: place(50), ruleFill: 0.8, now: Self.time(125))
        #expect([calm, early, urgent] == [.wait, .wait, .readMark])
        let done = sweep.markRead(place(50))
        let again = sweep.timePassed(applied: place(51), ruleFill: 0.8, now: Self.time(200))
        let later = sweep.timePassed(applied: place(51), ruleFill: 0.8, now: Self.time(250))
        #expect([done, again, later] == [.wait, .wait, .readMark])
    }

    @Test("One node at a time; what another has swept is not swept again")
    mutating func oneAtATime() {
        let begun = sweep.timePassed(applied: place(50), now: Self.time(1000))
        let done = sweep.markRead(place(50))
        #expect(begun == .readMark && done == .wait && sweep.state == .idle)
        let idle = sweep.timePassed(applied: place(50), now: Self.time(3000))
        #expect(idle == .wait)
        let more = sweep.timePassed(applied: place(51), now: Self.time(3000))
        let wanted = sweep.markRead(place(50))
        let lost = sweep.locked(false, now: Self.time(3001))
        #expect(more == .readMark && wanted == .lock(milliseconds: 1000) && lost == .wait && sweep.state == .idle)
    }

    @Test("The log is cut before what a record or a node still needs (promise 3)", arguments: [(40, 60), (60, 30)])
    mutating func trim(kept: UInt64, needed: UInt64) {
        lock()
        sweep.kept(at(45))
        sweep.kept(at(kept))
        let next = sweep.scanned(cursor: [55], needed: at(needed), now: Self.time(1002))
        #expect(next == .scan(cursor: [55], count: 10))
        let end = sweep.scanned(cursor: Self.around, needed: at(needed), now: Self.time(1003))
        #expect(end == .finish(trimBefore: at(min(45, kept, needed)), mark: place(50)))
        #expect(sweep.state == .idle)
    }

    @Test("Where nothing is left, everything before the sweep may go")
    mutating func empty() {
        lock()
        let end = sweep.scanned(cursor: Self.around, needed: at(70), now: Self.time(1003))
        #expect(end == .finish(trimBefore: at(50), mark: place(50)))
    }

    @Test("It gives up before its lock ends")
    mutating func late() {
        lock()
        let end = sweep.scanned(cursor: Self.around, needed: at(70), now: Self.time(1901))
        #expect(end == .unlock && sweep.state == .idle)
    }
}
