// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Testing

@testable import Storage

struct StoredResponseTests {
    private let tags: [UInt64] = [1, .max, 42]

    private func sample(body: StoredBody) -> StoredResponse? {
        let draft = StoredDraft(
            metadata: someMetadata, head: ContiguousArray(bytes("HTTP/1.1 200 OK\r\nETag: \"x\"\r\n")),
            eTagRange: 23..<26, varyRule: ContiguousArray(bytes("accept")),
            secondaryKey: ContiguousArray(bytes("json")), tags: ContiguousArray(tags))
        return StoredResponse.seal(draft, key: bytes("/users/1").span, keyHash: 7, epoch: 9, segments: body)
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
        let head = ContiguousArray(bytes("HTTP/1.1 200 OK\r\n"))
        let draft = StoredDraft(
            metadata: someMetadata, head: head, varyRule: ContiguousArray(bytes("accept")),
            secondaryKey: ContiguousArray(bytes("x")))
        let refreshed = old.refreshed(by: draft, epoch: 10)
        let new = try #require(refreshed)
        #expect(new.headText == "HTTP/1.1 200 OK\r\n")
        #expect(new.eTagText.isEmpty)
        #expect(new.epoch == 10)
        #expect(new.keyText == "/users/1")
        #expect(new.isSameVariant(as: old))
        #expect(wholeBody(of: new) == wholeBody(of: old))
        #expect(new.sharedBody === old.sharedBody)
    }

    @Test("A refreshed response that depends on something else is another variant")
    func refreshOfAnotherRule() throws {
        let old = try #require(sample(body: body(count: 10)))
        let draft = StoredDraft(
            metadata: someMetadata, head: [], varyRule: ContiguousArray(bytes("x-a")),
            secondaryKey: ContiguousArray(bytes("x-a=1")))
        let new = try #require(old.refreshed(by: draft, epoch: 10))
        #expect(new.varyRuleText == "x-a")
        #expect(new.secondaryKeyText == "x-a=1")
        #expect(!new.isSameVariant(as: old))
    }

    @Test("A part longer than the record can say is refused")
    func tooLongPart() {
        let long = ContiguousArray<UInt8>(repeating: 0, count: 65_536)
        let draft = StoredDraft(metadata: someMetadata, head: [], varyRule: long)
        let response = StoredResponse.seal(draft, key: [UInt8]().span, keyHash: 0, epoch: 0)
        #expect(response.map(\.keyHash) == nil)
    }

    @Test("Memory accounted for covers all parts and exceeds them by little")
    func accounting() {
        let response = makeResponse("/a", body: [UInt8](repeating: 0, count: 1000))
        #expect(response.allocatedBytes >= 1000 + 2 + 17)
        #expect(response.allocatedBytes <= 1000 + 2 + 17 + 200)
    }
}
