// SPDX-License-Identifier: Apache-2.0
import Bytes
import PlainCache

@testable import CacheRules

/// The verdicts of the rules and of their plain second reading about one exchange.
struct MatrixVerdicts {
    let larder: StoreDecision
    let plain: PlainStoring

    init(_ exchange: Exchange) {
        larder = exchange.assess()
        plain = PlainCache.storing(
            PlainRequest(
                method: exchange.method, target: exchange.target, fields: PlainFields(exchange.requestFields)),
            PlainResponse(status: Int(exchange.status), fields: PlainFields(exchange.responseFields)),
            MatrixVerdicts.times(delayMilliseconds: exchange.delayMilliseconds))
    }

    static func times(delayMilliseconds: Int64) -> PlainTimes {
        let now = Int(Exchange.startSeconds * 1000)
        return PlainTimes(requestSent: now - Int(delayMilliseconds), responseReceived: now)
    }

    /// What they disagree about; nil when they agree.
    var difference: String? {
        switch (larder, plain) {
        case (.store(let metadata), .store(let stored)):
            let expected = stored.metadata
            return metadata == expected ? nil : "remembers \(metadata), not \(expected)"
        case (.refuse, .forbidden), (.refuse, .useless): return nil
        case (.store, .forbidden(let reason)): return "stores in spite of \(reason)"
        case (.store, .useless): return "stores what is of no use"
        case (.refuse(let reason), .store): return "refuses because of \(reason)"
        }
    }

    /// What both remember, when both store.
    var stored: (CachedMetadata, PlainStored)? {
        if case .store(let metadata) = larder, case .store(let stored) = plain { return (metadata, stored) }
        return nil
    }
}

extension PlainStored {
    /// The same in the product's terms.
    var metadata: CachedMetadata {
        var flags: CachedMetadata.Flags = []
        if needsValidation { flags.insert(.alwaysValidate) }
        if staleIsForbidden { flags.insert(.staleForbidden) }
        if hasStrongETag { flags.insert(.hasStrongETag) }
        if hasWeakETag { flags.insert(.hasWeakETag) }
        if lastModified != nil { flags.insert(.hasLastModified) }
        if lifetimeIsExplicit { flags.insert(.hasExplicitLifetime) }
        if lifetimeIsHeuristic { flags.insert(.isHeuristic) }
        if hasSetCookie { flags.insert(.hasSetCookie) }
        if forbidsTransformation { flags.insert(.noTransform) }
        if varies { flags.insert(.variesByRequest) }
        return CachedMetadata(
            status: UInt16(status), flags: flags,
            storedAtMonotonicMilliseconds: Exchange.moment().monotonicMilliseconds,
            initialAgeMilliseconds: Int64(initialAge), freshnessLifetimeMilliseconds: Int64(lifetime),
            staleWhileRevalidateMilliseconds: Int64(staleWhileRevalidate),
            staleIfErrorMilliseconds: Int64(staleIfError), dateSeconds: Int64(date),
            lastModifiedSeconds: Int64(lastModified ?? -1))
    }
}

extension PlainReuse {
    var decision: ReuseDecision {
        switch self {
        case .fresh: .fresh
        case .staleWhileRevalidate: .staleWhileRevalidate
        case .staleAllowed: .staleAllowed
        case .validate(let wasFresh): .validate(wasFresh ? .request : .stale)
        case .unusable: .unusable
        }
    }
}
