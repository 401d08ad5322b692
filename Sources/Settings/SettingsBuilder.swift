// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

/// Statements to settings. What is wrong is noted and left out, so that one run finds all of it.
struct SettingsBuilder {
    var context: ReadingContext
    /// Where each named route stands, in the order of `ProxySettings.routes`.
    private(set) var routePlaces: [Place] = []
    /// Pattern, methods and hosts of each.
    private var routesSaid: [[[String]]: Place] = [:]
    private var upstreamPlaces: [String: Place] = [:]
    private var usedUpstreams: Set<String> = []
    private var defaultsStatements: [Statement] = []

    init(_ context: ReadingContext) { self.context = context }

    mutating func build(_ statements: [Statement]) -> ProxySettings {
        var settings = ProxySettings()
        settings.listeners = []
        apply(statements, DirectiveTable.topLevel, in: .topLevel, to: &settings)
        if settings.listeners.isEmpty { settings.listeners = ProxySettings().listeners }
        for statement in statements where statement.name.text == "upstream" {
            addUpstream(statement, to: &settings)
        }
        readDefaults(statements)
        for statement in statements where statement.name.text == "route" { addRoute(statement, to: &settings) }
        warnOfUnreachableRoutes(settings.routes, routePlaces)
        warnOfFolders(settings.routes, routePlaces)
        addRouteForTheRest(to: &settings)
        for statement in statements where statement.name.text == "invalidation" {
            addInvalidation(statement, to: &settings)
        }
        followWhatWasSaid(&settings, statements)
        checkTopLevel(settings, statements)
        warnOfUnusedUpstreams()
        return settings
    }

    // MARK: Any block

    /// Applies each directive of a block to what the block describes.
    private mutating func apply<Scope>(
        _ statements: [Statement], _ table: [Directive<Scope>], in scope: DirectiveScope, to target: inout Scope
    ) {
        let blocks = scope == .topLevel ? DirectiveTable.blockNames : []
        let directives = statements.filter { !blocks.contains($0.name.text) }
        Directive.apply(table, to: &target, directives, &context) { Self.unknown($0, in: scope) }
    }

    private static func unknown(_ statement: Statement, in scope: DirectiveScope) -> String {
        let name = statement.name.text
        let place = scope.place
        let others = DirectiveTable.find(name).flatMap(\.scopes)
        if !others.isEmpty {
            let homes = SettingProblem.list(others.map(\.place), "or")
            let remark = ForeignName.misplaced(name, scope, opensBlock: statement.block != nil)
            return "\"\(name)\" does not belong \(place); it belongs \(homes)\(remark)"
        }
        if let (key, _, value) = statement.name.keyed, DirectiveTable.names(in: scope).contains(key) {
            return "unknown directive \"\(name)\" \(place); write \"\(key) \(value.text)\", with a blank"
        }
        let foreign = ForeignName.hint(name)
        let hint = foreign.isEmpty ? NearestName.hint(name, among: DirectiveTable.names(in: scope)) : foreign
        return "unknown directive \"\(name)\" \(place)\(hint)"
    }

    private mutating func block(_ statement: Statement) -> [Statement] {
        if statement.block == nil {
            context.diagnostics.error(statement.name.place, "\"\(statement.name.text)\" needs a block: { … }")
        }
        return statement.block?.statements ?? []
    }

    func said(_ key: String, of directive: String, in statements: [Statement]) -> Bool {
        statements.contains { $0.name.text == directive && $0.arguments.contains { $0.keyed?.key == key } }
    }

    private func place(of directive: String, in statements: [Statement]) -> Place? {
        statements.first { $0.name.text == directive }?.name.place
    }

    // MARK: Upstreams

    private mutating func addUpstream(_ statement: Statement, to settings: inout ProxySettings) {
        var upstream = UpstreamSettings()
        upstream.timeouts = settings.timeouts
        DirectiveTable.upstreamBlock.apply(&upstream, statement, &context)
        let body = block(statement)
        apply(body, DirectiveTable.upstream, in: .upstream, to: &upstream)
        let namePlace = statement.arguments.first?.place ?? statement.name.place
        if let first = upstreamPlaces[upstream.name], !upstream.name.isEmpty {
            context.diagnostics.error(
                namePlace,
                "upstream \"\(upstream.name)\" is defined twice; first \(context.whereabouts(first, namePlace))")
            return
        }
        if statement.block != nil, upstream.servers.isEmpty, place(of: "server", in: body) == nil {
            context.diagnostics.error(namePlace, "upstream \"\(upstream.name)\" has no server")
        }
        if upstream.pool.min > upstream.pool.max {
            let place = place(of: "pool", in: body) ?? namePlace
            let whole = said("max", of: "pool", in: body) ? "" : ", the default"
            context.diagnostics.error(
                place, "\"pool\": min=\(upstream.pool.min) is more than max=\(upstream.pool.max)\(whole)")
        }
        upstreamPlaces[upstream.name] = namePlace
        settings.upstreams.append(upstream)
    }

    private mutating func warnOfUnusedUpstreams() {
        for (name, place) in upstreamPlaces where !usedUpstreams.contains(name) {
            context.diagnostics.warning(place, "no route uses upstream \"\(name)\"")
        }
    }

    // MARK: Routes

    private mutating func readDefaults(_ statements: [Statement]) {
        let all = statements.filter { $0.name.text == "defaults" }
        for extra in all.dropFirst() {
            let first = context.whereabouts(all[0].name.place, extra.name.place)
            context.diagnostics.error(extra.name.place, "\"defaults\" is said twice; first \(first)")
        }
        guard let statement = all.first else { return }
        var draft = RouteDraft()
        DirectiveTable.defaultsBlock.apply(&draft, statement, &context)
        defaultsStatements = block(statement)
        apply(defaultsStatements, DirectiveTable.route, in: .defaults, to: &draft)
        checkRoute(draft.settings, defaultsStatements, statement.name.place, upstream: nil)
    }

    private mutating func addRoute(_ statement: Statement, to settings: inout ProxySettings) {
        let body = block(statement)
        let upstream = upstreamIndex(for: statement, body, &settings)
        var draft = inherited(upstream.map { settings.upstreams[$0].timeouts } ?? settings.timeouts)
        DirectiveTable.routeBlock.apply(&draft, statement, &context)
        apply(body, DirectiveTable.route, in: .route, to: &draft)
        draft.settings.upstream = upstream ?? 0
        let namePlace = statement.arguments.first?.place ?? statement.name.place
        let route = draft.settings
        let identity = [[route.pattern.text], route.methods.sorted(), route.hosts.sorted()]
        if let first = routesSaid.updateValue(namePlace, forKey: identity) {
            let place = context.whereabouts(first, namePlace)
            context.diagnostics.error(namePlace, "route \"\(route.name)\" is defined twice; first \(place)")
        }
        checkRoute(route, body, namePlace, upstream: upstream.map { settings.upstreams[$0] })
        settings.routes.append(route)
        routePlaces.append(namePlace)
    }

    /// What a route is before it says anything: `defaults` over the timeouts of its upstream.
    private mutating func inherited(_ timeouts: TimeoutSettings) -> RouteDraft {
        var draft = RouteDraft()
        draft.settings.timeouts = timeouts
        // What is wrong in `defaults` has been reported when it was read.
        let reported = context.diagnostics
        apply(defaultsStatements, DirectiveTable.route, in: .defaults, to: &draft)
        context.diagnostics = reported
        draft.lifetimesSaid = []
        draft.codingsSaid = false
        return draft
    }

    /// The upstream that the route names, else the one that `defaults` names, else the only one.
    private mutating func upstreamIndex(
        for statement: Statement, _ body: [Statement], _ settings: inout ProxySettings
    ) -> Int? {
        let named = (body + defaultsStatements).first { $0.name.text == "upstream" }
        guard let named else {
            guard upstreamPlaces.count != 1 else {
                usedUpstreams.insert(settings.upstreams[0].name)
                return 0
            }
            let place = statement.arguments.first?.place ?? statement.name.place
            let reason = upstreamPlaces.isEmpty ? "the file defines none" : "the file defines several"
            context.diagnostics.error(place, "the route names no upstream, and \(reason)")
            return nil
        }
        // Without a name, the directive itself is reported.
        guard let word = named.arguments.first else { return nil }
        return word.text.contains("://")
            ? inlineUpstream(word.text, &settings) : namedUpstream(word, settings)
    }

    private mutating func namedUpstream(_ word: Word, _ settings: ProxySettings) -> Int? {
        usedUpstreams.insert(word.text)
        if let index = settings.upstreams.firstIndex(where: { $0.name == word.text }) { return index }
        guard TextCheck.isName(word.text) else { return nil }
        let names = settings.upstreams.map(\.name).filter { !$0.contains("://") }
        let hint = NearestName.hint(word.text, among: names)
        let message = "unknown upstream \"\(word.text)\"\(hint)"
        let known = names.isEmpty ? "; the file defines none" : "; defined are \(SettingProblem.list(names, "and"))"
        context.diagnostics.error(word.place, hint.isEmpty ? message + known : message)
        return nil
    }

    private mutating func inlineUpstream(_ url: String, _ settings: inout ProxySettings) -> Int? {
        if let index = settings.upstreams.firstIndex(where: { $0.name == url }) { return index }
        guard case .success(let address) = DirectiveTable.inlineServer(url) else { return nil }
        var upstream = UpstreamSettings()
        upstream.name = url
        upstream.timeouts = settings.timeouts
        var server = ServerSettings()
        server.address = address
        upstream.servers = [server]
        settings.upstreams.append(upstream)
        return settings.upstreams.count - 1
    }

    /// With one upstream there is no doubt where the requests go that no route takes.
    private mutating func addRouteForTheRest(to settings: inout ProxySettings) {
        let takesAll = settings.routes.contains { $0.pattern.text == "*" && $0.methods.isEmpty && $0.hosts.isEmpty }
        guard settings.upstreams.count == 1, !takesAll else { return }
        var draft = inherited(settings.upstreams[0].timeouts)
        draft.settings.upstream = 0
        usedUpstreams.insert(settings.upstreams[0].name)
        settings.routes.append(draft.settings)
    }

    // MARK: Invalidation

    private mutating func addInvalidation(_ statement: Statement, to settings: inout ProxySettings) {
        var group = InvalidationGroup()
        DirectiveTable.invalidationBlock.apply(&group, statement, &context)
        let body = block(statement)
        apply(body.flatMap(Self.separated), DirectiveTable.invalidation, in: .invalidation, to: &group)
        let place = statement.arguments.first?.place ?? statement.name.place
        if settings.invalidationGroups.contains(where: { $0.name == group.name && !group.name.isEmpty }) {
            context.diagnostics.error(place, "invalidation \"\(group.name)\" is defined twice")
        }
        if statement.block != nil, body.isEmpty {
            context.diagnostics.error(place, "invalidation \"\(group.name)\" names nothing to invalidate")
        }
        let rules = group.rules
        group.rules = InvalidationGroup.Kind.allCases.flatMap { kind in rules.filter { $0.kind == kind } }
        settings.invalidationGroups.append(group)
    }

    /// `pattern /a/* tag users` on one line are two directives.
    private static func separated(_ statement: Statement) -> [Statement] {
        var statements: [Statement] = []
        var current = Statement(name: statement.name, arguments: [], block: statement.block)
        for word in statement.arguments {
            let isName = !word.isQuoted && InvalidationGroup.Kind(rawValue: word.text) != nil
            if isName, !current.arguments.isEmpty {
                statements.append(current)
                current = Statement(name: word, arguments: [])
            } else {
                current.arguments.append(word)
            }
        }
        return statements + [current]
    }
}
