// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Something that acts when a time is reached: subclasses override `deadlinePassed`. Exact to a millisecond,
/// never early. A loop keeps whatever is armed on it alive.
///
/// Putting a deadline off is the common case (once per request), so it stores a number and nothing else: the
/// wheel still holds the earlier time, finds the deadline put off when that comes, and links it anew.
@safe open class Deadline {
    @inlinable package static var never: Int64 { .max }

    // Private, so that the compiler sees every access and checks none of them when running.
    @usableFromInline final var wantedNanoseconds = Deadline.never
    /// What the wheel holds; `never` when it holds nothing.
    @usableFromInline final var linkedNanoseconds = Deadline.never
    private final var handle: TimerWheel<Deadline>.Handle = -1
    // The loop outlives what is attached to it: its end detaches everything.
    @usableFromInline final var ownLoop: Unmanaged<Loop>?

    public init() {}

    /// On the monotonic clock; `never` when nothing is awaited.
    package final var deadlineNanoseconds: Int64 { wantedNanoseconds }

    /// Whether it belongs to a loop.
    package final var isAttached: Bool { unsafe ownLoop != nil }

    /// The loop it is attached to.
    @inlinable
    package final var loop: Loop {
        guard let loop = unsafe ownLoop else { preconditionFailure("not attached to a loop") }
        return unsafe loop.takeUnretainedValue()
    }

    /// Must be called before a deadline is set. (A `Channel` is attached with its descriptor.)
    package final func attachDeadline(to loop: Loop) {
        precondition(linkedNanoseconds == Self.never || self.loop === loop, "the wheel of another loop holds this")
        unsafe ownLoop = .passUnretained(loop)
    }

    /// Called on the loop, with the deadline cleared already.
    open func deadlinePassed() {}

    /// Replaces the deadline; `never` clears it.
    @inlinable
    package final func setDeadline(nanoseconds: Int64) {
        wantedNanoseconds = nanoseconds
        if nanoseconds < linkedNanoseconds { link() }
    }

    package final func setDeadline(after duration: Duration) {
        let (seconds, attoseconds) = duration.components
        setDeadline(nanoseconds: loop.now.monotonicNanoseconds + seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    @inlinable
    package final func clearDeadline() { wantedNanoseconds = Self.never }

    /// Clears the deadline and makes the loop let go of this object.
    package final func cancelDeadline() {
        clearDeadline()
        guard linkedNanoseconds != Self.never else { return }
        loop.wheel.remove(handle)
        linkedNanoseconds = Self.never
    }

    func leaveLoop() {
        cancelDeadline()
        unsafe ownLoop = nil
    }

    /// The loop ends, and its wheel has let go of this deadline already.
    final func loopEnded() {
        linkedNanoseconds = Self.never
        leaveLoop()
    }

    @inline(never)
    @usableFromInline
    final func link() {
        let loop = self.loop
        if linkedNanoseconds != Self.never { loop.wheel.remove(handle) }
        linkedNanoseconds = wantedNanoseconds
        handle = loop.wheel.insert(self, tick: Loop.tick(atOrAfter: wantedNanoseconds))
    }

    /// The wheel has let go of this deadline at `now`.
    final func wheelFired(at now: Int64) {
        linkedNanoseconds = Self.never
        guard wantedNanoseconds <= now else {
            if wantedNanoseconds != Self.never { link() }
            return
        }
        wantedNanoseconds = Self.never
        deadlinePassed()
    }
}
