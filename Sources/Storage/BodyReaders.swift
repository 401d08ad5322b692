// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Who reads a body while it arrives, and how far each has come. Pure; the body's lock guards it.
struct BodyReaders {
    private struct Reader {
        var cursor = 0
        /// What its client has really taken: less than it has read, as the system holds much for a client. Nil
        /// before it is told.
        var taken: Int?
        var pace = ClientPace()
    }

    /// By number; nil where there is none any more.
    private var readers: ContiguousArray<Reader?> = []
    private(set) var count = 0

    mutating func add() -> Int {
        count += 1
        // Half of the places are free: one of them is found at once.
        if count * 2 < readers.count, let free = readers.firstIndex(where: { $0 == nil }) {
            readers[free] = Reader()
            return free
        }
        readers.append(Reader())
        return readers.count - 1
    }

    /// False when there is no such reader.
    mutating func remove(_ reader: Int) -> Bool {
        guard contains(reader) else { return false }
        readers[reader] = nil
        count -= 1
        return true
    }

    func contains(_ reader: Int) -> Bool { readers.indices.contains(reader) && readers[reader] != nil }

    /// False when there is no such reader.
    mutating func moved(_ reader: Int, to offset: Int) -> Bool {
        guard contains(reader) else { return false }
        readers[reader]?.cursor = offset
        return true
    }

    /// Where the one is who has read least.
    var slowest: Int? { readers.lazy.compactMap { $0?.cursor }.min() }

    /// Somebody has read up to there.
    func hasReader(at offset: Int) -> Bool { readers.contains { $0?.cursor == offset } }

    mutating func removeAll(before offset: Int) { removeAll { $0.cursor < offset } }

    private mutating func removeAll(where isGone: (Reader) -> Bool) {
        for number in readers.indices {
            guard let reader = readers[number], isGone(reader) else { continue }
            readers[number] = nil
            count -= 1
        }
    }

    // MARK: Pace

    mutating func taken(_ reader: Int, upTo offset: Int) {
        guard contains(reader) else { return }
        readers[reader]?.taken = offset
    }

    /// The least that one has taken of those who have not read up to `end`.
    func leastTaken(of end: Int) -> Int? {
        readers.lazy.compactMap { $0.flatMap { $0.cursor < end ? $0.taken : nil } }.min()
    }

    /// Those who have not read up to `end` are waited for.
    mutating func look(end: Int, atNanoseconds now: Int64, leastPerSecond: Int) {
        for number in readers.indices {
            let awaited = readers[number].flatMap { $0.cursor < end ? $0.taken : nil }
            readers[number]?.pace.looked(byteCount: awaited, atNanoseconds: now, leastPerSecond: leastPerSecond)
        }
    }

    /// Those who have moved too little go, unless all have. False then.
    mutating func removeSlow(atNanoseconds now: Int64) -> Bool {
        guard readers.contains(where: { $0.map { !$0.pace.isSlow(atNanoseconds: now) } ?? false }) else {
            return false
        }
        removeAll { $0.pace.isSlow(atNanoseconds: now) }
        return true
    }
}
