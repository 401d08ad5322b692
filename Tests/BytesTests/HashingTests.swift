// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@Suite struct HashingTests {
    private static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) } }

    @Test func isTheSameForTheSameSeedAndDiffersForAnother() {
        for count in 0..<100 {
            let input = HashingTests.bytes(count)
            #expect(hash64(input.span, seed: 7) == ByteHasher(seed: 7).hash64(input.span))
            #expect(hash64(input.span, seed: 7) != hash64(input.span, seed: 8))
        }
    }

    @Test(arguments: [0, 1, 16, 63, 64, 65, 127, 128, 200, 1000])
    func eachBitChangesAboutHalfOfTheHashOfFourChains(count: Int) {
        let hasher = ByteHasher(seed: 42)
        var input = HashingTests.bytes(count)
        let before = hasher.chainedHash64(input.span)
        #expect(before != hasher.chainedHash64((input + [0]).span))
        for bit in 0..<count * 8 {
            input[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect((before ^ hasher.chainedHash64(input.span)).nonzeroBitCount > 8)
            input[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }

    @Test func twoHashersInOnePassSayWhatEachSays() {
        let (one, other) = (ByteHasher(seed: 5), ByteHasher(seed: 6))
        for count in 0..<100 {
            let input = HashingTests.bytes(count)
            #expect(
                ByteHasher.hashes(input.span, by: one, and: other) == (one.hash64(input.span), other.hash64(input.span))
            )
        }
    }

    @Test(arguments: [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 60, 200])
    func eachBitOfTheInputChangesAboutHalfOfTheHash(count: Int) {
        let hasher = ByteHasher(seed: 42)
        var input = HashingTests.bytes(count)
        let before = hasher.hash64(input.span)
        var changed = 0
        for bit in 0..<count * 8 {
            input[bit / 8] ^= 1 << UInt8(bit % 8)
            let difference = before ^ hasher.hash64(input.span)
            #expect(difference.nonzeroBitCount > 8)
            changed += difference.nonzeroBitCount
            input[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        let mean = Double(changed) / Double(count * 8)
        #expect(mean > 26 && mean < 38)
    }

    @Test func zerosOfDifferentLengthDiffer() {
        var seen = Set<UInt64>()
        for count in 0..<300 { seen.insert(hash64(Array(repeating: 0, count: count).span, seed: 1)) }
        #expect(seen.count == 300)
    }

    @Test func lowBitsSpreadSimilarKeysEvenly() {
        let hasher = ByteHasher(seed: 3)
        var buckets = Array(repeating: 0, count: 64)
        for number in 0..<6_400 { buckets[Int(hasher.hash64(Array("/api/users/\(number)".utf8).span) & 63)] += 1 }
        #expect(buckets.allSatisfy { $0 > 50 && $0 < 160 })
    }
}
