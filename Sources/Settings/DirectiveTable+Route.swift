// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

extension DirectiveTable {
    static let route: [Directive<RouteDraft>] =
        [routeUpstream, lifetime, stale, key, requestFields, tags, pass, coalesce, clientCacheControl, store]
        + [storePartial, targetedFields, compress, slow, timeout(\.settings.timeouts), jitter, maxVariants]
        + [upgrade, tunnel]

    static let byOrigin = (word: "by_origin", meaning: "as the origin says")

    private static let routeUpstream = Directive<RouteDraft>(
        "upstream", in: \.self,
        [
            .text(
                "NAME|http://HOST:PORT", "An upstream of the file, or the URL of one server.",
                read: { draft, text in
                    draft.upstream = text
                    return text.contains("://") ? inlineProblem(text) : TextCheck.name(text)
                }, write: { $0.upstream }
            ).required
        ], "Says where requests of the route go.", "May be left out when the file has exactly one upstream.",
        example: "upstream http://127.0.0.1:3000")

    /// The server that `http://host:port` names.
    static func inlineServer(_ url: String) -> Result<SocketAddressText, SettingProblem> {
        guard url.hasPrefix("http://") else {
            return .failure(.init("upstreams are spoken to by http:// alone, got \"\(url)\""))
        }
        let rest = url.dropFirst(7)
        let authority = rest.hasSuffix("/") ? rest.dropLast() : rest
        guard !authority.contains("/"), !authority.contains("@"), !authority.contains("?"), !authority.contains("#")
        else {
            return .failure(.init("expected http://HOST:PORT without a path, got \"\(url)\""))
        }
        return TextCheck.address(String(authority), allowsNames: true, defaultPort: 80)
    }

    private static func inlineProblem(_ url: String) -> SettingProblem? {
        if case .failure(let problem) = inlineServer(url) { return problem }
        return nil
    }

    private static let stale = Directive<RouteDraft>(
        "stale", in: \.settings.stale,
        keys: [
            .duration(
                "while_revalidate", \.whileRevalidateMilliseconds, 0...365 * day, none: byOrigin,
                "How long a stale response is served while a fresh one is fetched."),
            .duration(
                "if_error", \.ifErrorMilliseconds, 0...365 * day, none: byOrigin,
                "How long a stale response is served while the upstream fails."),
            .word(
                "s_maxage", \.sharedMaxAge,
                "s-maxage forbids stale responses, also beside stale-while-revalidate (RFC 9111 §5.2.2.10); "
                    + "may_be_stale serves them against that."),
        ], "Allows stale responses to be served (RFC 5861), for so long after they ceased to be fresh.",
        "must-revalidate and its kin forbid it, whatever is said here.",
        example: "stale while_revalidate=30s if_error=10m")

    private static let key = Directive<RouteDraft>(
        "key", in: \.settings.key,
        keys: [
            .word("query", \.query, "as_is; sorted by name; none: neither in the key nor sent upstream."),
            .list(
                "drop", "GLOB", \.dropped, none: none, "Query parameters taken away, as utm_*,gclid.",
                check: TextCheck.glob),
            .list(
                "keep", "GLOB", \.kept, none: ("all", ""), "The only parameters left.",
                check: TextCheck.glob),
            .flag("host", \.includesHost, "Whether hosts have entries of their own."),
            .list(
                "header", "FIELD", \.fields, none: none, "Request fields that are part of the key.",
                check: RouteText.keyedField),
            .list(
                "cookie", "NAME", \.cookies, none: none,
                "Cookies that are part of the key, all of the name in order; where servers may read a Cookie in more "
                    + "than one way, the whole of it.",
                check: RouteText.keyedCookie),
            .word("authorization", \.authorization, "hashed: each value of Authorization has entries of its own."),
            keyedBodies,
            .size(
                "max_body", \.maxBodyBytes, 1...16 << 20,
                "The longest body that is keyed; a longer one is passed on, and its answer is not stored."),
        ], "Says what makes two requests the same, besides method class and path.",
        "What is taken away from the query is not sent upstream either: what was keyed is what is asked. A body is "
            + "keyed by its SHA-256, with Content-Type, Content-Encoding and Content-Language. With safe_post a POST "
            + "invalidates nothing, and may be sent again when a connection breaks.",
        example: "key query=sorted drop=utm_*,gclid")

    private static let keyedBodies = Parameter<KeySettings>(
        "body", .list("METHOD"), alternative: none,
        help: "Requests whose body is part of the key, so that their answers are stored: query (RFC 10008), and "
            + "safe_post where POST only reads, as in GraphQL or search.",
        store: { target, value in
            if value == .alternative { target.bodies = [] }
            guard case .list(let items) = value else { return nil }
            var bodies: [KeySettings.Body] = []
            for item in items {
                guard let body = KeySettings.Body(rawValue: item) else {
                    return SettingProblem("expected query or safe_post, got \"\(item)\"")
                }
                if !bodies.contains(body) { bodies.append(body) }
            }
            target.bodies = bodies
            return nil
        },
        write: { $0.bodies.isEmpty ? none.word : $0.bodies.map(\.rawValue).joined(separator: ",") })

    static let none = (word: "none", meaning: "")

    private static let tags = Directive<RouteDraft>(
        "tags", in: \.settings,
        keys: [
            .list(
                "header", "FIELD", \.tagFields, none: none,
                "Response fields that carry tags, separated by blanks or commas.", check: TextCheck.fieldName)
        ], "Names the response fields whose tags can be invalidated.",
        "They are not passed on to clients, but for Cache-Groups (RFC 9875).",
        example: "tags header=Surrogate-Key")

    private static let pass = Directive<RouteDraft>(
        "pass", synopsis: "pass [on|off]",
        parameters: [
            ParameterDescription(
                name: "SWITCH", shape: .flag, defaultText: RouteSettings().isPass ? "on" : "off",
                help: "pass alone means on.")
        ], "Stores nothing and serves nothing stored.", "",
        defaultLine: RouteSettings().isPass ? "pass on" : "pass off",
        example: "pass", isRepeatable: false,
        apply: { draft, statement, context in
            let word = statement.arguments.first
            if let extra = statement.arguments.dropFirst().first {
                context.diagnostics.error(extra.place, "unexpected \"\(extra.text)\"; expected: pass [on|off]")
            } else if let word, word.text != "on", word.text != "off" {
                context.diagnostics.error(word.place, "\"pass\": expected on or off, got \"\(word.text)\"")
            }
            draft.settings.isPass = word?.text != "off"
        }, write: { ["pass \($0.settings.isPass ? "on" : "off")"] })

    private static let coalesce = Directive<RouteDraft>(
        "coalesce", in: \.settings.coalesce,
        [
            Parameter.word(
                "SWITCH", \.scope,
                "Whether requests wait for each other. nodes: those to other nodes with the same `redis` too; while it "
                    + "does not answer, as on."
            ).required
        ],
        keys: [
            .duration("wait", \.waitMilliseconds, 1...hour, "How long one waits before it goes upstream itself."),
            .number("limit", \.followerLimit, 1...1_000_000, "How many wait for one fetch; further ones get 503."),
            .duration(
                "lock", \.lockMilliseconds, 100...60_000,
                "With nodes: how long a node that fetches and is heard of no more is waited for."),
        ], "Sends one request upstream for all that ask for the same meanwhile.", example: "coalesce on wait=2s")

    private static let clientCacheControl = Directive<RouteDraft>(
        "client_cache_control", in: \.self,
        [
            Parameter(
                "MODE", .word(["honor", "ignore"]), help: "honor lets any client force a request to the upstream.",
                store: { draft, value in
                    draft.settings.honorsClientCacheControl = value == .text("honor")
                    return nil
                }, write: { $0.settings.honorsClientCacheControl ? "honor" : "ignore" }
            ).required
        ], "Says whether Cache-Control and Pragma of requests are obeyed.", example: "client_cache_control honor")

    private static let store = Directive<RouteDraft>(
        "store", in: \.settings.store,
        keys: [
            .word(
                "authorized", \.authorized,
                "Answers to requests with Authorization: where RFC 9111 §3.5 allows, or always, so that one user's "
                    + "answer is served to others."),
            .word(
                "set_cookie", \.setCookie,
                "Answers with Set-Cookie: never, with it when the origin named a lifetime (RFC 9111 §7.3), without the "
                    + "cookie, or always with it, so that all get the same cookie."),
            .word("private", \.markedPrivate, "Answers marked private."),
            .word("no_store", \.markedNoStore, "Answers marked no-store."),
        ], "Stores what should not be stored. Each word names its danger.",
        "Safe ways to cache for users who have logged in: `key authorization=hashed`, or an origin that says public.",
        example: "store set_cookie=stripped")

    private static let storePartial = Directive<RouteDraft>(
        "store_partial", in: \.settings,
        [Parameter.flag("SWITCH", \.storesPartial, "Whether 206 responses are stored.").required],
        "Stores parts of responses, so that ranges within them need no upstream (RFC 9111 §3.3).",
        "Parts with the same strong validator are put together, and what is missing is fetched alone.",
        example: "store_partial off")

    private static let targetedFields = Directive<RouteDraft>(
        "targeted_fields", in: \.settings,
        [
            Parameter.list(
                "FIELDS", "FIELD", \.targetedFields, none: ("off", ""), "In order of precedence.",
                check: TextCheck.fieldName
            ).required
        ], "Names the response fields that win over Cache-Control (RFC 9213).",
        "Any name will do. The first field that is present and well-formed decides; Larder-Cache-Control alone is not "
            + "passed on.",
        example: "targeted_fields CDN-Cache-Control")

    private static let slow = Directive<RouteDraft>(
        "slow", in: \.settings,
        [
            Parameter.duration(
                "DURATION", \.slowMilliseconds, 0...hour, off: "no request is slow", "From the first byte to the last."
            ).required
        ], "Counts requests that took longer: larder_slow_requests_total.", example: "slow 500ms")

    private static let jitter = Directive<RouteDraft>(
        "jitter", in: \.settings.lifetime,
        [Parameter.percent("N%", \.jitterPercent, 0...90, "The largest part that is taken off.").required],
        "Shortens each lifetime by a random part, so that entries stored together do not expire together.",
        example: "jitter 10%")

    private static let maxVariants = Directive<RouteDraft>(
        "max_variants", in: \.settings,
        [Parameter.number("N", \.maxVariants, 1...10_000, "The oldest one makes room.").required],
        "Limits the variants (RFC 9111 §4.1) stored of one URL.", example: "max_variants 8")
}
