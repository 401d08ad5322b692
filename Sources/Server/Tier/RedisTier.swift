// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import Redis
import Settings
import Storage
import Telemetry

/// The second tier as one worker reaches it: responses in Redis, for other nodes and the next start (promise 5).
///
/// It has two connections, so that a lookup never waits behind a large write, and a server that refuses writes is
/// still asked.
final class RedisTier {
    unowned let worker: Worker
    let settings: RedisSettings
    let keys: TierKeys
    let reading: RedisLink
    let writing: RedisLink
    var figures = TierFigures()
    private var queue = TierWriteQueue()
    private let queueLimitBytes: Int
    private var hotKeys: HotKeys?

    init(worker: Worker, settings: RedisSettings, resolver: NameResolver) {
        self.worker = worker
        self.settings = settings
        keys = TierKeys(prefix: settings.prefix)
        queueLimitBytes = settings.writeQueueBytes / max(1, worker.snapshot.workerCount)
        reading = RedisLink(
            loop: worker.loop, settings: RedisLinkSettings(settings, clientName: "larder-read"), resolver: resolver)
        writing = RedisLink(
            loop: worker.loop, settings: RedisLinkSettings(writing: settings), resolver: resolver)
        // One voice is enough.
        if worker.index == 0 { announceConnection() }
        writing.readinessChanged = { [unowned self] isReady in if !isReady { dropQueue(.notConnected) } }
        reading.start()
        writing.start()
        if worker.index == 0, settings.hotKeys > 0 { hotKeys = HotKeys(self) }
    }

    /// The process is about to end.
    func drain() { hotKeys?.rememberNow() }

    func stop() {
        hotKeys?.cancelDeadline()
        reading.stop()
        writing.stop()
        dropQueue(.notConnected)
    }

    private func announceConnection() {
        let address = settings.address.description
        reading.readinessChanged = { [unowned self] isReady in if isReady { worker.events.redisConnected(address) } }
        reading.becameUnreachable = { [unowned self] failure in worker.events.redisLost(address, failure) }
    }

    var presentFigures: TierFigures {
        var present = figures
        present.queueBytes = queue.byteCount
        present.readingLinks = TierFigures.LinkSum(reading.presentFigures)
        present.writingLinks = TierFigures.LinkSum(writing.presentFigures)
        return present
    }

    // MARK: Reading

    /// Asks for what the exchange has missed in memory, which hears by `secondTierAnswered`. False when nothing is
    /// asked, because there is no connection.
    func lookUp(for exchange: Exchange) -> Bool {
        let key = exchange.key
        return send(TierLookup(exchange, tier: self)) { keys.writeObject(key.span, into: &$0) }
    }

    func send(_ lookup: TierLookup, _ writeKey: (inout ByteBuffer) -> Void) -> Bool {
        do throws(RedisFailure) {
            try reading.send(lookup) { output in
                output.beginCommand("GET", arguments: 1)
                writeKey(&output)
            }
            return true
        } catch {
            figures.count(.notAsked)
            return false
        }
    }

    // MARK: Writing

    /// Keeps a response, after whoever waits for it was answered.
    func keep(_ response: StoredResponse, lifetimeMilliseconds: Int64) {
        guard writing.isReady else { return figures.count(.notConnected) }
        let byteCount = StoredRecord.byteCount(of: response)
        guard byteCount <= settings.maxObjectBytes else { return figures.count(.tooLarge) }
        guard queue.byteCount + byteCount <= queueLimitBytes else { return figures.count(.queueFull) }
        queue.append(TierWrite(response, lifetimeMilliseconds: lifetimeMilliseconds, byteCount: byteCount))
    }

    private func dropQueue(_ result: TierWriteResult) {
        while queue.removeFirst() != nil { figures.count(result) }
    }

    /// At the end of a turn, and when writes were answered: as much as the connection takes without piling up.
    func writeQueued() {
        while !queue.isEmpty, writing.outputByteCount < Self.outputHighWaterBytes, let write = queue.removeFirst() {
            self.write(write)
        }
    }

    private static let outputHighWaterBytes = 256 << 10

    private func write(_ write: TierWrite) {
        let response = write.response
        let now = worker.loop.now
        let milliseconds = response.metadata.usableForMilliseconds(
            now, lifetimeMilliseconds: write.lifetimeMilliseconds)
        guard milliseconds > 0 else { return }
        guard let epoch = worker.shared.store.sharedEpoch(of: response.epoch) else { return figures.count(.unproven) }
        do throws(RedisFailure) {
            if !response.varyRule.isEmpty { try writeVaryRule(of: response, milliseconds, now) }
            try writing.send(TierWriteCall(self)) { output in
                output.beginCommand("SET", arguments: 4)
                keys.writeObject(response.key, variant: TierKeys.variant(of: response.secondaryKey), into: &output)
                output.beginArgument(byteCount: write.byteCount)
                StoredRecord.write(
                    response, lifetimeMilliseconds: write.lifetimeMilliseconds, epoch: epoch, now: now, into: &output)
                output.endArgument()
                output.argument("PX" as StaticString)
                output.argument(decimal: Int(milliseconds))
            }
        } catch {
            figures.count(error == .queueFull ? .queueFull : .notConnected)
        }
    }

    private func writeVaryRule(
        of response: StoredResponse, _ milliseconds: Int64, _ now: Moment
    ) throws(RedisFailure) {
        try writing.send(RedisCall()) { output in
            output.beginCommand("SET", arguments: 4)
            keys.writeObject(response.key, into: &output)
            output.beginArgument(byteCount: StoredRecord.varyRuleByteCount(of: response))
            StoredRecord.writeVaryRule(of: response, now: now, into: &output)
            output.endArgument()
            output.argument("PX" as StaticString)
            output.argument(decimal: Int(milliseconds))
        }
    }

    /// Takes away what lies under a key; its variants are not found without it.
    func remove(_ key: borrowing Span<UInt8>, variant: borrowing Span<UInt8> = Span()) {
        do throws(RedisFailure) {
            try writing.send(RedisCall()) { output in
                output.beginCommand("UNLINK", arguments: 1)
                keys.writeObject(key, variant: variant, into: &output)
            }
        } catch {
            // It expires by itself, and the log of invalidations speaks against it until then.
        }
    }
}

extension RedisLinkSettings {
    /// For short questions and answers.
    init(_ redis: RedisSettings, clientName: String) {
        let endpoint: Endpoint =
            redis.address.kind == .unix
            ? .unix(path: redis.address.host) : .host(redis.address.host, port: redis.address.port)
        self.init(endpoint: endpoint)
        login.user = redis.user
        login.password = redis.password?.revealed
        login.database = redis.database
        login.clientName = clientName
        limits = RedisConnectionLimits(
            connectMilliseconds: redis.connectMilliseconds, answerMilliseconds: redis.timeoutMilliseconds)
        replyLimits = RESPLimits(replyBytes: redis.maxObjectBytes + (64 << 10), elements: 4096)
        maximumOutputBytes = max(1 << 20, 2 * redis.maxObjectBytes)
    }

    /// For large values, which nobody waits for.
    init(writing redis: RedisSettings) {
        self.init(redis, clientName: "larder-write")
        let patience = max(1_000, 10 * redis.timeoutMilliseconds)
        limits = RedisConnectionLimits(
            connectMilliseconds: redis.connectMilliseconds, answerMilliseconds: patience,
            stallMilliseconds: 2 * patience)
    }
}
