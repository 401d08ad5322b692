// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Which fields of a request a route sends on. What it does not send is taken from the head before anything is made
/// of it, so that key, variant, directives and conditions are those of the request as the origin gets it.
package struct SentFields: Sendable {
    /// What became of a request's fields.
    package struct Outcome: Equatable, Sendable {
        /// Lines that were dropped because they say who or what is asked, and because of their names.
        package var identityLines = 0
        package var unusualLines = 0
        /// A trusted peer said something that belongs into the key.
        package var keysIdentity = false
        /// The origin may take the method for another one.
        package var overridesMethod = false
    }

    private let forwarded: ForwardedRule
    /// By the proxies that are trusted; what else of `ForwardedRule.names` they send is anybody's.
    private let written: ForwardingFields
    private let stores: Bool
    private let dropsIdentity: Bool
    private let dropsUnusual: Bool
    private let sendsTrailers: Bool
    /// In lower case.
    private let allowed: ContiguousArray<ContiguousArray<UInt8>>
    /// Where a head has none of these, nothing is dropped.
    package let concerned: FieldNameSet

    /// `allowed` fields pass from everybody, being keyed or by the operator's word.
    package init(
        forwarded: ForwardedRule, written: ForwardingFields = .both, stores: Bool, dropsIdentity: Bool = true,
        dropsUnusual: Bool = true,
        sendsTrailers: Bool = false, allowed: [String] = []
    ) {
        self.forwarded = forwarded
        self.written = written
        self.stores = stores
        self.dropsIdentity = dropsIdentity
        self.dropsUnusual = dropsUnusual
        self.sendsTrailers = sendsTrailers
        self.allowed = ContiguousArray(allowed.map { ContiguousArray($0.lowercased().utf8) })
        var concerned = HopByHop.namesOnTheirOwn
        if stores {
            for name in [FieldName.other, .xRealIP, .forwarded, .xForwardedFor, .xForwardedProto] {
                concerned.insert(name)
            }
            for name in [FieldName.xForwardedHost, .xForwardedPort] { concerned.insert(name) }
        }
        self.concerned = concerned
    }

    /// - Parameters:
    ///   - isTrusted: the peer is a proxy that the operator trusts.
    ///   - mayOverrideMethod: the request is none whose answer could be stored under the method that it names.
    package func apply(
        to fields: inout Fields, isTrusted: Bool, keepsUpgrade: Bool, mayOverrideMethod: Bool
    ) -> Outcome {
        var outcome = Outcome()
        var isChanged = false
        for index in fields.slots.indices {
            let isDropped: Bool
            switch fields.slots[index].name {
            case .upgrade, .http2Settings: isDropped = !keepsUpgrade
            case .trailer: isDropped = !sendsTrailers
            case let name where HopByHop.namesOnTheirOwn.contains(name): isDropped = true
            case .other, .xRealIP:
                isDropped = stores && drops(index, of: fields, isTrusted, mayOverrideMethod, &outcome)
            case let name where ForwardedRule.names.contains(name):
                isDropped = stores && dropsForwarded(name, index, of: fields, isTrusted, &outcome)
            default: continue
            }
            guard isDropped else { continue }
            fields.mark(index)
            isChanged = true
        }
        if isChanged { fields.removeMarked() }
        return outcome
    }

    /// Whether the operator named the field.
    package func allows(_ name: borrowing Span<UInt8>) -> Bool {
        for known in allowed where name.equalsIgnoringCase(known.span) { return true }
        return false
    }

    /// Whether what a trusted peer says in the field belongs into the key.
    package func isKeyed(_ index: Int, of fields: borrowing Fields) -> Bool {
        let name = fields.name(at: index)
        switch fields.slots[index].name {
        case .xForwardedHost, .xForwardedPort: return !allows(name)
        // One that is written anew says what the key says of the scheme; one that goes on as it came may say it in
        // words of its own, or not at all.
        case .xForwardedProto:
            return !(forwarded.isWritten && ForwardedRule.isUnderstood(fields)) && !allows(name)
        case .other: return dropsIdentity && IdentityField.of(name) == .site && !allows(name)
        default: return false
        }
    }

    private func drops(
        _ index: Int, of fields: borrowing Fields, _ isTrusted: Bool, _ mayOverrideMethod: Bool,
        _ outcome: inout Outcome
    ) -> Bool {
        let name = fields.name(at: index)
        if allows(name) { return false }
        // The name is reserved, since Connection may list it as an option (RFC 9110 §7.6.1).
        if name.equalsIgnoringCase("close") { return true }
        if dropsUnusual, IdentityField.isUnusual(name) {
            outcome.unusualLines += 1
            return true
        }
        guard dropsIdentity, let kind = IdentityField.of(name) else { return false }
        if kind == .method, mayOverrideMethod {
            outcome.overridesMethod = true
            return false
        }
        if isTrusted, kind != .method {
            if kind == .site { outcome.keysIdentity = true }
            return false
        }
        outcome.identityLines += 1
        return true
    }

    /// Those that Larder writes itself have been seen to; the rest are like any other that names a site.
    private func dropsForwarded(
        _ name: FieldName, _ index: Int, of fields: borrowing Fields, _ isTrusted: Bool, _ outcome: inout Outcome
    ) -> Bool {
        if forwarded.isWritten || (isTrusted && written.names.contains(name)) {
            if name != .xForwardedFor { outcome.keysIdentity = true }
            return false
        }
        guard dropsIdentity, !allows(fields.name(at: index)) else { return false }
        outcome.identityLines += 1
        return true
    }
}
