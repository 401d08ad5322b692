// SPDX-License-Identifier: Apache-2.0

/// One stream of a simulated Redis.
package struct SimulatedStream {
    package struct ID: Comparable, Hashable {
        package var milliseconds: UInt64
        package var sequence: UInt64

        static let zero = ID(milliseconds: 0, sequence: 0)

        package static func < (one: ID, other: ID) -> Bool {
            (one.milliseconds, one.sequence) < (other.milliseconds, other.sequence)
        }

        var text: String { "\(milliseconds)-\(sequence)" }

        init(milliseconds: UInt64, sequence: UInt64) {
            self.milliseconds = milliseconds
            self.sequence = sequence
        }

        init?(_ bytes: [UInt8]) {
            let parts = String(decoding: bytes, as: UTF8.self).split(separator: "-")
            guard parts.count == 2, let first = UInt64(parts[0]), let second = UInt64(parts[1]) else { return nil }
            self.init(milliseconds: first, sequence: second)
        }
    }

    package private(set) var entries: [(id: ID, fields: [[UInt8]])] = []
    private var last = ID.zero

    /// Every ID is higher than all before it, whatever the clock says.
    mutating func add(_ fields: [[UInt8]], milliseconds: UInt64) -> ID {
        last =
            milliseconds > last.milliseconds
            ? ID(milliseconds: milliseconds, sequence: 0)
            : ID(milliseconds: last.milliseconds, sequence: last.sequence + 1)
        entries.append((last, fields))
        return last
    }

    /// Keeps the newest.
    package mutating func trim(to count: Int) -> Int {
        let excess = max(0, entries.count - count)
        entries.removeFirst(excess)
        return excess
    }

    mutating func trim(before id: ID) -> Int {
        let excess = entries.prefix { $0.id < id }.count
        entries.removeFirst(excess)
        return excess
    }

    /// As a reply, at most `count`.
    func text(from start: ID, count: Int) -> [UInt8] {
        RESPText.array(
            entries.filter { $0.id >= start }.prefix(count).map { entry in
                RESPText.array([
                    RESPText.bulk(Array(entry.id.text.utf8)), RESPText.array(entry.fields.map { RESPText.bulk($0) }),
                ])
            })
    }

    func hasNews(after id: ID) -> Bool { (entries.last?.id ?? .zero) > id }
}

/// `XREAD [COUNT n] [BLOCK ms] STREAMS key… id…`
struct StreamQuestion: Equatable {
    var count = Int.max
    var blockMilliseconds: Int?
    var places: [(key: [UInt8], after: SimulatedStream.ID)] = []

    init?(_ command: [[UInt8]]) {
        var index = 1
        while index + 1 < command.count {
            let word = String(decoding: command[index], as: UTF8.self).uppercased()
            if word == "STREAMS" { break }
            guard let number = Int(String(decoding: command[index + 1], as: UTF8.self)) else { return nil }
            if word == "COUNT" { count = number } else { blockMilliseconds = number }
            index += 2
        }
        let rest = command.dropFirst(index + 1)
        let half = rest.count / 2
        for (key, id) in zip(rest.prefix(half), rest.suffix(half)) {
            guard let id = SimulatedStream.ID(id) else { return nil }
            places.append((key, id))
        }
        guard !places.isEmpty else { return nil }
    }

    static func == (one: StreamQuestion, other: StreamQuestion) -> Bool {
        one.count == other.count && one.blockMilliseconds == other.blockMilliseconds
            && one.places.elementsEqual(other.places) { $0.key == $1.key && $0.after == $1.after }
    }

    /// nil when there is nothing new.
    func answer(from streams: [[UInt8]: SimulatedStream]) -> [UInt8]? {
        let news = places.filter { streams[$0.key]?.hasNews(after: $0.after) ?? false }
        guard !news.isEmpty else { return nil }
        return RESPText.array(
            news.map { key, after in
                let next = SimulatedStream.ID(milliseconds: after.milliseconds, sequence: after.sequence + 1)
                return RESPText.array([
                    RESPText.bulk(key), streams[key]?.text(from: next, count: count) ?? RESPText.array([]),
                ])
            })
    }
}

extension SimulatedRedis {
    private var clockMilliseconds: UInt64 {
        UInt64(1_700_000_000_000 + (world.time + skew.nanoseconds) / 1_000_000)
    }

    /// `XADD key [NOMKSTREAM] [MAXLEN ~ n] * name value…`
    func addToStream(_ command: [[UInt8]]) -> [UInt8] {
        guard let star = command.firstIndex(of: Array("*".utf8)) else { return RESPText.error("ERR syntax error") }
        if command[2] == Array("NOMKSTREAM".utf8), streams[command[1]] == nil { return RESPText.bulk(nil) }
        let id = streams[command[1], default: SimulatedStream()].add(
            Array(command[(star + 1)...]), milliseconds: clockMilliseconds)
        return RESPText.bulk(Array(id.text.utf8))
    }

    /// `XRANGE key start + [COUNT n]`
    func rangeOfStream(_ command: [[UInt8]]) -> [UInt8] {
        let count = command.count > 5 ? Int(String(decoding: command[5], as: UTF8.self)) : nil
        let start = SimulatedStream.ID(command[2]) ?? .zero
        return streams[command[1]]?.text(from: start, count: count ?? .max) ?? RESPText.array([])
    }

    /// `XTRIM key MINID ~ id`
    func trimStream(_ command: [[UInt8]]) -> [UInt8] {
        guard let id = command.last.flatMap(SimulatedStream.ID.init) else { return RESPText.error("ERR syntax error") }
        return RESPText.integer(streams[command[1]]?.trim(before: id) ?? 0)
    }

    /// As if by MAXLEN, behind everybody's back.
    package func trimStream(_ key: String, to count: Int) {
        _ = streams[Array(key.utf8)]?.trim(to: count)  // how many went does not matter
    }

    func hash(_ name: String, _ command: [[UInt8]]) -> [UInt8] {
        let key = command[1]
        switch name {
        case "HSET":
            let isNew = hashes[key, default: [:]].updateValue(command[3], forKey: command[2]) == nil
            return RESPText.integer(isNew ? 1 : 0)
        case "HDEL":
            return RESPText.integer(command.dropFirst(2).count { hashes[key]?.removeValue(forKey: $0) != nil })
        case "HLEN": return RESPText.integer(hashes[key]?.count ?? 0)
        default:
            let pairs = (hashes[key] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
            return RESPText.array(pairs.flatMap { [RESPText.bulk($0.key), RESPText.bulk($0.value)] })
        }
    }
}
