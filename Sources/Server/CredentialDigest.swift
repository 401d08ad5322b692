// SPDX-License-Identifier: Apache-2.0
import Bytes
import COpenSSL

/// Stands for credentials where they themselves must not be seen, as in keys. SHA-256, since whoever found two
/// credentials with one digest would be served another's answers (promise 2).
struct CredentialDigest {
    let hexadecimal: ContiguousArray<UInt8>

    init(_ credentials: borrowing Span<UInt8>) {
        var digest = InlineArray<32, UInt8>(repeating: 0)
        var span = digest.mutableSpan
        unsafe credentials.withUnsafeBufferPointer { input in
            unsafe span.withUnsafeMutableBufferPointer { output in
                // The result is `output` itself.
                _ = unsafe SHA256(input.baseAddress, input.count, output.baseAddress)
            }
        }
        var text = ContiguousArray<UInt8>()
        text.reserveCapacity(64)
        for index in 0..<32 {
            text.append(Self.digit(digest[index] >> 4))
            text.append(Self.digit(digest[index] & 15))
        }
        hexadecimal = text
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
