// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Bytes

struct PrefixHasherTests {
    private func hash(_ text: String, length: Int? = nil) -> UInt64 {
        var hasher = PrefixHasher()
        let bytes = Array(text.utf8)
        return hasher.hash(bytes.span, length: length ?? bytes.count)
    }

    @Test("Texts that differ in one byte, or in length, have different hashes", arguments: 0..<40)
    func differences(length: Int) {
        let text = String(repeating: "a", count: length)
        var hashes: Set = [hash(text), hash(text + "a"), hash(text + "\0")]
        for place in 0..<length {
            let changed = String(text.prefix(place)) + "b" + text.dropFirst(place + 1)
            hashes.insert(hash(changed))
        }
        #expect(hashes.count == length + 3)
    }

    @Test("In one pass each beginning has the hash that it has alone")
    func onePass() {
        let text = "shop.example/api/users/1?page=2"
        var hasher = PrefixHasher()
        let bytes = Array(text.utf8)
        for length in 0...bytes.count where length % 3 != 1 {
            let hashed = hasher.hash(bytes.span, length: length)
            #expect(hashed == hash(text, length: length))
        }
    }
}
