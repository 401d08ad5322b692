// SPDX-License-Identifier: Apache-2.0

/// How far a body may grow when it is decoded: a few bytes can stand for gigabytes.
package struct DecodingLimit: Sendable, Equatable {
    /// Of the whole decoded body.
    package var maximumByteCount: Int
    /// Decoded bytes for each byte that came.
    package var maximumRatio: Int
    /// Up to here the ratio does not matter.
    package var freeByteCount: Int

    package init(maximumByteCount: Int, maximumRatio: Int = 200, freeByteCount: Int = 1 << 20) {
        self.maximumByteCount = maximumByteCount
        self.maximumRatio = maximumRatio
        self.freeByteCount = freeByteCount
    }

    /// - Parameters:
    ///   - decoded: bytes that have come out so far.
    ///   - coded: bytes that have gone in.
    package func allows(decoded: Int, coded: Int) -> Bool {
        if decoded > maximumByteCount { return false }
        if decoded <= freeByteCount { return true }
        let (most, overflow) = coded.multipliedReportingOverflow(by: maximumRatio)
        return overflow || decoded <= most
    }
}
