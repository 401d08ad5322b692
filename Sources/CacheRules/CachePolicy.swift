// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// What a route says about caching. A class, so that passing it to a decision costs nothing.
package final class CachePolicy: Sendable {
    /// Whether the client's Cache-Control and Pragma are heard.
    package enum RequestDirectiveHandling: UInt8, Sendable { case honor, ignore }

    /// When a response that sets cookies may be stored.
    package enum SetCookieStorage: UInt8, Sendable {
        case never
        /// When the origin itself named its lifetime, and so meant it to be reused.
        case withExplicitLifetime
        /// Without its cookies, which only the client that fetched gets.
        case stripped
        /// The operator's word: cookies reach whoever asks next.
        case always
    }

    /// A lifetime for one status.
    package struct StatusLifetime: Sendable, Equatable {
        package var status: UInt16
        package var milliseconds: Int64
        package var isForced: Bool

        package init(status: UInt16, milliseconds: Int64, isForced: Bool = false) {
            self.status = status
            self.milliseconds = milliseconds
            self.isForced = isForced
        }
    }

    /// The lifetime when the origin names none, or always when `ttlIsForced`.
    package let ttlMilliseconds: Int64?
    package let ttlIsForced: Bool
    /// The same for single status codes; beats `ttlMilliseconds`.
    package let ttlByStatus: [StatusLifetime]
    /// Used when the response names none.
    package let staleWhileRevalidateMilliseconds: Int64?
    /// Used when the response names none.
    package let staleIfErrorMilliseconds: Int64?
    /// A lifetime is shortened by up to this share, so that entries stored together do not expire together.
    package let jitterPercent: Int
    package let requestDirectives: RequestDirectiveHandling
    /// The operator's word: answers to requests with Authorization reach others.
    package let storesAuthorized: Bool
    /// The operator's word: what the origin marked `private` reaches others.
    package let storesPrivate: Bool
    /// The operator's word: what the origin marked `no-store` is stored.
    package let storesNoStore: Bool
    package let setCookie: SetCookieStorage
    /// Whether parts of bodies are stored (RFC 9111 §3.3).
    package let storesPartial: Bool
    /// s-maxage forbids serving stale (RFC 9111 §5.2.2.10). The operator's word that it does not, so that the
    /// windows of the response and of the route hold beside it.
    package let allowsStaleDespiteSharedMaxAge: Bool
    /// The first of these that is valid replaces Cache-Control and Expires (RFC 9213).
    package let targetedFields: [DirectiveField]
    package let usesHeuristics: Bool
    package let heuristicMaximumMilliseconds: Int64
    /// How long a copy may stay in memory, whatever its lifetime.
    package let maximumTTLMilliseconds: Int64?
    package let maximumVariants: Int
    /// Where tags are read from.
    package let tagFields: FieldNameSet
    /// Further ones, whose names nothing else here knows; in lower case.
    package let otherTagFields: [ContiguousArray<UInt8>]

    package init(
        ttlMilliseconds: Int64? = nil,
        ttlIsForced: Bool = false,
        ttlByStatus: [StatusLifetime] = [],
        staleWhileRevalidateMilliseconds: Int64? = nil,
        staleIfErrorMilliseconds: Int64? = nil,
        jitterPercent: Int = 0,
        requestDirectives: RequestDirectiveHandling = .honor,
        storesAuthorized: Bool = false,
        storesPrivate: Bool = false,
        storesNoStore: Bool = false,
        setCookie: SetCookieStorage = .withExplicitLifetime,
        storesPartial: Bool = true,
        allowsStaleDespiteSharedMaxAge: Bool = false,
        targetedFields: [DirectiveField] = [DirectiveField(.larderCacheControl), DirectiveField(.cdnCacheControl)],
        usesHeuristics: Bool = true,
        heuristicMaximumMilliseconds: Int64 = 86_400_000,
        maximumTTLMilliseconds: Int64? = nil,
        maximumVariants: Int = 32,
        tagFields: [FieldName] = [.surrogateKey, .cacheTag, .xKey, .edgeCacheTag, .cacheGroups],
        otherTagFields: [String] = []
    ) {
        self.ttlMilliseconds = ttlMilliseconds
        self.ttlIsForced = ttlIsForced
        self.ttlByStatus = ttlByStatus
        self.staleWhileRevalidateMilliseconds = staleWhileRevalidateMilliseconds
        self.staleIfErrorMilliseconds = staleIfErrorMilliseconds
        self.jitterPercent = min(max(jitterPercent, 0), 100)
        self.requestDirectives = requestDirectives
        self.storesAuthorized = storesAuthorized
        self.storesPrivate = storesPrivate
        self.storesNoStore = storesNoStore
        self.setCookie = setCookie
        self.storesPartial = storesPartial
        self.allowsStaleDespiteSharedMaxAge = allowsStaleDespiteSharedMaxAge
        self.targetedFields = targetedFields
        self.usesHeuristics = usesHeuristics
        self.heuristicMaximumMilliseconds = heuristicMaximumMilliseconds
        self.maximumTTLMilliseconds = maximumTTLMilliseconds
        self.maximumVariants = maximumVariants
        var names = FieldNameSet()
        for name in tagFields { names.insert(name) }
        self.tagFields = names
        self.otherTagFields = otherTagFields.map { ContiguousArray($0.lowercased().utf8) }
    }

    /// Whether any line may carry tags; most heads have none.
    package func mayHaveTags(_ fields: borrowing Fields) -> Bool {
        !otherTagFields.isEmpty || fields.present.intersects(tagFields)
    }

    /// Whether the line carries tags, which are not passed on. Cache-Groups are not ours alone (RFC 9875 §2).
    package func isTagField(at index: Int, of fields: borrowing Fields) -> Bool {
        let name = fields.slots[index].name
        if name != .other { return name != .cacheGroups && tagFields.contains(name) }
        if otherTagFields.isEmpty { return false }
        for tagField in otherTagFields where fields.name(at: index).equalsIgnoringCase(tagField.span) { return true }
        return false
    }

    /// Whether the route has a lifetime for just this status.
    func names(_ status: Status) -> Bool { ttlByStatus.contains { $0.status == status.code } }

    /// The route's lifetime for a status. The plain one covers what succeeded or moved for good; an error or a
    /// passing redirect is stored only when the route names its status.
    func lifetime(for status: Status) -> StatusLifetime? {
        for lifetime in ttlByStatus where lifetime.status == status.code { return lifetime }
        guard let ttlMilliseconds else { return nil }
        switch status.code {
        case 200, 203, 204, 300, 301, 308:
            return StatusLifetime(status: status.code, milliseconds: ttlMilliseconds, isForced: ttlIsForced)
        default: return nil
        }
    }
}
