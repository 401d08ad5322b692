// SPDX-License-Identifier: Apache-2.0
import Bytes
import Synchronization

/// Resolves host names on a thread of its own, because the C library's look-up blocks.
package final class NameResolver: Sendable {
    package typealias Answer = Result<[SocketAddress], NameError>

    private let kernel: Kernel
    /// Nil under simulation, where a look-up does not block.
    private let thread: LoopThread?
    private let load = Load()
    private let maxWaiting: Int

    package init(kernel: Kernel, maxWaiting: Int = 256) throws(SystemError) {
        self.kernel = kernel
        self.maxWaiting = maxWaiting
        thread = kernel.isSimulated ? nil : try LoopThread.start(name: "resolver", kernel: kernel) { _ in }
    }

    /// A look-up under way ends by itself.
    deinit { thread?.stop() }

    /// Calls `completion` on `loop`, later, and once. An address needs no look-up.
    package func resolve(
        _ host: String, port: UInt16, onto loop: Loop, completion: @escaping (Answer) -> Void
    ) {
        if let ip = IPAddress(host) {
            return loop.later { completion(.success([.internet(ip, port: port)])) }
        }
        guard let thread else {
            let answer = Self.lookUp(host, port, kernel)
            return loop.later { completion(answer) }
        }
        guard load.waiting.add(1, ordering: .relaxed).newValue <= maxWaiting else {
            load.waiting.subtract(1, ordering: .relaxed)
            return loop.later { completion(.failure(.tooManyWaiting)) }
        }
        // The completion stays with its loop; only a number goes to the other thread and back.
        let query = loop.nameQueries.add(completion)
        thread.mailbox.post { [kernel, load, asker = loop.mailbox] _ in
            let answer = Self.lookUp(host, port, kernel)
            load.waiting.subtract(1, ordering: .relaxed)
            asker.post { loop in loop.nameQueries.remove(query)?(answer) }
        }
    }

    private static func lookUp(_ host: String, _ port: UInt16, _ kernel: Kernel) -> Answer {
        do throws(NameError) {
            return .success(try kernel.lookUp(host: host, port: port))
        } catch {
            return .failure(error)
        }
    }
}

/// How many look-ups wait for the thread.
private final class Load: Sendable {
    let waiting = Atomic<Int>(0)
}

/// The look-ups one loop waits for.
struct NameQueries {
    private var completions: [UInt64: (NameResolver.Answer) -> Void] = [:]
    private var lastQuery: UInt64 = 0

    mutating func add(_ completion: @escaping (NameResolver.Answer) -> Void) -> UInt64 {
        lastQuery += 1
        completions[lastQuery] = completion
        return lastQuery
    }

    mutating func remove(_ query: UInt64) -> ((NameResolver.Answer) -> Void)? {
        completions.removeValue(forKey: query)
    }
}
