// SPDX-License-Identifier: Apache-2.0
import Compression
import EventIO
import HTTPMessages
import Storage
import Synchronization
import Telemetry

/// Makes the forms that take long, on threads that stand back for all others. What cannot wait in its
/// queue is dropped and offered again by a later request; what is no longer stored is not made.
final class CompressionPool: Sendable {
    struct Job: Sendable {
        let stored: StoredResponse
        let coding: ContentCoding
        let level: CodingLevel
        let limit: DecodingLimit
        /// Hears of the form when it was kept.
        let origin: WorkerLink
        let route: String

        var subject: CompressionSubject { CompressionSubject(route: route, coding: coding) }
    }

    private struct State {
        /// Entry and coding of all that waits or is being made.
        var waiting: Set<Ticket> = []
        var counts: [CompressionSubject: CompressionCounts] = [:]
    }

    private struct Ticket: Hashable {
        let response: ObjectIdentifier
        let coding: ContentCoding
    }

    private let store: MemoryStore
    /// Nil under simulation, where jobs are done at once.
    private let thread: LoopThread?
    private let background = BackgroundWork()
    private let state = Mutex(State())

    init(store: MemoryStore, kernel: Kernel) throws(SystemError) {
        self.store = store
        thread =
            kernel.isSimulated
            ? nil : try LoopThread.start(name: "compress", kernel: kernel) { _ in }
    }

    /// A job under way ends by itself.
    deinit { thread?.stop() }

    /// Bodies that wait, or are being made.
    var queuedCount: Int { state.withLock { $0.waiting.count } }

    var counts: [CompressionSubject: CompressionCounts] { state.withLock { $0.counts } }

    /// From any thread.
    func offer(_ job: Job) {
        let ticket = Ticket(response: job.stored.identity, coding: job.coding)
        let isTaken = state.withLock { state in
            guard !state.waiting.contains(ticket) else { return false }
            guard state.waiting.count < Self.maximumJobs else {
                state.counts[job.subject, default: CompressionCounts()].dropped += 1
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
        let draft = { self.draft(job) }
        let done =
            thread == nil
            ? .init(value: encode(job, in: draft(), isWanted: { true }))
            : background.run(in: draft) { self.encode(job, in: $0, isWanted: $1) }
        let result = Result { () throws(CodingError) in keep(try done.value.get().sealed(), of: job) }
        state.withLock { state in
            state.waiting.remove(ticket)
            state.counts[job.subject, default: CompressionCounts()].ended(
                result, of: job, computedNanoseconds: done.computedNanoseconds)
        }
    }

    private func draft(_ job: Job) -> Result<FormDraft, CodingError> {
        Result { () throws(CodingError) in
            try FormDraft(
                of: job.stored, job.coding, level: job.level, limit: job.limit, store: store, for: .background)
        }
    }

    /// Answers the draft when its body is made.
    private func encode(
        _ job: Job, in draft: Result<FormDraft, CodingError>, isWanted: BackgroundWork.IsWanted
    ) -> Result<FormDraft, CodingError> {
        let forms = job.stored.forms
        return Result { () throws(CodingError) in
            let draft = try draft.get()
            try draft.make { isWanted() && forms?.areKept ?? true }
            return draft
        }
    }

    /// Answers its length; nil when it was not kept.
    func keep(_ form: StoredResponse, of job: Job) -> Int? {
        guard let now = store.current(job.stored) else { return nil }
        var kept = StoredForms.Form(form, isBest: job.level == .best)
        // What a stream made at the fast level may happen to be shorter.
        if let old = now.forms?[job.coding], old.response.bodyCount <= form.bodyCount {
            kept = StoredForms.Form(old.response, isBest: kept.isBest)
        }
        guard let stored = store.attach(kept, job.coding, to: job.stored) else { return nil }
        job.origin.post { $0.keepForm(job.coding, of: stored) }
        return form.bodyCount
    }
}
