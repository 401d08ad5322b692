// SPDX-License-Identifier: Apache-2.0
import Compression
import EventIO
import HTTPMessages
import Storage
import Synchronization
import Telemetry

/// Makes the forms that take long, on a thread that runs when no other has something to do. What cannot wait in its
/// queue is dropped and offered again by a later request; what is no longer stored is not made.
final class CompressionPool: Sendable {
    struct Job: Sendable {
        let stored: StoredResponse
        let coding: ContentCoding
        let level: CodingLevel
        let limit: DecodingLimit
        /// Hears of the form when it was kept.
        let origin: WorkerLink
    }

    private struct State {
        /// Entry and coding of all that waits or is being made.
        var waiting: Set<Ticket> = []
        var counts = CompressionPoolCounts()
    }

    private struct Ticket: Hashable {
        let response: ObjectIdentifier
        let coding: ContentCoding
    }

    private let store: MemoryStore
    /// Nil under simulation, where jobs are done at once.
    private let thread: LoopThread?
    private let state = Mutex(State())

    init(store: MemoryStore, kernel: Kernel) throws(SystemError) {
        self.store = store
        thread =
            kernel.isSimulated
            ? nil : try LoopThread.start(name: "compress", kernel: kernel) { _ in }
    }

    /// A job under way ends by itself.
    deinit { thread?.stop() }

    var counts: CompressionPoolCounts {
        state.withLock { state in
            var counts = state.counts
            counts.queued = state.waiting.count
            return counts
        }
    }

    /// From any thread.
    func offer(_ job: Job) {
        let ticket = Ticket(response: job.stored.identity, coding: job.coding)
        let isTaken = state.withLock { state in
            guard !state.waiting.contains(ticket) else { return false }
            guard state.waiting.count < Self.maximumJobs else {
                state.counts.dropped += 1
                return false
            }
            return state.waiting.insert(ticket).inserted
        }
        guard isTaken else { return }
        guard let thread else { return run(job, ticket) }
        thread.mailbox.post { _ in self.run(job, ticket) }
    }

    private static let maximumJobs = 256
    /// Larger bodies would keep the thread for too long.
    private static let maximumBodyBytes = 8 << 20

    /// Its coder may take a quarter of what memory is for.
    func takes(bodyOf count: Int, _ coding: ContentCoding, _ level: CodingLevel) -> Bool {
        let bytes = CodingMemory.encoderBytes(coding, level, expectedByteCount: count)
        return count <= Self.maximumBodyBytes && bytes <= store.limitBytes / 4
    }

    private func run(_ job: Job, _ ticket: Ticket) {
        let result = Result { () throws(CodingError) in try make(job) }
        state.withLock { state in
            state.waiting.remove(ticket)
            switch result {
            case .success(let isKept): if isKept { state.counts.made += 1 } else { state.counts.cancelled += 1 }
            case .failure(.cancelled): state.counts.cancelled += 1
            case .failure: state.counts.failed += 1
            }
        }
    }

    private func encode(_ job: Job) -> Result<StoredResponse, CodingError> {
        let forms = job.stored.forms
        let store = store
        return Result { () throws(CodingError) in
            try FormMaker.make(job.stored, job.coding, level: job.level, limit: job.limit, store: store) {
                forms?.areKept ?? true
            }
        }
    }

    /// Answers whether the form was kept.
    private func make(_ job: Job) throws(CodingError) -> Bool {
        let form = try thread == nil ? encode(job).get() : BackgroundWork.run { self.encode(job) }.get()
        guard let now = store.current(job.stored) else { return false }
        var kept = StoredForms.Form(form, isBest: job.level == .best)
        // What a stream made at the fast level may happen to be shorter.
        if let old = now.forms?[job.coding], old.response.bodyCount <= form.bodyCount {
            kept = StoredForms.Form(old.response, isBest: kept.isBest)
        }
        guard let stored = store.attach(kept, job.coding, to: job.stored) else { return false }
        job.origin.post { $0.keepForm(job.coding, of: stored) }
        return true
    }
}

/// What became of the jobs since the start.
struct CompressionPoolCounts: Sendable {
    var queued = 0
    var made: UInt64 = 0
    /// The entry went meanwhile, or there was no room for the form.
    var cancelled: UInt64 = 0
    var failed: UInt64 = 0
    /// The queue was full.
    var dropped: UInt64 = 0

    var labelled: [LabelledCount] {
        [
            LabelledCount("made", made), LabelledCount("cancelled", cancelled), LabelledCount("failed", failed),
            LabelledCount("dropped", dropped),
        ]
    }
}
