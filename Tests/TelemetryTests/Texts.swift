// SPDX-License-Identifier: Apache-2.0
import Bytes
import Foundation

@testable import Telemetry

/// What `write` appended, as text.
func written(_ write: (inout ByteBuffer) -> Void) -> String {
    var buffer = ByteBuffer()
    write(&buffer)
    return buffer.span.text()
}

func bytesWritten(_ write: (inout ByteBuffer) -> Void) -> Data {
    var buffer = ByteBuffer()
    write(&buffer)
    var data = Data()
    for index in 0..<buffer.count { data.append(buffer.span[index]) }
    return data
}

/// Throws unless the bytes are one JSON object.
func jsonObject(_ data: Data) throws -> [String: Any] {
    guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
        throw CocoaError(.propertyListReadCorrupt)
    }
    return object
}

/// 2026-11-21T10:00:00.123Z, and a monotonic clock of its own.
func moment(monotonicSeconds: Double = 0) -> Moment {
    Moment(monotonicNanoseconds: Int64(monotonicSeconds * 1e9), wallNanoseconds: 1_795_255_200_123_000_000)
}
