// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing

@testable import EventIO

struct BackgroundWorkTests {
    @Test("What waits in vain is starved until it finds half a processor")
    func pace() {
        var pace = BackgroundPace()
        pace.finished(wallNanoseconds: 100, computedNanoseconds: 1)
        #expect(!pace.isStarved)
        pace.waitedInVain()
        pace.finished(wallNanoseconds: 100, computedNanoseconds: 4)
        #expect(pace.isStarved)
        pace.finished(wallNanoseconds: 100, computedNanoseconds: 60)
        #expect(!pace.isStarved)
    }

    @Test("Work is done, and nobody waits for it any more")
    func done() {
        let work = BackgroundWork()
        #expect(work.run(in: { 7 }) { room, isWanted in isWanted() ? room : 0 }.value == 7)
    }

    @Test("What gets no time is begun anew in a room of its own, the first is told, and its value is dropped")
    func begunAnew() {
        let work = BackgroundWork(patienceMilliseconds: 1)
        let count = Atomic<Int>(0)
        let ended = HandOff<Int>()
        var rooms = 0
        let room = {
            rooms += 1
            return rooms
        }
        let value = work.run(in: room) { room, isWanted in
            let number = count.add(1, ordering: .relaxed).newValue
            // As if it found no time until the other is done.
            while number == 1, isWanted() {}
            if number == 1 { ended.put(room) }
            return [number, room]
        }
        #expect(value.value[0] == 2)
        // Either may have come to run first.
        #expect(Set([value.value[1], ended.take()]) == [1, 2])
        #expect(count.load(ordering: .relaxed) == 2)
    }
}
