// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage

/// What is wrong or risky only in the light of several directives together.
extension SettingsBuilder {
    /// A default gives way to a limit that was said, so that nobody is blamed for what he has not written.
    func followWhatWasSaid(_ settings: inout ProxySettings, _ statements: [Statement]) {
        if !said("max_object", of: "memory", in: statements) {
            settings.memory.maxObjectBytes = min(settings.memory.maxObjectBytes, settings.memory.storeBytes / 4)
        }
        if !said("field_line", of: "limits", in: statements) {
            settings.limits.fieldLineBytes = min(settings.limits.fieldLineBytes, settings.limits.headBytes)
        }
        if let redis = settings.redis, !said("max_object", of: "redis", in: statements) {
            settings.redis?.maxObjectBytes = min(redis.maxObjectBytes, redis.writeQueueBytes)
        }
    }

    mutating func checkTopLevel(_ settings: ProxySettings, _ statements: [Statement]) {
        func place(_ name: String) -> Place? { statements.first { $0.name.text == name }?.name.place }
        if settings.memory.maxObjectBytes > settings.memory.limitBytes, let place = place("memory") {
            context.diagnostics.error(
                place,
                "\"memory\": max_object=\(Units.sizeText(settings.memory.maxObjectBytes)) is more than the whole of "
                    + Units.sizeText(settings.memory.limitBytes))
        } else if settings.memory.maxObjectBytes > settings.memory.storeBytes / 4, let place = place("memory") {
            context.diagnostics.warning(
                place,
                "\"memory\": max_object has no effect above a quarter of what is for stored responses, "
                    + Units.sizeText(settings.memory.storeBytes / 4))
        }
        if let redis = settings.redis, redis.maxObjectBytes > redis.writeQueueBytes, let place = place("redis") {
            context.diagnostics.warning(place, "\"redis\": max_object has no effect above write_queue")
        }
        checkPurge(settings, place("purge_method"))
        warnOfPasswordInURL(statements)
        if let admin = settings.admin, let place = place("admin"),
            settings.listeners.contains(where: { $0.address == admin.address })
        {
            context.diagnostics.error(place, "\"admin\": \(admin.address) is listened on for clients already")
        }
        let isOpenToAll = settings.purgeMethod.allowed.contains { $0.isEverybody }
        if settings.purgeMethod.isEnabled, settings.purgeMethod.token == nil, isOpenToAll,
            let place = place("purge_method")
        {
            context.diagnostics.warning(place, "anybody may purge: allow= takes every address, and there is no token")
        }
        if settings.trustedProxies.contains(where: \.isEverybody), let place = place("trusted_proxies") {
            context.diagnostics.warning(place, "anybody is trusted: clients can claim any address")
        }
        if settings.limits.fieldLineBytes > settings.limits.headBytes, let place = place("limits") {
            context.diagnostics.warning(place, "\"limits\": field_line has no effect above head")
        }
        if settings.redis == nil { warnOfNodesAlone(settings, statements) }
        if settings.upstreams.isEmpty, !context.diagnostics.hasErrors {
            let what = statements.isEmpty ? "the file says nothing" : "the file has no upstream"
            context.diagnostics.error(
                Place(file: 0, start: 0, length: 0),
                "\(what), so that every request would be answered with 404; the least that serves is "
                    + "`route * { upstream http://HOST:PORT }`")
        }
    }

    private mutating func warnOfPasswordInURL(_ statements: [Statement]) {
        for statement in statements where statement.name.text == "redis" {
            guard let word = statement.arguments.first, word.text.contains("@"), !word.hasVariable,
                context.files.isOpenToAll(context.diagnostics.files[word.place.file].name)
            else { continue }
            context.diagnostics.warning(
                word.place,
                "every user of this machine can read this file, and the password in it: put it into "
                    + "password_file=, or chmod 640 this file")
        }
    }

    /// Behind a proxy of this machine every request comes from a local address.
    private mutating func checkPurge(_ settings: ProxySettings, _ place: Place?) {
        let purge = settings.purgeMethod
        guard purge.isEnabled, purge.token == nil, !purge.allowed.contains(where: \.isEverybody), let place else {
            return
        }
        let trusted = settings.trustedProxies.first { proxy in purge.allowed.contains { $0.overlaps(proxy) } }
        if let trusted {
            context.diagnostics.warning(
                place,
                "PURGE is taken from \(trusted), where trusted_proxies has a proxy: a request for which it names "
                    + "no client counts as its own; say token=, or allow= without it")
        } else if purge.allowed.contains(where: \.isLoopback), settings.listeners.allSatisfy(\.address.isLocal) {
            context.diagnostics.warning(
                place,
                "PURGE is taken from this machine, and only this machine can connect: whoever comes through a "
                    + "proxy on it may purge; name it in trusted_proxies, or say token=")
        }
    }

    private mutating func warnOfNodesAlone(_ settings: ProxySettings, _ statements: [Statement]) {
        if let statement = statements.first(where: { $0.name.text == "nodes" }) {
            context.diagnostics.warning(statement.name.place, "\"nodes\" has no effect without redis")
        }
        guard settings.routes.contains(where: { $0.coalesce.scope == .nodes }) else { return }
        let blocks = statements.filter { ["route", "defaults"].contains($0.name.text) }
        for statement in blocks.flatMap({ $0.block?.statements ?? [] })
        where statement.name.text == "coalesce" && statement.arguments.first?.text == "nodes" {
            context.diagnostics.warning(statement.name.place, "\"coalesce\": without redis, nodes is the same as on")
        }
    }

    /// `upstream` is nil where the route has none yet.
    mutating func checkRoute(
        _ route: RouteSettings, _ body: [Statement], _ namePlace: Place, upstream: UpstreamSettings?
    ) {
        func place(_ name: String) -> Place? { body.first { $0.name.text == name }?.name.place }
        if let place = place("store") { warnOfStoring(route.store, place) }
        if let place = place("ttl") { warnOfForcing(route, place) }
        if place("key") != nil || place("upstream") != nil, !route.key.includesHost, let upstream,
            upstream.hostField == .client
        {
            context.diagnostics.warning(
                place("key") ?? namePlace,
                "host=off lets one host's answers be served to another, while upstream \"\(upstream.name)\" is sent the "
                    + "client's Host; `host server` or `host NAME` there makes it one site")
        }
        if route.key.query == .none, !(route.key.dropped.isEmpty && route.key.kept.isEmpty), let place = place("key") {
            context.diagnostics.warning(place, "\"key\": drop and keep have no effect with query=none")
        }
        guard route.isPass, place("pass") != nil else { return }
        let ofStoring = [
            "ttl", "stale", "key", "tags", "coalesce", "store", "jitter", "max_variants", "store_partial",
            "targeted_fields", "client_cache_control",
        ]
        for name in ofStoring {
            if let place = place(name) {
                context.diagnostics.warning(place, "\"\(name)\" has no effect in a route that passes")
            }
        }
    }

    private mutating func warnOfStoring(_ store: StoreSettings, _ place: Place) {
        var dangers: [String] = []
        if store.authorized == .sharedBetweenUsers {
            dangers.append("an answer to one user's Authorization is served to all")
        }
        if store.setCookie == .sentToEveryone {
            dangers.append("a cookie that one client was given is sent to all: they may share a session")
        }
        if store.markedPrivate == .sharedBetweenUsers {
            dangers.append("an answer that the origin marks private is served to all")
        }
        if store.markedNoStore == .storedAgainstOrigin {
            dangers.append("an answer that the origin forbids to store is stored")
        }
        for danger in dangers { context.diagnostics.warning(place, danger) }
    }

    private mutating func warnOfForcing(_ route: RouteSettings, _ place: Place) {
        guard route.lifetime.isForced || route.lifetime.byStatus.contains(where: \.isForced), !route.isPass else {
            return
        }
        if route.store.setCookie != .never {
            context.diagnostics.warning(
                place, "a forced ttl and stored Set-Cookie answers: what was made for one client is served to all")
        } else if route.key.query == .none {
            context.diagnostics.warning(place, "a forced ttl and query=none: one answer is served for every query")
        }
    }

    /// Elsewhere a path that ends in a slash stands for all that lies below it.
    mutating func warnOfFolders(_ routes: [RouteSettings], _ places: [Place]) {
        let texts = Set(routes.map(\.pattern.text))
        for index in routes.indices where routes[index].pattern.kind == .exact {
            let text = routes[index].pattern.text
            guard text.hasSuffix("/"), !texts.contains(text + "*"), text != "/" || !texts.contains("*"),
                !texts.contains(String(text.dropLast()))
            else {
                continue
            }
            context.diagnostics.warning(
                places[index], "takes \(text) alone and nothing below it; `route \(text)*` takes both")
        }
    }

    /// Routes whose requests others take first.
    mutating func warnOfUnreachableRoutes(_ routes: [RouteSettings], _ places: [Place]) {
        var reach = RouteReach(routes)
        for index in routes.indices {
            if reach.gaveUp {
                context.diagnostics.warning(
                    places[index],
                    "so many routes are alike that it takes too long to tell which of them, from here on, are never "
                        + "reached")
                return
            }
            let takers = reach.takers(of: index)
            guard let taker = takers.first else {
                if let storer = reach.storerByHost(of: index) {
                    let place = context.whereabouts(places[storer.route], places[index])
                    context.diagnostics.warning(
                        places[index],
                        "passes nothing of host \(storer.host): route \"\(routes[storer.route].name)\" \(place) names "
                            + "it, takes the same paths and stores; name host=\(storer.host) here too, in a route of "
                            + "its own if need be")
                }
                continue
            }
            let what = reach.takesAsterisk(index) ? "takes nothing but OPTIONS *" : "never reached"
            let others = takers.dropFirst().isEmpty ? "takes" : "and others take"
            let place = context.whereabouts(places[taker], places[index])
            context.diagnostics.warning(
                places[index], "\(what): route \"\(routes[taker].name)\" \(place) \(others) all of it")
        }
    }
}
