// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages

/// What was made in the background of one route's bodies in one coding.
package struct RecodingReading: Sendable {
    package let route: String
    package let coding: ContentCoding
    package var results: [LabelledCount] = []
    package var inputBytes: UInt64 = 0
    package var outputBytes: UInt64 = 0
    /// That the threads computed, whatever they waited.
    package var nanoseconds: UInt64 = 0

    package init(route: String, coding: ContentCoding) {
        self.route = route
        self.coding = coding
    }
}
