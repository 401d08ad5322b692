// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Redis
import Storage

/// What is on its way to the second tier.
enum TierWrite {
    case record(TierRecord)
    /// Others may fetch, or find what was written before this.
    case unlock(TierLock)
    /// What was written before this is worthless.
    case removal(TierRemoval)

    var byteCount: Int {
        switch self {
        case .record(let record): record.byteCount
        case .unlock(let lock): lock.key.count + lock.variant.count
        case .removal(let removal): removal.key.count + removal.variant.count
        }
    }
}

/// What is to go from under a key.
struct TierRemoval {
    let key: ContiguousArray<UInt8>
    let variant: ContiguousArray<UInt8>
    let coding: ContentCoding
}

/// A response, or one of its forms.
struct TierRecord {
    let response: StoredResponse
    /// nil for the response itself.
    let form: StoredForms.Form?
    /// What the origin granted, of which memory may keep to less.
    let lifetimeMilliseconds: Int64
    let byteCount: Int

    init(_ response: StoredResponse, lifetimeMilliseconds: Int64) {
        self.response = response
        self.lifetimeMilliseconds = lifetimeMilliseconds
        form = nil
        byteCount = StoredRecord.byteCount(of: response)
    }

    init(_ form: StoredForms.Form, of response: StoredResponse, lifetimeMilliseconds: Int64) {
        self.response = response
        self.lifetimeMilliseconds = lifetimeMilliseconds
        self.form = form
        byteCount = StoredRecord.byteCount(ofForm: form.response, of: response)
    }

    var isForm: Bool { form != nil }

    func usefulMilliseconds(_ now: Moment) -> Int64 {
        response.metadata.usableForMilliseconds(now, lifetimeMilliseconds: lifetimeMilliseconds)
    }
}

extension StoredResponse {
    /// Whether it answers anybody without a word of the origin's, if only in the place of an error.
    func isUsable(_ now: Moment) -> Bool {
        metadata.usableForMilliseconds(now, lifetimeMilliseconds: metadata.freshnessLifetimeMilliseconds) > 0
    }
}

/// What waits to be written, oldest first. Responses are those of memory, held by reference.
struct TierWriteQueue {
    private var items: ContiguousArray<TierWrite?> = []
    private var first = 0
    private(set) var byteCount = 0

    var isEmpty: Bool { first == items.count }

    mutating func append(_ write: TierWrite) {
        items.append(write)
        byteCount += write.byteCount
    }

    mutating func removeFirst() -> TierWrite? {
        guard first < items.count, let write = items[first] else { return nil }
        items[first] = nil
        first += 1
        byteCount -= write.byteCount
        if first == items.count {
            items.removeAll(keepingCapacity: items.count <= 1024)
            first = 0
        } else if first >= 1024 {
            items.removeFirst(first)
            first = 0
        }
        return write
    }

    /// The rest keeps its order.
    mutating func dropRecords(_ dropped: (TierRecord) -> Void) {
        var kept = TierWriteQueue()
        while let write = removeFirst() {
            if case .record(let record) = write { dropped(record) } else { kept.append(write) }
        }
        self = kept
    }
}

/// The answer to what was written.
final class TierWriteCall: RedisCall {
    private unowned let tier: RedisTier
    private let isForm: Bool

    init(_ tier: RedisTier, isForm: Bool) {
        self.tier = tier
        self.isForm = isForm
        super.init()
    }

    override func answered(_ reply: borrowing RESPReply) {
        tier.figures.count(reply.isError ? .error : .written, isForm: isForm)
        tier.writeQueued()
    }

    override func failed(_ failure: RedisFailure) {
        tier.figures.count(failure == .timedOut ? .timeout : .notConnected, isForm: isForm)
    }
}
