// SPDX-License-Identifier: Apache-2.0

/// Why an origin's response cannot be understood. The client gets 502, and the connection is closed.
package enum ResponseError: Error, Equatable, Sendable {
    case statusLineTooLong, malformedVersion, unsupportedVersion, malformedStatus, malformedReason
    case fieldLine(FieldLineError)
    case transferEncodingWithLength, transferEncodingInHTTP10, malformedTransferEncoding, unknownTransferCoding
    case malformedContentLength, differingContentLengths

    /// For logs; constant.
    package var reason: StaticString {
        switch self {
        case .statusLineTooLong: "status line too long"
        case .malformedVersion: "malformed HTTP version"
        case .unsupportedVersion: "unsupported HTTP version"
        case .malformedStatus: "malformed status code"
        case .malformedReason: "malformed reason phrase"
        case .fieldLine(let error): error.reason
        case .transferEncodingWithLength: "Transfer-Encoding together with Content-Length"
        case .transferEncodingInHTTP10: "Transfer-Encoding in HTTP/1.0"
        case .malformedTransferEncoding: "malformed Transfer-Encoding"
        case .unknownTransferCoding: "unknown transfer coding"
        case .malformedContentLength: "malformed Content-Length"
        case .differingContentLengths: "differing Content-Length values"
        }
    }
}
