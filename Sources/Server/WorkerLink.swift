// SPDX-License-Identifier: Apache-2.0
import EventIO

/// How other threads reach a worker: what they post runs on its loop.
struct WorkerLink: Sendable {
    let index: Int
    private let bound: LoopBound<Worker>

    init(_ worker: Worker) {
        index = worker.index
        bound = LoopBound(worker, to: worker.loop)
    }

    /// False once the worker has ended.
    @discardableResult
    func post(_ letter: @escaping @Sendable (Worker) -> Void) -> Bool {
        bound.mailbox.post { _ in letter(bound.value) }
    }
}
