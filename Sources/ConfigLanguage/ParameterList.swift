// SPDX-License-Identifier: Apache-2.0

/// The values of one directive and how a line of them is read and written.
struct ParameterList<Target: DirectiveTarget>: Sendable {
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
                parameter.description.presence == .repeated ? $0 : QuotedText.quoted($0)
            }
        }
        let pairs = keys.compactMap { key in
            key.write(target).map { "\(key.description.name)=\(QuotedText.quoted($0))" }
        }
        if values.isEmpty, pairs.isEmpty { return nil }
        if values.isEmpty, positional.contains(where: { $0.description.presence != .optional }) { return nil }
        return ([name] + values + pairs).joined(separator: " ")
    }

    /// Puts the values of `statement` into `target`; answers whether all were right.
    @discardableResult
    func assign(_ statement: Statement, to target: inout Target, _ context: inout ReadingContext) -> Bool {
        if context.reportsDetachedUnit(statement.arguments, name) { return false }
        var next = 0
        var seen: Set<String> = []
        var isRight = true
        for word in statement.arguments {
            if !keys.isEmpty, let (key, place, value) = word.keyed {
                isRight = assignKey(key, at: place, value, to: &target, &seen, &context) && isRight
            } else if next < positional.count {
                let parameter = positional[next]
                isRight = store(parameter, word, "\"\(name)\"", to: &target, &context) && isRight
                if parameter.description.presence != .repeated { next += 1 } else { seen.insert("") }
            } else {
                context.diagnostics.error(word.place, "unexpected \"\(word.text)\"; expected: \(synopsis)")
                isRight = false
            }
        }
        if next < positional.count, positional[next].description.presence != .optional, !seen.contains("") {
            let missing = positional[next].description.placeholder
            context.diagnostics.error(statement.name.place, "\"\(name)\" needs \(missing); expected: \(synopsis)")
            isRight = false
        } else if positional.isEmpty, statement.arguments.isEmpty, !keys.isEmpty {
            context.diagnostics.error(statement.name.place, "\"\(name)\" says nothing; expected: \(synopsis)")
            isRight = false
        }
        return isRight
    }

    private func assignKey(
        _ key: String, at place: Place, _ value: Word, to target: inout Target, _ seen: inout Set<String>,
        _ context: inout ReadingContext
    ) -> Bool {
        let names = keys.map(\.description.name)
        guard let parameter = keys.first(where: { $0.description.name == key }) else {
            let hint = NearestName.hint(key, among: names)
            let known = hint.isEmpty ? "; it takes \(SettingProblem.list(names, "and"))" : hint
            context.diagnostics.error(place, "unknown key \"\(key)\" of \"\(name)\"\(known)")
            return false
        }
        guard seen.insert(key).inserted else {
            context.diagnostics.error(place, "key \"\(key)\" of \"\(name)\" is given twice")
            return false
        }
        return store(parameter, value, "\"\(key)\" of \"\(name)\"", to: &target, &context)
    }

    private func store(
        _ parameter: Parameter<Target>, _ word: Word, _ subject: String, to target: inout Target,
        _ context: inout ReadingContext
    ) -> Bool {
        var problem: SettingProblem?
        switch parameter.description.shape.read(word.text, alternative: parameter.description.alternative?.word) {
        case .failure(let failure): problem = failure
        case .success(.text(let path)) where parameter.description.shape == .secretFile:
            switch context.files.readSecret(path, from: word.place.file, context.diagnostics.files) {
            case .failure(let failure): problem = failure
            case .success(let secret):
                problem = parameter.store(&target, .text(secret))
                let name = String(parameter.description.name.dropLast("_file".count))
                let path = context.diagnostics.files[word.place.file].resolve(path)
                if problem == nil { context.warnOfSecret(secret, name, word, file: path) }
            }
        case .success(.text(let secret)) where parameter.description.shape == .secret:
            problem = parameter.store(&target, .text(secret))
            if problem == nil { context.warnOfSecret(secret, parameter.description.name, word, file: nil) }
        case .success(let value): problem = parameter.store(&target, value)
        }
        guard let problem else { return true }
        context.diagnostics.error(word.place, "\(subject): \(problem.reason)")
        return false
    }
}
