// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import CacheRules

struct CompactDurationTests {
    @Test(
        "Exact are milliseconds up to 24 days, and beyond that whole seconds up to the longest delta-seconds",
        arguments: [
            0, 1, 999, 86_400_000, 2_147_483_647, 2_147_484_000, 31_536_000_000, 315_360_000_000, 2_147_483_648_000,
        ]
    )
    func exact(milliseconds: Int64) {
        #expect(CompactDuration(milliseconds: milliseconds).milliseconds == milliseconds)
    }

    @Test(
        "A long one is rounded down to a second, and never to a longer one", arguments: [2_147_483_648, 31_536_000_999])
    func rounded(milliseconds: Int64) {
        let kept = CompactDuration(milliseconds: milliseconds).milliseconds
        #expect(kept <= milliseconds && kept > milliseconds - 1000)
    }

    @Test(
        "Said again, it is equal",
        arguments: [
            0, 2_147_483_000, 2_147_483_647, 2_147_483_648, 2_147_483_649, 2_147_483_999, 2_147_484_000, 2_147_484_001,
        ])
    func repeated(milliseconds: Int64) {
        let once = CompactDuration(milliseconds: milliseconds)
        #expect(CompactDuration(milliseconds: once.milliseconds) == once)
    }

    @Test(
        "What cannot be said is the nearest that can",
        arguments: [(Int64(-1), Int64(0)), (.min, 0), (.max, 2_149_631_130_000)])
    func clamped(milliseconds: Int64, kept: Int64) {
        #expect(CompactDuration(milliseconds: milliseconds).milliseconds == kept)
    }
}
