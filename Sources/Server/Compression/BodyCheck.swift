// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Storage

/// Looks whether a coded body can be decoded, so that no damaged one is stored.
final class BodyCheck {
    private let transform: BodyTransform?
    private var output = ByteBuffer()
    private(set) var failure: CodingError?

    init(_ coding: ContentCoding, limit: DecodingLimit, store: MemoryStore) {
        do throws(CodingError) {
            transform = try BodyTransform(from: coding, to: .identity, level: .fast, limit: limit, store: store)
        } catch {
            transform = nil
            failure = error
        }
    }

    func write(_ data: borrowing Span<UInt8>) {
        guard failure == nil, let transform else { return }
        do throws(CodingError) {
            var start = 0
            while start < data.count {
                let end = min(data.count, start + Self.pieceBytes)
                try transform.write(data.extracting(start..<end), into: &output)
                output.clear()
                start = end
            }
        } catch {
            failure = error
        }
    }

    /// All has come; answers whether it was right.
    func finish() -> Bool {
        guard failure == nil, let transform else { return false }
        do throws(CodingError) {
            try transform.finish(into: &output)
        } catch {
            failure = error
        }
        return failure == nil
    }

    /// So little that what comes out of it at once stays small.
    private static var pieceBytes: Int { 1024 }
}
