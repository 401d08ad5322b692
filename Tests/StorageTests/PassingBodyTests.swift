// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Storage

@Suite("A body that passes is kept only as far as its readers need it")
struct PassingBodyTests {
    private let body = GrowingBody()
    private let part = [UInt8](repeating: 9, count: 100_000)

    private func append(_ count: Int) {
        for _ in 0..<count { body.append(part.span) }
    }

    @Test("What the slowest reader has read is forgotten")
    func forgets() throws {
        let (fast, slow) = (try #require(body.addReader()), try #require(body.addReader()))
        append(20)
        body.beginToPass()
        #expect(body.run(at: 0) != nil)
        #expect(body.read(by: fast, upTo: 2_000_000) == .none)
        #expect(body.run(at: 0) != nil)
        #expect(body.read(by: slow, upTo: 1_500_000) == .none)
        #expect(body.run(at: 0) == nil)
        #expect(body.run(at: 1_500_000) != nil)
        #expect(body.allocatedBytes < 1_100_000)
        #expect(body.count == 2_000_000)
    }

    @Test("However long it is, it takes no more than its readers are apart")
    func isBounded() throws {
        let reader = try #require(body.addReader())
        body.beginToPass()
        for part in 1...1000 {
            append(1)
            #expect(body.read(by: reader, upTo: part * 100_000) == .none)
            #expect(body.allocatedBytes < 700_000)
        }
        #expect(body.count == 100_000_000)
    }

    @Test("Nobody can begin to read it")
    func takesNoReader() {
        #expect(body.addReader() != nil)
        body.beginToPass()
        #expect(body.addReader() == nil)
    }

    @Test("The producer is held while a reader lags, and goes on when it has read half of the way")
    func holds() throws {
        let reader = try #require(body.addReader())
        append(10)
        #expect(!body.holds(atBytes: 500_000), "a body that is kept has no need to wait")
        body.beginToPass()
        #expect(body.holds(atBytes: 500_000))
        #expect(body.isHolding)
        #expect(body.read(by: reader, upTo: 700_000) == .none)
        #expect(body.read(by: reader, upTo: 750_000) == .producerMayGoOn)
        #expect(!body.isHolding)
        #expect(body.read(by: reader, upTo: 800_000) == .none)
    }

    @Test("The producer goes on when the one that lagged has left")
    func lagLeaves() throws {
        let (fast, slow) = (try #require(body.addReader()), try #require(body.addReader()))
        append(10)
        body.beginToPass()
        #expect(body.read(by: fast, upTo: 1_000_000) == .none)
        #expect(body.holds(atBytes: 500_000))
        #expect(body.removeReader(slow))
        #expect(body.readerCount == 1)
        #expect(!body.removeReader(slow), "it is gone already")
    }

    @Test("Laggards are dropped for those who wait, and for nobody else")
    func drops() throws {
        let (fast, slow) = (try #require(body.addReader()), try #require(body.addReader()))
        append(10)
        body.beginToPass()
        #expect(body.holds(atBytes: 500_000))
        #expect(body.read(by: fast, upTo: 900_000) == .none)
        #expect(!body.dropLaggards(), "nobody waits")
        #expect(body.read(by: fast, upTo: 1_000_000) == .none)
        #expect(body.dropLaggards())
        #expect(body.read(by: slow, upTo: 100_000) == .dropped)
        #expect(body.read(by: fast, upTo: 1_000_000) == .none)
        #expect(body.readerCount == 1)
    }

    private func look(_ taken: [(reader: Int, offset: Int)], atSeconds seconds: Int64, areAwaited: Bool = true) {
        for (reader, offset) in taken { body.taken(by: reader, upTo: offset) }
        body.lookAtReaders(areAwaited: areAwaited, atNanoseconds: seconds * 1_000_000_000, leastPerSecond: 1000)
    }

    @Test("Readers that move too little are dropped, and others go on although none has read all")
    func dropsSlow() throws {
        let readers = (0..<4).compactMap { _ in body.addReader() }
        try #require(readers.count == 4)
        append(10)
        body.beginToPass()
        #expect(body.holds(atBytes: 900_000))
        for reader in readers[1...] { #expect(body.read(by: reader, upTo: 900_000) == .none) }
        #expect(body.read(by: readers[3], upTo: 1_000_000) == .none)
        #expect(body.leastTakenByteCount == nil, "nobody has told")
        // The last has read all: it is not waited for.
        for second in Int64(0)...3 {
            look(
                [(readers[0], 5), (readers[1], Int(second)), (readers[2], 10 + Int(second) * 1100), (readers[3], 20)],
                atSeconds: second)
        }
        #expect(body.leastTakenByteCount == 3)
        #expect(body.dropSlowReaders(atNanoseconds: 3_000_000_000))
        #expect(body.read(by: readers[0], upTo: 10) == .dropped)
        #expect(body.read(by: readers[1], upTo: 900_001) == .dropped)
        #expect(body.readerCount == 2)
        #expect(!body.isHolding)
        #expect(body.leastTakenByteCount == 3310)
    }

    @Test("Where all move too little, none is dropped")
    func allAreSlow() throws {
        let (one, other) = (try #require(body.addReader()), try #require(body.addReader()))
        append(10)
        body.beginToPass()
        #expect(body.holds(atBytes: 500_000))
        for second in Int64(0)...1 { look([(one, 0), (other, 0)], atSeconds: second) }
        #expect(body.dropSlowReaders(atNanoseconds: 1_000_000_000), "it is too soon to tell")
        #expect(body.readerCount == 2)
        // The origin keeps them waiting.
        for second in Int64(2)...20 { look([(one, 0), (other, 0)], atSeconds: second, areAwaited: false) }
        #expect(body.dropSlowReaders(atNanoseconds: 20_000_000_000))
        #expect(body.readerCount == 2)
        for second in Int64(21)...22 { look([(one, 0), (other, 0)], atSeconds: second) }
        #expect(!body.dropSlowReaders(atNanoseconds: 22_000_000_000))
        #expect(body.readerCount == 2)
    }

    @Test("Places of readers that left are used again")
    func readersComeAndGo() throws {
        for _ in 0..<1000 {
            let reader = try #require(body.addReader())
            #expect(reader < 4)
            #expect(!body.removeReader(reader))
        }
        #expect(body.readerCount == 0)
    }
}

@Suite("Bodies under way count as memory (promise 7)")
struct BodyReservationTests {
    private let store = MemoryStore(limitBytes: 8 << 20)

    private var free: Int { store.limitBytes - store.accountedBytes }

    @Test("What is reserved is accounted for, and given back with the last reference")
    func accounts() throws {
        let before = store.accountedBytes
        var reservation = store.reserve(bytes: 1 << 20)
        #expect(reservation != nil)
        #expect(store.accountedBytes == before + (1 << 20))
        #expect(store.reservedBytes == 1 << 20)
        #expect(reservation?.grow(by: 4096) == true)
        reservation?.shrink(by: 1 << 19)
        #expect(store.accountedBytes == before + (1 << 19) + 4096)
        reservation = nil
        #expect(store.accountedBytes == before)
    }

    @Test("No more than half of the limit is reserved, and a refusal changes nothing")
    func isLimited() {
        let held = (0..<4).compactMap { _ in store.reserve(bytes: 1 << 20) }
        #expect(held.count == 4)
        let before = store.accountedBytes
        #expect(store.reserve(bytes: 1) == nil)
        #expect(held[0].grow(by: 1) == false)
        #expect(store.accountedBytes == before)
        held[1].release()
        #expect(store.reserve(bytes: 1 << 20) != nil)
    }

    @Test("What is done in the background leaves answers their half, and takes nothing of it while they need it")
    func background() throws {
        let inBackground = try #require(store.reserve(bytes: 3 << 20, for: .background))
        #expect(inBackground.grow(by: 1) == false)
        let answers = (0..<4).compactMap { _ in store.reserve(bytes: 1 << 20) }
        #expect(answers.count == 4)
        #expect(store.reserve(bytes: 1) == nil)
        #expect(store.accountedBytes <= store.limitBytes)
        inBackground.release()
        #expect(store.reserve(bytes: 1, for: .background) == nil)
        answers[0].release()
        #expect(store.reserve(bytes: 1 << 20, for: .background) != nil)
        #expect(store.reservedBytes == 3 << 20)
    }

    @Test("Entries make room for what arrives")
    func evicts() {
        let body = [UInt8](repeating: 1, count: 50_000)
        for number in 0..<300 { _ = store.insert(makeResponse("/\(number)", body: body)) }  // until it is full
        let entries = store.statistics.entries
        #expect(free < 200_000)
        let reservation = store.reserve(bytes: 4 << 20)
        #expect(reservation != nil)
        #expect(store.accountedBytes <= store.limitBytes)
        #expect(store.statistics.entries < entries - 60)
    }

    @Test("While the process is above its ceiling nothing is reserved")
    func ceiling() {
        let store = MemoryStore(limitBytes: 8 << 20, residentCeilingBytes: 1)
        store.setLimit(bytes: 8 << 20)
        #expect(store.reserve(bytes: 1) == nil)
    }

    @Test("A body reserves what it grows by, and gives back what it forgets")
    func body() throws {
        let reservation = try #require(store.reserve(bytes: GrowingBody.firstCapacity))
        let body = GrowingBody(reservation: reservation)
        let part = [UInt8](repeating: 1, count: 100_000)
        let reader = try #require(body.addReader())
        for _ in 0..<10 {
            #expect(body.reserve(part.count))
            body.append(part.span)
            #expect(store.reservedBytes >= body.count)
            #expect(store.reservedBytes <= body.count + (256 << 10))
        }
        body.beginToPass()
        #expect(body.read(by: reader, upTo: body.count) == .none)
        #expect(store.reservedBytes <= 256 << 10)
    }

    @Test("A body of known length needs no more than was reserved for it", arguments: [1, 5000, 4 << 20])
    func knownLength(count: Int) throws {
        let reservation = try #require(store.reserve(bytes: count))
        let body = GrowingBody(expectedCount: count, reservation: reservation)
        let content = [UInt8](repeating: 1, count: count)
        #expect(body.reserve(count))
        body.append(content.span)
        #expect(store.reservedBytes == count)
    }
}
