// SPDX-License-Identifier: Apache-2.0
import EventIO
import Testing

@Suite struct TimerWheelTests {
    /// Reproducible numbers.
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    /// The same by the simplest means.
    private struct SortedList {
        var entries: [(tick: Int64, payload: Int)] = []

        mutating func popDue(at tick: Int64) -> [Int64] {
            let due = entries.filter { $0.tick <= tick }.map(\.tick).sorted()
            entries.removeAll { $0.tick <= tick }
            return due
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func firesWhatASortedListFires(seed: UInt64) {
        var random = Random(state: seed)
        var now = Int64.random(in: 0...1 << 40, using: &random)
        var wheel = TimerWheel<Int>(tick: now)
        var list = SortedList()
        var handles: [Int: (handle: Int32, tick: Int64)] = [:]
        for payload in 0..<600 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let reach = Int64(1) << Int64.random(in: 0...45, using: &random)
                let tick = now + Int64.random(in: 1...reach, using: &random)
                handles[payload] = (wheel.insert(payload, tick: tick), tick)
                list.entries.append((tick, payload))
            case 6:
                guard let victim = handles.keys.min(), let entry = handles.removeValue(forKey: victim) else { continue }
                wheel.remove(entry.handle)
                list.entries.removeAll { $0.payload == victim }
            default:
                now += Int64.random(in: 0...Int64(1) << Int64.random(in: 0...38, using: &random), using: &random)
                var fired: [Int64] = []
                while let payload = wheel.popDue(at: now) {
                    fired.append(handles.removeValue(forKey: payload)?.tick ?? -1)
                }
                #expect(fired == list.popDue(at: now))
            }
            #expect(wheel.validate() == nil)
            #expect(wheel.count == list.entries.count)
            if let first = list.entries.map(\.tick).min() {
                #expect((wheel.nextTick ?? .max) <= first)
            } else {
                #expect(wheel.nextTick == nil)
            }
        }
    }

    @Test(arguments: [1, 63, 64, 65, 4095, 4096, 1 << 36, 1 << 61, Int64.max - 7])
    func farTicksFireWhenTheyAreReachedAndNotBefore(tick: Int64) {
        var wheel = TimerWheel<String>(tick: 0)
        _ = wheel.insert("far", tick: tick)
        #expect(wheel.popDue(at: tick - 1) == nil)
        #expect(wheel.validate() == nil)
        #expect(wheel.popDue(at: tick) == "far")
        #expect(wheel.nextTick == nil)
    }

    @Test func aPastTickBecomesTheNextOne() {
        var wheel = TimerWheel<Int>(tick: 100)
        _ = wheel.insert(1, tick: 5)
        #expect(wheel.popDue(at: 100) == nil)
        #expect(wheel.nextTick == 101)
        #expect(wheel.popDue(at: 101) == 1)
    }

    @Test func placesOfRemovedEntriesAreUsedAgain() {
        var wheel = TimerWheel<Int>(tick: 0)
        for round in 0..<3 {
            let handles = (0..<10_000).map { wheel.insert($0, tick: Int64(round * 100_000 + $0)) }
            #expect(handles.max() == 9_999)
            for handle in handles { wheel.remove(handle) }
            #expect(wheel.count == 0)
            #expect(wheel.validate() == nil)
        }
    }
}
