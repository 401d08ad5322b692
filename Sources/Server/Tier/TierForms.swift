// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Redis
import Storage

/// Forms of responses that another node, or this one before it was started again, has made already.
extension RedisTier {
    /// A plain response with the form that lies beside it. One that is damaged, or of another body, is left out and
    /// counted.
    ///
    /// - Parameter digest: of the response's body, if it is known.
    func adding(
        _ coding: ContentCoding, from reply: borrowing RESPReply, _ element: RESPElement,
        to response: StoredResponse, _ digest: BodyDigest?
    ) -> StoredResponse {
        guard response.coding == .identity, let form = form(coding, in: reply, element, of: response, digest) else {
            return response
        }
        figures.count(form: .hit)
        return response.with(.adding(form, coding, to: response.forms))
    }

    /// nil, and counted, when there is none to be used.
    fileprivate func form(
        _ coding: ContentCoding, in reply: borrowing RESPReply, _ element: RESPElement, of response: StoredResponse,
        _ digest: BodyDigest? = nil
    ) -> StoredForms.Form? {
        guard reply.kind(of: element) == .string else {
            figures.count(form: .miss)
            return nil
        }
        let bytes = reply.text(of: element)
        do throws(RecordError) {
            let read = try StoredRecord.readForm(bytes)
            guard read.coding == coding, bytes.extracting(read.keyRange).elementsEqual(response.key) else {
                throw .damaged
            }
            guard read.source == digest ?? response.bodyDigest else {
                figures.count(form: .outdated)
                return nil
            }
            let draft = CodedHead.draft(response, coding: coding)
            guard let form = StoredResponse.form(draft, copying: bytes.extracting(read.bodyRange)) else {
                throw .damaged
            }
            return StoredForms.Form(form, isBest: read.isBest)
        } catch {
            // What a newer version keeps to itself is of use to that one.
            figures.count(form: error == .tooNew ? .miss : .damaged)
            if error != .tooNew {
                remove(response.key, variant: TierKeys.variant(of: response.secondaryKey), coding: coding)
            }
            return nil
        }
    }

    /// Before `stored` is brought into its best form: another node may have done so. `otherwise` runs when none has.
    func findBest(_ coding: ContentCoding, of stored: StoredResponse, otherwise: @escaping () -> Void) {
        guard stored.coding == .identity else { return otherwise() }
        let call = TierFormCall(coding, of: stored, tier: self, otherwise: otherwise)
        do throws(RedisFailure) {
            try reading.send(call) { output in
                output.beginCommand("GET", arguments: 1)
                keys.writeObject(
                    stored.key, variant: TierKeys.variant(of: stored.secondaryKey), coding: coding, into: &output)
            }
        } catch {
            figures.count(form: .notAsked)
            otherwise()
        }
    }
}

/// The question for one form of a response in memory.
private final class TierFormCall: RedisCall {
    private let coding: ContentCoding
    private let stored: StoredResponse
    private unowned let tier: RedisTier
    private let otherwise: () -> Void

    init(_ coding: ContentCoding, of stored: StoredResponse, tier: RedisTier, otherwise: @escaping () -> Void) {
        self.coding = coding
        self.stored = stored
        self.tier = tier
        self.otherwise = otherwise
        super.init()
    }

    override func answered(_ reply: borrowing RESPReply) {
        guard !reply.isError else {
            tier.figures.count(form: .error)
            return otherwise()
        }
        guard let form = tier.form(coding, in: reply, reply.root, of: stored) else { return otherwise() }
        // Else it is the one that is to be improved.
        tier.figures.count(form: form.isBest ? .hit : .miss)
        guard form.isBest else { return otherwise() }
        // Without room for it there is none for one made here.
        _ = tier.worker.store.attach(form, coding, to: stored)
    }

    override func failed(_ failure: RedisFailure) {
        tier.figures.count(form: failure == .timedOut ? .timeout : .error)
        otherwise()
    }
}
