// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Redis
import Settings
import Storage
import Telemetry

/// What lay under a key of the second tier.
enum TierFinding {
    case nothing(TierLookupResult)
    /// The response varies by these request fields.
    case varies(ContiguousArray<UInt8>)
    /// The digest of its body, if the record tells it.
    case found(StoredResponse, BodyDigest?)
}

/// One question of an exchange, and where responses vary a second one; together they take no longer than one may.
final class TierLookup: RedisCall {
    private let exchange: Exchange
    private unowned let tier: RedisTier
    /// In which the response would be sent; identity when as it is.
    let coding: ContentCoding
    private let startedNanoseconds: Int64
    /// The last question was about this one.
    private(set) var variant: ContiguousArray<UInt8>?
    private var isOver = false

    init(_ exchange: Exchange, tier: RedisTier) {
        self.exchange = exchange
        self.tier = tier
        variant = exchange.variant?.secondaryKey
        coding = tier.worker.codingWanted(by: exchange.head, exchange.request.route)
        startedNanoseconds = tier.worker.loop.now.monotonicNanoseconds
        super.init()
    }

    /// When the exchange goes on without an answer.
    var deadlineNanoseconds: Int64 { startedNanoseconds + Int64(tier.settings.timeoutMilliseconds) * 1_000_000 }

    override func answered(_ reply: borrowing RESPReply) {
        guard !isOver else { return }
        let key = exchange.key
        let record = reply.child(0, of: reply.root) ?? reply.root
        switch tier.take(reply, record, key: key.span, hash: exchange.keyHash, fields: exchange.head.fields) {
        case .found(let response, let digest):
            guard coding != .identity, let form = reply.child(1, of: reply.root) else { return finish(.hit, response) }
            finish(.hit, tier.adding(coding, from: reply, form, to: response, digest))
        case .varies(let rule): askForVariant(rule)
        case .nothing(let result): finish(result)
        }
    }

    private func askForVariant(_ rule: ContiguousArray<UInt8>) {
        guard variant == nil, let wanted = tier.worker.variant(of: exchange.head.fields, rule: rule.span) else {
            return finish(.damaged)
        }
        variant = wanted.secondaryKey
        exchange.learnedVariant(wanted)
        let key = exchange.key
        guard tier.send(self, key.span, variant: wanted.secondaryKey.span) else {
            isOver = true
            return exchange.secondTierAnswered(nil, isReachable: false)
        }
        exchange.setDeadline(nanoseconds: deadlineNanoseconds)
    }

    override func failed(_ failure: RedisFailure) {
        guard !isOver else { return }
        finish(failure == .timedOut ? .timeout : .error)
    }

    /// The time for both questions is up. The connection hears of it by itself, when the second one's is.
    func timePassed() { finish(.timeout) }

    private func finish(_ result: TierLookupResult, _ response: StoredResponse? = nil) {
        isOver = true
        exchange.clearDeadline()
        tier.figures.count(result)
        let nanoseconds = tier.worker.loop.kernel.monotonicNanoseconds() - startedNanoseconds
        tier.figures.durations.record(nanoseconds: UInt64(max(0, nanoseconds)))
        exchange.secondTierAnswered(response, isReachable: result.isAnswer)
    }
}

extension RedisTier {
    /// Judges what was found for `key`. What is no record for it is deleted.
    ///
    /// - Parameter fields: of the request, if the response has to fit one.
    func take(
        _ reply: borrowing RESPReply, _ element: RESPElement, key: borrowing Span<UInt8>, hash: UInt64,
        fields: borrowing Fields
    ) -> TierFinding {
        switch reply.kind(of: element) {
        case .string: break
        case .null: return .nothing(.miss)
        case .error:
            // Something else than a string lies there.
            if reply.text(of: element).begins(with: "WRONGTYPE") { remove(key) }
            return .nothing(.error)
        default: return .nothing(.error)
        }
        let bytes = reply.text(of: element)
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
        let known = worker.store.judge(
            key: bytes.extracting(record.keyRange), hash: hash, tags: tags.span, since: record.epoch, now: now)
        guard known.verdict != .hard else { return .nothing(.outdated) }
        var record = record
        if known.verdict == .soft { record.metadata.flags.insert(.softlyInvalidated) }
        record.metadata = record.metadata.limited(toMilliseconds: worker.snapshot.memoryLifetimeMilliseconds)
        guard let response = record.response(from: bytes, keyHash: hash, epoch: known.epoch) else {
            return .nothing(.damaged)
        }
        return .found(response, record.bodyDigest)
    }
}
