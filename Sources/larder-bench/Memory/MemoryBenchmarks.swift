// SPDX-License-Identifier: Apache-2.0
import Bytes
import Glibc
import HTTPMessages
import Storage

/// Time and memory of the store with many entries.
struct MemoryBenchmarks {
    private let moment = Moment(monotonicNanoseconds: 0, wallNanoseconds: 0)
    private let request = Fields()

    /// A warm lookup in a small store.
    func lookUp() {
        let store = MemoryStore(limitBytes: 256 << 20)
        let samples = (0..<1000).map { SampleResponse($0) }
        for sample in samples { precondition(store.insert(sample.sealed(bodyBytes: 1400)) == .stored) }
        var scratch = ByteBuffer()
        for _ in 0..<3 {
            var found = 0
            let rounds = 2000
            let start = clock()
            for _ in 0..<rounds {
                for sample in samples where isFound(sample, in: store, &scratch) { found += 1 }
            }
            let microseconds = (clock() - start) * 1_000_000 / Int(CLOCKS_PER_SEC)
            print("lookup:", microseconds * 1000 / (rounds * samples.count), "ns of processor time,", found, "found")
        }
    }

    /// What an entry costs beyond its key, head and body.
    func overhead(entries: Int, bodyBytes: Int) {
        let store = MemoryStore(limitBytes: 8 << 30)
        guard let before = ProcessMemory.residentBytes() else { return }
        var payload = 0
        for number in 0..<entries {
            let sample = SampleResponse(number)
            payload += sample.key.count + SampleResponse.head.count + bodyBytes
            precondition(store.insert(sample.sealed(bodyBytes: bodyBytes)) == .stored)
        }
        guard let after = ProcessMemory.residentBytes() else { return }
        print("entries:", entries, "payload:", payload / entries, "bytes each")
        print("resident beyond payload:", (after - before - payload) / entries, "bytes each")
        print("accounted beyond payload:", (store.accountedBytes - payload) / entries, "bytes each")
    }

    /// How long invalidations take, and lookups after them.
    func invalidate(entries: Int) throws {
        let store = MemoryStore(limitBytes: 8 << 30)
        for number in 0..<entries {
            precondition(store.insert(SampleResponse(number).sealed(bodyBytes: 64)) == .stored)
        }
        printLookUpTimes("before", store, entries)
        let pattern = URLPattern(try Glob("/api/v1/products/*77"))
        for kind in [InvalidationRule.Target.pattern(pattern), .tag(hash: 5), .all] {
            let time = ContinuousClock().measure { store.invalidate([InvalidationRule(kind, isSoft: true)]) }
            print("invalidate:", nanoseconds(time), "ns")
            printLookUpTimes("after ", store, entries)
        }
        store.invalidate([InvalidationRule(.pattern(pattern))])
        var slowest: Int64 = 0
        let start = ContinuousClock.now
        var isDone = false
        while !isDone {
            let time = ContinuousClock().measure { isDone = store.sweep(maximumEntries: 256) }
            slowest = max(slowest, nanoseconds(time))
        }
        print("sweep of all:", nanoseconds(ContinuousClock.now - start) / 1000, "us, slowest batch", slowest, "ns")
        print("invalidated:", store.statistics.invalidated)
    }

    private func printLookUpTimes(_ name: String, _ store: MemoryStore, _ entries: Int) {
        var scratch = ByteBuffer()
        var generator = SeededGenerator(seed: 9)
        var times: [Int64] = []
        for _ in 0..<200_000 {
            let sample = SampleResponse(Int(generator.next() % UInt64(entries)))
            let time = ContinuousClock().measure { _ = isFound(sample, in: store, &scratch) }
            times.append(nanoseconds(time))
        }
        times.sort()
        let (middle, high) = (times[times.count / 2], times[times.count * 99 / 100])
        print("lookups", name, "p50", middle, "ns, p99", high, "ns, slowest", times[times.count - 1], "ns")
    }

    private func isFound(_ sample: SampleResponse, in store: MemoryStore, _ scratch: inout ByteBuffer) -> Bool {
        let result = store.lookUp(
            key: sample.key.span, hash: sample.hash, request: request, scratch: &scratch, now: moment)
        guard case .found = result else { return false }
        return true
    }
}
