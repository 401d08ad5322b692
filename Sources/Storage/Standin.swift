// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// A rule is one field name here.
enum Variance {
    static func writeSecondaryKey(
        _ rule: borrowing Span<UInt8>, _ request: borrowing Fields, into output: inout ByteBuffer
    ) {
        guard let index = request.firstIndex(of: FieldName.lookUp(rule)) else { return }
        output.append(request.value(at: index))
    }
}
