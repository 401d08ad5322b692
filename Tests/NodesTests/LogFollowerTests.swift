// SPDX-License-Identifier: Apache-2.0
import Bytes
import Storage
import Testing

@testable import Nodes

func at(_ milliseconds: UInt64) -> SharedEpoch { SharedEpoch(milliseconds: milliseconds, sequence: 0) }

let firstLog = LogGeneration(number: 1)
let secondLog = LogGeneration(number: 2)

func place(_ milliseconds: UInt64, in log: LogGeneration = firstLog) -> RecordEpoch {
    RecordEpoch(generation: log, epoch: at(milliseconds))
}

func tagEntry(_ own: UInt64, _ tag: String = "red", node: String = "n1") -> LogEntry {
    LogEntry(
        node: node, ownEpoch: own, isSoft: false, wantsConfirmation: false,
        rules: [NamedRule(.tag, Array(tag.utf8))])
}

func placed(_ milliseconds: UInt64, node: String = "n1") -> PlacedEntry {
    PlacedEntry(at(milliseconds), tagEntry(milliseconds, node: node))
}

struct LogFollowerTests {
    private static func following(upTo last: UInt64 = 12, batch: Int = 4) -> LogFollower {
        var follower = LogFollower(batch: batch)
        _ = follower.connected(to: firstLog, isContinuous: true)  // asks for the first entries
        _ = follower.entriesRead([placed(10), placed(last)])  // tested below
        return follower
    }

    @Test("The first time, the whole log is loaded before it is followed")
    func start() {
        var follower = LogFollower(batch: 2)
        #expect(follower.connected(to: firstLog, isContinuous: true) == [.ask(.range(from: .zero, count: 2))])
        #expect(
            follower.entriesRead([placed(10), placed(11)]) == [
                .restart(firstLog, first: at(10)), .load([placed(10), placed(11)]),
                .ask(.range(from: at(11), count: 2)),
            ])
        #expect(
            follower.entriesRead([placed(11), placed(12)]) == [
                .load([placed(12)]), .ask(.range(from: at(12), count: 2)),
            ])
        #expect(
            follower.entriesRead([placed(12)]) == [
                .load([]), .follow(from: at(12), why: .start), .caughtUp, .ask(.wait(after: at(12))),
            ])
        #expect(follower.isCaughtUp)
    }

    @Test("A log without an entry is given one, so that there is a place to begin at")
    func empty() {
        var follower = LogFollower(batch: 2)
        #expect(follower.connected(to: firstLog, isContinuous: true) == [.ask(.range(from: .zero, count: 2))])
        #expect(follower.entriesRead([]) == [.ask(.begin)])
        follower.disconnected()
        #expect(
            follower.connected(to: firstLog, isContinuous: true) == [.ask(.range(from: .zero, count: 2))])
        #expect(follower.entriesRead([placed(5)]).contains(.follow(from: at(5), why: .start)))
    }

    @Test("Entries are applied as they come; after a quiet while the last one must still be there")
    func following() {
        var follower = Self.following()
        #expect(follower.entriesRead([placed(13)]) == [.apply([placed(13)]), .ask(.wait(after: at(13)))])
        #expect(follower.entriesRead([]) == [.ask(.range(from: at(13), count: 4))])
        #expect(
            follower.entriesRead([placed(13), placed(14)]) == [.apply([placed(14)]), .ask(.wait(after: at(14)))])
    }

    @Test("Many entries at once are read by ranges, each of which proves that none is missing")
    func lagging() {
        var follower = Self.following(batch: 3)
        let many = [placed(13), placed(14), placed(15)]
        #expect(follower.entriesRead(many) == [.apply(many), .ask(.range(from: at(15), count: 3))])
        #expect(
            follower.entriesRead([placed(15), placed(16), placed(17)])
                == [.apply([placed(16), placed(17)]), .ask(.range(from: at(17), count: 3))])
        #expect(follower.entriesRead([placed(17)]) == [.ask(.wait(after: at(17)))])
    }

    @Test("After an outage it catches up, and tells when it has (promise 3)")
    func outage() {
        var follower = Self.following()
        follower.disconnected()
        #expect(!follower.isCaughtUp)
        #expect(follower.connected(to: firstLog, isContinuous: true) == [.ask(.range(from: at(12), count: 4))])
        #expect(
            follower.entriesRead([placed(12), placed(13)]) == [
                .apply([placed(13)]), .caughtUp, .ask(.wait(after: at(13))),
            ])
    }

    @Test("A log trimmed past the last entry is read anew, and memory dropped (promise 3)")
    func trimmed() {
        var follower = Self.following()
        follower.disconnected()
        _ = follower.connected(to: firstLog, isContinuous: true)  // asks for the proof
        #expect(follower.entriesRead([placed(20)]) == [.ask(.range(from: .zero, count: 4))])
        #expect(
            follower.entriesRead([placed(15), placed(20)]) == [
                .restart(firstLog, first: at(15)), .load([placed(15), placed(20)]),
                .follow(from: at(20), why: .trimmed),
                .caughtUp, .ask(.wait(after: at(20))),
            ])
    }

    @Test("A log that has lost what was read from it ends, and everything is void on all nodes (promise 3)")
    func rolledBack() {
        var follower = Self.following()
        _ = follower.entriesRead([])  // asks for the proof
        #expect(follower.entriesRead([]) == [.ask(.range(from: .zero, count: 4))])
        #expect(follower.entriesRead([placed(10), placed(11)]) == [.ask(.begin)])
        follower.disconnected()
        #expect(
            follower.connected(to: secondLog, isContinuous: true) == [.ask(.range(from: at(12), count: 4))])
        #expect(follower.entriesRead([]) == [.ask(.range(from: .zero, count: 4))])
        #expect(
            follower.entriesRead([placed(10), placed(11)]) == [
                .restart(secondLog, first: at(10)), .load([placed(10), placed(11)]),
                .follow(from: at(11), why: .lost), .invalidateAll, .caughtUp, .ask(.wait(after: at(11))),
            ])
    }

    @Test("A log that was emptied ends, and everything is void on all nodes")
    func emptied() {
        var follower = Self.following()
        _ = follower.entriesRead([])  // asks for the proof
        _ = follower.entriesRead([])  // reads from the first entry
        #expect(follower.entriesRead([]) == [.ask(.begin)])
        follower.disconnected()
        _ = follower.connected(to: secondLog, isContinuous: true)  // asks for the proof
        _ = follower.entriesRead([])  // reads from the first entry
        let actions = follower.entriesRead([placed(3)])
        #expect(actions.contains(.invalidateAll) && actions.contains(.follow(from: at(3), why: .lost)))
    }

    @Test("Another log that holds what was applied is followed on, if others have waited all the time (promise 3)")
    func adopted() {
        var follower = Self.following()
        follower.disconnected()
        _ = follower.connected(to: secondLog, isContinuous: true)  // asks for the proof
        #expect(
            follower.entriesRead([placed(12), placed(13)]) == [
                .adopt(secondLog), .apply([placed(13)]), .caughtUp, .ask(.wait(after: at(13))),
            ])
        #expect(follower.entriesRead([]) == [.ask(.range(from: at(13), count: 4))])
        #expect(follower.entriesRead([placed(13)]) == [.ask(.wait(after: at(13)))])
    }

    @Test("Another log may lack what was confirmed while nobody waited for this node: memory is dropped (promise 3)")
    func adoptedAfterAGap() {
        var follower = Self.following()
        follower.disconnected()
        _ = follower.connected(to: secondLog, isContinuous: false)  // asks for the proof
        #expect(follower.entriesRead([placed(12), placed(13)]) == [.ask(.range(from: .zero, count: 4))])
        #expect(
            follower.entriesRead([placed(12), placed(13)]) == [
                .restart(secondLog, first: at(12)), .load([placed(12), placed(13)]),
                .follow(from: at(13), why: .lost), .caughtUp, .ask(.wait(after: at(13))),
            ])
    }

    @Test("Another log that lacks what was applied is read anew, and everything is void on all nodes (promise 3)")
    func replaced() {
        var follower = Self.following()
        follower.disconnected()
        _ = follower.connected(to: secondLog, isContinuous: true)  // asks for the proof
        #expect(follower.entriesRead([placed(20)]) == [.ask(.range(from: .zero, count: 4))])
        #expect(
            follower.entriesRead([placed(20)]) == [
                .restart(secondLog, first: at(20)), .load([placed(20)]), .follow(from: at(20), why: .lost),
                .invalidateAll, .caughtUp, .ask(.wait(after: at(20))),
            ])
    }

    @Test("Another entry under the same ID is not the same log: clocks go back, IDs with them")
    func sameID() {
        var follower = Self.following()
        _ = follower.entriesRead([])  // asks for the proof
        #expect(follower.entriesRead([placed(12, node: "n2")]) == [.ask(.range(from: .zero, count: 4))])
    }
}

struct LogEntryTests {
    @Test("What one node writes another reads", arguments: [true, false])
    func roundTrip(isSoft: Bool) {
        let rules = NamedRule.Kind.allCases.map { NamedRule($0, $0 == .all ? [] : [0, 13, 10, 255, 32]) }
        var entry = LogEntry(
            node: "5f", ownEpoch: .max, isSoft: isSoft, wantsConfirmation: !isSoft, rules: rules)
        #expect(LogEntry(fields: entry.fields) == entry)
        entry.by = "127.0.0.1:4711"
        #expect(LogEntry(fields: entry.fields) == entry)
    }

    @Test(
        "What is not understood is taken to mean everything (promise 3)",
        arguments: [
            [], ["node"], ["node", "a", "own", "x"], ["tag", "red"], ["node", "a", "own", "1", "domain", "x"],
            ["node", "a", "own", "1", "soft", "1", "new", ""],
        ])
    func foreign(fields: [String]) {
        let entry = LogEntry(fields: fields.map { Array($0.utf8) })
        #expect(!entry.isUnderstood && !entry.isSoft && entry.rules == [.all])
    }

    @Test("A glob that is none is taken to mean everything")
    func badGlob() throws {
        let rules = [NamedRule(.glob, Array("/a\\".utf8))].rules(isSoft: true, hasher: ByteHasher(seed: 1))
        guard case .all = try #require(rules.first).target else {
            Issue.record("expected a rule for everything")
            return
        }
        #expect(rules.count == 1 && !rules[0].isSoft)
    }
}
