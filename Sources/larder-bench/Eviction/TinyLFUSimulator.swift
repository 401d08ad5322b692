// SPDX-License-Identifier: Apache-2.0

/// A window of 1 % for newcomers, a main part in two segments, and admission from one to the other by how often
/// keys were asked for lately, whether stored or not.
struct TinyLFUSimulator: CacheSimulator {
    static let name = "W-TinyLFU"
    private enum Place: UInt8 { case nowhere, window, probation, protected }
    private var links: KeyLinks
    private var window = KeyList()
    private var probation = KeyList()
    private var protected = KeyList()
    private var place: ContiguousArray<Place>
    /// Exact where the real thing estimates: the best that its sketch could tell.
    private var frequency: ContiguousArray<UInt8>
    private var requestCount = 0
    private let sample: Int
    private let trace: Trace

    init(_ trace: Trace) {
        self.trace = trace
        links = KeyLinks(keyCount: trace.keyCount)
        place = ContiguousArray(repeating: .nowhere, count: trace.keyCount)
        frequency = ContiguousArray(repeating: 0, count: trace.keyCount)
        let objects =
            trace.sizes.isEmpty
            ? trace.capacity : trace.capacity / (trace.sizes.reduce(0) { $0 + Int($1) } / trace.sizes.count)
        sample = objects * 10
    }

    mutating func request(_ key: UInt32, size: Int) -> Bool {
        count(key)
        switch place[Int(key)] {
        case .nowhere:
            window.append(key, size: size, in: &links)
            place[Int(key)] = .window
            makeRoom()
            return false
        case .window:
            window.remove(key, size: size, in: &links)
            window.append(key, size: size, in: &links)
        case .probation:
            probation.remove(key, size: size, in: &links)
            protect(key, size: size)
        case .protected:
            protected.remove(key, size: size, in: &links)
            protect(key, size: size)
        }
        return true
    }

    private mutating func count(_ key: UInt32) {
        frequency[Int(key)] = min(frequency[Int(key)] + 1, 15)
        requestCount += 1
        guard requestCount == sample else { return }
        requestCount /= 2
        for index in frequency.indices { frequency[index] >>= 1 }
    }

    private mutating func protect(_ key: UInt32, size: Int) {
        protected.append(key, size: size, in: &links)
        place[Int(key)] = .protected
        while protected.bytes > trace.capacity * 99 / 100 * 8 / 10 {
            let demoted = protected.head
            protected.remove(demoted, size: trace.size(of: demoted), in: &links)
            probation.append(demoted, size: trace.size(of: demoted), in: &links)
            place[Int(demoted)] = .probation
        }
    }

    private mutating func makeRoom() {
        while window.bytes > trace.capacity / 100 {
            let candidate = window.head
            let size = trace.size(of: candidate)
            window.remove(candidate, size: size, in: &links)
            place[Int(candidate)] = .nowhere
            admit(candidate, size: size)
        }
    }

    private mutating func admit(_ candidate: UInt32, size: Int) {
        let room = trace.capacity - trace.capacity / 100
        while probation.bytes + protected.bytes + size > room {
            let victim = probation.isEmpty ? protected.head : probation.head
            guard victim != KeyLinks.none, frequency[Int(candidate)] > frequency[Int(victim)] else { return }
            let victimSize = trace.size(of: victim)
            if probation.isEmpty {
                protected.remove(victim, size: victimSize, in: &links)
            } else {
                probation.remove(victim, size: victimSize, in: &links)
            }
            place[Int(victim)] = .nowhere
        }
        probation.append(candidate, size: size, in: &links)
        place[Int(candidate)] = .probation
    }
}
