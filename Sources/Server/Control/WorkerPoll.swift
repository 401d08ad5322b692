// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO

/// One question to all workers, answered by each on its own loop; nobody waits for one that does not answer in
/// time.
final class WorkerPoll<Answer: Sendable>: Deadline {
    private var answers: [Answer?]
    private var missing: Int
    private var completion: (([Answer?]) -> Void)?

    private init(count: Int, completion: @escaping ([Answer?]) -> Void) {
        answers = Array(repeating: nil, count: count)
        missing = count
        self.completion = completion
        super.init()
    }

    /// Calls `completion` on `loop`, once, with nil for each worker that did not answer.
    static func start(
        _ workers: [WorkerLink], on loop: Loop, within limit: Duration = .seconds(1),
        _ question: @escaping @Sendable (Worker) -> Answer, completion: @escaping ([Answer?]) -> Void
    ) {
        let poll = WorkerPoll(count: workers.count, completion: completion)
        poll.attachDeadline(to: loop)
        guard !workers.isEmpty else { return poll.finish() }
        poll.setDeadline(after: limit)
        let bound = LoopBound(poll, to: loop)
        for (index, worker) in workers.enumerated() {
            worker.post { worker in
                let answer = question(worker)
                bound.mailbox.post { _ in bound.value.answered(index, answer) }
            }
        }
    }

    private func answered(_ index: Int, _ answer: Answer) {
        guard completion != nil else { return }
        answers[index] = answer
        missing -= 1
        if missing == 0 { finish() }
    }

    private func finish() {
        let done = completion
        completion = nil
        cancelDeadline()
        done?(answers)
    }

    override func deadlinePassed() { finish() }
}
