// SPDX-License-Identifier: Apache-2.0

/// One row of the directive table.
package struct Directive<Scope: DirectiveTarget>: Sendable {
    package let description: DirectiveDescription
    package let apply: @Sendable (inout Scope, Statement, inout ReadingContext) -> Void
    /// The lines that would set the same again.
    package let write: @Sendable (Scope) -> [String]

    package var name: String { description.name }

    /// A directive whose values go straight into a part of the scope.
    package init<Part: DirectiveTarget>(
        _ name: String, in part: any WritableKeyPath<Scope, Part> & Sendable, _ positional: [Parameter<Part>] = [],
        keys: [Parameter<Part>] = [], opensBlock: Bool = false, _ summary: String, _ details: String = "",
        example: String
    ) {
        let values = ParameterList(name: name, positional: positional, keys: keys, opensBlock: opensBlock)
        description = values.describe(summary, details, example: example, isRepeatable: false, hasDefault: !opensBlock)
        apply = { scope, statement, context in
            values.assign(statement, to: &scope[keyPath: part], &context)
        }
        write = { scope in values.line(scope[keyPath: part]).map { [$0] } ?? [] }
    }

    /// A directive that makes an element of its own, which `add` puts into the scope.
    package init<Element: DirectiveTarget>(
        _ name: String, _ positional: [Parameter<Element>], keys: [Parameter<Element>] = [],
        _ summary: String, _ details: String = "", example: String, isRepeatable: Bool = true, hasDefault: Bool = false,
        add: @escaping @Sendable (inout Scope, Element) -> SettingProblem?,
        elements: @escaping @Sendable (Scope) -> [Element]
    ) {
        let values = ParameterList(name: name, positional: positional, keys: keys, opensBlock: false)
        description = values.describe(
            summary, details, example: example, isRepeatable: isRepeatable, hasDefault: hasDefault)
        apply = { scope, statement, context in
            var element = Element()
            guard values.assign(statement, to: &element, &context) else { return }
            if let problem = add(&scope, element) {
                context.diagnostics.error(statement.name.place, "\"\(name)\": \(problem.reason)")
            }
        }
        write = { scope in elements(scope).compactMap(values.line) }
    }

    /// A directive with a shape of its own.
    package init(
        _ name: String, synopsis: String, parameters: [ParameterDescription], _ summary: String, _ details: String,
        defaultLine: String?, example: String, isRepeatable: Bool,
        apply: @escaping @Sendable (inout Scope, Statement, inout ReadingContext) -> Void,
        write: @escaping @Sendable (Scope) -> [String]
    ) {
        description = DirectiveDescription(
            name: name, synopsis: synopsis, summary: summary, details: details, parameters: parameters,
            isRepeatable: isRepeatable, opensBlock: false, defaultLine: defaultLine, example: example)
        self.apply = apply
        self.write = write
    }

    /// Applies each statement of a block to what the block describes; `unknown` says what is wrong with a name that is
    /// not in `table`.
    package static func apply(
        _ table: [Directive], to target: inout Scope, _ statements: [Statement], _ context: inout ReadingContext,
        unknown: (Statement) -> String
    ) {
        var seen: [String: Place] = [:]
        for statement in statements {
            let name = statement.name
            guard let directive = table.first(where: { $0.name == name.text }) else {
                context.diagnostics.error(name.place, unknown(statement))
                continue
            }
            if let block = statement.block {
                context.diagnostics.error(block.open, "\"\(name.text)\" takes no block")
            }
            if !directive.description.isRepeatable, let first = seen.updateValue(name.place, forKey: name.text) {
                let place = context.whereabouts(first, name.place)
                context.diagnostics.error(name.place, "\"\(name.text)\" is said twice; first \(place)")
                continue
            }
            directive.apply(&target, statement, &context)
        }
    }
}
