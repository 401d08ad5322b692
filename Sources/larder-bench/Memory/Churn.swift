// SPDX-License-Identifier: Apache-2.0
import Glibc
import Storage
import Synchronization

/// Threads store objects of 100 bytes to 1 MB without end, in phases of different sizes, while the process is
/// watched from outside as the kernel sees it.
struct Churn {
    let memoryBytes: Int
    let seconds: Int
    let threads: Int

    func run() {
        let store = MemoryStore(
            limitBytes: memoryBytes,
            residentCeilingBytes: MemoryGovernor.ceilingBytes(configuredBytes: memoryBytes))
        let isOver = Atomic<Bool>(false)
        let start = ContinuousClock.now
        var highest = 0
        withThreads(threads, { number in Self.store(into: store, seed: UInt64(number), since: start, until: isOver) }) {
            var governor = MemoryGovernor(configuredBytes: memoryBytes)
            for tick in 1...seconds * 20 {
                usleep(50_000)
                guard let resident = ProcessMemory.residentBytes() else { continue }
                highest = max(highest, resident)
                guard tick % 5 == 0 else { continue }
                let advice = governor.measured(accountedBytes: store.accountedBytes, residentBytes: resident)
                var trimTime: Int64 = 0
                if advice.shouldTrim { trimTime = nanoseconds(ContinuousClock().measure { ProcessMemory.trim() }) }
                store.setLimit(bytes: advice.limitBytes)
                if tick % 20 == 0 || advice.shouldTrim { printLine(tick / 20, resident, store, trimTime) }
            }
            isOver.store(true, ordering: .relaxed)
        }
        let bound = memoryBytes * 12 / 10 + (32 << 20)
        print("highest:", highest >> 20, "MB, bound:", bound >> 20, "MB, ratio:", Double(highest) / Double(memoryBytes))
        print(highest <= bound ? "within the bound" : "BEYOND THE BOUND")
    }

    private func printLine(_ second: Int, _ resident: Int, _ store: MemoryStore, _ trimTime: Int64) {
        let statistics = store.statistics
        print(
            second, "s resident", resident >> 20, "MB, accounted", statistics.bytes >> 20, "MB, limit",
            statistics.limitBytes >> 20, "MB, entries", statistics.entries, "inserts", statistics.inserts, "trim",
            trimTime / 1000, "us")
    }

    private static func store(
        into store: MemoryStore, seed: UInt64, since start: ContinuousClock.Instant,
        until isOver: borrowing Atomic<Bool>
    ) {
        var generator = SeededGenerator(seed: seed)
        var number = Int(seed) << 40
        while !isOver.load(ordering: .relaxed) {
            let phase = (ContinuousClock.now - start).components.seconds / 5 % 4
            for _ in 0..<100 {
                number += 1
                let bytes = size(phase: phase, &generator)
                let response = SampleResponse(number).sealed(bodyBytes: bytes, isLengthKnown: number % 2 == 0)
                precondition(store.insert(response) != .invalidated)
            }
        }
    }

    /// Even in the logarithm over the whole range, or only its lower, upper or middle part.
    private static func size(phase: Int64, _ generator: inout SeededGenerator) -> Int {
        let (low, high) = phase == 0 ? (0.0, 1.0) : phase == 1 ? (0.0, 0.4) : phase == 2 ? (0.6, 1.0) : (0.3, 0.7)
        return Int(100 * pow(10_485, low + (high - low) * generator.nextUnit()))
    }
}

/// Runs `work` on each of `count` threads while `meanwhile` runs here, and waits for all of them.
private func withThreads(_ count: Int, _ work: @escaping @Sendable (Int) -> Void, _ meanwhile: () -> Void) {
    final class Job: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var threads: [pthread_t] = []
    for number in 0..<count {
        var thread = pthread_t()
        let job = unsafe Unmanaged.passRetained(Job { work(number) }).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                if let context = unsafe context { unsafe Unmanaged<Job>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, job)
        precondition(result == 0)
        threads.append(thread)
    }
    meanwhile()
    for thread in threads { pthread_join(thread, nil) }
}
