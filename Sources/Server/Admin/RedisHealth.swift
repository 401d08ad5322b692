// SPDX-License-Identifier: Apache-2.0
import Nodes
import Redis
import Telemetry

/// What `GET /health` says about Redis. Nothing of it makes a node unready, which serves without Redis as well.
struct RedisHealth: Sendable {
    enum State: String, Sendable {
        case up
        /// Some connections are there, or others' invalidations are not heard of.
        case degraded
        case down
    }

    /// Of workers, and the pair that follows the log.
    let reading: TierFigures.LinkSum
    let writing: TierFigures.LinkSum
    let log: TierFigures.LinkSum
    /// Whether other nodes' invalidations are heard of.
    let followsLog: Bool
    /// Made here, and not in the log yet.
    let waitingInvalidations: Int
    let writeQueueBytes: Int
    /// Why the log has no connection; nil while it has.
    let failure: RedisFailure?

    private var links: [(name: StaticString, sum: TierFigures.LinkSum)] {
        [("read", reading), ("write", writing), ("log", log)]
    }

    var state: State {
        if links.allSatisfy({ $0.sum.closed == 0 }) { return .down }
        return followsLog && links.allSatisfy { $0.sum.open + $0.sum.halfOpen == 0 } ? .up : .degraded
    }

    func write(to json: inout JSONWriter) {
        json.object("redis") { json in
            json.field("status", state.rawValue)
            json.object("breakers") { json in
                for link in links {
                    json.object(link.name) { json in
                        json.field("closed", link.sum.closed)
                        json.field("open", link.sum.open)
                        json.field("half_open", link.sum.halfOpen)
                    }
                }
            }
            json.key("failure")
            if let failure { json.string(failure.rawValue) } else { json.null() }
            json.field("log", followsLog ? "following" : "out-of-touch")
            json.field("waiting_invalidations", waitingInvalidations)
            json.field("write_queue_bytes", writeQueueBytes)
        }
    }
}

extension SharedLog {
    /// - Parameter tier: of all workers.
    func health(_ tier: TierFigures) -> RedisHealth {
        var links = TierFigures.LinkSum(follow.presentFigures)
        links.add(TierFigures.LinkSum(commands.presentFigures))
        return RedisHealth(
            reading: tier.readingLinks, writing: tier.writingLinks, log: links, followsLog: isFollowing,
            waitingInvalidations: outbox.count, writeQueueBytes: tier.queueBytes,
            failure: follow.lastFailure ?? commands.lastFailure)
    }

    /// Others' invalidations are heard of as they are made.
    var isFollowing: Bool { follower.isCaughtUp && isInTouch }
}
