import Bytes
// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages

/// What freshness decisions need of a stored response.
package struct CachedMetadata: Sendable {
    package var status = Status(200)
    package var flags: UInt32 = 0
    package var storedAtMonotonicMilliseconds: Int64 = 0
    package var initialAgeMilliseconds: Int64 = 0
    package var freshnessLifetimeMilliseconds: Int64 = 0

    package init() {}
}

/// A rule is one field name here.
enum Variance {
    static func writeSecondaryKey(
        _ rule: borrowing Span<UInt8>, _ request: borrowing Fields, into output: inout ByteBuffer
    ) {
        guard let index = request.firstIndex(of: FieldName.lookUp(rule)) else { return }
        output.append(request.value(at: index))
    }
}
