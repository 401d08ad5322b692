// SPDX-License-Identifier: Apache-2.0
import Bytes
import Nodes
import Redis
import Storage

/// Replies about the shared log and the register, taken apart.
enum LogReplies {
    /// `[[id, [name, value, …]], …]`; nil when it is something else. An entry that was deleted by hand has no fields.
    static func entries(_ reply: borrowing RESPReply, _ list: RESPElement) -> [PlacedEntry]? {
        var entries: [PlacedEntry] = []
        let isWhole = forEachEntry(reply, list) { epoch, fields in
            entries.append(PlacedEntry(epoch, LogEntry(fields: fields)))
        }
        return isWhole ? entries : nil
    }

    /// What XREAD brings of one of the streams it was asked for: nothing when it has nothing new, nil when that cannot
    /// be told.
    static func stream(_ key: String, in reply: borrowing RESPReply) -> RESPElement?? {
        if reply.kind == .null { return .some(nil) }
        guard reply.kind == .array else { return nil }
        var next = reply.child(0, of: reply.root)
        while let pair = next {
            next = reply.next(after: pair, in: reply.root)
            guard let name = reply.child(0, of: pair), let list = reply.child(1, of: pair) else { return nil }
            if Array(copying: reply.text(of: name)) == Array(key.utf8) { return .some(list) }
        }
        return .some(nil)
    }

    /// `node N issuer N own EPOCH`
    static func acknowledgements(_ reply: borrowing RESPReply, _ list: RESPElement) -> [Acknowledgement]? {
        var found: [Acknowledgement] = []
        let isWhole = forEachEntry(reply, list) { place, fields in
            let texts = fields.map { String(decoding: $0, as: UTF8.self) }
            guard texts.count == 6, let own = UInt64(texts[5]) else { return }
            found.append(
                Acknowledgement(place: place, node: texts[1], issuer: texts[3], ownEpoch: own))
        }
        return isWhole ? found : nil
    }

    struct Acknowledgement: Equatable {
        /// In the stream of acknowledgements.
        var place: SharedEpoch
        var node: String
        /// Whose entry it has applied, and which.
        var issuer: String
        var ownEpoch: UInt64
    }

    /// `[name, value, …]`, as HGETALL answers.
    static func register(_ reply: borrowing RESPReply) -> RegisterReading? {
        guard reply.kind == .array else { return nil }
        return RegisterReading(fields: texts(reply, reply.root).map { String(decoding: $0, as: UTF8.self) })
    }

    /// As INFO answers; a user without the permission is told so.
    static func server(_ reply: borrowing RESPReply) -> LogServer {
        LogServer(information: reply.kind == .string ? reply.text.text() : nil)
    }

    /// `[cursor, [key, …]]`, as SCAN answers.
    static func scan(_ reply: borrowing RESPReply) -> (cursor: [UInt8], keys: [[UInt8]])? {
        guard let cursor = reply.child(0, of: reply.root), let list = reply.child(1, of: reply.root) else { return nil }
        return (Array(copying: reply.text(of: cursor)), texts(reply, list))
    }

    static func epoch(_ reply: borrowing RESPReply) -> SharedEpoch? {
        reply.kind == .string ? SharedEpoch(reply.text) : nil
    }

    /// How far the second tier was swept: `GENERATION EPOCH`.
    static func mark(_ reply: borrowing RESPReply) -> RecordEpoch? {
        guard reply.kind == .string else { return nil }
        let parts = reply.text.text().split(separator: " ")
        guard parts.count == 2, let generation = LogGeneration(text: String(parts[0])),
            let epoch = SharedEpoch(Array(parts[1].utf8).span)
        else { return nil }
        return RecordEpoch(generation: generation, epoch: epoch)
    }

    private static func forEachEntry(
        _ reply: borrowing RESPReply, _ list: RESPElement, _ body: (SharedEpoch, [[UInt8]]) -> Void
    ) -> Bool {
        guard reply.kind(of: list) == .array else { return false }
        var next = reply.child(0, of: list)
        while let entry = next {
            next = reply.next(after: entry, in: list)
            guard let id = reply.child(0, of: entry), let fields = reply.child(1, of: entry),
                let epoch = SharedEpoch(reply.text(of: id))
            else { return false }
            body(epoch, texts(reply, fields))
        }
        return true
    }

    private static func texts(_ reply: borrowing RESPReply, _ list: RESPElement) -> [[UInt8]] {
        var texts: [[UInt8]] = []
        texts.reserveCapacity(reply.childCount(of: list))
        var next = reply.child(0, of: list)
        while let element = next {
            texts.append(Array(copying: reply.text(of: element)))
            next = reply.next(after: element, in: list)
        }
        return texts
    }
}

/// A command whose answer is taken by a closure: for the control loop, where an allocation does not matter.
final class ControlCall: RedisCall {
    private let answer: (borrowing RESPReply) -> Void
    private let failure: (RedisFailure) -> Void

    init(_ answer: @escaping (borrowing RESPReply) -> Void, failure: @escaping (RedisFailure) -> Void) {
        self.answer = answer
        self.failure = failure
    }

    override func answered(_ reply: borrowing RESPReply) { answer(reply) }
    override func failed(_ failure: RedisFailure) { self.failure(failure) }
}

extension ByteBuffer {
    /// One command with arguments of any kind.
    mutating func command(_ name: StaticString, _ arguments: [[UInt8]]) {
        beginCommand(name, arguments: arguments.count)
        for argument in arguments { self.argument(argument.span) }
    }

    mutating func command(_ name: StaticString, _ arguments: String...) {
        command(name, arguments.map { Array($0.utf8) })
    }
}
