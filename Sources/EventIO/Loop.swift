// SPDX-License-Identifier: Apache-2.0
public import Bytes

/// One thread's events: descriptors, deadlines, letters of other threads. Everything on it runs to its end
/// before the next begins, so nothing here is locked, and nothing here may block.
@usableFromInline
@safe package final class Loop {
    @usableFromInline package let kernel: Kernel
    /// How other threads reach this loop.
    package let mailbox: Mailbox
    // Private, so that the compiler sees every access and checks none of them when running.
    @usableFromInline var moment: Moment
    /// For reading into and parsing from at once; whoever reads keeps nothing here past its own callback.
    @usableFromInline package let readBuffer: UnsafeMutableRawBufferPointer
    /// Called when all that one turn brought has been done.
    package var turnEnded: (() -> Void)?

    /// The epoll descriptor, for a kernel that has to know which loops have events.
    package let poller: FileDescriptor
    var wheel: TimerWheel<Deadline>
    var nameQueries = NameQueries()
    private var seats: [Seat] = []
    private var freeSeats: [UInt32] = []
    private var events: UnsafeMutableBufferPointer<PollEvent>
    /// Closed channels, kept alive until the batch in which they closed has ended.
    private var closedChannels: [Channel] = []
    private var laterTasks: [() -> Void] = []
    private var isStopping = false
    /// nil where pages are copied.
    var pagePipe: PagePipe?

    private struct Seat {
        var channel: Channel?
        var generation: UInt32
    }

    private static let wakerToken = PollToken(slot: .max, generation: .max)
    private static let nanosecondsPerTick: Int64 = 1_000_000

    package init(kernel: Kernel, readBufferBytes: Int = 65536, eventsPerWait: Int = 256) throws(SystemError) {
        self.kernel = kernel
        moment = kernel.now()
        wheel = TimerWheel(tick: moment.monotonicNanoseconds / Self.nanosecondsPerTick)
        mailbox = try Mailbox(kernel: kernel)
        poller = try kernel.makePoller()
        unsafe readBuffer = .allocate(byteCount: readBufferBytes, alignment: 64)
        unsafe events = .allocate(capacity: eventsPerWait)
        mailbox.moveToThisThread()
        try kernel.add(mailbox.waker, to: poller, events: .input, token: Self.wakerToken)
    }

    deinit {
        mailbox.close()
        for index in seats.indices { seats[index].channel?.close() }
        while let deadline = wheel.popDue(at: .max) { deadline.loopEnded() }
        closePagePipe()
        kernel.close(poller)
        unsafe readBuffer.deallocate()
        unsafe events.deallocate()
    }

    /// Read once per wake-up; all that one batch of events does happens at one time.
    @inlinable
    package var now: Moment { moment }

    // MARK: Running

    /// Turns until `stop`.
    package func run() {
        mailbox.moveToThisThread()
        while !isStopping { runOnce() }
        isStopping = false
    }

    /// Makes `run` return after this turn. From another thread: `mailbox.post { $0.stop() }`.
    package func stop() { isStopping = true }

    /// Waits until something is due, at most `maximumWaitNanoseconds`, and does all of it. Answers whether
    /// anything was.
    @discardableResult
    package func runOnce(maximumWaitNanoseconds: Int64 = .max) -> Bool {
        let count = unsafe kernel.wait(poller, into: events, milliseconds: waitMilliseconds(maximumWaitNanoseconds))
        refreshNow()
        for index in 0..<count { tell(unsafe events[index]) }
        let fired = fireDeadlines()
        let ran = runLaterTasks()
        turnEnded?()
        if !closedChannels.isEmpty { closedChannels.removeAll(keepingCapacity: true) }
        return count > 0 || fired || ran
    }

    /// Reads the clocks anew, after work that took long.
    package func refreshNow() { moment = kernel.now() }

    /// The clock as it is now.
    package func monotonicNanoseconds() -> Int64 { kernel.monotonicNanoseconds() }

    /// Reads into `readBuffer`, from its beginning.
    package func read(_ fd: FileDescriptor) -> IOResult { unsafe kernel.read(fd, into: readBuffer) }

    /// The same, but no more than so many bytes.
    package func read(_ fd: FileDescriptor, atMost limit: Int) -> IOResult {
        unsafe kernel.read(fd, into: UnsafeMutableRawBufferPointer(rebasing: readBuffer[..<min(limit, readByteLimit)]))
    }

    /// The most that one `read` brings.
    @inlinable
    package var readByteLimit: Int { unsafe readBuffer.count }

    /// The first `count` bytes of `readBuffer`, valid until the next read.
    @inlinable
    @_lifetime(borrow self)
    package func bytesRead(_ count: Int) -> Span<UInt8> {
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: readBuffer[..<count])
        return unsafe _overrideLifetime(Span<UInt8>(_unsafeBytes: bytes), borrowing: self)
    }

    /// When `runOnce` has something to do without any event: in the past when tasks wait, nil for never.
    package var nextDueNanoseconds: Int64? {
        if !laterTasks.isEmpty { return now.monotonicNanoseconds }
        return wheel.nextTick.map { $0.multipliedReportingOverflow(by: Self.nanosecondsPerTick).partialValue }
    }

    /// Runs `task` when the events at hand have been told. Allocates: not for every request.
    package func later(_ task: @escaping () -> Void) { laterTasks.append(task) }

    /// Rounded up, so that a wait does not end just before what it waited for.
    private func waitMilliseconds(_ maximum: Int64) -> Int32 {
        guard let due = nextDueNanoseconds else {
            return maximum == .max ? -1 : Int32(clamping: (maximum + 999_999) / 1_000_000)
        }
        // `now` is as old as the batch that was done meanwhile.
        let wait = min(maximum, max(0, due - kernel.monotonicNanoseconds()))
        return Int32(clamping: (wait + 999_999) / 1_000_000)
    }

    private func tell(_ event: PollEvent) {
        let token = event.token
        guard token != Self.wakerToken else { return mailbox.deliver(to: self) }
        let seat = seats[Int(token.slot)]
        guard seat.generation == token.generation, let channel = seat.channel else { return }
        channel.ready(ReadyEvents(rawValue: event.events))
    }

    private func fireDeadlines() -> Bool {
        let tick = now.monotonicNanoseconds / Self.nanosecondsPerTick
        var fired = false
        while let deadline = wheel.popDue(at: tick) {
            deadline.wheelFired(at: now.monotonicNanoseconds)
            fired = true
        }
        return fired
    }

    private func runLaterTasks() -> Bool {
        guard !laterTasks.isEmpty else { return false }
        let tasks = laterTasks
        laterTasks = []
        for task in tasks { task() }
        return true
    }

    static func tick(atOrAfter nanoseconds: Int64) -> Int64 {
        nanoseconds / nanosecondsPerTick + (nanoseconds % nanosecondsPerTick > 0 ? 1 : 0)
    }

    // MARK: Seats of channels

    func seat(_ channel: Channel) -> PollToken {
        guard let slot = freeSeats.popLast() else {
            seats.append(Seat(channel: channel, generation: 0))
            return PollToken(slot: UInt32(seats.count - 1), generation: 0)
        }
        seats[Int(slot)].channel = channel
        return PollToken(slot: slot, generation: seats[Int(slot)].generation)
    }

    func unseat(_ token: PollToken) {
        guard let channel = seats[Int(token.slot)].channel else { return }
        closedChannels.append(channel)
        seats[Int(token.slot)].channel = nil
        seats[Int(token.slot)].generation &+= 1
        freeSeats.append(token.slot)
    }

    /// How many channels are open on this loop.
    package var channelCount: Int { seats.count - freeSeats.count }
}
