// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Redis
import Settings
import Storage

/// Remembers in Redis which responses are asked for most, and loads those of the last run when Larder starts. On one
/// worker, behind the traffic: a shard of memory is looked at now and then, and few responses are asked for at a time.
final class HotKeys: Deadline {
    private unowned let tier: RedisTier
    private var store: MemoryStore { tier.worker.store }
    /// Those of the run before, which are still to be loaded, last first.
    private var toLoad: [ContiguousArray<UInt8>] = []
    private var underWay = 0
    /// Of this run, found so far in this round.
    private var found: [StoredResponse] = []
    private var nextShard = 0
    private var hasLoaded = false
    private let startedNanoseconds: Int64

    init(_ tier: RedisTier) {
        self.tier = tier
        startedNanoseconds = tier.worker.loop.now.monotonicNanoseconds
        super.init()
        attachDeadline(to: tier.worker.loop)
        setDeadline(after: .milliseconds(Self.askMilliseconds))
    }

    private static let askMilliseconds = 50
    /// Without Redis for so long, this run's keys are worth more than those of the run before.
    private static let patienceNanoseconds: Int64 = 60_000_000_000
    private static let shardMilliseconds = 2_000
    private static let loadsAtOnce = 32
    private static let keepMilliseconds = 7 * 86_400_000
    private static let listByteLimit = 1 << 20
    /// In which most answers leave.
    private static let codings: [ContentCoding] = [.brotli, .gzip]

    override func deadlinePassed() {
        if hasLoaded {
            look()
            setDeadline(after: .milliseconds(Self.shardMilliseconds))
        } else {
            begin()
        }
    }

    // MARK: Loading

    /// Nothing can be judged before the log of invalidations has been read.
    private func begin() {
        let now = tier.worker.loop.now
        guard now.monotonicNanoseconds - startedNanoseconds < Self.patienceNanoseconds else { return loaded() }
        guard tier.reading.isReady, store.isConfirmed(now), ask(for: .list) else {
            return setDeadline(after: .milliseconds(Self.askMilliseconds))
        }
    }

    private func ask(for wanted: HotKeyCall.Wanted) -> Bool {
        do throws(RedisFailure) {
            try tier.reading.send(HotKeyCall(wanted, self)) { output in
                switch wanted {
                case .list:
                    output.beginCommand("GET", arguments: 1)
                    tier.keys.writeHotList(into: &output)
                case .response(let name):
                    output.beginCommand("MGET", arguments: 1 + Self.codings.count)
                    tier.keys.writeObject(name.span, into: &output)
                    for coding in Self.codings { tier.keys.writeObject(name.span, coding: coding, into: &output) }
                }
            }
            return true
        } catch { return false }
    }

    fileprivate func listed(_ text: borrowing Span<UInt8>) {
        var start = 0
        for index in 0..<text.count where text[index] == ASCII.lineFeed {
            toLoad.append(ContiguousArray(copying: text.extracting(start..<index)))
            start = index + 1
            if toLoad.count == tier.settings.hotKeys { break }
        }
        toLoad.reverse()
        loadNext()
    }

    private func loadNext() {
        // What clients ask for now has the other half.
        if store.accountedBytes > store.limitBytes / 2 { toLoad = [] }
        while underWay < Self.loadsAtOnce, let name = toLoad.popLast() {
            if ask(for: .response(name)) { underWay += 1 } else { toLoad = [] }
        }
        if underWay == 0 { loaded() }
    }

    fileprivate func came(_ reply: borrowing RESPReply) {
        if let record = reply.child(0, of: reply.root), reply.kind(of: record) == .string { keep(reply, record) }
        ended()
    }

    fileprivate func ended() {
        underWay -= 1
        loadNext()
    }

    private func keep(_ reply: borrowing RESPReply, _ element: RESPElement) {
        let bytes = reply.text(of: element)
        let now = tier.worker.loop.now
        let record: ReadRecord
        // What is damaged goes when somebody asks for it.
        do throws(RecordError) { record = try StoredRecord.read(bytes, now: now) } catch { return }
        guard !record.isVaryRule else { return }
        let key = bytes.extracting(record.keyRange)
        let hash = tier.worker.shared.hasher.hash64(key)
        guard case .found(var response, let digest) = tier.judge(record, bytes, hash: hash, now: now),
            response.metadata.freshForMilliseconds(now) > 0
        else { return }
        for (index, coding) in Self.codings.enumerated() {
            guard let form = reply.child(index + 1, of: reply.root), reply.kind(of: form) == .string else { continue }
            response = tier.adding(coding, from: reply, form, to: response, digest)
        }
        // Its route limited its variants when they were stored.
        let outcome = store.insert(response, replaces: false, maximumVariants: .max)
        if outcome == .stored { tier.figures.loaded += 1 }
    }

    fileprivate func loaded() {
        guard !hasLoaded else { return }
        hasLoaded = true
        if tier.figures.loaded > 0 { tier.worker.events.hotKeysLoaded(Int(clamping: tier.figures.loaded)) }
        setDeadline(after: .milliseconds(Self.shardMilliseconds))
    }

    // MARK: Remembering

    private func look() {
        let limit = max(1, tier.settings.hotKeys / store.shardCount)
        found += store.mostUsed(inShard: nextShard, limit: limit)
        nextShard += 1
        if nextShard == store.shardCount { remember() }
    }

    /// Before the end: all that is known now.
    func rememberNow() {
        // Before it was loaded, the list of the run before is the better one.
        guard hasLoaded else { return }
        nextShard = 0
        found = []
        while nextShard < store.shardCount - 1 { look() }
        look()
    }

    private func remember() {
        let responses = found
        found = []
        nextShard = 0
        var list = ByteBuffer()
        for response in responses where list.count < Self.listByteLimit {
            list.append(response.key)
            if !response.varyRule.isEmpty {
                list.append(TierKeys.variantMark)
                list.append(TierKeys.variant(of: response.secondaryKey))
            }
            list.append(ASCII.lineFeed)
        }
        guard !list.isEmpty else { return }
        do throws(RedisFailure) {
            try tier.writing.send(RedisCall()) { output in
                output.beginCommand("SET", arguments: 4)
                tier.keys.writeHotList(into: &output)
                output.argument(list.span)
                output.argument("PX" as StaticString)
                output.argument(decimal: Self.keepMilliseconds)
            }
        } catch {
            // The next round writes it.
        }
    }
}

private final class HotKeyCall: RedisCall {
    enum Wanted {
        case list
        /// What its key is called behind the prefix.
        case response(ContiguousArray<UInt8>)
    }

    private let wanted: Wanted
    private weak var hotKeys: HotKeys?

    init(_ wanted: Wanted, _ hotKeys: HotKeys) {
        self.wanted = wanted
        self.hotKeys = hotKeys
        super.init()
    }

    override func answered(_ reply: borrowing RESPReply) {
        switch wanted {
        case .list: if reply.kind == .string { hotKeys?.listed(reply.text) } else { hotKeys?.loaded() }
        case .response: hotKeys?.came(reply)
        }
    }

    override func failed(_ failure: RedisFailure) {
        switch wanted {
        case .list: hotKeys?.loaded()
        case .response: hotKeys?.ended()
        }
    }
}
