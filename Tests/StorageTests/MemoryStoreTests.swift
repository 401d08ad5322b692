// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Testing

@testable import Storage

struct MemoryStoreTests {
    private let store = MemoryStore(limitBytes: 64 << 20)

    private func request(_ language: String) -> Fields {
        var fields = Fields()
        fields.append("Accept-Language", language)
        return fields
    }

    private func variant(_ language: String, body: String) -> StoredResponse {
        let key = secondaryKey("accept-language", request(language))
        return makeResponse("/a", rule: "accept-language", secondaryKey: key, body: bytes(body))
    }

    @Test("What was stored is found under its key only")
    func storeAndFind() {
        #expect(store.insert(makeResponse("/a", body: bytes("one"))) == .stored)
        #expect(store.body("/a") == bytes("one"))
        #expect(store.body("/b") == nil)
        #expect(store.statistics.entries == 1)
    }

    @Test("Keys with the same hash never answer for one another (promise 2)")
    func wholeKeyCompared() {
        for name in ["/a", "/b", "/c"] {
            #expect(store.insert(makeResponse(name, hash: 5, body: bytes(name))) == .stored)
        }
        for name in ["/a", "/b", "/c"] { #expect(store.body(name, hash: 5) == bytes(name)) }
        #expect(store.body("/d", hash: 5) == nil)
        #expect(store.remove("/b", hash: 5) == 1)
        #expect(store.body("/a", hash: 5) == bytes("/a"))
        #expect(store.body("/b", hash: 5) == nil)
        #expect(store.body("/c", hash: 5) == bytes("/c"))
    }

    @Test("The same variant is replaced, another one is kept beside it")
    func variants() {
        #expect(store.insert(variant("en", body: "hello")) == .stored)
        #expect(store.insert(variant("de", body: "hallo")) == .stored)
        #expect(store.insert(variant("en", body: "hello again")) == .stored)
        #expect(store.statistics.entries == 2)
        #expect(store.body("/a", fields: request("en")) == bytes("hello again"))
        #expect(store.body("/a", fields: request("de")) == bytes("hallo"))
        #expect(store.remove("/a") == 2)
        #expect(store.statistics.entries == 0)
    }

    @Test("A missing variant leaves the request's secondary key in scratch")
    func missingVariant() {
        #expect(store.insert(variant("en", body: "hello")) == .stored)
        #expect(store.insert(variant("de", body: "hallo")) == .stored)
        var scratch = ByteBuffer()
        let result = store.lookUp(
            key: bytes("/a").span, hash: testHash("/a"), request: request("fr"), scratch: &scratch,
            now: Moment(monotonicNanoseconds: 0, wallNanoseconds: 0))
        guard case .variantMissing = result else {
            Issue.record("expected a missing variant")
            return
        }
    }

    @Test("Who prefers a language to any other finds the variant stored for it")
    func preferredLanguage() {
        var key = ByteBuffer()
        let (rule, german) = (bytes("accept-language"), bytes("de"))
        Variance.writeStoredKeys(
            rule.span, request("de;q=0.9, en;q=0.5"), contentLanguage: german.span, into: &key)
        let stored = makeResponse(
            "/a", rule: "accept-language", secondaryKey: key.span.text(), body: bytes("hallo"))
        #expect(store.insert(stored) == .stored)
        #expect(store.body("/a", fields: request("de, fr;q=0.3")) == bytes("hallo"))
        #expect(store.body("/a", fields: request("fr, de;q=0.3")) == nil)
    }

    @Test("Beyond the number of variants the oldest goes")
    func variantLimit() {
        for language in ["a", "b", "c", "d"] {
            #expect(store.insert(variant(language, body: language), maximumVariants: 3) == .stored)
        }
        #expect(store.body("/a", fields: request("a")) == nil)
        for language in ["b", "c", "d"] { #expect(store.body("/a", fields: request(language)) == bytes(language)) }
        #expect(store.statistics.evictedVariants == 1)
        #expect(store.insert(variant("e", body: "e"), maximumVariants: 1) == .stored)
        for language in ["b", "c", "d"] { #expect(store.body("/a", fields: request(language)) == nil) }
        #expect(store.statistics.evictedVariants == 4)
    }

    @Test("An uncacheable key is remembered until its time, or until it is forgotten")
    func uncacheable() {
        store.rememberUncacheable(hash: testHash("/u"), untilMonotonicMilliseconds: 100)
        guard case .uncacheable = store.find("/u", atMilliseconds: 99) else {
            Issue.record("expected it to be remembered")
            return
        }
        guard case .absent = store.find("/u", atMilliseconds: 100) else {
            Issue.record("expected its time to be over")
            return
        }
        store.forgetUncacheable(hash: testHash("/u"))
        guard case .absent = store.find("/u", atMilliseconds: 0) else {
            Issue.record("expected it to be forgotten")
            return
        }
    }

    @Test("The accounted memory stays within the limit (promise 7)", arguments: [100, 3_000, 100_000])
    func bounded(bodyBytes: Int) {
        let store = MemoryStore(limitBytes: 4 << 20, shardCount: 4)
        for number in 0..<(20 << 20) / bodyBytes {
            let outcome = store.insert(makeResponse("/\(number)", body: [UInt8](repeating: 1, count: bodyBytes)))
            #expect(outcome == .stored || outcome == .notAdmitted)
            #expect(store.accountedBytes <= 4 << 20)
        }
        #expect(store.statistics.evictedForMemory > 0)
        #expect(store.accountedBytes > 3 << 20)
        store.setLimit(bytes: 1 << 20)
        #expect(store.accountedBytes <= 1 << 20)
    }

    @Test("An entry costs at most 200 bytes beyond its key, head and body", arguments: [60_000, 100_000])
    func bookkeeping(count: Int) {
        let store = MemoryStore(limitBytes: 1 << 30)
        // What is set apart for rules does not grow with entries.
        var payload = store.accountedBytes
        for number in 0..<count {
            // Of every length, for the allocator rounds.
            let response = makeResponse("/\(number)", body: [UInt8](repeating: 1, count: 100 + number % 16))
            payload += response.key.count + response.head.count + response.bodyCount
            #expect(store.insert(response) == .stored)
        }
        #expect(store.accountedBytes - payload <= 200 * count)
    }

    @Test("A response too large for the store is refused")
    func tooLarge() {
        let store = MemoryStore(limitBytes: 1 << 20)
        #expect(store.insert(makeResponse("/a", body: [UInt8](repeating: 1, count: 400_000))) == .tooLarge)
        #expect(store.statistics.refusedTooLarge == 1)
        #expect(store.statistics.entries == 0)
    }
}
