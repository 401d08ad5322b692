// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Storage

struct MemoryGovernorTests {
    private let megabyte = 1 << 20

    @Test("While the process is small the limit is the configured one")
    func quiet() {
        var governor = MemoryGovernor(configuredBytes: 256 * megabyte)
        let advice = governor.measured(accountedBytes: 256 * megabyte, residentBytes: 270 * megabyte)
        #expect(advice == MemoryGovernor.Advice(limitBytes: 256 * megabyte, shouldTrim: false))
    }

    @Test("Idle memory is asked back first, then entries pay, then the limit comes back slowly")
    func pressed() {
        var governor = MemoryGovernor(configuredBytes: 256 * megabyte)
        var advice = governor.measured(accountedBytes: 250 * megabyte, residentBytes: 340 * megabyte)
        #expect(advice == MemoryGovernor.Advice(limitBytes: 256 * megabyte, shouldTrim: true))
        advice = governor.measured(accountedBytes: 250 * megabyte, residentBytes: 340 * megabyte)
        #expect(!advice.shouldTrim)
        #expect(advice.limitBytes < 220 * megabyte)
        let pressedLimit = advice.limitBytes
        advice = governor.measured(accountedBytes: pressedLimit, residentBytes: 260 * megabyte)
        #expect(advice.limitBytes == pressedLimit + 8 * megabyte)
        for _ in 0..<40 { advice = governor.measured(accountedBytes: 0, residentBytes: 100 * megabyte) }
        #expect(advice.limitBytes == 256 * megabyte)
    }

    @Test("A quarter of the memory is left to the store whatever happens")
    func floor() {
        var governor = MemoryGovernor(configuredBytes: 256 * megabyte)
        for _ in 0..<5 {
            let advice = governor.measured(accountedBytes: 10 * megabyte, residentBytes: 2000 * megabyte)
            #expect(advice.limitBytes >= 64 * megabyte)
        }
    }

    @Test("Above its ceiling the process stores nothing until that is over")
    func ceiling() {
        let store = MemoryStore(limitBytes: 64 << 20, residentCeilingBytes: 1)
        var outcome = InsertOutcome.stored
        for number in 0..<40 where outcome == .stored {
            outcome = store.insert(makeResponse("/\(number)", body: [UInt8](repeating: 0, count: 60_000)))
        }
        #expect(outcome == .notAdmitted)
        #expect((ProcessMemory.residentBytes() ?? 0) > 1 << 20)
    }
}

struct HashIndexTests {
    @Test("Entries with equal tags are all found, and removal loses none", arguments: 1...4)
    func chains(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var index = HashIndex()
        var tags: [UInt32: UInt32] = [:]
        for entry in UInt32(0)..<3000 {
            // Few tags, side by side, so that runs are long and wrap around.
            let tag = UInt32(truncatingIfNeeded: generator.next() % 64) &- 32
            index.insert(entry, tag: tag)
            tags[entry] = tag
            if entry % 3 == 2, let victim = tags.keys.min(), let tag = tags.removeValue(forKey: victim) {
                index.remove(at: slot(of: victim, tag: tag, in: index) ?? -1)
            }
        }
        #expect(index.count == tags.count)
        #expect(tags.allSatisfy { slot(of: $0.key, tag: $0.value, in: index) != nil })
    }

    private func slot(of entry: UInt32, tag: UInt32, in index: HashIndex) -> Int? {
        var slot = index.firstSlot(for: tag)
        while let (found, at) = index.nextEntry(tagged: tag, from: slot) {
            if found == entry { return at }
            slot = at + 1
        }
        return nil
    }
}
