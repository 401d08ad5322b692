// SPDX-License-Identifier: Apache-2.0
import CLinux
import Synchronization

/// How other threads reach a loop: what they post runs there, in order. One wake-up serves all that was posted
/// before the loop woke.
package final class Mailbox: Sendable {
    package typealias Letter = @Sendable (Loop) -> Void

    private struct State {
        var letters: [Letter] = []
        var isWaking = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let ownerThread = Atomic<Int>(0)
    private let kernel: Kernel
    let waker: FileDescriptor

    init(kernel: Kernel) throws(SystemError) {
        self.kernel = kernel
        waker = try kernel.makeWaker()
    }

    deinit { kernel.close(waker) }

    /// Whether the caller is on the loop's thread. Under simulation all loops share one.
    package var isOnLoop: Bool {
        kernel.isSimulated || ownerThread.load(ordering: .relaxed) == CLinux_thread_identity()
    }

    /// From any thread. Answers false, and drops `letter`, once the loop has ended.
    @discardableResult
    package func post(_ letter: @escaping Letter) -> Bool {
        let (accepted, mustWake) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.letters.append(letter)
            defer { state.isWaking = true }
            return (true, !state.isWaking)
        }
        if mustWake { kernel.wake(waker) }
        return accepted
    }

    func moveToThisThread() { ownerThread.store(CLinux_thread_identity(), ordering: .relaxed) }

    func deliver(to loop: Loop) {
        kernel.drain(waker)
        let letters = state.withLock { state in
            defer { state.letters = [] }
            state.isWaking = false
            return state.letters
        }
        for letter in letters { letter(loop) }
    }

    /// What was posted and not delivered is dropped.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.letters = []
        }
    }
}
