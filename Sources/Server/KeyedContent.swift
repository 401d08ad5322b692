// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A request's whole body, where the route makes it part of the key. It is at hand until the request is answered,
/// so that it can be sent again.
final class KeyedContent {
    let bytes: ContiguousArray<UInt8>
    let digest: SHA256Digest

    init(_ bytes: ContiguousArray<UInt8>) {
        self.bytes = bytes
        digest = SHA256Digest(bytes.span)
    }

    /// What says how the body is to be understood (RFC 9110 §8.3 to §8.5).
    static let metadataFields = ["content-type", "content-encoding", "content-language"].map {
        ContiguousArray($0.utf8)
    }
}
