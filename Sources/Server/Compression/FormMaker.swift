// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Storage

/// Makes forms of stored responses.
enum FormMaker {
    /// - Parameters:
    ///   - store: counts what is taken meanwhile.
    ///   - isWanted: asked between steps; no ends it as `cancelled`.
    static func make(
        _ stored: StoredResponse, _ coding: ContentCoding, level: CodingLevel, limit: DecodingLimit,
        store: MemoryStore, isWanted: () -> Bool = { true }
    ) throws(CodingError) -> StoredResponse {
        let count = stored.bodyCount
        let transform = try BodyTransform(
            from: stored.coding, to: coding, level: level, expectedByteCount: count, limit: limit, store: store)
        let expected = coding == .identity ? GrowingBody.firstCapacity : max(count / 4, 256)
        let body = GrowingBody(expectedCount: expected, reservation: try store.reserve(forCoder: expected))
        var output = ByteBuffer(capacity: min(count / 2 + 256, 64 << 10))
        var cursor = 0
        while cursor < count {
            guard isWanted() else { throw .cancelled }
            cursor += try step(stored, from: cursor, transform, into: &output)
            try hand(&output, to: body)
        }
        try transform.finish(into: &output)
        try hand(&output, to: body)
        guard let form = StoredResponse.form(CodedHead.draft(stored, coding: coding), segments: body.sealed()) else {
            throw .tooLarge
        }
        return form
    }

    private static func hand(_ output: inout ByteBuffer, to body: GrowingBody) throws(CodingError) {
        guard body.reserve(output.count) else { throw .outOfMemory }
        body.append(output.span)
        output.clear()
    }

    /// Answers how many bytes of the body it took.
    private static func step(
        _ stored: StoredResponse, from cursor: Int, _ transform: BodyTransform, into output: inout ByteBuffer
    ) throws(CodingError) -> Int {
        if let shared = stored.sharedBody {
            guard let run = shared.run(at: cursor) else { return 0 }
            let count = min(run.count, stepBytes)
            try transform.write(run.bytes.extracting(0..<count), into: &output)
            return count
        }
        let count = min(stored.bodyCount - cursor, stepBytes)
        try transform.write(stored.inlineBody.extracting(cursor..<cursor + count), into: &output)
        return count
    }

    private static var stepBytes: Int { 64 << 10 }
}
