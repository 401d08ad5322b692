// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// What a request expects before it sends its body (RFC 9110 §10.1.1).
package enum RequestExpectation: Equatable, Sendable {
    case none, `continue`

    package var isContinue: Bool {
        switch self {
        case .none: false
        case .continue: true
        }
    }

    /// Anything but `100-continue` fails with 417; in HTTP/1.0 the field is ignored.
    package static func ofRequest(_ head: borrowing RequestHead) throws(RequestError) -> RequestExpectation {
        guard head.version == .http11, head.fields.contains(.expect) else { return .none }
        for index in head.fields.slots.indices where head.fields.slots[index].name == .expect {
            guard head.fields.value(at: index).equalsIgnoringCase("100-continue") else { throw .unknownExpectation }
        }
        return .continue
    }
}
