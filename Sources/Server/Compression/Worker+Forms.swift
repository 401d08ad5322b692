// SPDX-License-Identifier: Apache-2.0
import CacheRules
import Compression
import EventIO
import HTTPMessages
import Settings
import Storage

/// Which form of a stored response a client gets.
extension Worker {
    /// The form of a response that its client gets, which is made if it is missing; nil for the response itself.
    /// - Throws: when it came in a coding that the client does not take and that cannot be undone.
    func form(
        of stored: StoredResponse, for head: borrowing RequestHead, route: CompiledRoute
    ) throws(CodingError) -> StoredResponse? {
        let policy = route.compression
        // What is not whole can neither be coded nor decoded.
        if policy.isOff || stored.metadata.flags.contains(.isPartial) { return nil }
        let coding = coding(
            of: stored.coding, isCompressible: stored.metadata.flags.contains(.isCompressible),
            count: stored.bodyCount, for: head, policy)
        if coding == stored.coding { return nil }
        if let form = stored.forms?[coding] {
            if !form.isBest { considerClimbing(stored, coding, route) }
            return form.response
        }
        return try makeForm(of: stored, coding, route)
    }

    /// The coding in which this client gets a body.
    /// - Parameter count: nil when it is not known yet.
    func coding(
        of stored: ContentCoding, isCompressible: Bool, count: Int?, for head: borrowing RequestHead,
        _ policy: CompressionPolicy
    ) -> ContentCoding {
        if policy.isOff { return stored }
        if stored == .identity {
            guard isCompressible, head.fields.contains(.acceptEncoding) else { return stored }
            // A range means bytes of the plain body (RFC 9110 §14.1.2).
            if count ?? .max < policy.minimumByteCount || head.fields.contains(.range) { return stored }
        }
        guard policy.serves(head) else { return .identity }
        if stored == .identity { return preferences.choice(for: head.fields, policy) }
        return policy.choice(for: preferences.read(head.fields), stored: stored, isCompressible: true)
    }

    /// A short body is coded at once; a long one by the pool, and goes out as it is this time.
    @inline(never)
    private func makeForm(
        of stored: StoredResponse, _ coding: ContentCoding, _ route: CompiledRoute
    ) throws(CodingError) -> StoredResponse? {
        // Another request may have made it since.
        let now = store.current(stored)
        if let form = now?.forms?[coding] { return form.response }
        if coding == .identity, stored.bodyCount > Self.maximumDecodedAtOnceBytes {
            // What `decodesInSteps` leaves is answered by the head alone.
            guard let head = StoredResponse.form(CodedHead.draft(stored, coding: coding)) else { throw .tooLarge }
            return head
        }
        if coding != .identity, stored.bodyCount > Self.maximumCodedAtOnceBytes {
            offer(stored, coding, .fast, route)
            return nil
        }
        do throws(CodingError) {
            let start = loop.kernel.monotonicNanoseconds()
            let draft = try FormDraft(of: stored, coding, level: .fast, limit: decodingLimit, store: store)
            try draft.make()
            let form = try draft.sealed()
            recordCoding(
                coding, inputByteCount: stored.bodyCount, outputByteCount: form.bodyCount, since: start, route: route)
            // Without room it serves this request alone.
            if let now = store.attach(.init(form, isBest: coding == .identity), coding, to: stored) {
                keepForm(coding, of: now)
            }
            return form
        } catch {
            // What came plain is a right answer too.
            if coding != .identity { return nil }
            throw error
        }
    }

    /// About a millisecond's work.
    private static var maximumCodedAtOnceBytes: Int { 128 << 10 }

    var decodingLimit: DecodingLimit { DecodingLimit(snapshot.settings.memory) }

    private func considerClimbing(_ stored: StoredResponse, _ coding: ContentCoding, _ route: CompiledRoute) {
        let policy = route.compression
        guard policy.climbsAfter > 0, stored.forms?.hasBeenAsked(times: policy.climbsAfter) == true,
            shared.compressor.takes(bodyOf: stored.bodyCount, coding, .best)
        else { return }
        guard let tier else { return offer(stored, coding, .best, route) }
        tier.findBest(coding, of: stored) { [unowned self] in offer(stored, coding, .best, route) }
    }

    /// A form was made of `stored`, and other nodes need not make it.
    func keepForm(_ coding: ContentCoding, of stored: StoredResponse) {
        guard let tier, let form = stored.forms?[coding] else { return }
        tier.keep(form, of: stored, lifetimeMilliseconds: stored.metadata.freshnessLifetimeMilliseconds)
    }

    /// In which a plain body that can be compressed would be sent.
    func codingWanted(by head: borrowing RequestHead, _ route: CompiledRoute) -> ContentCoding {
        coding(of: .identity, isCompressible: true, count: nil, for: head, route.compression)
    }

    private func offer(
        _ stored: StoredResponse, _ coding: ContentCoding, _ level: CodingLevel, _ route: CompiledRoute
    ) {
        shared.compressor.offer(
            .init(stored: stored, coding: coding, level: level, limit: decodingLimit, origin: link, route: route.label))
    }
}
