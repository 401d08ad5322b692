// SPDX-License-Identifier: Apache-2.0

/// What a coder may take, in bytes. What was not granted from the start is asked for as it is needed: how much a
/// decoder needs at most says little of what it needs for a body.
package final class MemoryAllowance {
    let limitBytes: Int
    let grantedBytes: Int
    /// Counts so many bytes more; no refuses them.
    let grant: (Int) -> Bool

    /// - Parameter grantedBytes: at most the limit.
    package init(limitBytes: Int, grantedBytes: Int, grant: @escaping (Int) -> Bool) {
        self.limitBytes = limitBytes
        self.grantedBytes = min(grantedBytes, limitBytes)
        self.grant = grant
    }

    /// All of it from the start.
    package convenience init(grantedBytes: Int) {
        self.init(limitBytes: grantedBytes, grantedBytes: grantedBytes) { _ in false }
    }
}
