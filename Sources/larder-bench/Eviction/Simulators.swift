// SPDX-License-Identifier: Apache-2.0

/// A cache that only counts: told each request in turn, it answers whether it had the object.
protocol CacheSimulator {
    static var name: String { get }
    init(_ trace: Trace)
    mutating func request(_ key: UInt32, size: Int) -> Bool
}

/// Object hit ratio after the warm-up.
func hitRatio<Simulator: CacheSimulator>(of simulator: Simulator.Type, on trace: Trace) -> Double {
    var cache = simulator.init(trace)
    var hits = 0
    for (number, key) in trace.requests.enumerated() {
        let isHit = cache.request(key, size: trace.size(of: key))
        if isHit && number >= trace.warmUp { hits += 1 }
    }
    return Double(hits) / Double(trace.requests.count - trace.warmUp)
}

/// The least recently used goes.
struct LRUSimulator: CacheSimulator {
    static let name = "LRU"
    private var links: KeyLinks
    private var list = KeyList()
    private var isStored: ContiguousArray<Bool>
    private let trace: Trace

    init(_ trace: Trace) {
        self.trace = trace
        links = KeyLinks(keyCount: trace.keyCount)
        isStored = ContiguousArray(repeating: false, count: trace.keyCount)
    }

    mutating func request(_ key: UInt32, size: Int) -> Bool {
        let isHit = isStored[Int(key)]
        if isHit { list.remove(key, size: size, in: &links) }
        list.append(key, size: size, in: &links)
        isStored[Int(key)] = true
        while list.bytes > trace.capacity {
            let victim = list.head
            list.remove(victim, size: trace.size(of: victim), in: &links)
            isStored[Int(victim)] = false
        }
        return isHit
    }
}

/// A hand moves from old to new and takes the first that was not asked for since it last passed.
struct SieveSimulator: CacheSimulator {
    static let name = "SIEVE"
    private var links: KeyLinks
    private var list = KeyList()
    private var hand = KeyLinks.none
    private var isStored: ContiguousArray<Bool>
    private var isVisited: ContiguousArray<Bool>
    private let trace: Trace

    init(_ trace: Trace) {
        self.trace = trace
        links = KeyLinks(keyCount: trace.keyCount)
        isStored = ContiguousArray(repeating: false, count: trace.keyCount)
        isVisited = isStored
    }

    mutating func request(_ key: UInt32, size: Int) -> Bool {
        if isStored[Int(key)] {
            isVisited[Int(key)] = true
            return true
        }
        while list.bytes + size > trace.capacity { evict() }
        list.append(key, size: size, in: &links)
        isStored[Int(key)] = true
        isVisited[Int(key)] = false
        return false
    }

    private mutating func evict() {
        if hand == KeyLinks.none { hand = list.head }
        while isVisited[Int(hand)] {
            isVisited[Int(hand)] = false
            hand = links.following(hand)
            if hand == KeyLinks.none { hand = list.head }
        }
        let victim = hand
        hand = links.following(victim)
        list.remove(victim, size: trace.size(of: victim), in: &links)
        isStored[Int(victim)] = false
    }
}

/// A small queue for newcomers, a main one for those asked for again, and a memory of those lately sent away.
struct S3FIFOSimulator: CacheSimulator {
    static let name = "S3-FIFO"
    private enum Place: UInt8 { case nowhere, small, main }
    private var links: KeyLinks
    private var small = KeyList()
    private var main = KeyList()
    private var place: ContiguousArray<Place>
    private var frequency: ContiguousArray<UInt8>
    /// When a key was sent away from the small queue, counted in bytes sent away; 0 for never.
    private var leftAt: ContiguousArray<Int>
    private var leftBytes = 1
    private let trace: Trace

    init(_ trace: Trace) {
        self.trace = trace
        links = KeyLinks(keyCount: trace.keyCount)
        place = ContiguousArray(repeating: .nowhere, count: trace.keyCount)
        frequency = ContiguousArray(repeating: 0, count: trace.keyCount)
        leftAt = ContiguousArray(repeating: 0, count: trace.keyCount)
    }

    mutating func request(_ key: UInt32, size: Int) -> Bool {
        if place[Int(key)] != .nowhere {
            frequency[Int(key)] = min(frequency[Int(key)] + 1, 3)
            return true
        }
        while small.bytes + main.bytes + size > trace.capacity { evict() }
        let isRemembered = leftAt[Int(key)] != 0 && leftBytes - leftAt[Int(key)] <= trace.capacity * 9 / 10
        frequency[Int(key)] = 0
        if isRemembered {
            place[Int(key)] = .main
            main.append(key, size: size, in: &links)
        } else {
            place[Int(key)] = .small
            small.append(key, size: size, in: &links)
        }
        return false
    }

    private mutating func evict() {
        if small.bytes > trace.capacity / 10 || main.isEmpty { evictFromSmall() } else { evictFromMain() }
    }

    private mutating func evictFromSmall() {
        let key = small.head
        let size = trace.size(of: key)
        small.remove(key, size: size, in: &links)
        if frequency[Int(key)] > 1 {
            frequency[Int(key)] = 0
            place[Int(key)] = .main
            main.append(key, size: size, in: &links)
        } else {
            place[Int(key)] = .nowhere
            leftBytes += size
            leftAt[Int(key)] = leftBytes
        }
    }

    private mutating func evictFromMain() {
        let key = main.head
        let size = trace.size(of: key)
        main.remove(key, size: size, in: &links)
        if frequency[Int(key)] > 0 {
            frequency[Int(key)] -= 1
            main.append(key, size: size, in: &links)
        } else {
            place[Int(key)] = .nowhere
        }
    }
}
