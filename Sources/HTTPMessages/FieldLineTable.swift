// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Finds the lines of one message whose names have no `FieldName`, by name in any case of letters: however many names
/// are looked for, each costs its own length.
package struct FieldLineTable: Sendable {
    private static let none = UInt32.max
    /// By hash, open addressing: the first line of each name.
    private var places: ContiguousArray<UInt32>
    private var hashes: ContiguousArray<UInt32>

    package init(_ fields: borrowing Fields) {
        var size = 16
        while size < fields.count * 2 { size *= 2 }
        places = ContiguousArray(repeating: Self.none, count: size)
        hashes = ContiguousArray(repeating: 0, count: size)
        for index in fields.slots.indices where fields.slots[index].name == .other {
            let hash = Self.hash(fields.name(at: index))
            let place = place(of: fields.name(at: index), hash, in: fields)
            if places[place] != Self.none { continue }
            places[place] = UInt32(index)
            hashes[place] = hash
        }
    }

    /// The first line of that name.
    package func firstLine(named name: borrowing Span<UInt8>, of fields: borrowing Fields) -> Int? {
        let line = places[place(of: name, Self.hash(name), in: fields)]
        return line == Self.none ? nil : Int(line)
    }

    /// Where the name stands, or would.
    private func place(of name: borrowing Span<UInt8>, _ hash: UInt32, in fields: borrowing Fields) -> Int {
        let mask = places.count - 1
        var place = Int(hash) & mask
        while places[place] != Self.none {
            if hashes[place] == hash, fields.name(at: Int(places[place])).equalsIgnoringCase(name) { return place }
            place = (place + 1) & mask
        }
        return place
    }

    /// Keyed, so that nobody can send names that share a place.
    private static func hash(_ name: borrowing Span<UInt8>) -> UInt32 {
        var state = secret
        for index in 0..<name.count {
            let product = (state ^ UInt64(ASCII.lowercased(name[index]))).multipliedFullWidth(by: multiplier)
            state = product.high ^ product.low
        }
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }

    private static let secret = UInt64.random(in: .min ... .max)
    private static let multiplier = UInt64.random(in: .min ... .max) | 1 << 63 | 1
}

/// Which lines of a message are named by lists such as those of Connection: one pass over the lists, and then a look at
/// each line.
package struct ListedNames: Sendable {
    private var known = FieldNameSet()
    private var table: FieldLineTable?
    /// By line; of equal names the first.
    private var isListed: ContiguousArray<Bool> = []

    package init() {}

    /// Adds the members of a comma-separated list.
    package mutating func add(_ list: borrowing Span<UInt8>, for fields: borrowing Fields) {
        var members = FieldListParser()
        while let range = members.next(in: list) {
            let name = list.extracting(range)
            let known = FieldName.lookUp(name)
            if known != .other {
                self.known.insert(known)
            } else if !name.equalsIgnoringCase("close") {
                add(name: name, for: fields)
            }
        }
    }

    private mutating func add(name: borrowing Span<UInt8>, for fields: borrowing Fields) {
        if table == nil {
            table = FieldLineTable(fields)
            isListed = ContiguousArray(repeating: false, count: fields.count)
        }
        if let line = table?.firstLine(named: name, of: fields) { isListed[line] = true }
    }

    /// - Parameter fields: the same with which the lists were added.
    @inline(__always)
    package func names(lineAt index: Int, of fields: borrowing Fields) -> Bool {
        let name = fields.slots[index].name
        return name == .other ? namesOther(lineAt: index, of: fields) : known.contains(name)
    }

    private func namesOther(lineAt index: Int, of fields: borrowing Fields) -> Bool {
        guard let line = table?.firstLine(named: fields.name(at: index), of: fields) else { return false }
        return isListed[line]
    }
}
