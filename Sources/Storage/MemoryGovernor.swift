// SPDX-License-Identifier: Apache-2.0

/// Keeps the process, and not only what the store counts, near the configured memory: what the allocator cannot
/// give back is taken from the store's limit (promise 7). Pure; asked about once a second.
package struct MemoryGovernor: Sendable {
    package struct Advice: Equatable, Sendable {
        /// For `MemoryStore.setLimit`.
        package var limitBytes: Int
        /// For `ProcessMemory.trim`: the allocator holds much that nobody uses.
        package var shouldTrim: Bool
    }

    private let configuredBytes: Int
    /// The part of `configuredBytes` that is the store's.
    private let storeBytes: Int
    private var limitBytes: Int
    private var hasJustTrimmed = false

    package init(configuredBytes: Int, connectionBytes: Int = 0) {
        self.configuredBytes = configuredBytes
        storeBytes = configuredBytes - connectionBytes
        limitBytes = storeBytes
    }

    /// - Parameters:
    ///   - accountedBytes: what the store holds by its own count.
    ///   - heldBytes: what connections hold by theirs.
    ///   - residentBytes: what the process holds by the kernel's.
    package mutating func measured(accountedBytes: Int, heldBytes: Int = 0, residentBytes: Int) -> Advice {
        let excess = residentBytes - targetBytes
        guard excess > 0 else {
            // Back up in steps, and only into the room that is really there.
            limitBytes = min(storeBytes, limitBytes + min(-excess, max(configuredBytes / 32, 1)))
            hasJustTrimmed = false
            return Advice(limitBytes: limitBytes, shouldTrim: false)
        }
        // What lies idle in the allocator is asked back first; entries pay only for what does not come.
        let idle = residentBytes - accountedBytes - heldBytes - Self.processBytes
        hasJustTrimmed = !hasJustTrimmed && idle > configuredBytes / 32
        if !hasJustTrimmed {
            limitBytes = max(storeBytes / 4, min(limitBytes, accountedBytes) - excess)
        }
        return Advice(limitBytes: limitBytes, shouldTrim: hasJustTrimmed)
    }

    /// Beyond this nothing is to be stored until the governor was asked again; for `MemoryStore`.
    package static func ceilingBytes(configuredBytes: Int) -> Int {
        configuredBytes + configuredBytes / 10 + processBytes
    }

    /// Where the process shall stay: a little more for what the allocator cannot help, and the process itself.
    private var targetBytes: Int { configuredBytes + configuredBytes / 12 + Self.processBytes }

    /// Code, stacks, connections and buffers of a process without a cache.
    private static let processBytes = 24 << 20
}
