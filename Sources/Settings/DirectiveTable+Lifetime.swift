// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage

extension DirectiveTable {
    private static let longest = 3650 * day
    private static let lifetimeSynopsis = "ttl [STATUS,…] DURATION|by_origin [force]"

    /// `ttl`, whose first value may be a status or a duration.
    static let lifetime = Directive<RouteDraft>(
        "ttl", synopsis: lifetimeSynopsis,
        parameters: [
            ParameterDescription(
                name: "STATUS", shape: .list("STATUS"), help: "Only answers with these status codes, as 404,410."),
            ParameterDescription(
                name: "DURATION", shape: .duration(0...longest), presence: .required,
                alternative: ("by_origin", "as the origin says, else by the heuristic of RFC 9111 §4.2.2"),
                defaultText: lifetimeText(LifetimeSettings()), help: "How long answers are fresh."),
            ParameterDescription(
                name: "force", shape: .word(["force"]), help: "The origin's own Cache-Control and Expires are ignored."),
        ], "Sets how long answers are fresh when the origin does not say.",
        "force lets it win over a lifetime that the origin names; what must not be stored at all (no-store, private) "
            + "stays so. It counts from when the answer comes. Answers that depend on a cookie are shared by all then, unless `key cookie=` names it. May be said once without a status and once for each status.",
        defaultLine: lifetimeLines(LifetimeSettings()).first, example: "ttl 404,410 30s", isRepeatable: true,
        apply: applyLifetime, write: { lifetimeLines($0.settings.lifetime) })

    private static func lifetimeText(_ lifetime: LifetimeSettings) -> String {
        lifetime.defaultMilliseconds.map(Units.durationText) ?? byOrigin.word
    }

    private static func lifetimeLines(_ lifetime: LifetimeSettings) -> [String] {
        ["ttl \(lifetimeText(lifetime))\(lifetime.isForced ? " force" : "")"]
            + lifetime.byStatus.map {
                "ttl \($0.status) \(Units.durationText($0.milliseconds))\($0.isForced ? " force" : "")"
            }
    }

    private static let applyLifetime: @Sendable (inout RouteDraft, Statement, inout ReadingContext) -> Void = {
        draft, statement, context in
        if context.reportsDetachedUnit(statement.arguments, "ttl") { return }
        var words = statement.arguments[...]
        let statuses = readStatuses(&words, &context)
        guard let word = words.popFirst() else {
            return context.diagnostics.error(
                statement.name.place, "\"ttl\" needs DURATION; expected: \(lifetimeSynopsis)")
        }
        let isForced = words.first?.text == "force"
        if isForced { words.removeFirst() }
        if let extra = words.first {
            return context.diagnostics.error(
                extra.place, "unexpected \"\(extra.text)\"; expected: \(lifetimeSynopsis)")
        }
        let value: SettingValue
        switch ValueShape.duration(0...longest).read(word.text, alternative: byOrigin.word) {
        case .success(let read): value = read
        case .failure(let problem): return context.diagnostics.error(word.place, "\"ttl\": \(problem.reason)")
        }
        if value == .alternative, isForced {
            return context.diagnostics.error(word.place, "\"ttl\": by_origin cannot be forced")
        }
        store(value, isForced: isForced, statuses, statement, &draft, &context)
    }

    /// Parts have rules of their own; the others answer a request's condition, range or upgrade.
    private static let neverStored: [UInt16] = [206, 304, 412, 416, 426]

    /// `404,410`, if the first word begins so: a duration ends in a unit.
    private static func readStatuses(_ words: inout ArraySlice<Word>, _ context: inout ReadingContext) -> [UInt16] {
        guard words.count > 1, let word = words.first, !word.text.isEmpty,
            word.text.utf8.allSatisfy({ ASCII.isDigit($0) || $0 == ASCII.comma })
        else { return [] }
        words.removeFirst()
        var statuses: [UInt16] = []
        for item in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let status = UInt16(item), (200...599).contains(status), !neverStored.contains(status) else {
                context.diagnostics.error(
                    word.place,
                    "\"ttl\": \"\(item)\" is no status that is stored: 200 to 599 without "
                        + "\(neverStored.dropLast().map(String.init).joined(separator: ", ")) and \(neverStored.last ?? 0)"
                )
                continue
            }
            statuses.append(status)
        }
        return statuses
    }

    private static func store(
        _ value: SettingValue, isForced: Bool, _ statuses: [UInt16], _ statement: Statement, _ draft: inout RouteDraft,
        _ context: inout ReadingContext
    ) {
        for name in statuses.isEmpty ? [""] : statuses.map({ "\($0)" }) {
            guard draft.lifetimesSaid.insert(name).inserted else {
                let what = name.isEmpty ? "\"ttl\" without a status" : "\"ttl\" of status \(name)"
                context.diagnostics.error(statement.name.place, "\(what) is said twice in this block")
                continue
            }
            guard let status = UInt16(name) else {
                if case .number(let number) = value { draft.settings.lifetime.defaultMilliseconds = number }
                if value == .alternative { draft.settings.lifetime.defaultMilliseconds = nil }
                draft.settings.lifetime.isForced = isForced
                continue
            }
            draft.settings.lifetime.byStatus.removeAll { $0.status == status }
            if case .number(let number) = value {
                draft.settings.lifetime.byStatus.append(
                    .init(status: status, milliseconds: number, isForced: isForced))
            }
            draft.settings.lifetime.byStatus.sort { $0.status < $1.status }
        }
    }
}
