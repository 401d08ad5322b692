// SPDX-License-Identifier: Apache-2.0
package import ConfigLanguage

/// Every directive: the one place that names it, says where it stands, what it takes and what it does. Parser,
/// messages, help, reference, dump and example are all read from here; defaults are those of the value types.
package enum DirectiveTable {
    static let hour = 3_600_000
    static let day = 86_400_000

    /// What may stand where, in the order of the help.
    package static let sections: [(scope: DirectiveScope, directives: [DirectiveDescription])] = [
        (.topLevel, topLevel.map(\.description) + [.include] + blocks),
        (.upstream, upstream.map(\.description)),
        (.route, route.map(\.description)),
        (.defaults, route.map(\.description)),
        (.invalidation, invalidation.map(\.description)),
    ]

    /// Each once, with all places where it may stand.
    package static let all: [PlacedDirective] = {
        var all: [PlacedDirective] = []
        for (scope, directives) in sections {
            for directive in directives {
                if let known = all.firstIndex(where: {
                    $0.description.name == directive.name && $0.description.synopsis == directive.synopsis
                }) {
                    all[known].scopes.append(scope)
                } else {
                    let scopes = directive.name == DirectiveDescription.include.name ? DirectiveScope.allCases : [scope]
                    all.append(PlacedDirective(description: directive, scopes: scopes))
                }
            }
        }
        return all
    }()

    /// The keys whose values are secrets, whatever they stand behind.
    package static let secretKeys: [String] = Set(
        all.flatMap(\.description.parameters).filter(\.isSecret).map(\.name)
    ).sorted()

    package static func find(_ name: String) -> [PlacedDirective] { all.filter { $0.description.name == name } }

    static func names(in scope: DirectiveScope) -> [String] {
        all.filter { $0.scopes.contains(scope) }.map(\.description.name)
    }

    // MARK: Blocks

    private static let blocks = [
        defaultsBlock.description, upstreamBlock.description, routeBlock.description, invalidationBlock.description,
    ]

    static let blockNames = ["defaults", "upstream", "route", "invalidation"]

    static let defaultsBlock = Directive<RouteDraft>(
        "defaults", in: \.self, opensBlock: true, "Says what holds for every route that says nothing else.",
        "Takes what a route takes. It may stand anywhere in the file, once.",
        example: "defaults { stale if_error=10m }")

    static let upstreamBlock = Directive<UpstreamSettings>(
        "upstream", in: \.self,
        [
            .text(
                "NAME", "The name that routes give.",
                read: { upstream, text in
                    upstream.name = text
                    return TextCheck.name(text)
                }, write: { $0.name.isEmpty ? nil : $0.name }
            ).required
        ], opensBlock: true, "Names a set of servers that answer alike.",
        "A route that needs one server and nothing else may say `upstream http://HOST:PORT` without such a block.",
        example: "upstream api { server 10.0.0.11:3000; server 10.0.0.12:3000 weight=2 }")

    static let routeBlock = Directive<RouteDraft>(
        "route", in: \.self,
        [
            .text(
                "PATTERN", "A path, or a pattern of paths.",
                read: { draft, text in
                    draft.settings.name = text
                    draft.settings.pattern = RoutePattern(text)
                    return RouteText.pattern(text)
                }, write: { $0.settings.name }
            ).required
        ],
        keys: [
            .list(
                "methods", "METHOD", \.settings.methods,
                none: ("all", ""), "The methods the route takes; GET means HEAD too.", check: TextCheck.method),
            .list(
                "host", "HOST", \.settings.hosts, none: ("all", ""),
                "The hosts the route takes; *.example.com for all names below one.", check: TextCheck.host),
        ], opensBlock: true, "Says how requests for some paths are answered.",
        "PATTERN without * is one path; with one * at its end it takes every path that begins so; any other * is a "
            + "glob, and stands for any text, / included. A route that names the request's host wins over one that does "
            + "not; then an exact path over a prefix, a prefix over a glob, a glob over /* and *, which take every path; "
            + "then a longer pattern over a shorter one, one with methods= over one without, and the one that comes "
            + "first in the file. A route that does not take a host or method leaves the path to the next. Patterns are compared with the path in its normal form (RFC 3986 "
            + "§6.2.2), and written so. What no route takes goes to the upstream by the defaults if there is exactly "
            + "one upstream, and else is answered with 404.",
        example: "route /api/users/* { upstream api; ttl 5m }")

    static let invalidationBlock = Directive<InvalidationGroup>(
        "invalidation", in: \.self,
        [
            .text(
                "NAME", "The name that the admin call gives.",
                read: { group, text in
                    group.name = text
                    return TextCheck.name(text)
                }, write: { $0.name.isEmpty ? nil : $0.name }
            ).required
        ], opensBlock: true, "Names a group of things that one admin call invalidates.",
        "Several of its directives may share a line.",
        example: "invalidation user-updated { pattern /api/users/* tag users }")

    /// `timeout`, which upstreams and routes may say again.
    static func timeout<Scope>(_ part: any WritableKeyPath<Scope, TimeoutSettings> & Sendable) -> Directive<Scope> {
        Directive(
            "timeout", in: part,
            keys: [
                .duration("connect", \.connectMilliseconds, 1...hour, "To open a connection to a server."),
                .duration(
                    "first_byte", \.firstByteMilliseconds, 0...day, off: "no limit",
                    "From the request's last byte to the response's first; past it 504."),
                .duration(
                    "idle", \.idleMilliseconds, 0...day, off: "no limit",
                    "Between two pieces of a request or response body."),
            ], "Limits how long upstreams are waited for.",
            "What a route says wins over what its upstream says, and that over the top level; each key for itself.",
            example: "timeout connect=500ms first_byte=10s")
    }
}
