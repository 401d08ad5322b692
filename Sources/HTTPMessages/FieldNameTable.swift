// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Finds the known field name that some bytes spell: one probe, then one comparison eight bytes at a time.
///
/// The probe is perfect: its multiplier is searched for once per process until no two names share a place, so
/// that a name is added in `FieldName` alone.
package struct FieldNameTable: Sendable {
    static let shared = FieldNameTable()

    private static let placeBits: UInt64 = 9
    private static let stride = 32

    private let multiplier: UInt64
    /// The raw value of the only name that can stand at each place; zero where there is none.
    private let places: ImmortalBytes
    private let lengths: ImmortalBytes
    /// The names in lower case, each at its raw value times `stride`.
    private let text: ImmortalBytes

    private init() {
        let names = FieldName.allCases
        var text = ContiguousArray<UInt8>(repeating: 0, count: names.count * FieldNameTable.stride)
        var lengths = ContiguousArray<UInt8>(repeating: 0, count: names.count)
        for name in names {
            let spelling = name.lowercased
            precondition(spelling.utf8CodeUnitCount <= FieldNameTable.stride)
            lengths[Int(name.rawValue)] = UInt8(spelling.utf8CodeUnitCount)
            for index in 0..<spelling.utf8CodeUnitCount {
                text[Int(name.rawValue) * FieldNameTable.stride + index] = unsafe spelling.utf8Start[index]
            }
        }
        var multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
        var places = FieldNameTable.places(multiplier, text, lengths)
        var tries = 0
        while places == nil {
            tries += 1
            precondition(tries < 100_000, "two field names look alike to the probe")
            multiplier = (multiplier &* 0xD134_2543_DE82_EF95 &+ 1) | 1
            places = FieldNameTable.places(multiplier, text, lengths)
        }
        self.multiplier = multiplier
        self.places = ImmortalBytes(places ?? [])
        self.lengths = ImmortalBytes(lengths)
        self.text = ImmortalBytes(text)
    }

    /// Each name at its place, or nil when two meet.
    private static func places(
        _ multiplier: UInt64, _ text: ContiguousArray<UInt8>, _ lengths: ContiguousArray<UInt8>
    ) -> ContiguousArray<UInt8>? {
        var places = ContiguousArray<UInt8>(repeating: 0, count: 1 << Int(placeBits))
        for raw in 1..<lengths.count {
            let name = text.span.extracting(raw * stride..<raw * stride + Int(lengths[raw]))
            let place = place(of: name, multiplier)
            guard places[place] == 0 else { return nil }
            places[place] = UInt8(raw)
        }
        return places
    }

    /// Of the length and of four letters in any case; no two names share all five.
    @inline(__always)
    private static func place(of name: borrowing Span<UInt8>, _ multiplier: UInt64) -> Int {
        let count = name.count
        let ends = UInt64(name[0]) << 24 | UInt64(name[count &- 1]) << 16
        let inner = UInt64(name[count / 2]) << 8 | UInt64(name[count > 4 ? count &- 4 : 0])
        let key = (ends | inner | 0x2020_2020) << 8 | UInt64(truncatingIfNeeded: count)
        return Int(truncatingIfNeeded: (key &* multiplier) &>> (64 - placeBits))
    }

    package func lookUp(_ name: borrowing Span<UInt8>) -> FieldName {
        let count = name.count
        guard count > 1, count <= FieldNameTable.stride else { return .other }
        let raw = Int(places.span[FieldNameTable.place(of: name, multiplier)])
        guard count == Int(lengths.span[raw]) else { return .other }
        let known = text.span
        let start = raw &* FieldNameTable.stride
        if count < 8 {
            for index in 0..<count where ASCII.lowercased(name[index]) != known[start &+ index] { return .other }
        } else {
            var index = 0
            while index &+ 8 < count {
                guard ByteLanes.lowercased(name.word(at: index)) == known.word(at: start &+ index) else {
                    return .other
                }
                index &+= 8
            }
            let last = count &- 8
            guard ByteLanes.lowercased(name.word(at: last)) == known.word(at: start &+ last) else { return .other }
        }
        return FieldName(rawValue: UInt8(truncatingIfNeeded: raw)) ?? .other
    }
}
