// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// The origin-form target that goes upstream: what was keyed is what is asked for, so that nothing outside the
/// key can change the answer.
package enum NormalizedTarget {
    package static func write(
        _ request: borrowing RequestHead, options: borrowing KeyOptions, into buffer: inout ByteBuffer
    ) {
        NormalizedPath.write(request.path, into: &buffer)
        guard let range = request.queryRange else { return }
        QueryNormalization.write(request.fields.bytes.extracting(range), options: options, into: &buffer)
    }

    /// The target of a request that no cache is asked about: only the path is normalised.
    package static func write(_ request: borrowing RequestHead, into buffer: inout ByteBuffer) {
        write(request, options: KeyOptions(), into: &buffer)
    }
}
