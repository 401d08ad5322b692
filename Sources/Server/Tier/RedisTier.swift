// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import ConfigLanguage
import EventIO
import HTTPMessages
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
    var queue = TierWriteQueue()
    let queueLimitBytes: Int
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

    /// Asks for what the exchange has missed in memory, which hears by `secondTierAnswered`, and in the form in which
    /// it would be sent. nil when nothing is asked, because there is no connection.
    func lookUp(for exchange: Exchange) -> TierLookup? {
        let key = exchange.key
        let lookup = TierLookup(exchange, tier: self)
        let variant = lookup.variant ?? []
        return send(lookup, key.span, variant: variant.span) ? lookup : nil
    }

    func send(_ lookup: TierLookup, _ key: borrowing Span<UInt8>, variant: borrowing Span<UInt8> = Span()) -> Bool {
        do throws(RedisFailure) {
            let coding = lookup.coding
            try reading.send(lookup) { writeQuestion(key, variant: variant, coding: coding, into: &$0) }
            return true
        } catch {
            figures.count(.notAsked)
            return false
        }
    }

    private func writeQuestion(
        _ key: borrowing Span<UInt8>, variant: borrowing Span<UInt8>, coding: ContentCoding,
        into output: inout ByteBuffer
    ) {
        if coding == .identity {
            output.beginCommand("GET", arguments: 1)
        } else {
            output.beginCommand("MGET", arguments: 2)
        }
        keys.writeObject(key, variant: variant, into: &output)
        if coding != .identity { keys.writeObject(key, variant: variant, coding: coding, into: &output) }
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
        // A response and its forms.
        replyLimits = RESPLimits(replyBytes: 3 * redis.maxObjectBytes + (64 << 10), elements: 4096)
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
