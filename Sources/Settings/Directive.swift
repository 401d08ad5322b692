// SPDX-License-Identifier: Apache-2.0

/// Where a directive may stand.
package enum DirectiveScope: String, Sendable, CaseIterable {
    case topLevel = "the top level"
    case upstream, route, defaults, invalidation

    /// `in route`
    var place: String { self == .topLevel ? "at \(rawValue)" : "in \(rawValue)" }
}

/// What the help, the reference and the example say of a directive.
package struct DirectiveDescription: Sendable {
    package let name: String
    package var scopes: [DirectiveScope] = []
    /// `memory SIZE [max_object=SIZE]`
    package let synopsis: String
    /// One line.
    package let summary: String
    /// What else there is to know; may be empty.
    package let details: String
    package let parameters: [ParameterDescription]
    package let isRepeatable: Bool
    package let opensBlock: Bool
    /// The line that says the defaults; nil when there are none.
    package let defaultLine: String?
    package let example: String
}

/// One row of the directive table.
struct Directive<Scope: SettingsScope>: Sendable {
    var description: DirectiveDescription
    let apply: @Sendable (inout Scope, Statement, inout SettingsBuilder) -> Void
    /// The lines that would set the same again.
    let write: @Sendable (Scope) -> [String]

    var name: String { description.name }

    /// A directive whose values go straight into a part of the scope.
    init<Part: SettingsScope>(
        _ name: String, in part: any WritableKeyPath<Scope, Part> & Sendable, _ positional: [Parameter<Part>] = [],
        keys: [Parameter<Part>] = [], opensBlock: Bool = false, _ summary: String, _ details: String = "",
        example: String
    ) {
        let values = ParameterList(name: name, positional: positional, keys: keys, opensBlock: opensBlock)
        description = values.describe(summary, details, example: example, isRepeatable: false, hasDefault: !opensBlock)
        apply = { scope, statement, builder in
            values.assign(statement, to: &scope[keyPath: part], &builder)
        }
        write = { scope in values.line(scope[keyPath: part]).map { [$0] } ?? [] }
    }

    /// A directive that makes an element of its own, which `add` puts into the scope.
    init<Element: SettingsScope>(
        _ name: String, _ positional: [Parameter<Element>], keys: [Parameter<Element>] = [],
        _ summary: String, _ details: String = "", example: String, isRepeatable: Bool = true, hasDefault: Bool = false,
        add: @escaping @Sendable (inout Scope, Element) -> SettingProblem?,
        elements: @escaping @Sendable (Scope) -> [Element]
    ) {
        let values = ParameterList(name: name, positional: positional, keys: keys, opensBlock: false)
        description = values.describe(
            summary, details, example: example, isRepeatable: isRepeatable, hasDefault: hasDefault)
        apply = { scope, statement, builder in
            var element = Element()
            guard values.assign(statement, to: &element, &builder) else { return }
            if let problem = add(&scope, element) {
                builder.diagnostics.error(statement.name.place, "\"\(name)\": \(problem.reason)")
            }
        }
        write = { scope in elements(scope).compactMap(values.line) }
    }

    /// A directive with a shape of its own.
    init(
        _ name: String, synopsis: String, parameters: [ParameterDescription], _ summary: String, _ details: String,
        defaultLine: String?, example: String, isRepeatable: Bool,
        apply: @escaping @Sendable (inout Scope, Statement, inout SettingsBuilder) -> Void,
        write: @escaping @Sendable (Scope) -> [String]
    ) {
        description = DirectiveDescription(
            name: name, synopsis: synopsis, summary: summary, details: details, parameters: parameters,
            isRepeatable: isRepeatable, opensBlock: false, defaultLine: defaultLine, example: example)
        self.apply = apply
        self.write = write
    }
}

/// The values of one directive and how a line of them is read and written.
struct ParameterList<Target: SettingsScope>: Sendable {
    let name: String
    let positional: [Parameter<Target>]
    let keys: [Parameter<Target>]
    let opensBlock: Bool

    var synopsis: String {
        var parts = [name]
        for parameter in positional {
            let text = parameter.description.placeholder
            switch parameter.description.presence {
            case .required: parts.append(text)
            case .optional: parts.append("[\(text)]")
            case .repeated: parts.append("\(text)…")
            }
        }
        parts += keys.map { "[\($0.description.name)=\($0.description.placeholder)]" }
        if opensBlock { parts.append("{ … }") }
        return parts.joined(separator: " ")
    }

    func describe(
        _ summary: String, _ details: String, example: String, isRepeatable: Bool, hasDefault: Bool
    ) -> DirectiveDescription {
        DirectiveDescription(
            name: name, synopsis: synopsis, summary: summary, details: details,
            parameters: (positional + keys).map(\.description), isRepeatable: isRepeatable, opensBlock: opensBlock,
            defaultLine: hasDefault ? line(Target()) : nil, example: example)
    }

    /// The line that would set `target` again; nil when there is nothing to say.
    func line(_ target: Target) -> String? {
        let values = positional.compactMap { parameter in
            parameter.write(target).map {
                parameter.description.presence == .repeated ? $0 : SettingsText.quoted($0)
            }
        }
        let pairs = keys.compactMap { key in
            key.write(target).map { "\(key.description.name)=\(SettingsText.quoted($0))" }
        }
        if values.isEmpty, pairs.isEmpty { return nil }
        if values.isEmpty, positional.contains(where: { $0.description.presence != .optional }) { return nil }
        return ([name] + values + pairs).joined(separator: " ")
    }

    /// Puts the values of `statement` into `target`; answers whether all were right.
    @discardableResult
    func assign(_ statement: Statement, to target: inout Target, _ builder: inout SettingsBuilder) -> Bool {
        if builder.reportsDetachedUnit(statement.arguments, name) { return false }
        var next = 0
        var seen: Set<String> = []
        var isRight = true
        for word in statement.arguments {
            if !keys.isEmpty, let (key, place, value) = word.keyed {
                isRight = assignKey(key, at: place, value, to: &target, &seen, &builder) && isRight
            } else if next < positional.count {
                let parameter = positional[next]
                isRight = store(parameter, word, "\"\(name)\"", to: &target, &builder) && isRight
                if parameter.description.presence != .repeated { next += 1 } else { seen.insert("") }
            } else {
                builder.diagnostics.error(word.place, "unexpected \"\(word.text)\"; expected: \(synopsis)")
                isRight = false
            }
        }
        if next < positional.count, positional[next].description.presence != .optional, !seen.contains("") {
            let missing = positional[next].description.placeholder
            builder.diagnostics.error(statement.name.place, "\"\(name)\" needs \(missing); expected: \(synopsis)")
            isRight = false
        } else if positional.isEmpty, statement.arguments.isEmpty, !keys.isEmpty {
            builder.diagnostics.error(statement.name.place, "\"\(name)\" says nothing; expected: \(synopsis)")
            isRight = false
        }
        return isRight
    }

    private func assignKey(
        _ key: String, at place: Place, _ value: Word, to target: inout Target, _ seen: inout Set<String>,
        _ builder: inout SettingsBuilder
    ) -> Bool {
        let names = keys.map(\.description.name)
        guard let parameter = keys.first(where: { $0.description.name == key }) else {
            let hint = NearestName.hint(key, among: names)
            let known = hint.isEmpty ? "; it takes \(SettingProblem.list(names, "and"))" : hint
            builder.diagnostics.error(place, "unknown key \"\(key)\" of \"\(name)\"\(known)")
            return false
        }
        guard seen.insert(key).inserted else {
            builder.diagnostics.error(place, "key \"\(key)\" of \"\(name)\" is given twice")
            return false
        }
        return store(parameter, value, "\"\(key)\" of \"\(name)\"", to: &target, &builder)
    }

    private func store(
        _ parameter: Parameter<Target>, _ word: Word, _ subject: String, to target: inout Target,
        _ builder: inout SettingsBuilder
    ) -> Bool {
        var problem: SettingProblem?
        switch parameter.description.shape.read(word.text, alternative: parameter.description.alternative?.word) {
        case .failure(let failure): problem = failure
        case .success(.text(let path)) where parameter.description.shape == .secretFile:
            switch builder.files.readSecret(path, from: word.place.file, builder.diagnostics.files) {
            case .failure(let failure): problem = failure
            case .success(let secret):
                problem = parameter.store(&target, .text(secret))
                let name = String(parameter.description.name.dropLast("_file".count))
                let path = builder.diagnostics.files[word.place.file].resolve(path)
                if problem == nil { builder.warnOfSecret(secret, name, word, file: path) }
            }
        case .success(.text(let secret)) where parameter.description.shape == .secret:
            problem = parameter.store(&target, .text(secret))
            if problem == nil { builder.warnOfSecret(secret, parameter.description.name, word, file: nil) }
        case .success(let value): problem = parameter.store(&target, value)
        }
        guard let problem else { return true }
        builder.diagnostics.error(word.place, "\(subject): \(problem.reason)")
        return false
    }
}
