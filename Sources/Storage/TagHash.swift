// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What stands for a tag: the same in every process, since records that nodes share hold it. Two tags with one hash
/// are invalidated together, and nothing worse.
package enum TagHash {
    // Records that were written before know tags by this seed.
    private static let hasher = ByteHasher(seed: 0x6C61_7264_6572_0001)

    package static func of(_ tag: borrowing Span<UInt8>) -> UInt64 { hasher.hash64(tag) }
}
