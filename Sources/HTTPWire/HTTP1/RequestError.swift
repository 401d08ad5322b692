// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages

/// Why a request cannot be understood. After any of these the connection is closed.
package enum RequestError: Error, Equatable, Sendable {
    case emptyLines, requestLineTooLong
    case malformedMethod, malformedTarget, fragmentInTarget, targetNotForMethod
    case malformedVersion, unsupportedVersion
    case fieldLine(FieldLineError)
    case missingHost, repeatedHost, malformedHost
    case transferEncodingWithLength, transferEncodingInHTTP10, malformedTransferEncoding, unknownTransferCoding
    case malformedContentLength, differingContentLengths
    case unknownExpectation

    /// What to answer.
    package var status: Status {
        switch self {
        case .requestLineTooLong: Status(414)
        case .unsupportedVersion: Status(505)
        case .unknownTransferCoding: Status(501)
        case .unknownExpectation: Status(417)
        case .fieldLine(let error): Status(error.isLimit ? 431 : 400)
        default: Status(400)
        }
    }

    /// For logs; constant.
    package var reason: StaticString {
        switch self {
        case .emptyLines: "too many empty lines before the request"
        case .requestLineTooLong: "request line too long"
        case .malformedMethod: "method is no token"
        case .malformedTarget: "malformed request target"
        case .fragmentInTarget: "fragment in request target"
        case .targetNotForMethod: "form of request target does not belong to method"
        case .malformedVersion: "malformed HTTP version"
        case .unsupportedVersion: "unsupported HTTP version"
        case .fieldLine(let error): error.reason
        case .missingHost: "no Host"
        case .repeatedHost: "more than one Host"
        case .malformedHost: "malformed Host"
        case .transferEncodingWithLength: "Transfer-Encoding together with Content-Length"
        case .transferEncodingInHTTP10: "Transfer-Encoding in HTTP/1.0"
        case .malformedTransferEncoding: "malformed Transfer-Encoding"
        case .unknownTransferCoding: "unknown transfer coding"
        case .malformedContentLength: "malformed Content-Length"
        case .differingContentLengths: "differing Content-Length values"
        case .unknownExpectation: "unknown expectation"
        }
    }
}
