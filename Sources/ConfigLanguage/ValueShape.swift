// SPDX-License-Identifier: Apache-2.0

/// A value as a directive takes it.
package enum SettingValue: Sendable, Equatable {
    /// Milliseconds, bytes, a number or percent.
    case number(Int)
    case flag(Bool)
    case text(String)
    case list([String])
    /// The word that stands for no value, such as `off` or `auto`.
    case alternative
}

/// What text a value may be, for the parser, its messages and the help alike.
package enum ValueShape: Sendable, Equatable {
    case duration(ClosedRange<Int>)
    case size(ClosedRange<Int>)
    case number(ClosedRange<Int>)
    case percent(ClosedRange<Int>)
    case flag
    case word([String])
    /// Named in the help by this word; the directive checks the text itself.
    case text(String)
    /// Comma-separated texts.
    case list(String)
    /// What must not show.
    case secret
    /// The path of a file whose content, without its last line end, is the value.
    case secretFile

    /// How the help spells it.
    var placeholder: String {
        switch self {
        case .duration: "DURATION"
        case .size: "SIZE"
        case .number: "N"
        case .percent: "N%"
        case .flag: "on|off"
        case .word(let words): words.joined(separator: "|")
        case .text(let name): name
        case .list(let name): "\(name),…"
        case .secret: "TEXT"
        case .secretFile: "PATH"
        }
    }

    /// `1s to 1h`, or nil when every value of the kind is taken.
    var rangeText: String? {
        switch self {
        case .duration(let range):
            "\(Units.durationText(range.lowerBound)) to \(Units.durationText(range.upperBound))"
        case .size(let range): "\(Units.sizeText(range.lowerBound)) to \(Units.sizeText(range.upperBound))"
        case .number(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .percent(let range): "\(range.lowerBound)% to \(range.upperBound)%"
        case .flag, .word, .text, .list, .secret, .secretFile: nil
        }
    }

    /// The checked value, or why `text` is none.
    package func read(_ text: String, alternative: String?) -> Result<SettingValue, SettingProblem> {
        if let alternative, text == alternative { return .success(.alternative) }
        let or = alternative.map { " or \($0)" } ?? ""
        switch self {
        case .duration(let range):
            return measure(
                Units.milliseconds(text), text, in: range, "a duration such as 500ms, 10s, 5m, 1h or 7d\(or)",
                units: Units.durations)
        case .size(let range):
            return measure(
                Units.bytes(text), text, in: range, "a size such as 64KB, 256MB or 1GB\(or)", units: Units.sizes)
        case .number(let range):
            return count(text[...], text, in: range, "a number from \(range.lowerBound) to \(range.upperBound)\(or)")
        case .percent(let range):
            let wanted = "a percentage such as 10%\(or)"
            guard text.hasSuffix("%") else { return .failure(.init("expected \(wanted), got \"\(text)\"")) }
            return count(text.dropLast(), text, in: range, wanted)
        case .flag:
            if text == "on" || text == "off" { return .success(.flag(text == "on")) }
            return .failure(.init("expected on or off\(or), got \"\(text)\""))
        case .word(let words):
            if words.contains(text) { return .success(.text(text)) }
            let all = words + [alternative].compactMap { $0 }
            return .failure(
                .init("unknown word \"\(text)\"\(NearestName.hint(text, among: all)); \(SettingProblem.choice(all))"))
        case .text, .secret, .secretFile:
            return text.isEmpty ? .failure(.init("expected \(placeholder)\(or), got nothing")) : .success(.text(text))
        case .list:
            let items = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            if items.contains("") { return .failure(.init("expected \(placeholder)\(or) without empty items")) }
            return .success(.list(items))
        }
    }

    private func measure(
        _ result: Result<Int, Units.Problem>, _ text: String, in range: ClosedRange<Int>, _ wanted: String,
        units: [Units.Unit]
    ) -> Result<SettingValue, SettingProblem> {
        switch result {
        case .success(let number) where range.contains(number): return .success(.number(number))
        case .success, .failure(.tooLarge):
            return .failure(.init("\"\(text)\" is out of range: \(rangeText ?? "")"))
        case .failure(.noNumber): return .failure(.init("expected \(wanted), got \"\(text)\""))
        case .failure(.noUnit):
            return .failure(.init("\"\(text)\" needs a unit: \(units.map(\.name).joined(separator: ", "))"))
        case .failure(.unknownUnit(let unit)):
            let names = units.map(\.name).joined(separator: ", ")
            let hint = Units.nearest(unit, units).map { " (did you mean \"\(text.dropLast(unit.count))\($0)\"?)" } ?? ""
            return .failure(.init("unknown unit \"\(unit)\" in \"\(text)\"\(hint); expected one of \(names)"))
        }
    }

    private func count(
        _ digits: Substring, _ text: String, in range: ClosedRange<Int>, _ wanted: String
    ) -> Result<SettingValue, SettingProblem> {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 &- 0x30 < 10 }) else {
            return .failure(.init("expected \(wanted), got \"\(text)\""))
        }
        guard let number = Int(digits), range.contains(number) else {
            return .failure(.init("\"\(text)\" is out of range: \(rangeText ?? "")"))
        }
        return .success(.number(number))
    }
}

/// Why a value was refused, in words for the operator.
package struct SettingProblem: Error, Equatable, Sendable {
    package let reason: String

    package init(_ reason: String) { self.reason = reason }

    /// `it can be a, b or c`
    static func choice(_ words: [String]) -> String { "it can be \(list(words, "or"))" }

    /// `a, b and c`
    package static func list(_ words: [String], _ last: String) -> String {
        words.count < 2
            ? words.joined() : "\(words.dropLast().joined(separator: ", ")) \(last) \(words[words.count - 1])"
    }
}
