// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Redis
import Settings
import Storage

/// Responses and their forms on the way to the second tier, behind the answers to those who wait for them.
extension RedisTier {
    /// Keeps a response, and the forms that were made of it already.
    func keep(_ response: StoredResponse, lifetimeMilliseconds: Int64) {
        add(TierWrite(response, lifetimeMilliseconds: lifetimeMilliseconds))
        for coding in ContentCoding.allCases {
            guard let form = response.forms?[coding] else { continue }
            keep(form, of: response, lifetimeMilliseconds: lifetimeMilliseconds)
        }
    }

    /// Keeps a form beside its response, in the place of the one in the same coding. One that saves nothing, or takes
    /// no work to make, is not worth it.
    func keep(_ form: StoredForms.Form, of response: StoredResponse, lifetimeMilliseconds: Int64) {
        guard response.coding == .identity, form.response.bodyCount < response.bodyCount else { return }
        add(TierWrite(form, of: response, lifetimeMilliseconds: lifetimeMilliseconds))
    }

    private func add(_ write: TierWrite) {
        let isForm = write.form != nil
        guard writing.isReady else { return figures.count(.notConnected, isForm: isForm) }
        guard write.byteCount <= settings.maxObjectBytes else { return figures.count(.tooLarge, isForm: isForm) }
        guard queue.byteCount + write.byteCount <= queueLimitBytes else {
            return figures.count(.queueFull, isForm: isForm)
        }
        queue.append(write)
    }

    func dropQueue(_ result: TierWriteResult) {
        while let write = queue.removeFirst() { figures.count(result, isForm: write.form != nil) }
    }

    /// At the end of a turn, and when writes were answered: as much as the connection takes without piling up.
    func writeQueued() {
        while !queue.isEmpty, writing.outputByteCount < Self.outputHighWaterBytes, let write = queue.removeFirst() {
            self.write(write)
        }
    }

    private static let outputHighWaterBytes = 256 << 10

    private func write(_ write: TierWrite) {
        let response = write.response
        let isForm = write.form != nil
        let now = worker.loop.now
        let milliseconds = response.metadata.usableForMilliseconds(
            now, lifetimeMilliseconds: write.lifetimeMilliseconds)
        guard milliseconds > 0 else { return }
        guard let epoch = worker.shared.store.sharedEpoch(of: response.epoch) else {
            return figures.count(.unproven, isForm: isForm)
        }
        do throws(RedisFailure) {
            if !isForm, !response.varyRule.isEmpty { try writeVaryRule(of: response, milliseconds, now) }
            try writing.send(TierWriteCall(self, isForm: isForm)) { output in
                output.beginCommand("SET", arguments: 4)
                keys.writeObject(
                    response.key, variant: TierKeys.variant(of: response.secondaryKey),
                    coding: write.form?.response.coding ?? .identity, into: &output)
                output.beginArgument(byteCount: write.byteCount)
                if let form = write.form {
                    StoredRecord.write(form, of: response, epoch: epoch, now: now, into: &output)
                } else {
                    StoredRecord.write(
                        response, lifetimeMilliseconds: write.lifetimeMilliseconds, epoch: epoch, now: now,
                        into: &output)
                }
                output.endArgument()
                output.argument("PX" as StaticString)
                output.argument(decimal: Int(milliseconds))
            }
        } catch {
            figures.count(error == .queueFull ? .queueFull : .notConnected, isForm: isForm)
        }
    }

    private func writeVaryRule(
        of response: StoredResponse, _ milliseconds: Int64, _ now: Moment
    ) throws(RedisFailure) {
        try writing.send(RedisCall()) { output in
            output.beginCommand("SET", arguments: 4)
            keys.writeObject(response.key, into: &output)
            output.beginArgument(byteCount: StoredRecord.varyRuleByteCount(of: response))
            StoredRecord.writeVaryRule(of: response, now: now, into: &output)
            output.endArgument()
            output.argument("PX" as StaticString)
            output.argument(decimal: Int(milliseconds))
        }
    }

    /// Takes away what lies under a key; its variants and forms are not found without it.
    func remove(
        _ key: borrowing Span<UInt8>, variant: borrowing Span<UInt8> = Span(), coding: ContentCoding = .identity
    ) {
        do throws(RedisFailure) {
            try writing.send(RedisCall()) { output in
                output.beginCommand("UNLINK", arguments: 1)
                keys.writeObject(key, variant: variant, coding: coding, into: &output)
            }
        } catch {
            // It expires by itself, and the log of invalidations speaks against it until then.
        }
    }
}
