// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Nodes
import RequestFlow
import Settings
import Storage
import Synchronization

/// What a search of memory brought.
struct Found {
    var answer: MemoryAnswer
    var stored: StoredResponse?
    var keyHash: UInt64
    /// The newest invalidation that was known before memory was searched.
    var epoch: UInt64
}

/// Keys, and what is stored under them.
extension Worker {
    /// Leaves the key in `key`.
    func search(_ head: borrowing RequestHead, _ request: borrowing ClientRequest) -> Found {
        writeKey(of: head, request)
        let hash = shared.hasher.hash64(key.span)
        let epoch = store.currentEpoch
        let found = store.lookUp(
            key: key.span, hash: hash, request: head.fields, scratch: &scratch, now: loop.now)
        switch consume found {
        case .absent: return Found(answer: .absent, stored: nil, keyHash: hash, epoch: epoch)
        case .uncacheable: return Found(answer: .uncacheable, stored: nil, keyHash: hash, epoch: epoch)
        case .variantMissing:
            return Found(answer: .variantMissing, stored: nil, keyHash: hash, epoch: epoch)
        case .found(let stored, let isSoftlyInvalidated):
            let answer = judge(stored, isSoftlyInvalidated: isSoftlyInvalidated, head, request)
            return Found(answer: answer, stored: stored, keyHash: hash, epoch: epoch)
        }
    }

    func judge(
        _ stored: StoredResponse, isSoftlyInvalidated: Bool, _ head: borrowing RequestHead,
        _ request: borrowing ClientRequest
    ) -> MemoryAnswer {
        var metadata = stored.metadata
        if isSoftlyInvalidated { metadata.flags.insert(.softlyInvalidated) }
        // What other nodes have invalidated is not known.
        if isOutOfTouch { metadata.flags.insert(.alwaysValidate) }
        if metadata.flags.contains(.isPartial) { return judgePart(stored, metadata, head, request) }
        let policy = request.route.policy
        switch Reuse.decide(metadata, request: request.directives, policy: policy, now: loop.now) {
        case .fresh: return .fresh
        case .staleWhileRevalidate: return .staleWhileRevalidate
        case .staleAllowed: return .staleAccepted
        case .unusable: return .absent
        case .validate(let reason):
            return .stale(reason: reason, mayServeOnError: mayServeOnError(metadata, request))
        }
    }

    /// Other nodes may have invalidated anything without this one, and it was told to serve nothing on such terms.
    var isOutOfTouch: Bool { snapshot.revalidatesUnconfirmed && !store.isConfirmed(loop.now) }

    /// What the last search left.
    func keyCopy() -> ContiguousArray<UInt8> { ContiguousArray(copying: key) }

    func writeKey(of head: borrowing RequestHead, _ request: borrowing ClientRequest) {
        key.clear()
        request.route.writeKey(
            of: head, content: request.content, keysIdentity: request.keysIdentity, hasher: shared.hasher, into: &key)
    }

    /// The newest invalidation that was issued here.
    var currentEpoch: UInt64 { store.currentEpoch }

    /// Whether a response chosen by these request fields would be chosen by others.
    func matches(_ fields: borrowing Fields, rule: borrowing Span<UInt8>, secondary: borrowing Span<UInt8>) -> Bool {
        rule.count == 0 || Variance.matches(rule, fields, storedKeys: secondary, scratch: &scratch)
    }

    /// What tells a request's variant of a key from the others; nil where there is but one.
    func variant(of fields: borrowing Fields, rule: borrowing Span<UInt8>) -> FlightVariant? {
        guard rule.count > 0 else { return nil }
        scratch.clear()
        Variance.writeSecondaryKey(rule, fields, into: &scratch)
        return FlightVariant(
            rule: ContiguousArray(copying: rule), secondaryKey: ContiguousArray(copying: scratch))
    }

    /// Fills the cache anew behind the back of a client that has just been served what is stale, unless somebody
    /// does so already.
    /// - Parameter foundEpoch: the newest invalidation known before `stored` was found to be valid.
    func refresh(
        _ stored: StoredResponse, _ foundEpoch: UInt64, head: borrowing RequestHead, request: borrowing ClientRequest,
        peer: IPAddress?
    ) {
        let key = ContiguousArray(copying: stored.key)
        let variant = variant(of: head.fields, rule: stored.varyRule)
        let place = shared.flights.join(
            key: key, variant: variant, hash: stored.keyHash, worker: link, followerLimit: .max, store: store)
        guard case .leader(let flight) = place else {
            if case .follower(let flight) = place { flight.unfollow() }
            return
        }
        let slot = headSlots.take()
        slot.head = RequestHead(copying: head)
        if request.content == nil { slot.head.method = .get }  // what was asked by HEAD is filled by GET
        let machine = RequestMachine(
            RequestFacts(
                method: slot.head.method, isKeyedByBody: request.content != nil,
                coalescesNodes: request.route.coalescesNodes))
        let exchange = Exchange(
            worker: self, client: nil, slot: slot, request: ClientRequest(copying: request), machine: machine,
            peer: peer)
        exchange.refresh(flight, key: key, variant: variant, stored: stored, foundEpoch: foundEpoch)
    }

    /// Nothing more is to be served from it. Other variants stay.
    func forget(_ stored: StoredResponse) {
        store.remove(stored)
        forgetInSecondTier(stored)
    }

    /// Nor does it come back from there, whoever of the workers is about to write it.
    func forgetInSecondTier(_ stored: StoredResponse) {
        guard let tier else { return }
        tier.remove(stored)
        for other in shared.links.withLock({ $0 }) where other.index != index {
            other.post { $0.tier?.removeBehindWrites(stored) }
        }
    }

    /// The answer to HEAD brings what is stored for GET up to date, or makes it stale (RFC 9111 §4.3.5).
    func updateByHead(_ response: borrowing ResponseHead, exchange: Exchange) {
        guard exchange.machine.mayTouchStore, !exchange.sendsOwnConditions else { return }
        let found = search(exchange.head, exchange.request)
        guard let stored = found.stored else { return }
        var fields = ResponseHead()
        guard StoredHead.parse(stored.head, into: &fields) else { return }
        let effect = HeadUpdate.effect(
            of: response, on: fields.fields, storedStatus: stored.metadata.status, storedLength: stored.bodyCount)
        switch effect {
        case .none: break
        case .invalidate: forget(stored)
        case .update:
            exchange.adoptEpoch()
            guard let refreshed = StoredResponseMaker.refresh(stored, with: response, for: exchange) else {
                return forget(stored)
            }
            if let refusal = refreshed.refusal {
                if !refusal.isOfRequest { forget(stored) }
            } else {
                _ = exchange.replace(stored, by: refreshed.response)  // the answer to HEAD tells nothing of it
            }
        }
    }

    // MARK: Invalidation by request

    func mayPurge(_ head: borrowing RequestHead, peer: IPAddress?) -> Bool {
        let settings = snapshot.settings.purgeMethod
        guard let peer else { return false }
        let client = head.client ?? ClientAddress(peer)
        let mayAsk = settings.allowed.contains { $0.contains(client.address) && ($0.isEverybody || !client.isHidden) }
        guard mayAsk else { return false }
        guard let token = settings.token else { return true }
        guard let index = head.fields.firstIndex(of: .authorization) else { return false }
        return BearerToken.matches(head.fields.value(at: index), token)
    }

    /// Answers how many variants are gone.
    func purge(_ head: borrowing RequestHead, route: CompiledRoute) -> Int {
        var removed = 0
        forEachStoringRoute(of: head, or: route) { removed += purge(head, storedBy: $0) }
        return removed
    }

    private func purge(_ head: borrowing RequestHead, storedBy route: CompiledRoute) -> Int {
        // Lent, so that nothing else is written into it meanwhile.
        var key = ByteBuffer()
        swap(&key, &self.key)
        key.clear()
        CacheKey.write(host: head.authority, path: head.path, query: head.query, options: route.key, into: &key)
        let removed = invalidate(key.span, route: route)
        swap(&key, &self.key)
        return removed
    }

    /// Those under which answers of the request's URL may be stored, its own among them.
    private func forEachStoringRoute(
        of head: borrowing RequestHead, or own: CompiledRoute, _ body: (CompiledRoute) -> Void
    ) {
        // Where routes do not ask for the method, that of GET and the like is its own, unless that is of an earlier
        // configuration.
        if !snapshot.heedsMethods, snapshot.has(own) { return body(own) }
        let routes = snapshot.routes(storing: head.path, host: head.authority)
        for route in routes { body(route) }
        if !routes.contains(where: { $0 === own }) { body(own) }
    }

    @discardableResult
    private func invalidate(_ key: borrowing Span<UInt8>, route: CompiledRoute) -> Int {
        let hash = shared.hasher.hash64(key)
        tier?.remove(key)
        let lacksHost = route.keysMissingHost && key.count > 4 && key[4] == ASCII.slash
        guard lacksHost || !keysNothingElse(route) else { return shared.invalidate(key: key, hash: hash) }
        // Entries to whose key a route added cookies, bodies and the like are of this URL too.
        var removed = store.remove(key: key, hash: hash)
        var rules = [
            NamedRule(.key, Array(copying: key)), NamedRule(literal: StoredURL.text(ofKey: Array(copying: key))),
        ]
        if !snapshot.trustedProxies.isEmpty {
            // What came by https, as a trusted proxy said, is the same resource for all that a client can know.
            let secure = Self.secureKey(key)
            tier?.remove(secure.span)
            removed += store.remove(key: secure.span, hash: shared.hasher.hash64(secure.span))
            rules.append(NamedRule(literal: StoredURL.text(ofKey: secure)))
        }
        shared.invalidate(rules)
        return removed
    }

    /// A key of the same URL under https.
    private static func secureKey(_ key: borrowing Span<UInt8>) -> [UInt8] {
        var end = 0
        while end < key.count, key[end] != ASCII.space { end += 1 }
        let url = min(end + 1, key.count)
        return Array(copying: key.extracting(0..<url)) + Array("https://".utf8)
            + Array(copying: key.extracting(url..<key.count))
    }

    /// Whether a URL has one key, and no more with further parts.
    private func keysNothingElse(_ route: CompiledRoute) -> Bool { route.hasOneKeyPerURL && !snapshot.keysBodies }

    /// RFC 9111 §4.4, and the groups that the answer names (RFC 9875 §3).
    func invalidateTargets(of head: borrowing RequestHead, response: borrowing ResponseHead, route: CompiledRoute) {
        guard Invalidation.isCaused(by: head.method, status: response.status) else { return }
        forEachStoringRoute(of: head, or: route) { route in
            Invalidation.forEachKey(request: head, response: response, options: route.key) {
                invalidate($0, route: route)
            }
        }
        guard CacheGroups.mayInvalidate(head.method), response.fields.contains(.cacheGroupInvalidation) else { return }
        var rules: [NamedRule] = []
        let isWhole = CacheGroups.forEachTag(in: response.fields, .cacheGroupInvalidation, authority: head.authority) {
            rules.append(NamedRule(.tag, Array(copying: $0)))
        }
        // More groups than can be told apart: all must be taken to be meant.
        shared.invalidate(isWhole ? rules : [.all])
    }
}

extension Array where Element == UInt8 {
    init(copying bytes: borrowing Span<UInt8>) {
        self.init()
        reserveCapacity(bytes.count)
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
