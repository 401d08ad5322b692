// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A listening socket on a loop; subclasses override `accepted`.
open class Acceptor: Channel {
    /// Out of descriptors or memory, waiting connections are tried again after this long: the kernel does not
    /// tell of them twice.
    private static var retryNanoseconds: Int64 { 50_000_000 }
    /// How many connections one turn takes, so that a flood of them does not starve those that are open.
    private static var acceptsPerTurn: Int { 64 }

    public override init() { super.init() }

    package final func listen(
        on address: SocketAddress, loop: Loop, backlog: Int = 4096, reusesPort: Bool = false
    ) throws(SystemError) {
        let fd = try loop.kernel.listen(on: address, backlog: backlog, reusesPort: reusesPort)
        try attach(fd, to: loop, events: .input)
    }

    /// Whether another connection is wanted now; while it is not, those that wait are left to the kernel.
    open func mayAccept() -> Bool { true }

    /// What kept `mayAccept` from it may be over.
    package final func acceptAgain() { if isOpen { setDeadline(nanoseconds: loop.now.monotonicNanoseconds) } }

    /// A connection has come in; whoever overrides this owns `descriptor`.
    open func accepted(_ descriptor: FileDescriptor, from peer: SocketAddress) { kernel.close(descriptor) }

    /// Connections wait, and there is no descriptor or memory for them.
    open func acceptingFailed(_ error: SystemError) {}

    public final override func ready(_ events: ReadyEvents) { acceptWaiting() }

    public final override func deadlinePassed() { acceptWaiting() }

    private func acceptWaiting() {
        for _ in 0..<Self.acceptsPerTurn {
            guard isOpen else { return }
            guard mayAccept() else {
                setDeadline(nanoseconds: loop.now.monotonicNanoseconds + Self.retryNanoseconds)
                return
            }
            let result = kernel.accept(descriptor)
            if let fd = result.descriptor {
                accepted(fd, from: result.peer)
                continue
            }
            // Any other error is one of that connection alone (accept(2)), and the next may be sound.
            guard !result.result.isWouldBlock else { return }
            guard let error = result.result.error, error.isExhaustion else { continue }
            acceptingFailed(error)
            setDeadline(nanoseconds: loop.now.monotonicNanoseconds + Self.retryNanoseconds)
            return
        }
        // More may wait; the wheel's next tick comes after the events that are at hand now.
        if isOpen { setDeadline(nanoseconds: loop.now.monotonicNanoseconds) }
    }
}
