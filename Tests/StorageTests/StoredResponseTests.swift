// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Testing

@testable import Storage

struct StoredResponseTests {
    private let tags: [UInt64] = [1, .max, 42]

    private func sample(body: StoredBody) -> StoredResponse? {
        StoredResponse.seal(
            metadata: someMetadata, key: bytes("/users/1").span, keyHash: 7, varyRule: bytes("accept").span,
            secondaryKey: bytes("json").span, head: bytes("HTTP/1.1 200 OK\r\nETag: \"x\"\r\n").span,
            eTagRange: 23..<26, tags: tags.span, epoch: 9, body: body)
    }

    private func body(count: Int) -> StoredBody {
        let growing = GrowingBody(expectedCount: count)
        growing.append([UInt8](repeating: 5, count: count).span)
        return growing.sealed()
    }

    @Test("Every part reads back as it was sealed", arguments: [0, 1, 65_536, 65_537, 1_000_000])
    func parts(count: Int) throws {
        let response = try #require(sample(body: body(count: count)))
        #expect(response.keyText == "/users/1")
        #expect(response.keyHash == 7)
        #expect(response.epoch == 9)
        #expect(response.varyRuleText == "accept")
        #expect(response.secondaryKeyText == "json")
        #expect(response.headText == "HTTP/1.1 200 OK\r\nETag: \"x\"\r\n")
        #expect(response.eTagText == "\"x\"")
        #expect(response.tagArray == tags)
        #expect(response.bodyCount == count)
        #expect(wholeBody(of: response) == [UInt8](repeating: 5, count: count))
    }

    @Test("A body up to the limit lies in the response's own allocation, a longer one is shared")
    func bodyPlace() throws {
        #expect(try #require(sample(body: body(count: StoredResponse.maximumInlineBodyBytes))).sharedBody == nil)
        #expect(try #require(sample(body: body(count: StoredResponse.maximumInlineBodyBytes + 1))).sharedBody != nil)
    }

    @Test("A refreshed response has the new head and the old body, shared when it is long", arguments: [10, 100_000])
    func refresh(count: Int) throws {
        let old = try #require(sample(body: body(count: count)))
        let noTags: [UInt64] = []
        let refreshed = old.refreshed(
            metadata: someMetadata, head: bytes("HTTP/1.1 200 OK\r\n").span, eTagRange: 0..<0, tags: noTags.span,
            epoch: 10)
        let new = try #require(refreshed)
        #expect(new.headText == "HTTP/1.1 200 OK\r\n")
        #expect(new.eTagText.isEmpty)
        #expect(new.epoch == 10)
        #expect(new.keyText == "/users/1")
        #expect(new.isSameVariant(as: old))
        #expect(wholeBody(of: new) == wholeBody(of: old))
        #expect(new.sharedBody === old.sharedBody)
    }

    @Test("A part longer than the record can say is refused")
    func tooLongPart() {
        let long = [UInt8](repeating: 0, count: 65_536)
        let empty: [UInt8] = []
        let noTags: [UInt64] = []
        let response = StoredResponse.seal(
            metadata: someMetadata, key: empty.span, keyHash: 0, varyRule: long.span, secondaryKey: empty.span,
            head: empty.span, eTagRange: 0..<0, tags: noTags.span, epoch: 0, body: empty.span)
        #expect(response.map(\.keyHash) == nil)
    }

    @Test("Memory accounted for covers all parts and exceeds them by little")
    func accounting() {
        let response = makeResponse("/a", body: [UInt8](repeating: 0, count: 1000))
        #expect(response.allocatedBytes >= 1000 + 2 + 17)
        #expect(response.allocatedBytes <= 1000 + 2 + 17 + 200)
    }
}
