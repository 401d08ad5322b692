// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules

/// `X-Cache`, for scripts written for older caches.
enum XCacheField {
    static func write(_ outcome: CacheOutcome, into buffer: inout ByteBuffer) {
        switch outcome {
        case .hit, .l2Hit, .collapsed: buffer.append("X-Cache: HIT\r\n")
        case .stale: buffer.append("X-Cache: STALE\r\n")
        case .revalidated: buffer.append("X-Cache: REVALIDATED\r\n")
        case .miss: buffer.append("X-Cache: MISS\r\n")
        case .pass, .local: buffer.append("X-Cache: BYPASS\r\n")
        }
    }
}
