// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

extension DirectiveTable {
    static let invalidation: [Directive<InvalidationGroup>] = [
        rule(.key, "PATH", "Invalidates one URL: its path, with its query if it has one.", example: "key /api/config"),
        rule(.prefix, "PATH", "Invalidates every URL that begins so.", example: "prefix /api/users/"),
        rule(
            .pattern, "GLOB", "Invalidates every URL that matches; * stands for any text.",
            example: "pattern /api/*/users"),
        rule(.tag, "TAG", "Invalidates every answer that carries the tag.", example: "tag users"),
    ]

    private static func rule(
        _ kind: InvalidationGroup.Kind, _ placeholder: String, _ summary: String, example: String
    ) -> Directive<InvalidationGroup> {
        Directive(
            kind.rawValue,
            [
                Parameter<RuleDraft>.text(
                    placeholder, "What is invalidated.",
                    read: { draft, text in
                        draft.text = text
                        let check = kind == .pattern ? TextCheck.glob : TextCheck.visible
                        if case .failure(let problem) = check(text) { return problem }
                        return kind.problem(in: text)
                    }, write: { $0.text.isEmpty ? nil : $0.text }
                ).required
            ], summary, example: example,
            add: { group, draft in
                let rule = InvalidationGroup.Rule(kind: kind, text: draft.text)
                if group.rules.contains(rule) { return .init("\"\(draft.text)\" is said twice") }
                group.rules.append(rule)
                return nil
            },
            elements: { group in
                group.rules.filter { $0.kind == kind }.map {
                    var draft = RuleDraft()
                    draft.text = $0.text
                    return draft
                }
            })
    }
}

extension InvalidationGroup.Kind {
    /// Why it matches no key, whatever is asked for.
    fileprivate func problem(in text: String) -> SettingProblem? {
        guard let form else { return nil }
        guard text.contains("/") || (self == .pattern && text.contains("*")) else {
            return .init("a \(rawValue) begins with /, got \"\(text)\"")
        }
        switch InvalidationText.read(text, as: form) {
        case .failure(let problem): return problem
        case .success(let read):
            guard self == .pattern, case .failure(let problem) = GlobText.normalized(read.path) else { return nil }
            return problem
        }
    }

    /// nil for what is no URL.
    private var form: InvalidationText.Kind? {
        switch self {
        case .key: .url
        case .prefix: .prefix
        case .pattern: .pattern
        case .tag: nil
        }
    }
}
