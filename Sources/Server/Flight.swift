// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Storage
import Synchronization

/// How far the one fetch for a key has come (promise 4).
enum FlightPhase: Sendable {
    case awaitingHead
    /// The head has not come, but it is known for which of the key's variants.
    case awaitingVariant(FlightVariant)
    case streaming(StreamedResponse)
    /// The body of the response is complete.
    case complete(StreamedResponse)
    /// It was short enough to be stored at once.
    case stored(StoredResponse)
    /// Nothing was fetched: this lay in memory or in the second tier, and whether it answers is for each to judge.
    case found(StoredResponse, isInMemory: Bool)
    /// It may not be shared: all that wait go alone.
    case uncacheable
    /// Nothing came that others could have; the status that the leader answered with. `isOwn`: that may be due to the
    /// leader's own request, and another one may fare better.
    case failed(Status, isOwn: Bool)
    /// It confirmed what an invalidation has ended: all that wait begin anew.
    case overtaken
    /// The body ended too early; those who stream from it break off (promise 6).
    case broken

    var isOver: Bool {
        switch self {
        case .awaitingHead, .awaitingVariant, .streaming: false
        default: true
        }
    }
}

/// The one fetch for a key, shared by the loops whose clients wait for it.
final class Flight: Sendable {
    let key: ContiguousArray<UInt8>
    let keyHash: UInt64
    /// The newest invalidation known when the fetch began: a later one that matches makes it worthless.
    let epoch: UInt64
    private let leader: WorkerLink
    private let state = Mutex(State())

    private struct State {
        var phase = FlightPhase.awaitingHead
        var followerCount = 0
        var listeners: [Listener] = []
    }

    private struct Listener {
        let worker: WorkerLink
        /// A wake-up is under way that the worker has not yet answered by looking.
        var isNotified: Bool
    }

    init(key: ContiguousArray<UInt8>, keyHash: UInt64, epoch: UInt64, leader: WorkerLink) {
        self.leader = leader
        self.key = key
        self.keyHash = keyHash
        self.epoch = epoch
    }

    var hasFollowers: Bool { state.withLock { $0.followerCount > 0 } }

    /// Another request waits for this fetch. False when as many wait as may.
    func follow(from worker: WorkerLink, limit: Int) -> Bool {
        state.withLock { state in
            guard state.followerCount < limit else { return false }
            state.followerCount += 1
            if !state.listeners.contains(where: { $0.worker.index == worker.index }) {
                state.listeners.append(Listener(worker: worker, isNotified: false))
            }
            return true
        }
    }

    func unfollow() { state.withLock { $0.followerCount -= 1 } }

    /// The phase as it is now; news that come after this wake the worker again.
    func look(from workerIndex: Int) -> FlightPhase {
        state.withLock { state in
            for index in state.listeners.indices where state.listeners[index].worker.index == workerIndex {
                state.listeners[index].isNotified = false
            }
            return state.phase
        }
    }

    /// The leader moves on, or (with nil) its body has grown: every loop with followers is woken, once.
    func wentOn(to phase: FlightPhase?) {
        let woken = state.withLock { state -> [WorkerLink] in
            if let phase { state.phase = phase }
            var woken: [WorkerLink] = []
            for index in state.listeners.indices where !state.listeners[index].isNotified {
                state.listeners[index].isNotified = true
                woken.append(state.listeners[index].worker)
            }
            return woken
        }
        for worker in woken { worker.post { $0.flightWentOn(self) } }
    }

    /// Followers have read on, or left: the leader may have waited for that.
    func followersReadOn() { leader.post { $0.followersReadOn(self) } }
}
