// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

extension DirectiveTable {
    static let compress = Directive<RouteDraft>(
        "compress", in: \.self, [codings.repeated],
        keys: [
            .size("min", \.settings.compression.minimumBytes, 0...1 << 30, "Shorter bodies are left as they are."),
            .list(
                "types", "TYPE", \.settings.compression.types, "Media types that are compressed; * for any text.",
                check: TextCheck.mediaType),
            .list(
                "exclude", "GLOB", \.settings.compression.excluded, none: ("none", ""),
                "Paths whose answers are left as they are.", check: RouteText.pathGlob),
            optOut,
            .word(
                "upstream", \.settings.compression.upstream,
                "identity: the upstream is asked for plain bodies; coded: it may send them in the codings named here, "
                    + "and they are decoded for clients that need it."),
            .number(
                "climb", \.settings.compression.climbsAfter, 1...1_000_000, off: "compressed once",
                "A body asked for so many times is compressed again in the background, as small as it gets."),
        ], "Compresses text for the clients that take it; the codings in order of preference.",
        "Each coding of a stored body is made once. What the origin marks no-transform, has coded itself, or sends in "
            + "part is left as it is. Say `compress off` where secrets share a body with what an attacker can choose "
            + "(BREACH); the client's Accept-Encoding goes upstream then.",
        example: "compress br gzip min=2KB")

    private static let off = "off"

    private static let codings = Parameter<RouteDraft>(
        "CODING", .word(CompressionSettings.Coding.allCases.map(\.rawValue) + [off]),
        help: "br, gzip or deflate, each once; or off.",
        store: { draft, value in
            guard case .text(let word) = value else { return nil }
            var codings = draft.codingsSaid ? draft.settings.compression.codings : []
            if draft.codingsSaid, codings.isEmpty || word == off { return SettingProblem("off stands alone") }
            draft.codingsSaid = true
            if let coding = CompressionSettings.Coding(rawValue: word) {
                if codings.contains(coding) { return SettingProblem("\(word) is said twice") }
                codings.append(coding)
            }
            draft.settings.compression.codings = codings
            return nil
        },
        write: { draft in
            let codings = draft.settings.compression.codings.map(\.rawValue)
            return codings.isEmpty ? off : codings.joined(separator: " ")
        })

    private static let optOut = Parameter<RouteDraft>(
        "opt_out", .text("FIELD"), alternative: ("none", "no such field"),
        help: "A request field with which a client has its answer left as it is.",
        store: { draft, value in
            draft.settings.compression.optOutField = nil
            guard case .text(let field) = value else { return nil }
            draft.settings.compression.optOutField = field
            return TextCheck.isToken(field) ? nil : SettingProblem("\"\(field)\" is no field name")
        },
        write: { $0.settings.compression.optOutField ?? "none" })
}
