// SPDX-License-Identifier: Apache-2.0
import Storage

/// The store's own policy, the very code.
struct ProductSimulator: CacheSimulator {
    static let name = "Larder"
    private var queue = EvictionQueue()
    private var isStored: ContiguousArray<Bool>
    private var bytes = 0
    private let trace: Trace

    init(_ trace: Trace) {
        self.trace = trace
        isStored = ContiguousArray(repeating: false, count: trace.keyCount)
    }

    mutating func request(_ key: UInt32, size: Int) -> Bool {
        if isStored[Int(key)] {
            queue.touch(key)
            return true
        }
        queue.insert(key, hash: hash(key), charge: size)
        isStored[Int(key)] = true
        bytes += size
        while bytes > trace.capacity, let victim = queue.victim() {
            queue.giveUp(victim, hash: hash(victim))
            isStored[Int(victim)] = false
            bytes -= trace.size(of: victim)
        }
        return false
    }

    private func hash(_ key: UInt32) -> UInt64 { SeededGenerator.mixed(UInt64(key)) }
}
