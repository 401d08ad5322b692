// SPDX-License-Identifier: Apache-2.0

/// A value type that one kind of block, or one directive, fills. Its initialiser holds the defaults.
package protocol DirectiveTarget: Sendable {
    init()
}

/// What the help says of one value of a directive.
package struct ParameterDescription: Sendable {
    package enum Presence: Sendable { case required, optional, repeated }

    /// The key, or for a positional value its name in the help.
    package let name: String
    let shape: ValueShape
    var presence = Presence.optional
    /// A word that is taken besides the values of `shape`, and what it means unless it says so itself.
    var alternative: (word: String, meaning: String)?
    package var defaultText: String?
    package let help: String

    package init(
        name: String, shape: ValueShape, presence: Presence = .optional,
        alternative: (word: String, meaning: String)? = nil, defaultText: String? = nil, help: String
    ) {
        self.name = name
        self.shape = shape
        self.presence = presence
        self.alternative = alternative
        self.defaultText = defaultText
        self.help = help
    }

    /// How the help spells its values.
    package var placeholder: String {
        alternative.map { "\(shape.placeholder)|\($0.word)" } ?? shape.placeholder
    }
    package var rangeText: String? { shape.rangeText }
    /// No line is shown with its value.
    package var isSecret: Bool { shape == .secret }
    package var alternativeText: String? {
        guard let alternative, !alternative.meaning.isEmpty else { return nil }
        return "\(alternative.word): \(alternative.meaning)"
    }
}

/// One value of a directive: what it may be, where it goes, and how it reads back as text.
package struct Parameter<Target: DirectiveTarget>: Sendable {
    package typealias NumberPath = any WritableKeyPath<Target, Int> & Sendable
    package typealias OptionalNumberPath = any WritableKeyPath<Target, Int?> & Sendable

    var description: ParameterDescription
    let store: @Sendable (inout Target, SettingValue) -> SettingProblem?
    let write: @Sendable (Target) -> String?

    /// `write` answers the text that would set the value again, nil when there is nothing to say.
    package init(
        _ name: String, _ shape: ValueShape, alternative: (word: String, meaning: String)? = nil, help: String,
        store: @escaping @Sendable (inout Target, SettingValue) -> SettingProblem?,
        write: @escaping @Sendable (Target) -> String?
    ) {
        description = ParameterDescription(
            name: name, shape: shape, alternative: alternative, defaultText: write(Target()), help: help)
        self.store = store
        self.write = write
    }

    package var required: Parameter { with(.required) }
    package var repeated: Parameter { with(.repeated) }

    private func with(_ presence: ParameterDescription.Presence) -> Parameter {
        var copy = self
        copy.description.presence = presence
        if presence == .required || presence == .repeated, case .text = description.shape {
            copy.description.defaultText = nil
        }
        return copy
    }
}

extension Parameter {
    /// A number with a unit; `zero` says which word means 0, and what 0 does.
    private static func measure(
        _ name: String, _ shape: ValueShape, _ path: NumberPath, zero: (word: String, meaning: String)?,
        help: String, text: @escaping @Sendable (Int) -> String
    ) -> Parameter {
        Parameter(
            name, shape, alternative: zero, help: help,
            store: { target, value in
                if case .number(let number) = value { target[keyPath: path] = number }
                if value == .alternative { target[keyPath: path] = 0 }
                return nil
            },
            write: { target in
                let number = target[keyPath: path]
                return number == 0 ? zero?.word ?? text(0) : text(number)
            })
    }

    package static func duration(
        _ name: String, _ path: NumberPath, _ range: ClosedRange<Int>, off: String? = nil, _ help: String
    ) -> Parameter {
        measure(
            name, .duration(range), path, zero: off.map { ("off", $0) }, help: help, text: Units.durationText)
    }

    package static func size(
        _ name: String, _ path: NumberPath, _ range: ClosedRange<Int>, off: String? = nil, _ help: String
    ) -> Parameter {
        measure(name, .size(range), path, zero: off.map { ("off", $0) }, help: help, text: Units.sizeText)
    }

    package static func number(
        _ name: String, _ path: NumberPath, _ range: ClosedRange<Int>, off: String? = nil, _ help: String
    ) -> Parameter {
        measure(name, .number(range), path, zero: off.map { ("off", $0) }, help: help, text: { "\($0)" })
    }

    package static func percent(
        _ name: String, _ path: NumberPath, _ range: ClosedRange<Int>, _ help: String
    ) -> Parameter {
        measure(name, .percent(range), path, zero: nil, help: help, text: { "\($0)%" })
    }

    private static func optional(
        _ name: String, _ shape: ValueShape, _ path: OptionalNumberPath, none: (word: String, meaning: String),
        help: String, text: @escaping @Sendable (Int) -> String
    ) -> Parameter {
        Parameter(
            name, shape, alternative: none, help: help,
            store: { target, value in
                if case .number(let number) = value { target[keyPath: path] = number }
                if value == .alternative { target[keyPath: path] = nil }
                return nil
            },
            write: { $0[keyPath: path].map(text) ?? none.word })
    }

    package static func duration(
        _ name: String, _ path: OptionalNumberPath, _ range: ClosedRange<Int>,
        none: (word: String, meaning: String), _ help: String
    ) -> Parameter {
        optional(name, .duration(range), path, none: none, help: help, text: Units.durationText)
    }

    package static func number(
        _ name: String, _ path: OptionalNumberPath, _ range: ClosedRange<Int>,
        none: (word: String, meaning: String), _ help: String
    ) -> Parameter {
        optional(name, .number(range), path, none: none, help: help, text: { "\($0)" })
    }

    package static func flag(
        _ name: String, _ path: any WritableKeyPath<Target, Bool> & Sendable, _ help: String
    ) -> Parameter {
        Parameter(
            name, .flag, help: help,
            store: { target, value in
                if case .flag(let flag) = value { target[keyPath: path] = flag }
                return nil
            },
            write: { $0[keyPath: path] ? "on" : "off" })
    }

    package static func word<Word: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ path: any WritableKeyPath<Target, Word> & Sendable, _ help: String
    ) -> Parameter {
        Parameter(
            name, .word(Word.allCases.map(\.rawValue)), help: help,
            store: { target, value in
                if case .text(let text) = value, let word = Word(rawValue: text) { target[keyPath: path] = word }
                return nil
            },
            write: { $0[keyPath: path].rawValue })
    }

    /// Comma-separated items, each of which `check` may refuse or spell otherwise.
    package static func list(
        _ name: String, _ itemName: String, _ path: any WritableKeyPath<Target, [String]> & Sendable,
        none: (word: String, meaning: String)? = nil, _ help: String,
        check: @escaping @Sendable (String) -> Result<String, SettingProblem>
    ) -> Parameter {
        Parameter(
            name, .list(itemName), alternative: none, help: help,
            store: { target, value in
                if value == .alternative { target[keyPath: path] = [] }
                guard case .list(let items) = value else { return nil }
                var checked: [String] = []
                for item in items {
                    switch check(item) {
                    case .success(let text): checked.append(text)
                    case .failure(let problem): return problem
                    }
                }
                target[keyPath: path] = checked
                return nil
            },
            write: { target in
                let items = target[keyPath: path]
                return items.isEmpty ? none?.word : items.joined(separator: ",")
            })
    }

    /// Any text; `read` stores it or says why not.
    package static func text(
        _ name: String, _ help: String, alternative: (word: String, meaning: String)? = nil,
        read: @escaping @Sendable (inout Target, String) -> SettingProblem?,
        write: @escaping @Sendable (Target) -> String?
    ) -> Parameter {
        Parameter(
            name, .text(name), alternative: alternative, help: help,
            store: { target, value in
                switch value {
                case .text(let text): read(&target, text)
                case .alternative: read(&target, alternative?.word ?? "")
                default: nil
                }
            },
            write: write)
    }

    /// `NAME=` and `NAME_file=`: the text itself, and the file that holds it.
    package static func secret(
        _ path: any WritableKeyPath<Target, Secret?> & Sendable, name: String, _ help: String
    ) -> [Parameter] {
        let store: @Sendable (inout Target, SettingValue) -> SettingProblem? = { target, value in
            guard case .text(let text) = value else { return nil }
            if target[keyPath: path] != nil { return SettingProblem("the \(name) is given already") }
            if let problem = SecretText.problem(text, name: name) { return problem }
            target[keyPath: path] = Secret(text)
            return nil
        }
        return [
            Parameter(
                name, .secret, help: help, store: store,
                write: { $0[keyPath: path] == nil ? nil : Secret.mask }),
            Parameter(
                "\(name)_file", .secretFile, help: "A file that holds the \(name).", store: store, write: { _ in nil }),
        ]
    }
}
