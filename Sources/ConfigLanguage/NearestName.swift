// SPDX-License-Identifier: Apache-2.0

/// The known name that somebody probably meant.
package enum NearestName {
    /// nil when none is near: at most a third of the letters may be wrong, at least one, or the end may be missing.
    package static func find(_ written: String, among names: [String]) -> String? {
        let letters = Array(written.lowercased().utf8)
        guard letters.count <= 64 else { return nil }
        var best: (name: String, distance: Int)?
        for name in names {
            let distance = Self.distance(letters, Array(name.lowercased().utf8))
            guard distance <= Swift.max(1, Swift.min(letters.count, name.utf8.count) / 3) else { continue }
            if distance < best?.distance ?? .max { best = (name, distance) }
        }
        return best?.name ?? (letters.count < 3 ? nil : names.first { $0.lowercased().hasPrefix(written.lowercased()) })
    }

    /// ` (did you mean "ttl"?)`, or nothing.
    package static func hint(_ written: String, among names: [String]) -> String {
        find(written, among: names).map { " (did you mean \"\($0)\"?)" } ?? ""
    }

    /// Letters put in, left out, changed, or swapped with their neighbour.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                var cost = last[column] + (left[row] == right[column] ? 0 : 1)
                cost = Swift.min(cost, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = Swift.min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
