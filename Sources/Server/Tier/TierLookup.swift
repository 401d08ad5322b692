// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Redis
import Storage
import Telemetry

/// What lay under a key of the second tier.
enum TierFinding {
    case nothing(TierLookupResult)
    /// The response varies by these request fields.
    case varies(ContiguousArray<UInt8>)
    case found(StoredResponse)
}

/// One question of an exchange: a `GET`, and where responses vary a second one.
final class TierLookup: RedisCall {
    private let exchange: Exchange
    private unowned let tier: RedisTier
    private let startedNanoseconds: Int64
    /// The second question was asked.
    private var knowsVariant = false

    init(_ exchange: Exchange, tier: RedisTier) {
        self.exchange = exchange
        self.tier = tier
        startedNanoseconds = tier.worker.loop.now.monotonicNanoseconds
        super.init()
    }

    override func answered(_ reply: borrowing RESPReply) {
        let key = exchange.key
        switch tier.take(reply, key: key.span, hash: exchange.keyHash, fields: exchange.head.fields) {
        case .found(let response): finish(.hit, response)
        case .varies(let rule):
            guard !knowsVariant else { return finish(.damaged) }
            knowsVariant = true
            let isAsked = tier.send(self) { tier.writeVariantKey(key.span, rule: rule.span, exchange.head.fields, &$0) }
            if !isAsked { exchange.secondTierAnswered(nil) }
        case .nothing(let result): finish(result)
        }
    }

    override func failed(_ failure: RedisFailure) { finish(failure == .timedOut ? .timeout : .error) }

    private func finish(_ result: TierLookupResult, _ response: StoredResponse? = nil) {
        tier.figures.count(result)
        let nanoseconds = tier.worker.loop.kernel.monotonicNanoseconds() - startedNanoseconds
        tier.figures.durations.record(nanoseconds: UInt64(max(0, nanoseconds)))
        exchange.secondTierAnswered(response)
    }
}

extension RedisTier {
    /// Judges what a `GET` brought. What is no record for `key` is deleted.
    ///
    /// - Parameter fields: of the request, if the response has to fit one.
    func take(
        _ reply: borrowing RESPReply, key: borrowing Span<UInt8>, hash: UInt64, fields: borrowing Fields
    ) -> TierFinding {
        switch reply.kind {
        case .string: break
        case .null: return .nothing(.miss)
        case .error:
            // Something else than a string lies there.
            if reply.text.begins(with: "WRONGTYPE") { remove(key) }
            return .nothing(.error)
        default: return .nothing(.error)
        }
        let bytes = reply.text
        let now = worker.loop.now
        let record: ReadRecord
        do throws(RecordError) {
            record = try StoredRecord.read(bytes, now: now)
        } catch {
            // What a newer version keeps to itself is of use to that one.
            if error != .tooNew { remove(key) }
            return .nothing(error == .tooNew ? .miss : .damaged)
        }
        guard bytes.extracting(record.keyRange).elementsEqual(key) else {
            remove(key)
            return .nothing(.damaged)
        }
        if record.isVaryRule { return .varies(ContiguousArray(copying: bytes.extracting(record.varyRuleRange))) }
        let secondary = bytes.extracting(record.secondaryKeyRange)
        guard worker.matches(fields, rule: bytes.extracting(record.varyRuleRange), secondary: secondary) else {
            return .nothing(.miss)
        }
        return judge(record, bytes, hash: hash, now: now)
    }

    /// What the invalidations that this process knows of say of a record (promise 3).
    func judge(_ record: ReadRecord, _ bytes: borrowing Span<UInt8>, hash: UInt64, now: Moment) -> TierFinding {
        let tags = record.tags
        let known = worker.shared.store.judge(
            key: bytes.extracting(record.keyRange), hash: hash, tags: tags.span, since: record.epoch, now: now)
        guard known.verdict != .hard else { return .nothing(.outdated) }
        var record = record
        if known.verdict == .soft { record.metadata.flags.insert(.softlyInvalidated) }
        record.metadata = record.metadata.limited(toMilliseconds: worker.snapshot.memoryLifetimeMilliseconds)
        guard let response = record.response(from: bytes, keyHash: hash, epoch: known.epoch) else {
            return .nothing(.damaged)
        }
        return .found(response)
    }

    /// Under which the variant lies that a request with these fields chooses.
    func writeVariantKey(
        _ key: borrowing Span<UInt8>, rule: borrowing Span<UInt8>, _ fields: borrowing Fields,
        _ output: inout ByteBuffer
    ) {
        var variant = ByteBuffer()
        Variance.writeSecondaryKey(rule, fields, into: &variant)
        keys.writeObject(key, variant: variant.span, into: &output)
    }
}
