// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages
import Synchronization

/// Bodies in further codings, kept with the entry they belong to.
extension MemoryStore {
    /// Keeps `form` with `response`, in the place of the one in the same coding unless that is better, and makes
    /// room for it.
    /// - Returns: the entry as it is now; nil when it has gone, or there is no room.
    package func attach(
        _ form: StoredForms.Form, _ coding: ContentCoding, to response: StoredResponse
    ) -> StoredResponse? {
        guard admitsForm(form.response.allocatedBytes) else { return nil }
        let shard = shard(response.keyHash)
        let changed = change(shard) { state, removed in
            state.changeForms(of: response) { forms in
                if let old = forms?[coding] {
                    if old.isBest, !form.isBest { return forms }
                    removed.append(old.response)
                }
                return .adding(form, coding, to: forms)
            }
        }
        guard changed != nil, makeRoom(preferring: shard, for: response) else { return nil }
        return changed
    }

    /// `response` with the forms it has now; nil when it is no longer stored.
    package func current(_ response: StoredResponse) -> StoredResponse? {
        shard(response.keyHash).state.withLock { $0.current(response) }
    }
}
