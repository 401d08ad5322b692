// SPDX-License-Identifier: Apache-2.0
import Bytes
import COpenSSL

/// Stands in keys for what must not be seen there, as credentials, or is long, as bodies. SHA-256, since whoever
/// found two texts with one digest would be served another's answers (promise 2).
struct SHA256Digest {
    let hexadecimal: ContiguousArray<UInt8>

    init(_ text: borrowing Span<UInt8>) {
        var digest = InlineArray<32, UInt8>(repeating: 0)
        var span = digest.mutableSpan
        unsafe text.withUnsafeBufferPointer { input in
            unsafe span.withUnsafeMutableBufferPointer { output in
                // The result is `output` itself.
                _ = unsafe SHA256(input.baseAddress, input.count, output.baseAddress)
            }
        }
        var digits = ContiguousArray<UInt8>()
        digits.reserveCapacity(64)
        for index in 0..<32 {
            digits.append(Self.digit(digest[index] >> 4))
            digits.append(Self.digit(digest[index] & 15))
        }
        hexadecimal = digits
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
