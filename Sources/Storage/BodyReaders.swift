// SPDX-License-Identifier: Apache-2.0

/// Who reads a body while it arrives, and how far each has come. Pure; the body's lock guards it.
struct BodyReaders {
    /// By reader; nil where there is none any more.
    private var cursors: ContiguousArray<Int?> = []
    private(set) var count = 0

    mutating func add() -> Int {
        count += 1
        // Half of the places are free: one of them is found at once.
        if count * 2 < cursors.count, let free = cursors.firstIndex(of: nil) {
            cursors[free] = 0
            return free
        }
        cursors.append(0)
        return cursors.count - 1
    }

    /// False when there is no such reader.
    mutating func remove(_ reader: Int) -> Bool {
        guard contains(reader) else { return false }
        cursors[reader] = nil
        count -= 1
        return true
    }

    func contains(_ reader: Int) -> Bool { cursors.indices.contains(reader) && cursors[reader] != nil }

    /// False when there is no such reader.
    mutating func moved(_ reader: Int, to offset: Int) -> Bool {
        guard contains(reader) else { return false }
        cursors[reader] = offset
        return true
    }

    /// Where the one is who has read least.
    var slowest: Int? { cursors.lazy.compactMap { $0 }.min() }

    /// Somebody has read up to there.
    func hasReader(at offset: Int) -> Bool { cursors.contains(offset) }

    mutating func removeAll(before offset: Int) {
        for reader in cursors.indices {
            guard let cursor = cursors[reader], cursor < offset else { continue }
            cursors[reader] = nil
            count -= 1
        }
    }
}
