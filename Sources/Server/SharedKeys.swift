// SPDX-License-Identifier: Apache-2.0
import Settings

/// Which routes' keys could be equal although their answers come from different upstreams. Only those name their
/// upstream in keys, so that all others find what is stored already.
struct SharedKeys {
    /// By route; nil where the key need not tell.
    let upstreamNames: [String?]
    /// Some route's keys are without hosts: a request without one must not find them by chance.
    let someLeaveHostOut: Bool

    init(_ settings: ProxySettings) {
        let routes = settings.routes
        upstreamNames = routes.map { route in
            guard !route.isPass, routes.contains(where: { Self.mayShare(route, $0) }) else { return nil }
            return settings.upstreams[route.upstream].name
        }
        someLeaveHostOut = routes.contains { !$0.isPass && !$0.key.includesHost }
    }

    /// Whether a key of one may be one of the other: the same path, by another host that neither keys, or by another
    /// method of the same class.
    private static func mayShare(_ one: RouteSettings, _ other: RouteSettings) -> Bool {
        guard one.upstream != other.upstream, !other.isPass, one.key.includesHost == other.key.includesHost,
            mayOverlap(one.pattern, other.pattern)
        else { return false }
        let differsByMethod = !one.methods.isEmpty || !other.methods.isEmpty
        let differsByHost = !one.hosts.isEmpty || !other.hosts.isEmpty
        return differsByMethod || (differsByHost && !one.key.includesHost)
    }

    private static func mayOverlap(_ one: RoutePattern, _ other: RoutePattern) -> Bool {
        if one.kind == .exact, other.kind == .exact { return one.text == other.text }
        let beginnings = (one.text.prefix { $0 != "*" }, other.text.prefix { $0 != "*" })
        return beginnings.0.hasPrefix(beginnings.1) || beginnings.1.hasPrefix(beginnings.0)
    }
}
