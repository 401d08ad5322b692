// SPDX-License-Identifier: Apache-2.0
public import Bytes
import CLinux
public import Glibc

/// Every system call the program makes, one overridable method each, so that a simulated kernel can take the
/// real one's place. Interrupted calls are repeated; sockets are non-blocking and close-on-exec.
///
/// Sendable without a check: this class has no state; a subclass with state is used by one thread only.
///
/// `open` and `public` stand for what Swift lacks, a class that may be subclassed anywhere in the package.
open class Kernel: @unchecked Sendable {
    public init() {}

    /// Whether several loops share one thread and time is virtual: no thread may be started then, and none
    /// may block.
    open var isSimulated: Bool { false }

    // MARK: Time and chance

    open func now() -> Moment {
        Moment(
            monotonicNanoseconds: CLinux_monotonic_nanoseconds(), wallNanoseconds: CLinux_wall_nanoseconds())
    }

    open func monotonicNanoseconds() -> Int64 { CLinux_monotonic_nanoseconds() }

    open func randomBytes(into buffer: UnsafeMutableRawBufferPointer) {
        var filled = 0
        while filled < buffer.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = unsafe CLinux_random(rest.baseAddress, rest.count)
            precondition(count > 0, "getrandom failed")
            filled += count
        }
    }

    // MARK: Sockets

    /// Port 0 lets the kernel choose; see `localAddress`.
    open func listen(
        on address: SocketAddress, backlog: Int = 4096, reusesPort: Bool = false
    ) throws(SystemError) -> FileDescriptor {
        var raw = address.raw
        return try unsafe descriptor(CLinux_listen(&raw, Int32(clamping: backlog), reusesPort ? 1 : 0))
    }

    /// Throws when somebody listens on an internet address, even if they would share its port.
    open func requireFree(_ address: SocketAddress) throws(SystemError) {
        var raw = address.raw
        let result = unsafe CLinux_probe(&raw)
        guard result >= 0 else { throw SystemError(code: Int32(truncatingIfNeeded: -result)) }
    }

    /// What one process at a time holds while it looks whether an address is free and listens on it: two that start at
    /// once would both find it free. nil where it cannot be had, or another holds it for longer than that takes.
    open func takeListeningTurn() -> FileDescriptor? {
        let result = unsafe CLinux_take_turn("larder-listening")
        return result >= 0 ? FileDescriptor(rawValue: Int32(truncatingIfNeeded: result)) : nil
    }

    open func accept(_ listener: FileDescriptor) -> AcceptResult {
        var raw = CLinux_address()
        let result = unsafe IOResult(CLinux_accept(listener.rawValue, &raw))
        return AcceptResult(result: result, peer: SocketAddress(raw: raw))
    }

    /// When not yet connected, the descriptor becomes writable later; `connectionError` tells how it went.
    open func connect(
        to address: SocketAddress
    ) throws(SystemError) -> (descriptor: FileDescriptor, isConnected: Bool) {
        var raw = address.raw
        var isConnected: Int32 = 0
        let fd = try unsafe descriptor(CLinux_connect(&raw, &isConnected))
        return (fd, isConnected != 0)
    }

    /// Takes the pending error off a socket.
    open func connectionError(_ fd: FileDescriptor) -> SystemError? {
        IOResult(CLinux_socket_error(fd.rawValue)).error
    }

    open func read(_ fd: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        unsafe IOResult(CLinux_read(fd.rawValue, buffer.baseAddress, buffer.count))
    }

    open func send(_ fd: FileDescriptor, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        unsafe IOResult(CLinux_send(fd.rawValue, bytes.baseAddress, bytes.count))
    }

    /// At most 1,024 parts.
    open func sendGathered(_ fd: FileDescriptor, _ parts: UnsafeBufferPointer<iovec>) -> IOResult {
        unsafe IOResult(CLinux_send_gathered(fd.rawValue, parts.baseAddress, parts.count))
    }

    /// The kernel holds the last of these bytes back for those that are sent next.
    open func sendBeginning(_ fd: FileDescriptor, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        unsafe IOResult(CLinux_send_beginning(fd.rawValue, bytes.baseAddress, bytes.count))
    }

    /// Sends memory without copying it. The kernel goes on reading these bytes for as long as their way takes, so
    /// they must never change again, and their pages must go back to the kernel whole. Less than all of them is
    /// sent only when the socket has no more room.
    open func sendPages(
        _ fd: FileDescriptor, _ bytes: UnsafeRawBufferPointer, through pipe: PagePipe, isFollowed: Bool
    ) -> IOResult {
        var raw = CLinux_page_pipe(
            output: pipe.output.rawValue, input: pipe.input.rawValue, sink: pipe.sink.rawValue)
        return unsafe IOResult(
            CLinux_send_pages(fd.rawValue, &raw, bytes.baseAddress, bytes.count, isFollowed ? 1 : 0))
    }

    /// For `sendPages` on one thread.
    open func makePagePipe() throws(SystemError) -> PagePipe {
        var raw = CLinux_page_pipe()
        try unsafe check(CLinux_open_page_pipe(&raw, PagePipe.capacity))
        return PagePipe(
            output: FileDescriptor(rawValue: raw.output), input: FileDescriptor(rawValue: raw.input),
            sink: FileDescriptor(rawValue: raw.sink))
    }

    /// What of the bytes sent the peer has not acknowledged yet.
    open func unsentByteCount(_ fd: FileDescriptor) -> Int {
        max(IOResult(CLinux_unsent_bytes(fd.rawValue)).value, 0)  // a socket that is gone holds none
    }

    /// For files and pipes, which `send` does not take.
    open func write(_ fd: FileDescriptor, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        unsafe IOResult(CLinux_write(fd.rawValue, bytes.baseAddress, bytes.count))
    }

    /// Ends our stream; the peer's can still be read. A failure means that the connection is gone already,
    /// which reading it tells.
    open func shutdownWrite(_ fd: FileDescriptor) {
        // Ignored for that reason.
        _ = IOResult(CLinux_shutdown_write(fd.rawValue))
    }

    open func close(_ fd: FileDescriptor) {
        // The descriptor is free whatever is answered; only a descriptor that was not ours matters, and crashes.
        _ = IOResult(CLinux_close(fd.rawValue))
    }

    /// Closes so that the peer sees a reset, never the end of a stream.
    open func reset(_ fd: FileDescriptor) {
        // As in `close`.
        _ = IOResult(CLinux_reset(fd.rawValue))
    }

    open func localAddress(_ fd: FileDescriptor) throws(SystemError) -> SocketAddress {
        var raw = CLinux_address()
        try unsafe check(CLinux_local_address(fd.rawValue, &raw))
        return SocketAddress(raw: raw)
    }

    open func peerAddress(_ fd: FileDescriptor) throws(SystemError) -> SocketAddress {
        var raw = CLinux_address()
        try unsafe check(CLinux_peer_address(fd.rawValue, &raw))
        return SocketAddress(raw: raw)
    }

    /// Blocks until the host's name is resolved; at most 16 addresses.
    open func lookUp(host: String, port: UInt16) throws(NameError) -> [SocketAddress] {
        var found = [CLinux_address](repeating: CLinux_address(), count: 16)
        let count = unsafe CLinux_look_up(host, port, &found, found.count)
        guard count >= 0 else { throw NameError(code: Int32(count)) }
        return found.prefix(Int(count)).map(SocketAddress.init(raw:))
    }

    // MARK: Files

    /// Opens a log for appending, and makes it when there is none. A FIFO needs no reader.
    open func openLog(_ path: String) throws(SystemError) -> LogDescriptor {
        var kind: Int32 = 0
        let fd = try unsafe descriptor(path.withCString { unsafe CLinux_open_log($0, &kind) })
        return LogDescriptor(fd, kind: kind)
    }

    open func openLog(standardStream stream: FileDescriptor) throws(SystemError) -> LogDescriptor {
        var kind: Int32 = 0
        let fd = try unsafe descriptor(CLinux_open_standard_log(stream.rawValue, &kind))
        return LogDescriptor(fd, kind: kind)
    }

    /// Never waits for a reader.
    open func writeLog(_ log: LogDescriptor, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        unsafe IOResult(CLinux_write_log(log.descriptor.rawValue, log.kind, bytes.baseAddress, bytes.count))
    }

    /// For threads that may block.
    open func waitForRoom(_ fd: FileDescriptor, milliseconds: Int32) {
        CLinux_wait_for_room(fd.rawValue, milliseconds)
    }

    open func duplicate(_ fd: FileDescriptor) throws(SystemError) -> FileDescriptor {
        try descriptor(CLinux_duplicate(fd.rawValue))
    }

    /// A small file, such as those under /proc; of a longer one the first `limit` bytes. For threads that may block.
    open func readFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let fd = unsafe path.withCString { unsafe Glibc.open($0, O_RDONLY | O_CLOEXEC) }
        guard fd >= 0 else { throw SystemError(code: errno) }
        defer { close(FileDescriptor(rawValue: fd)) }
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = try unsafe bytes.withUnsafeMutableBytes { (room) in
                unsafe IOResult(
                    CLinux_read(
                        fd, UnsafeMutableRawBufferPointer(rebasing: room[filled...]).baseAddress, limit - filled))
            }.get()
            if count == 0 { break }
            filled += count
        }
        return Array(bytes.prefix(filled))
    }

    open var pageBytes: UInt64 { UInt64(sysconf(Int32(_SC_PAGESIZE))) }

    /// One datagram to a unix socket: a path, or `@` and an abstract name. Dropped rather than waited for.
    open func sendDatagram(_ bytes: [UInt8], toSocket name: String) throws(SystemError) {
        var address = sockaddr_un()
        let path = name.hasPrefix("@") ? [0] + Array(name.utf8.dropFirst()) : Array(name.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { throw SystemError(code: ENAMETOOLONG) }
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw SystemError(code: errno) }
        defer { close(FileDescriptor(rawValue: fd)) }
        // An abstract name ends with the address, a path with a zero byte.
        let length = MemoryLayout<sa_family_t>.size + path.count + (name.hasPrefix("@") ? 0 : 1)
        let sent = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe sendto(fd, bytes, bytes.count, Int32(MSG_DONTWAIT), $0, socklen_t(length))
            }
        }
        guard sent >= 0 else { throw SystemError(code: errno) }
    }

    // MARK: Readiness

    open func makePoller() throws(SystemError) -> FileDescriptor { try descriptor(CLinux_epoll_create()) }

    open func add(
        _ fd: FileDescriptor, to poller: FileDescriptor, events: ReadyEvents, token: PollToken
    ) throws(SystemError) {
        try check(CLinux_epoll_add(poller.rawValue, fd.rawValue, events.rawValue, token.data))
    }

    open func modify(
        _ fd: FileDescriptor, in poller: FileDescriptor, events: ReadyEvents, token: PollToken
    ) throws(SystemError) {
        try check(CLinux_epoll_modify(poller.rawValue, fd.rawValue, events.rawValue, token.data))
    }

    open func remove(_ fd: FileDescriptor, from poller: FileDescriptor) throws(SystemError) {
        try check(CLinux_epoll_remove(poller.rawValue, fd.rawValue))
    }

    /// Waits until something is ready, at most `milliseconds` (-1: for ever), and answers how many events were
    /// written; 0 also when interrupted.
    open func wait(
        _ poller: FileDescriptor, into events: UnsafeMutableBufferPointer<PollEvent>, milliseconds: Int32
    ) -> Int {
        let count = unsafe CLinux_epoll_wait(
            poller.rawValue, UnsafeMutableRawPointer(events.baseAddress)?.assumingMemoryBound(to: CLinux_event.self),
            Int32(clamping: events.count), milliseconds)
        precondition(count >= 0, "waiting on a poller failed")
        return count
    }

    // MARK: Waking another thread

    open func makeWaker() throws(SystemError) -> FileDescriptor { try descriptor(CLinux_eventfd()) }

    open func wake(_ waker: FileDescriptor) {
        var one: UInt64 = 1
        // A full counter is a wake-up already under way.
        _ = unsafe IOResult(CLinux_write(waker.rawValue, &one, 8))
    }

    open func drain(_ waker: FileDescriptor) {
        var count: UInt64 = 0
        // An empty counter means that there was nothing to drain.
        _ = unsafe IOResult(CLinux_read(waker.rawValue, &count, 8))
    }

    // MARK: Inner

    private func descriptor(_ result: Int) throws(SystemError) -> FileDescriptor {
        FileDescriptor(rawValue: Int32(truncatingIfNeeded: try IOResult(result).get()))
    }

    private func check(_ result: Int) throws(SystemError) {
        _ = try IOResult(result).get()  // 0, nothing to know
    }
}

/// Where log lines are written, and how that is done without waiting.
public struct LogDescriptor: Sendable {
    package let descriptor: FileDescriptor
    let kind: Int32

    package init(_ descriptor: FileDescriptor, kind: Int32 = 0) {
        self.descriptor = descriptor
        self.kind = kind
    }

    /// The standard streams are not ours to close.
    package var isOwned: Bool { descriptor.rawValue > 2 }
}

/// A new connection, or why there is none (`result.isWouldBlock`: nobody waits).
public struct AcceptResult: Sendable {
    package let result: IOResult
    package let peer: SocketAddress

    package init(result: IOResult, peer: SocketAddress) {
        self.result = result
        self.peer = peer
    }

    package var descriptor: FileDescriptor? {
        result.value >= 0 ? FileDescriptor(rawValue: Int32(truncatingIfNeeded: result.value)) : nil
    }
}
