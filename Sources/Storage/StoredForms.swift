// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages
import Synchronization

/// A stored response's body in codings other than its own, each ready to be written like the response itself.
/// Forms are made when somebody asks for them, swapped in as a new value, and leave with their response.
@usableFromInline
package final class StoredForms: Sendable {
    package struct Form: Sendable {
        package let response: StoredResponse
        /// Nothing smaller can be made of it.
        package let isBest: Bool

        package init(_ response: StoredResponse, isBest: Bool) {
            self.response = response
            self.isBest = isBest
        }
    }

    private let identity: Form?
    private let gzip: Form?
    private let deflate: Form?
    private let brotli: Form?
    /// Requests for a form that is not the best yet.
    private let requests = Atomic<UInt32>(0)

    private let life: Life

    /// Shared by all values that follow one another for an entry.
    private final class Life: Sendable {
        let isOver = Atomic<Bool>(false)
    }

    private init(life: Life, identity: Form?, gzip: Form?, deflate: Form?, brotli: Form?) {
        self.life = life
        self.identity = identity
        self.gzip = gzip
        self.deflate = deflate
        self.brotli = brotli
    }

    package subscript(coding: ContentCoding) -> Form? {
        switch coding {
        case .identity: identity
        case .gzip: gzip
        case .deflate: deflate
        case .brotli: brotli
        case .zstd: nil
        }
    }

    /// These forms, and `form` in the place of the one in its coding. `forms` may be nil.
    package static func adding(_ form: Form, _ coding: ContentCoding, to forms: StoredForms?) -> StoredForms {
        StoredForms(
            life: forms?.life ?? Life(),
            identity: coding == .identity ? form : forms?.identity, gzip: coding == .gzip ? form : forms?.gzip,
            deflate: coding == .deflate ? form : forms?.deflate, brotli: coding == .brotli ? form : forms?.brotli)
    }

    /// Counts a request for a form that could be smaller; true for each `limit`th.
    package func hasBeenAsked(times limit: UInt32) -> Bool {
        requests.add(1, ordering: .relaxed).newValue % limit == 0
    }

    /// Whether their entry is still stored, as far as it was when they were attached to it. Takes no lock.
    package var areKept: Bool { !life.isOver.load(ordering: .relaxed) }

    /// Their entry goes.
    func end() { life.isOver.store(true, ordering: .relaxed) }

    /// The memory of all forms and of this.
    var allocatedBytes: Int {
        var bytes = Self.objectBytes
        for form in [identity, gzip, deflate, brotli] { bytes += form?.response.ownAllocatedBytes ?? 0 }
        return bytes
    }

    /// This object and its `Life` as the allocator rounds them.
    private static let objectBytes = 176
}
