// SPDX-License-Identifier: Apache-2.0
import CacheRules
import Compression
import HTTPMessages
import Storage
import Synchronization

/// A storable response while it arrives: the head is complete, the body grows.
final class StreamedResponse: Sendable {
    let draft: StoredDraft
    let body: GrowingBody
    /// Readers shall be able to decode so much of `body`.
    let flushPoint = Atomic<Int>(0)
    private let coded = Mutex(Coded())

    private struct Coded {
        var streams: [CodedStream] = []
        var passes = false
        /// What has been stored of it.
        var stored: StoredResponse?
    }

    init(_ draft: StoredDraft, _ reservation: BodyReservation) {
        self.draft = draft
        body = GrowingBody(expectedCount: draft.contentLength, reservation: reservation)
    }

    /// One that is stored, to be sent in another coding.
    init(of stored: StoredResponse) {
        draft = StoredDraft(
            metadata: stored.metadata, head: ContiguousArray(copying: stored.head), eTagRange: stored.eTagRange,
            contentLength: stored.bodyCount, coding: stored.coding)
        body = GrowingBody(of: stored)
        self.stored = stored
    }

    /// The body in another coding, made once for all who take it so, with one reader more.
    /// - Returns: nil when its beginning is gone.
    /// - Throws: `outOfMemory` when `store` has no room for it.
    func stream(
        in coding: ContentCoding, limit: DecodingLimit, store: MemoryStore
    ) throws(CodingError) -> (CodedStream, reader: Int)? {
        let isMade = streams.contains { $0.coding == coding }
        let made =
            try isMade
            ? nil
            : CodedStream(
                from: draft.coding, to: coding, expectedByteCount: contentLength, limit: limit, store: store)
        return coded.withLock { coded in
            var stream = coded.streams.first { $0.coding == coding }
            if stream == nil, let made {
                coded.streams.append(made)
                stream = made
            }
            guard let stream, let reader = stream.body.addReader() else { return nil }
            if coded.passes { stream.body.beginToPass() }
            return (stream, reader)
        }
    }

    /// From here on only what readers still need is kept.
    func beginToPass() {
        body.beginToPass()
        coded.withLock { coded in
            coded.passes = true
            for stream in coded.streams { stream.body.beginToPass() }
        }
    }

    var streams: [CodedStream] { coded.withLock { $0.streams } }

    /// The entry that was made of it; forms that are finished later belong to it.
    var stored: StoredResponse? {
        get { coded.withLock { $0.stored } }
        set { coded.withLock { $0.stored = newValue } }
    }

    var status: Status { Status(draft.metadata.status) }
    var contentLength: Int? { draft.contentLength }
}
