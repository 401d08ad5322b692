// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Synchronization

/// A thread that runs one loop until it is stopped.
package final class LoopThread: Sendable {
    package let mailbox: Mailbox
    private let thread: pthread_t
    private let isJoined = Atomic<Bool>(false)

    private init(mailbox: Mailbox, thread: pthread_t) {
        self.mailbox = mailbox
        self.thread = thread
    }

    /// Answers when `setUp` has run, on the new thread; what it throws ends the thread and is thrown here.
    /// - Parameters:
    ///   - name: at most 15 bytes, as `top -H` shows it.
    ///   - processor: binds the thread to that one of the processors the process may use.
    package static func start(
        name: String, kernel: Kernel, processor: Int? = nil,
        setUp: @escaping @Sendable (Loop) throws(SystemError) -> Void
    ) throws(SystemError) -> LoopThread {
        let started = HandOff<Result<Mailbox, SystemError>>()
        return try start(name: name, kernel: kernel, started: started) {
            run(name: name, kernel: kernel, processor: processor, setUp: setUp, started: started)
        }
    }

    private static func start(
        name: String, kernel: Kernel, started: HandOff<Result<Mailbox, SystemError>>,
        _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) -> LoopThread {
        precondition(!kernel.isSimulated, "simulated loops share the thread of their test")
        let body = ThreadBody(body)
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(body)
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
            throw SystemError(code: code)
        }
        switch started.take() {
        case .success(let mailbox): return LoopThread(mailbox: mailbox, thread: thread)
        case .failure(let error):
            pthread_join(thread, nil)
            throw error
        }
    }

    /// The same for a loop that was made, and given work, on this thread: it goes over to the new one, and nothing
    /// on it may be touched here from now on but by its mailbox.
    package static func start(
        name: String, kernel: Kernel, running loop: Loop
    ) throws(SystemError) -> LoopThread {
        // Whoever starts the thread touches the loop no more.
        nonisolated(unsafe) let moved = loop
        let started = HandOff<Result<Mailbox, SystemError>>()
        return try start(name: name, kernel: kernel, started: started) {
            _ = unsafe name.withCString { unsafe CLinux_name_thread($0) }  // as below
            let loop = unsafe moved
            started.put(.success(loop.mailbox))
            loop.run()
        }
    }

    private static func run(
        name: String, kernel: Kernel, processor: Int?, setUp: @Sendable (Loop) throws(SystemError) -> Void,
        started: HandOff<Result<Mailbox, SystemError>>
    ) {
        // Neither a missing name nor a free choice of processor is worth not starting for.
        _ = unsafe name.withCString { unsafe CLinux_name_thread($0) }
        if let processor { _ = CLinux_pin_thread(UInt32(truncatingIfNeeded: processor)) }
        do throws(SystemError) {
            let loop = try Loop(kernel: kernel)
            try setUp(loop)
            started.put(.success(loop.mailbox))
            loop.run()
        } catch {
            started.put(.failure(error))
        }
    }

    deinit {
        if !isJoined.load(ordering: .relaxed) { pthread_detach(thread) }
    }

    /// From any thread; `join` waits until it is done.
    package func stop() { mailbox.post { $0.stop() } }

    /// Waits until the loop has ended. Further calls return at once.
    package func join() {
        guard !isJoined.exchange(true, ordering: .relaxed) else { return }
        let code = pthread_join(thread, nil)
        precondition(code == 0, "a loop cannot wait for its own end")
    }
}

extension LoopThread {
    /// One thread per `index` of `0..<count`, named `name-index`. When one cannot start, those that did are stopped.
    package static func startGroup(
        count: Int, name: String, kernel: Kernel, isPinned: Bool = false,
        setUp: @escaping @Sendable (Loop, _ index: Int) throws(SystemError) -> Void
    ) throws(SystemError) -> [LoopThread] {
        var threads: [LoopThread] = []
        do throws(SystemError) {
            for index in 0..<count {
                let thread = try start(name: "\(name)-\(index)", kernel: kernel, processor: isPinned ? index : nil) {
                    (loop) throws(SystemError) in try setUp(loop, index)
                }
                threads.append(thread)
            }
        } catch {
            for thread in threads { thread.stop() }
            for thread in threads { thread.join() }
            throw error
        }
        return threads
    }
}

/// What a thread does, in a form that fits through a C pointer.
final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// One value from one thread to another that waits for it.
final class HandOff<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let waker: Semaphore = Semaphore()

    func put(_ new: Value) {
        value.withLock { $0 = new }
        waker.signal()
    }

    /// Nil when none has come by then.
    func take(withinMilliseconds limit: Int) -> Value? {
        waker.wait(milliseconds: limit) ? value.withLock { $0 } : nil
    }

    func take() -> Value {
        waker.wait()
        guard let value = value.withLock({ $0 }) else { preconditionFailure("signalled without a value") }
        return value
    }
}

@safe private final class Semaphore: Sendable {
    /// Made for several threads.
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    func signal() { unsafe sem_post(semaphore) }

    func wait() {
        while unsafe sem_wait(semaphore) != 0 {}
    }

    /// False when nothing was signalled in that time.
    func wait(milliseconds: Int) -> Bool {
        unsafe CLinux_wait_for_semaphore(semaphore, milliseconds) == 0
    }
}
