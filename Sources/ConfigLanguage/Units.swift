// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Durations and sizes as they are written: a whole number and a unit.
package enum Units {
    typealias Unit = (name: String, factor: Int)

    static let durations: [Unit] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    static let sizes: [Unit] = [
        ("B", 1), ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40),
    ]

    /// Milliseconds of `500ms 10s 5m 1h 7d`, or why not.
    static func milliseconds(_ text: String) -> Result<Int, Problem> { number(text, units: durations) }

    /// Bytes of `512B 64KB 256MB 1GB`, in steps of 1024 and in any case of letters; `KiB` is the same as `KB`.
    static func bytes(_ text: String) -> Result<Int, Problem> {
        var unit = text.drop { $0.isASCII && $0.isNumber }.uppercased()
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        if unit.count == 3, unit.hasSuffix("IB") { unit = unit.prefix(1) + "B" }
        return number(digits + unit, units: sizes)
    }

    package static func durationText(_ milliseconds: Int) -> String { text(milliseconds, units: durations) }

    package static func sizeText(_ bytes: Int) -> String { text(bytes, units: sizes) }

    /// The unit that somebody meant by `sec`, `minutes`, `M` or `MBytes`.
    static func nearest(_ written: String, _ units: [Unit]) -> String? {
        let word = written.lowercased()
        if let same = units.first(where: { $0.name.lowercased() == word }) { return same.name }
        if word.hasPrefix("ms") || word.hasPrefix("milli") { return units.first { $0.name == "ms" }?.name }
        let others = units.filter { $0.name != "ms" && !($0.name == "B" && word.first != "b") }
        return others.first { $0.name.lowercased().first == word.first }?.name
    }

    /// Whether `word` is a unit, which somebody has set apart from its number.
    static func isUnit(_ word: String) -> Bool {
        (durations + sizes).contains { $0.name.lowercased() == word.lowercased() }
    }

    enum Problem: Error, Equatable {
        case noNumber, noUnit, unknownUnit(String), tooLarge
    }

    private static func number(_ text: String, units: [Unit]) -> Result<Int, Problem> {
        let digits = text.utf8.prefix(while: ASCII.isDigit)
        guard !digits.isEmpty else { return .failure(.noNumber) }
        let name = String(text.utf8.dropFirst(digits.count)) ?? ""
        guard let number = Int(String(digits) ?? "") else { return .failure(.tooLarge) }
        if name.isEmpty { return number == 0 ? .success(0) : .failure(.noUnit) }
        guard let unit = units.first(where: { $0.name == name }) else { return .failure(.unknownUnit(name)) }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        return overflow ? .failure(.tooLarge) : .success(product)
    }

    /// In the largest unit that leaves a whole number.
    private static func text(_ number: Int, units: [Unit]) -> String {
        guard number != 0 else { return "0" }
        let unit = units.last { number % $0.factor == 0 } ?? units[0]
        return "\(number / unit.factor)\(unit.name)"
    }
}
