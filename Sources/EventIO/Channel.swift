// SPDX-License-Identifier: Apache-2.0

/// A descriptor on a loop, with one deadline. Subclasses override `ready` and `deadlinePassed`.
///
/// Readiness is told once per change (edge-triggered): a channel that was told readable must read until it would
/// block, or come back by itself (`Loop.later`).
open class Channel: Deadline {
    @usableFromInline final var openDescriptor = FileDescriptor.none
    final private(set) var token = PollToken(slot: .max, generation: 0)

    public override init() { super.init() }

    /// `none` before attaching and after closing.
    @inlinable
    package final var descriptor: FileDescriptor { openDescriptor }
    @inlinable
    package final var isOpen: Bool { descriptor != .none }
    @inlinable
    package final var kernel: Kernel { loop.kernel }

    /// As the kernel's `send`, without counting a reference to the kernel, which outlives this call.
    package final func send(now bytes: borrowing Span<UInt8>) -> IOResult {
        guard let loop = unsafe ownLoop else { preconditionFailure("not attached to a loop") }
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe loop._withUnsafeGuaranteedRef { unsafe $0.kernel.send(openDescriptor, bytes) }
        }
    }

    /// Called on the loop; never after `close`.
    open func ready(_ events: ReadyEvents) {}

    /// Called once, when the descriptor is closed already and the loop is about to forget this channel.
    open func closed() {}

    /// Hands `descriptor` over to this channel: it closes it from now on, also when this throws.
    package final func attach(
        _ descriptor: FileDescriptor, to loop: Loop, events: ReadyEvents = .stream
    ) throws(SystemError) {
        precondition(!isOpen, "a channel has one descriptor")
        attachDeadline(to: loop)
        let token = loop.seat(self)
        do {
            try loop.kernel.add(descriptor, to: loop.poller, events: events, token: token)
        } catch {
            loop.unseat(token)
            leaveLoop()
            loop.kernel.close(descriptor)
            throw error
        }
        openDescriptor = descriptor
        self.token = token
    }

    /// Closing twice does nothing. The channel stays alive until the events at hand have been told.
    package final func close() {
        guard let fd = leaveDescriptor() else { return }
        kernel.close(fd)
        forget()
    }

    /// Closes so that the peer sees a reset and not the end of a stream: how a broken answer is told.
    package final func reset() {
        guard let fd = leaveDescriptor() else { return }
        kernel.reset(fd)
        forget()
    }

    /// Gives the descriptor away, still open, for another loop or channel.
    package final func release() throws(SystemError) -> FileDescriptor {
        precondition(isOpen, "a closed channel has no descriptor to give away")
        try kernel.remove(descriptor, from: loop.poller)
        let fd = descriptor
        openDescriptor = .none
        forget()
        return fd
    }

    private final func leaveDescriptor() -> FileDescriptor? {
        guard isOpen else { return nil }
        defer { openDescriptor = .none }
        return descriptor
    }

    private final func forget() {
        let loop = self.loop
        loop.unseat(token)
        closed()
        leaveLoop()
    }
}
