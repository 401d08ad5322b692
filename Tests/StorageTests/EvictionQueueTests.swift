// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Storage
@testable import larder_bench

struct EvictionQueueTests {
    /// Gives up entries until the queue is within `room`; answers which, in order.
    private func shrink(_ queue: inout EvictionQueue, to room: Int) -> [UInt32] {
        var victims: [UInt32] = []
        while queue.bytes > room, let victim = queue.victim() {
            queue.giveUp(victim, hash: hash(victim))
            victims.append(victim)
        }
        return victims
    }

    private func hash(_ entry: UInt32) -> UInt64 { larder_bench.SeededGenerator.mixed(UInt64(entry) + 1) }

    @Test("Within 2 points of the best policy on every trace", arguments: 0..<4)
    func nearTheBest(number: Int) throws {
        let ratios = EvictionTable.ratios(on: EvictionTable.traces(scale: 32)[number])
        let best = try #require(ratios.map(\.ratio).max())
        let own = try #require(ratios.last)
        #expect(own.policy == "Larder")
        #expect(own.ratio >= best - 0.02)
    }

    @Test("Those asked for twice outlive a scan of any length")
    func scanResistance() {
        var queue = EvictionQueue()
        for entry in 0..<UInt32(50) {
            queue.insert(entry, hash: hash(entry), charge: 1024)
            queue.touch(entry)
            queue.touch(entry)
        }
        var victims: [UInt32] = []
        for entry in UInt32(50)..<5000 {
            queue.insert(entry, hash: hash(entry), charge: 1024)
            victims += shrink(&queue, to: 100 * 1024)
        }
        #expect(victims.count == 4900)
        #expect(!victims.contains { $0 < 50 })
    }

    @Test("A key that comes back soon after it was given up is not a newcomer")
    func returning() {
        var queue = EvictionQueue()
        for entry in 0..<UInt32(20) { queue.insert(entry, hash: hash(entry), charge: 1024) }
        #expect(shrink(&queue, to: 19 * 1024) == [0])
        queue.insert(0, hash: hash(0), charge: 1024)
        #expect(shrink(&queue, to: 17 * 1024) == [1, 2, 3])
        #expect(!shrink(&queue, to: 2 * 1024).contains(0))
    }

    @Test("Every entry is given up in the end, each once, and the bytes come to nothing")
    func drained() {
        var queue = EvictionQueue()
        var generator = StorageTests.SeededGenerator(state: 7)
        for entry in 0..<UInt32(500) {
            queue.insert(entry, hash: hash(entry), charge: Int.random(in: 1...5000, using: &generator))
            if entry % 3 == 0 { queue.touch(entry / 2) }
        }
        for entry in stride(from: UInt32(0), to: 500, by: 7) { queue.remove(entry) }
        let victims = shrink(&queue, to: 0)
        #expect(Set(victims).count == victims.count)
        #expect(victims.count == 500 - 72)
        #expect(queue.bytes == 0)
        #expect(queue.victim() == nil)
    }
}

struct EvictedKeysTests {
    @Test("The newest are remembered, the oldest forgotten", arguments: [64, 100, 1000])
    func window(capacity: Int) {
        var keys = EvictedKeys()
        keys.setCapacity(capacity)
        let hashes = (0..<UInt64(20 * capacity)).map {
            UInt32(truncatingIfNeeded: larder_bench.SeededGenerator.mixed($0 + 1))
        }
        for hash in hashes { keys.remember(hash) }
        let newest = hashes.suffix(capacity / 4).filter { keys.contains($0) }.count
        let oldest = hashes.prefix(capacity).filter { keys.contains($0) }.count
        #expect(newest >= capacity / 4 * 9 / 10)
        #expect(oldest <= capacity / 50 + 1)
    }

    @Test("Growing forgets nothing")
    func growth() {
        var keys = EvictedKeys()
        keys.setCapacity(16)
        for hash in [UInt32(0x1234_0001), 0xABCD_0002] { keys.remember(hash) }
        keys.setCapacity(10_000)
        #expect(keys.contains(0x1234_0001))
        #expect(keys.contains(0xABCD_0002))
        #expect(!keys.contains(0x5678_0001))
    }
}
