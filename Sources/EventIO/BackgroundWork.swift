// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Synchronization

/// Computing that is to be done in the time that no other thread wants, and yet comes to its end where others want
/// all there is: what takes too long is begun anew with a small share, and what follows with it, until there is time
/// again. One caller at a time.
package final class BackgroundWork: Sendable {
    /// Whether what is under way is still of use.
    package typealias IsWanted = @Sendable () -> Bool

    package struct Done<Value: Sendable>: Sendable {
        package let value: Value
        /// By the thread that did it.
        package let computedNanoseconds: Int64

        package init(value: Value, computedNanoseconds: Int64 = 0) {
            self.value = value
            self.computedNanoseconds = computedNanoseconds
        }
    }

    /// What takes longer in idle time alone is starved.
    private let patienceMilliseconds: Int
    private let pace = Mutex(BackgroundPace())

    package init(patienceMilliseconds: Int = 5000) { self.patienceMilliseconds = patienceMilliseconds }

    package var isStarved: Bool { pace.withLock { $0.isStarved } }

    /// Waits for `work`, which a thread of its own does: one that has stepped back for others may not be allowed to
    /// come forward again. It may be begun twice, and must take no lock that loops wait for, as it can be stopped
    /// for long while it holds it. Without a thread, the caller does it.
    /// - Parameter room: what `work` needs and locks are to be taken for; called by the caller's thread before each
    ///   beginning.
    package func run<Room: Sendable, Value: Sendable>(
        in room: () -> Room, _ work: @escaping @Sendable (Room, IsWanted) -> Value
    ) -> Done<Value> {
        let result = HandOff<Done<Value>>()
        let isDone = Flag()
        let begin: (_ hasShare: Bool, _ room: Room) -> Bool = { hasShare, room in
            Self.detach {
                // Where the system does not allow it, it is done like everything else.
                _ = hasShare ? CLinux_run_with_small_share() : CLinux_run_in_background()
                let value = work(room) { !isDone.isSet }
                result.put(Done(value: value, computedNanoseconds: CLinux_thread_nanoseconds()))
            }
        }
        let start = CLinux_monotonic_nanoseconds()
        let first = room()
        guard begin(isStarved, first) else { return Done(value: work(first) { true }, computedNanoseconds: 0) }
        var done = isStarved ? result.take() : result.take(withinMilliseconds: patienceMilliseconds)
        if done == nil {
            pace.withLock { $0.waitedInVain() }
            // Without a second thread the first one ends some day. Else it goes on until it sees that nobody waits.
            _ = begin(true, room())
            done = result.take()
        }
        guard let done else { preconditionFailure("waited for without end") }
        isDone.set()
        pace.withLock {
            $0.finished(
                wallNanoseconds: CLinux_monotonic_nanoseconds() - start, computedNanoseconds: done.computedNanoseconds)
        }
        return done
    }

    /// Answers whether there was a thread to be had.
    private static func detach(_ body: @escaping @Sendable () -> Void) -> Bool {
        let context = unsafe Unmanaged.passRetained(ThreadBody(body))
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                if let context = unsafe context {
                    unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
                }
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}

/// Whether background work finds time.
struct BackgroundPace {
    private(set) var isStarved = false

    mutating func waitedInVain() { isStarved = true }

    /// It had more than half a processor, of which its share is a small part: there is idle time again.
    mutating func finished(wallNanoseconds: Int64, computedNanoseconds: Int64) {
        if computedNanoseconds > wallNanoseconds / 2 { isStarved = false }
    }
}

private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
