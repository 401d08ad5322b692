// SPDX-License-Identifier: Apache-2.0
package import EventIO

/// Why the proxy cannot start.
package struct StartError: Error, CustomStringConvertible {
    /// What was tried, such as `listen on 127.0.0.1:8080`.
    package let attempt: String
    package let reason: String

    package init(_ attempt: String, _ error: SystemError) {
        self.attempt = attempt
        reason = "\(error)"
    }

    package init(_ attempt: String, reason: String) {
        self.attempt = attempt
        self.reason = reason
    }

    package var description: String { "cannot \(attempt): \(reason)" }
}
