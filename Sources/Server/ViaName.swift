// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What a Larder calls itself in Via where nobody has given it a name.
enum ViaName {
    /// The number tells those of a chain apart, so that none takes another for itself. It says nothing of the machine.
    static func ofProcess(number: UInt64) -> String {
        let digits = String(UInt32(truncatingIfNeeded: number), radix: 16)
        return "larder-" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
