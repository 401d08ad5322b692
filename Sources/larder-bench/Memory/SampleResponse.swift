// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Storage

/// Keys and responses as a real origin might give them.
struct SampleResponse {
    let key: [UInt8]
    let hash: UInt64

    init(_ number: Int) {
        var buffer = ByteBuffer()
        buffer.append("GET shop.example/api/v1/products/")
        buffer.append(decimal: number)
        var key: [UInt8] = []
        for index in buffer.span.indices { key.append(buffer.span[index]) }
        self.key = key
        hash = ByteHasher.process.hash64(key.span)
    }

    static let head = ContiguousArray(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"0123456789abcdef\"\r\nCache-Control: max-age=60\r\n"
            .utf8)

    /// Sealed with `bodyBytes` of zeros, in segments when they are many.
    func sealed(bodyBytes: Int, isLengthKnown: Bool = true) -> StoredResponse {
        let metadata = CachedMetadata(
            status: 200, storedAtMonotonicMilliseconds: 0, freshnessLifetimeMilliseconds: 60_000)
        let body = GrowingBody(expectedCount: isLengthKnown ? bodyBytes : nil)
        let piece = [UInt8](repeating: 0, count: min(bodyBytes, 16_384))
        while body.count < bodyBytes { body.append(piece.span.extracting(first: bodyBytes - body.count)) }
        let response = StoredResponse.seal(
            StoredDraft(metadata: metadata, head: Self.head), key: key.span, keyHash: hash, epoch: 0,
            segments: body.sealed())
        guard let response else { preconditionFailure("the sample's parts are short") }
        return response
    }
}

func nanoseconds(_ duration: Duration) -> Int64 {
    duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000
}
