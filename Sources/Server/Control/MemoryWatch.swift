// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Settings
import Storage
import Telemetry

/// What the kernel tells of this process's memory, and what follows from it for the store.
struct MemoryWatch {
    private let kernel: Kernel
    /// nil when there is no control group, or none with a limit.
    let groupLimitBytes: UInt64?
    private(set) var residentBytes: UInt64 = 0
    /// What store and connections may hold if all goes well: as configured, but no more than the control group bears.
    private(set) var limitBytes: Int
    private var settings: MemorySettings
    private var governor: MemoryGovernor

    init(_ settings: MemorySettings, kernel: Kernel) {
        self.kernel = kernel
        self.settings = settings
        groupLimitBytes = Self.groupLimit(kernel)
        limitBytes = Self.bearable(settings.limitBytes, groupLimitBytes)
        governor = Self.governor(settings, limitBytes)
    }

    var configuredBytes: Int { settings.limitBytes }
    /// The configuration asks for more than the control group bears.
    var isLowered: Bool { limitBytes < configuredBytes }
    var storeBytes: Int { settings.storeBytes(of: limitBytes) }
    var connectionBytes: Int { settings.connectionBytes(of: limitBytes) }

    mutating func configure(_ settings: MemorySettings) {
        self.settings = settings
        limitBytes = Self.bearable(configuredBytes, groupLimitBytes)
        governor = Self.governor(settings, limitBytes)
    }

    private static func governor(_ settings: MemorySettings, _ limit: Int) -> MemoryGovernor {
        MemoryGovernor(configuredBytes: limit, connectionBytes: limit - settings.storeBytes(of: limit))
    }

    /// Reads anew; nil when the kernel does not tell.
    mutating func look(accountedBytes: Int, heldBytes: Int) -> MemoryGovernor.Advice? {
        guard let resident = Self.resident(kernel) else { return nil }
        residentBytes = resident
        return governor.measured(
            accountedBytes: accountedBytes, heldBytes: heldBytes, residentBytes: Int(clamping: resident))
    }

    /// A quarter of the group's limit is left for everything that is not stored.
    static func bearable(_ configured: Int, _ groupLimit: UInt64?) -> Int {
        guard let groupLimit else { return configured }
        return min(configured, Int(clamping: groupLimit / 4 * 3))
    }

    // MARK: Readings

    private static func read(_ path: String, _ kernel: Kernel) -> [UInt8]? {
        // Such a file may be missing; then there is no such limit, or no such figure.
        do throws(SystemError) { return try kernel.readFile(path, limit: 4096) } catch { return nil }
    }

    private static func resident(_ kernel: Kernel) -> UInt64? {
        guard let text = read("/proc/self/statm", kernel) else { return nil }
        do {
            return try Telemetry.ProcessMemory.residentBytes(statm: text.span, pageBytes: kernel.pageBytes)
        } catch { return nil }
    }

    private static func groupLimit(_ kernel: Kernel) -> UInt64? {
        var limits: [UInt64] = []
        for path in groupPaths(kernel) {
            guard let text = read(path, kernel) else { continue }
            do {
                if case .bytes(let bytes) = try Telemetry.ProcessMemory.limit(cgroup: text.span) {
                    limits.append(bytes)
                }
            } catch { continue }
        }
        return limits.min()
    }

    /// Version 2 of control groups, this process's own group and those above it; then version 1.
    private static func groupPaths(_ kernel: Kernel) -> [String] {
        var paths = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        let groups = read("/proc/self/cgroup", kernel).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for line in groups.split(separator: "\n") where line.hasPrefix("0::/") {
            var path = line.dropFirst(3)
            while path.count > 1 {
                paths.append("/sys/fs/cgroup\(path)/memory.max")
                path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
            }
        }
        return paths
    }
}

extension Control {
    func limitMemory() {
        let advice = memory.look(
            accountedBytes: store.accountedBytes, heldBytes: proxy.shared.connections.heldBytes)
        if memory.isLowered, !saidMemoryIsLowered {
            saidMemoryIsLowered = true
            events.write(
                .warning, "memory_lowered",
                [
                    "configured_bytes": .number(memory.configuredBytes), "limit_bytes": .number(memory.limitBytes),
                    "group_limit_bytes": .number(Int(clamping: memory.groupLimitBytes ?? 0)),
                ])
        }
        proxy.shared.connections.setLimit(bytes: memory.connectionBytes)
        let limit = advice?.limitBytes ?? memory.storeBytes
        if limit != store.limitBytes { store.setLimit(bytes: limit) }
        let held = proxy.shared.connections
        if held.heldBytes > held.limitBytes { for link in links { link.post { $0.relieve() } } }
        if advice?.shouldTrim == true { Storage.ProcessMemory.trim() }
    }
}
