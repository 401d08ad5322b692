// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Synchronization
import Testing

@testable import Storage

private func pattern(_ range: Range<Int>) -> [UInt8] { range.map { UInt8(truncatingIfNeeded: $0 &* 31) } }

/// Several threads at once; meant for the thread sanitizer too.
struct StorageStressTests {
    /// Runs `work` on `count` threads and waits for all of them.
    private func onThreads(_ count: Int, _ work: @escaping @Sendable (Int) -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<count { group.addTask { work(number) } }
        }
    }

    @Test("Under contention every answer is the key's own and none is older than an invalidation (promises 2 and 3)")
    func store() async {
        let store = MemoryStore(limitBytes: 2 << 20, shardCount: 2)
        let wrong = Atomic<Int>(0)
        let found = Atomic<Int>(0)
        await onThreads(4) { number in
            var generator = SeededGenerator(state: UInt64(number))
            for step in 0..<4000 {
                let key = "GET h/\(generator.next() % 50)"
                switch step % 8 {
                case 0:
                    let body = bytes(key) + [UInt8](repeating: 0, count: Int(generator.next() % 60_000))
                    let outcome = store.insert(makeResponse(key, epoch: store.currentEpoch, body: body))
                    if outcome == .tooLarge { wrong.add(1, ordering: .relaxed) }
                case 1 where step % 64 == 1:
                    store.invalidate([InvalidationRule(.key(bytes(key), hash: testHash(key)))])
                case 2 where step % 128 == 2:
                    store.invalidate([InvalidationRule(.pattern(URLPattern(prefix: bytes("/\(step % 5)").span)))])
                case 3 where step % 16 == 3: _ = store.sweep(maximumEntries: 10)  // done or not
                case 4 where step % 512 == 4: store.setLimit(bytes: (1 << 20) + step % 3 << 19)
                default:
                    let epoch = store.currentEpoch
                    guard case .found(let response, _) = store.find(key) else { continue }
                    found.add(1, ordering: .relaxed)
                    let tags = [UInt64]()
                    let whole = wholeBody(of: response)
                    let verdict = store.verdict(
                        key: response.key, hash: response.keyHash, tags: tags.span, since: response.epoch)
                    // Killed by something that came before the lookup began: it must not have been found.
                    let isStale = verdict == .hard && store.currentEpoch == epoch
                    if response.keyText != key || !whole.starts(with: bytes(key)) || isStale {
                        wrong.add(1, ordering: .relaxed)
                    }
                }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(found.load(ordering: .relaxed) > 0)
        #expect(store.accountedBytes <= store.limitBytes)
    }

    @Test("Readers of a growing body see only what was written", arguments: [nil, 700_000])
    func growingBody(expectedCount: Int?) async {
        let count = 700_000
        let body = GrowingBody(expectedCount: expectedCount)
        let wrong = Atomic<Int>(0)
        await onThreads(3) { number in
            if number == 0 {
                var generator = SeededGenerator(state: 3)
                var written = 0
                while written < count {
                    let part = min(Int(generator.next() % 9000) + 1, count - written)
                    let bytes = pattern(written..<written + part)
                    body.append(bytes.span)
                    written += part
                }
                return
            }
            var read = 0
            while read < count {
                guard let run = body.run(at: read) else { continue }
                if array(run.bytes) != pattern(read..<read + run.count) { wrong.add(1, ordering: .relaxed) }
                read += run.count
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(body.sealed().count == count)
    }
}
