// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Telemetry

/// One configuration, compiled for use: never changed, swapped as a whole (promise 9).
final class ProxySnapshot: Sendable {
    let settings: ProxySettings
    let router: Router
    let routes: [CompiledRoute]
    let labels: MetricLabels
    let cacheName: ContiguousArray<UInt8>
    /// What this process calls itself in Via unless the settings name it.
    let ownName: String
    /// `1.1 name`, ready for the Via field; empty when none is sent.
    let via: ContiguousArray<UInt8>
    /// The name alone.
    private let viaName: ContiguousArray<UInt8>
    let wireLimits: WireLimits
    // Of the settings, for each request: taking one number out of so large a value would copy more than that.
    let maxRequestsPerConnection: UInt32
    let takesPurge: Bool
    let sendsXCache: Bool
    /// Without word from the nodes it shares a log with, nothing is served that the origin has not confirmed.
    let revalidatesUnconfirmed: Bool
    /// How long memory keeps anything fresh; nil for as long as the origin granted.
    let memoryLifetimeMilliseconds: Int64?
    /// What becomes of X-Forwarded-For and its like.
    let forwarded: ForwardedRule
    let trustedProxies: [AddressRange]
    let trustedFields: ForwardingFields
    /// Some route is for some methods alone.
    let heedsMethods: Bool
    /// How many loops share the limits.
    let workerCount: Int
    /// Some route keys requests by their bodies.
    let keysBodies: Bool

    init(_ settings: ProxySettings, workerCount: Int, ownName: String) {
        self.settings = settings
        self.workerCount = workerCount
        let lifetime = settings.memory.maxTTLMilliseconds
        memoryLifetimeMilliseconds = lifetime > 0 ? Int64(lifetime) : nil
        wireLimits = WireLimits(settings.limits)
        router = Router(settings.routes)
        let routeLabels = settings.routeLabels
        let shared = SharedKeys(settings)
        routes = settings.routes.enumerated().map {
            CompiledRoute($1, index: $0, label: routeLabels[$0], settings: settings, shared)
        }
        labels = MetricLabels(routes: routeLabels)
        keysBodies = settings.routes.contains { !$0.key.bodies.isEmpty }
        cacheName = ContiguousArray(settings.cacheName.utf8)
        maxRequestsPerConnection = UInt32(clamping: settings.client.maxRequests)
        forwarded = ForwardedRule(settings.forwarded)
        trustedProxies = settings.trustedProxies
        trustedFields = ForwardingFields(settings.trustedFields)
        heedsMethods = settings.routes.contains { !$0.methods.isEmpty }
        takesPurge = settings.purgeMethod.isEnabled
        sendsXCache = settings.sendsXCache
        revalidatesUnconfirmed = settings.redis != nil && settings.nodes.onRedisLoss == .revalidate
        self.ownName = ownName
        viaName = ContiguousArray(Self.viaName(settings, ownName).utf8)
        via = viaName.isEmpty ? [] : ContiguousArray("1.1 ".utf8) + viaName
    }

    private static func viaName(_ settings: ProxySettings, _ ownName: String) -> String {
        switch settings.via {
        case .off: ""
        case .ownName: ownName
        case .name(let name): name
        }
    }

    /// Whether a route is one of these, and not of another configuration.
    func has(_ route: CompiledRoute) -> Bool { route.index < routes.count && routes[route.index] === route }

    func trusts(_ peer: IPAddress?) -> Bool {
        guard let peer else { return false }
        return trustedProxies.contains { $0.contains(peer) }
    }

    /// The routes under which answers of a URL are stored: GET's, and those that key other methods by their body.
    func routes(storing path: borrowing Span<UInt8>, host: borrowing Span<UInt8>) -> [CompiledRoute] {
        var found: [CompiledRoute] = []
        for method in keysBodies ? [Method.get, .query, .post] : [.get] {
            guard let index = router.match(path: path, method: method, host: host) else { continue }
            let route = routes[index]
            let isStoring = method == .get || route.keysBody(of: method)
            if isStoring, !found.contains(where: { $0 === route }) { found.append(route) }
        }
        return found
    }

    /// The Cache-Status line of a hit, up to its time to live.
    func hitExplanation() -> ByteBuffer {
        var line = ByteBuffer()
        line.append(text: "Cache-Status: \(settings.cacheName); hit; ttl=")
        return line
    }

    /// Whether a request has been here before.
    func isNamed(inViaOf fields: borrowing Fields) -> Bool {
        let name = viaName
        return name.count > 0 && ViaField.names(name.span, in: fields)
    }

    func exceedsBodyLimit(_ byteCount: Int) -> Bool {
        settings.limits.bodyBytes > 0 && byteCount > settings.limits.bodyBytes
    }
}

/// One route in the form that requests need.
final class CompiledRoute: Sendable {
    let index: Int
    let settings: RouteSettings
    let policy: CachePolicy
    let key: KeyOptions
    /// Request fields, cookies and the like that the route adds to the key.
    let keyParts: [KeyPart]
    /// Of other routes' keys it must be told apart by this; see `SharedKeys`.
    private let upstreamName: ContiguousArray<UInt8>?
    let keysMissingHost: Bool
    /// A URL with a host has one key, to which nothing is added.
    let hasOneKeyPerURL: Bool
    /// The host is no part of the key: it is not told to the origin in other fields than Host.
    let hidesHost: Bool
    let sentFields: SentFields
    /// Of `sentFields`, for each request.
    let fieldsOfDoubt: FieldNameSet
    /// Trailer fields of requests that are sent on; lower case.
    let sentTrailers: [ContiguousArray<UInt8>]
    private let keysQueries: Bool
    private let keysPosts: Bool
    // Of the settings and the policy, for each request.
    let isPass: Bool
    /// Its number among the upstreams.
    let upstream: Int
    let coalesces: Bool
    let coalescesNodes: Bool
    let honorsDirectives: Bool
    let firstByteTimeoutMilliseconds: Int
    let idleTimeoutMilliseconds: Int
    let slowNanoseconds: Int64
    let upgrades: UpgradeProtocols
    let compression: CompressionPolicy
    /// What it is called in metrics.
    let label: String
    /// The same, for logs.
    let labelBytes: ContiguousArray<UInt8>

    init(_ route: RouteSettings, index: Int, label: String, settings: ProxySettings, _ shared: SharedKeys) {
        self.label = label
        self.index = index
        self.settings = route
        policy = CachePolicy(route, settings)
        isPass = route.isPass
        upstream = route.upstream
        coalesces = route.coalesce.isEnabled
        coalescesNodes = route.coalesce.scope == .nodes
        firstByteTimeoutMilliseconds = route.timeouts.firstByteMilliseconds
        idleTimeoutMilliseconds = route.timeouts.idleMilliseconds
        honorsDirectives = policy.requestDirectives == .honor
        upgrades = UpgradeProtocols(route.upgrades)
        key = KeyOptions(route.key)
        keyParts = KeyPart.all(of: route.key)
        upstreamName = shared.upstreamNames[index].map { ContiguousArray($0.utf8) }
        keysMissingHost = route.key.includesHost && shared.someLeaveHostOut
        hasOneKeyPerURL =
            keyParts.isEmpty && upstreamName == nil && settings.trustedProxies.isEmpty
        hidesHost = !route.isPass && !route.key.includesHost
        sentFields = SentFields(route, settings)
        fieldsOfDoubt = sentFields.concerned
        sentTrailers = route.requestFields.trailers.map { ContiguousArray($0.lowercased().utf8) }
        keysQueries = route.key.bodies.contains(.query)
        keysPosts = route.key.bodies.contains(.safePost)
        compression = CompressionPolicy(route.compression)
        labelBytes = ContiguousArray(label.utf8)
        slowNanoseconds = Int64(route.slowMilliseconds) * 1_000_000
    }

    func writeKey(
        of head: borrowing RequestHead, content: KeyedContent?, keysIdentity: Bool = false, hasher: ByteHasher,
        into buffer: inout ByteBuffer
    ) {
        CacheKey.write(head, isSecure: head.isSecure, isKeyedByBody: content != nil, options: key, into: &buffer)
        if hasOneKeyPerURL, !keysMissingHost { return }
        if let upstreamName { CacheKey.writePart("upstream", name: upstreamName.span, value: nil, into: &buffer) }
        if keysMissingHost, head.authority.isEmpty {
            CacheKey.writePart("host", name: Span(), value: nil, into: &buffer)
        }
        for part in keyParts { KeyPartWriter.write(part, of: head.fields, hasher: hasher, into: &buffer) }
        if let content { KeyPartWriter.write(content, of: head.fields, into: &buffer) }
        if keysIdentity { KeyPartWriter.writeIdentity(of: head.fields, sentFields, into: &buffer) }
    }

    /// Whether the request asks for a protocol that the route allows. With content it does not change: that belongs to
    /// HTTP, and where it ends the next protocol would begin.
    func takesUpgrade(of head: borrowing RequestHead, _ connection: ConnectionOptions, _ framing: BodyFraming) -> Bool {
        guard connection.asksForUpgrade(head.fields, head.version), !framing.hasContent else { return false }
        return upgrades.allowsAny(of: head.fields)
    }

    /// Whether the body is part of the key, so that its answer is stored and reused.
    func keysBody(of method: Method) -> Bool {
        method == .post ? keysPosts : method == .query && keysQueries
    }
}

/// Something of a request's fields that tells entries of one URL apart.
enum KeyPart: Sendable {
    case field(ContiguousArray<UInt8>)
    case cookie(ContiguousArray<UInt8>)
    case hashedAuthorization
    /// Of requests that are keyed by it; written once it has come.
    case body

    static func all(of key: KeySettings) -> [KeyPart] {
        // What is never sent cannot choose an answer.
        let fields = key.fields.filter { !HopByHop.isRemoved(FieldName.lookUp(Array($0.utf8).span)) }
        var parts = fields.map { KeyPart.field(ContiguousArray($0.lowercased().utf8)) }
        parts += key.cookies.map { KeyPart.cookie(ContiguousArray($0.utf8)) }
        if key.authorization == .hashed { parts.append(.hashedAuthorization) }
        if !key.bodies.isEmpty { parts.append(.body) }
        return parts
    }
}

extension ForwardedRule {
    init(_ setting: ProxySettings.Forwarded) {
        switch setting {
        case .append: self = .append
        case .replace: self = .replace
        case .off: self = .off
        }
    }
}

extension ForwardingFields {
    init(_ setting: ProxySettings.TrustedFields) {
        switch setting {
        case .xForwarded: self = .xForwarded
        case .forwarded: self = .forwarded
        case .both: self = .both
        }
    }
}

extension SentFields {
    init(_ route: RouteSettings, _ settings: ProxySettings) {
        let fields = route.requestFields
        self.init(
            forwarded: ForwardedRule(settings.forwarded), written: ForwardingFields(settings.trustedFields),
            stores: !route.isPass, dropsIdentity: fields.identity == .drop,
            dropsUnusual: fields.unusualNames == .drop, sendsTrailers: !fields.trailers.isEmpty,
            allowed: fields.allowed + route.key.fields)
    }
}

extension KeyOptions {
    init(_ key: KeySettings) {
        self.init(
            includesHost: key.includesHost, dropped: key.dropped.map { ParameterPattern($0) },
            kept: key.kept.map { ParameterPattern($0) })
        switch key.query {
        case .asIs: query = .asIs
        case .sorted: query = .sorted
        case .none: query = .none
        }
    }
}

extension CachePolicy {
    convenience init(_ route: RouteSettings, _ settings: ProxySettings) {
        self.init(
            ttlMilliseconds: route.lifetime.defaultMilliseconds.map(Int64.init),
            ttlIsForced: route.lifetime.isForced,
            ttlByStatus: route.lifetime.byStatus.map {
                StatusLifetime(status: $0.status, milliseconds: Int64($0.milliseconds), isForced: $0.isForced)
            },
            staleWhileRevalidateMilliseconds: route.stale.whileRevalidateMilliseconds.map(Int64.init),
            staleIfErrorMilliseconds: route.stale.ifErrorMilliseconds.map(Int64.init),
            jitterPercent: route.lifetime.jitterPercent,
            requestDirectives: route.honorsClientCacheControl ? .honor : .ignore,
            storesAuthorized: route.store.authorized == .sharedBetweenUsers || route.key.authorization == .hashed,
            storesPrivate: route.store.markedPrivate == .sharedBetweenUsers,
            storesNoStore: route.store.markedNoStore == .storedAgainstOrigin,
            setCookie: SetCookieStorage(route.store.setCookie), storesPartial: route.storesPartial,
            allowsStaleDespiteSharedMaxAge: route.stale.sharedMaxAge == .mayBeStale,
            targetedFields: route.targetedFields.map { DirectiveField(named: $0) },
            maximumTTLMilliseconds: settings.memory.maxTTLMilliseconds > 0
                ? Int64(settings.memory.maxTTLMilliseconds) : nil,
            maximumVariants: route.maxVariants,
            tagFields: Self.known(route.tagFields), otherTagFields: Self.unknown(route.tagFields),
            writtenPerClient: Self.writtenPerClient(route, settings))
    }

    /// What of the fields that Larder writes is not told by the key.
    private static func writtenPerClient(_ route: RouteSettings, _ settings: ProxySettings) -> [StaticString] {
        var names: [StaticString] = settings.via == .off ? [] : ["via"]
        guard settings.forwarded != .off else { return names }
        names += ["forwarded", "x-forwarded-for"]
        return names
    }

    private static func unknown(_ names: [String]) -> [String] {
        names.filter { FieldName.lookUp(Array($0.utf8).span) == .other }
    }

    private static func known(_ names: [String]) -> [FieldName] {
        names.map { FieldName.lookUp(Array($0.utf8).span) }.filter { $0 != .other }
    }
}

extension CachePolicy.SetCookieStorage {
    init(_ setting: StoreSettings.SetCookie) {
        switch setting {
        case .never: self = .never
        case .explicitLifetime: self = .withExplicitLifetime
        case .stripped: self = .stripped
        case .sentToEveryone: self = .always
        }
    }
}

extension WireLimits {
    init(_ limits: LimitSettings) {
        self.init()
        requestLineBytes = limits.requestLineBytes
        fieldLineBytes = limits.fieldLineBytes
        headBytes = limits.headBytes
        fieldCount = limits.fieldCount
        responseHeadBytes = limits.responseHeadBytes
    }
}
