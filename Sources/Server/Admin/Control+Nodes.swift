// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import EventIO
import Nodes
import Redis
import Settings
import Storage
import Synchronization
import Telemetry

/// The nodes that share a Redis with this one.
extension Control {
    /// Before the listeners open, so that no invalidation stays here.
    func shareLog() {
        guard let redis = snapshot.settings.redis else { return }
        let nodes = snapshot.settings.nodes
        let settings = SharedLog.Settings(
            link: RedisLinkSettings(forControl: redis), prefix: redis.prefix,
            leaseMilliseconds: nodes.leaseMilliseconds,
            sweepMilliseconds: nodes.sweepMilliseconds,
            maximumEntries: nodes.logEntries)
        let log = SharedLog(
            loop: loop, store: store, hasher: proxy.shared.hasher, settings: settings, name: nodeName,
            resolver: proxy.resolver, events: events)
        log.appliedOthers = { [weak self] in self?.applied($0) }
        self.log = log
        let bound = LoopBound(log, to: loop)
        proxy.shared.log.withLock { $0 = bound }
        log.start()
    }

    var nodeName: String { snapshot.settings.nodes.name ?? hostName }

    private var hostName: String {
        do throws(SystemError) {
            let text = try kernel.readFile("/proc/sys/kernel/hostname", limit: 256)
            let name = text.prefix { $0 > 0x20 && $0 < 0x7F }
            return name.isEmpty ? "node" : String(decoding: name, as: UTF8.self)
        } catch { return "node" }
    }

    /// `GET /nodes`
    var nodes: AdminResponse {
        .json { json in
            guard let log else {
                return json.array("nodes") { json in
                    json.object { json in
                        json.field("name", nodeName)
                        json.field("self", true)
                        json.field("live", true)
                    }
                }
            }
            log.write(to: &json, now: loop.now)
        }
    }
}

extension SharedLog {
    /// What a node calls itself; its ID while it is not known.
    func name(of id: String) -> String { register.peers[id]?.report.name ?? id }

    func write(to json: inout JSONWriter, now: Moment) {
        json.object("log") { json in
            json.field("following", follower.isCaughtUp)
            json.field("id", register.generation.text)
            json.field("settled", register.isComplete(now))
            json.field("applied", follower.applied.map { "\($0)" } ?? "")
            json.field("waiting", outbox.count)
        }
        json.array("nodes") { json in
            json.object { json in
                json.field("name", register.name)
                json.field("id", register.own)
                json.field("self", true)
                json.field("live", store.isConfirmed(now))
                json.field("applied", follower.applied.map { "\($0)" } ?? "")
            }
            for peer in register.peers.values.sorted(by: { $0.report.id < $1.report.id }) {
                json.object { json in
                    json.field("name", peer.report.name)
                    json.field("id", peer.report.id)
                    json.field("self", false)
                    json.field("live", register.isLive(peer, now: now))
                    json.field("applied", "\(peer.report.applied)")
                    json.field(
                        "silent_ms",
                        milliseconds: UInt64(max(0, now.monotonicNanoseconds - peer.changedNanoseconds)))
                }
            }
        }
    }
}

extension RedisLinkSettings {
    /// For the control loop, which can wait longer for an answer than a request may.
    init(forControl redis: RedisSettings) {
        self.init(
            endpoint: redis.address.kind == .unix
                ? .unix(path: redis.address.host) : .host(redis.address.host, port: redis.address.port),
            login: RedisLogin(
                user: redis.user, password: redis.password?.revealed, database: redis.database, clientName: "larder-log"
            ),
            limits: RedisConnectionLimits(
                connectMilliseconds: redis.connectMilliseconds,
                answerMilliseconds: max(redis.timeoutMilliseconds, 1000), stallMilliseconds: 2000))
    }
}
