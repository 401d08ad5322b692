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
    /// - Returns: why it is not kept; nil when it is.
    func keep(_ response: StoredResponse, lifetimeMilliseconds: Int64) -> TierWriteResult? {
        let refusal = add(TierRecord(response, lifetimeMilliseconds: lifetimeMilliseconds))
        guard refusal == nil else { return refusal }
        for coding in ContentCoding.allCases {
            guard let form = response.forms?[coding] else { continue }
            keep(form, of: response, lifetimeMilliseconds: lifetimeMilliseconds)
        }
        return nil
    }

    /// Keeps a form beside its response, in the place of the one in the same coding. One that saves nothing, or takes
    /// no work to make, is not worth it.
    func keep(_ form: StoredForms.Form, of response: StoredResponse, lifetimeMilliseconds: Int64) {
        guard response.coding == .identity, form.response.bodyCount < response.bodyCount else { return }
        // Without room for it, another node makes its own.
        _ = add(TierRecord(form, of: response, lifetimeMilliseconds: lifetimeMilliseconds))
    }

    private func add(_ record: TierRecord) -> TierWriteResult? {
        let refusal = refusal(of: record)
        if let refusal {
            figures.count(refusal, isForm: record.isForm)
        } else {
            queue.append(.record(record))
        }
        return refusal
    }

    private func refusal(of record: TierRecord) -> TierWriteResult? {
        guard writing.isReady else { return .notConnected }
        guard record.byteCount <= settings.maxObjectBytes else { return .tooLarge }
        guard record.usefulMilliseconds(worker.loop.now) > 0 else { return .shortLived }
        return queue.byteCount + record.byteCount <= queueLimitBytes ? nil : .queueFull
    }

    /// Takes away a lock that is ours, behind what was kept before. Without a connection it ends by itself.
    func unlock(_ lock: TierLock) { if writing.isReady { queue.append(.unlock(lock)) } }

    func dropQueue(_ result: TierWriteResult) {
        while let write = queue.removeFirst() {
            if case .record(let record) = write { figures.count(result, isForm: record.isForm) }
        }
    }

    /// At the end of a turn, and when writes were answered: as much as the connection takes without piling up.
    func writeQueued() {
        while !queue.isEmpty, !writing.isFull, writing.outputByteCount < Self.outputHighWaterBytes,
            let write = queue.removeFirst()
        {
            switch write {
            case .record(let record): self.write(record)
            case .unlock(let lock): remove(lock)
            case .removal(let removal): self.write(removal)
            }
        }
    }

    private static let outputHighWaterBytes = 256 << 10

    private func remove(_ lock: TierLock) {
        do throws(RedisFailure) {
            try writing.send(RedisCall()) { output in
                output.beginCommand("DEL", arguments: 1)
                keys.writeLock(lock, into: &output)
            }
        } catch {
            // It ends by itself.
        }
    }

    private func write(_ write: TierRecord) {
        let response = write.response
        let isForm = write.isForm
        let now = worker.loop.now
        let milliseconds = write.usefulMilliseconds(now)
        guard milliseconds > 0 else { return figures.count(.shortLived, isForm: isForm) }
        guard let epoch = worker.store.recordEpoch(of: response.epoch) else {
            return figures.count(.unproven, isForm: isForm)
        }
        do throws(RedisFailure) {
            if !isForm, !response.varyRule.isEmpty {
                try writing.send(RedisCall()) {
                    writeVaryRule(response.varyRule, under: response.key, response.metadata, milliseconds, into: &$0)
                }
            }
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

    /// The command that keeps by which request fields the responses under a key vary.
    func writeVaryRule(
        _ rule: borrowing Span<UInt8>, under key: borrowing Span<UInt8>, _ metadata: CachedMetadata,
        _ milliseconds: Int64, into output: inout ByteBuffer
    ) {
        output.beginCommand("SET", arguments: 4)
        keys.writeObject(key, into: &output)
        output.beginArgument(byteCount: StoredRecord.varyRuleByteCount(rule, under: key))
        StoredRecord.writeVaryRule(rule, under: key, metadata, now: worker.loop.now, into: &output)
        output.endArgument()
        output.argument("PX" as StaticString)
        output.argument(decimal: Int(milliseconds))
    }

    /// Takes away what lies under a key; its variants and forms are not found without it. It takes its turn, so that
    /// nothing older comes back behind it. Without a connection nothing waits, and what lies there expires by itself;
    /// the log of invalidations speaks against it until then.
    func remove(
        _ key: borrowing Span<UInt8>, variant: borrowing Span<UInt8> = Span(), coding: ContentCoding = .identity
    ) {
        guard writing.isReady else { return }
        let removal = TierWrite.removal(
            TierRemoval(key: ContiguousArray(copying: key), variant: ContiguousArray(copying: variant), coding: coding))
        if !hasRoom(for: removal) {
            // Rather lost than found by somebody after its end.
            queue.dropRecords { figures.count(.queueFull, isForm: $0.isForm) }
        }
        if hasRoom(for: removal) { queue.append(removal) }
    }

    func remove(_ response: StoredResponse) {
        remove(response.key, variant: TierKeys.variant(of: response.secondaryKey))
    }

    /// Another worker has taken it away, maybe before what this one has on its way.
    func removeBehindWrites(_ response: StoredResponse) {
        if !queue.isEmpty || writing.pendingCount > 0 { remove(response) }
    }

    private func hasRoom(for write: TierWrite) -> Bool { queue.byteCount + write.byteCount <= queueLimitBytes }

    private func write(_ removal: TierRemoval) {
        do throws(RedisFailure) {
            try writing.send(RedisCall()) { output in
                output.beginCommand("UNLINK", arguments: 1)
                keys.writeObject(
                    removal.key.span, variant: removal.variant.span, coding: removal.coding, into: &output)
            }
        } catch {
            // As without a connection.
        }
    }
}
