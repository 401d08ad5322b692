// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Storage
import Synchronization

/// A form of a stored response in the making. Room for it is made at its beginning, and counted until its end.
///
/// Encoding in between takes no lock of the store's, and next to none of the allocators', as it may be done by a
/// thread that is stopped for long.
final class FormDraft: Sendable {
    private struct Work: ~Copyable {
        let transform: BodyTransform
        var output: ByteBuffer
        let body: GrowingBody
    }

    private let stored: StoredResponse
    private let coding: ContentCoding
    /// Nil when it is over.
    private let work: Mutex<Work?>
    private let reservation: BodyReservation

    /// - Throws: `outOfMemory` when `store` has no room for it.
    init(
        of stored: StoredResponse, _ coding: ContentCoding, level: CodingLevel, limit: DecodingLimit,
        store: MemoryStore, for purpose: BodyReservation.Purpose = .answer
    ) throws(CodingError) {
        self.stored = stored
        self.coding = coding
        let count = stored.bodyCount
        let isDecoded = coding == .identity
        let bodyBytes = isDecoded ? GrowingBody.firstCapacity : CodingMemory.encodedBytes(of: count)
        reservation = try store.reserve(forCoder: bodyBytes, for: purpose)
        let transform = try BodyTransform(
            from: stored.coding, to: coding, level: level, expectedByteCount: count, limit: limit, store: store,
            for: purpose)
        let output = ByteBuffer(capacity: min(bodyBytes, Self.maximumOutputCapacity))
        // What is encoded never outgrows its first segment, of which only what is used becomes memory.
        let body = isDecoded ? GrowingBody(reservation: reservation) : GrowingBody(expectedCount: bodyBytes)
        work = Mutex(Work(transform: transform, output: output, body: body))
    }

    /// Brings all of the body into its coding.
    /// - Parameter isWanted: asked between steps; no ends it as `cancelled`.
    func make(isWanted: () -> Bool = { true }) throws(CodingError) {
        try work.withLock { slot throws(CodingError) in
            guard var work = slot.take() else { preconditionFailure("a form is made once") }
            var cursor = 0
            while cursor < stored.bodyCount || work.transform.hasMore {
                guard isWanted() else { throw .cancelled }
                cursor += try step(&work, from: cursor)
                try hand(&work)
            }
            try work.transform.finish(into: &work.output)
            try hand(&work)
            slot = consume work
        }
    }

    /// What was made. Nothing is counted for it any more.
    func sealed() throws(CodingError) -> StoredResponse {
        guard let done = work.withLock({ $0.take() }) else { preconditionFailure("a form is sealed once") }
        reservation.release()
        guard let form = StoredResponse.form(CodedHead.draft(stored, coding: coding), segments: done.body.sealed())
        else { throw .tooLarge }
        return form
    }

    private func hand(_ work: inout Work) throws(CodingError) {
        guard work.body.reserve(work.output.count) else { throw .outOfMemory }
        work.body.append(work.output.span)
        work.output.clear()
    }

    /// Answers how many bytes of the body it took.
    private func step(_ work: inout Work, from cursor: Int) throws(CodingError) -> Int {
        let stored = self.stored
        if let shared = stored.sharedBody {
            guard let run = shared.run(at: cursor) else { return try goOn(&work) }
            return try work.transform.write(
                run.bytes.extracting(0..<min(run.count, Self.stepBytes)), into: &work.output)
        }
        let end = min(stored.bodyCount, cursor + Self.stepBytes)
        return try work.transform.write(stored.inlineBody.extracting(cursor..<end), into: &work.output)
    }

    /// All of the body has gone in, and not all of it has come out.
    private func goOn(_ work: inout Work) throws(CodingError) -> Int {
        try work.transform.write(Span(), into: &work.output)
    }

    private static var stepBytes: Int { 64 << 10 }
    private static var maximumOutputCapacity: Int { 256 << 10 }
}
