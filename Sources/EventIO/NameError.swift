// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Why a host name has no addresses.
public enum NameError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownHost
    /// The name servers did not answer; asking again later may help.
    case temporary
    case failed(code: Int32)
    /// More look-ups were waiting than allowed.
    case tooManyWaiting

    init(code: Int32) {
        switch code {
        case EAI_NONAME, -5: self = .unknownHost  // -5: EAI_NODATA, a GNU extension
        case EAI_AGAIN: self = .temporary
        default: self = .failed(code: code)
        }
    }

    public var description: String {
        switch self {
        case .unknownHost: "no such host"
        case .temporary: "name servers did not answer"
        case .failed(let code):
            unsafe gai_strerror(code).map { unsafe String(cString: $0) } ?? "resolver error \(code)"
        case .tooManyWaiting: "too many look-ups are waiting"
        }
    }
}
