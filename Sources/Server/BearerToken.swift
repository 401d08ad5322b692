// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import Settings

/// `Authorization: Bearer …` of RFC 6750 §2.1.
enum BearerToken {
    /// Takes the same time wherever they differ.
    static func matches(_ authorization: borrowing Span<UInt8>, _ token: Secret) -> Bool {
        let scheme = 7
        guard authorization.count > scheme,
            authorization.extracting(0..<scheme).equalsIgnoringCase("bearer ")
        else { return false }
        return token.matches(authorization.extracting(scheme..<authorization.count))
    }
}
