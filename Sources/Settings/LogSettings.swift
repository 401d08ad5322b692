// SPDX-License-Identifier: Apache-2.0

package struct LogSettings: Sendable, Equatable {
    package enum AccessFormat: String, Sendable, CaseIterable { case off, json, combined }
    package enum Level: String, Sendable, CaseIterable { case debug, info, warning, error }

    package enum Destination: Sendable, Equatable {
        case standardOutput, standardError
        case file(String)
    }

    package var accessFormat = AccessFormat.json
    package var accessDestination = Destination.standardOutput
    /// Query parameters whose values are not logged.
    package var redactedParameters: [String] = []
    /// The least of what the event log shows.
    package var level = Level.info
    package var eventDestination = Destination.standardError

    package init() {}
}
