// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// The origin-form target that goes upstream: what was keyed is what is asked for, so that nothing outside the
/// key can change the answer. The request's path is normal (`RequestHead.normalizeTarget`).
package enum NormalizedTarget {
    package static func write(
        _ request: borrowing RequestHead, options: borrowing KeyOptions, into buffer: inout ByteBuffer
    ) {
        buffer.append(request.path)
        guard let range = request.queryRange else { return }
        QueryNormalization.write(request.fields.bytes.extracting(range), options: options, into: &buffer)
    }

    /// The target of a request that no cache is asked about: nothing is taken from its query.
    package static func write(_ request: borrowing RequestHead, into buffer: inout ByteBuffer) {
        write(request, options: KeyOptions(), into: &buffer)
    }
}
