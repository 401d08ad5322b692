// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Compression
import HTTPMessages

/// What can be done with the coding of a response from the origin.
struct ResponseCoding {
    /// The coding it came in, if it can be undone and the route wants that; else identity.
    let stored: ContentCoding
    /// It came plain and may be compressed.
    let isCompressible: Bool
    private let writesVary: Bool

    init(
        _ response: borrowing ResponseHead, to request: borrowing RequestHead, _ policy: CompressionPolicy,
        contentLength: Int?, types: inout MediaTypeMemory
    ) {
        var stored = ContentCoding.identity
        if !policy.isOff, case .one(let coding) = ContentEncodingField.read(response.fields), coding.isSupported,
            response.status.code != 206, !response.status.hasNoBody,
            !CompressionPolicy.forbidsTransformation(response.fields)
        {
            stored = coding
        }
        self.stored = stored
        isCompressible =
            policy.refusal(of: response, to: request, contentLength: contentLength, types: &types) == nil
        // RFC 9110 §15.4.5: a 304 has the Vary that the 200 would have had; its own head does not tell which. So
        // does a part of a body that would have been compressed as a whole.
        let isNarrowed = response.status.code == 304 || response.status.code == 206
        let depends = isCompressible || stored != .identity || (isNarrowed && !policy.isOff)
        writesVary = depends && !VaryField.namesAcceptEncoding(response.fields)
    }

    /// RFC 9110 §12.5.5. A line of its own is one list with those that the origin sent (§5.2).
    func writeVary(into buffer: inout ByteBuffer) {
        if writesVary { buffer.append("Vary: Accept-Encoding\r\n") }
    }
}
