// SPDX-License-Identifier: Apache-2.0
import HTTPMessages
import Testing

@testable import Storage

struct StoredFormsTests {
    private let store = MemoryStore(limitBytes: 1 << 20, shardCount: 1)

    private func form(_ body: String, isBest: Bool = false) throws -> StoredForms.Form {
        let draft = StoredDraft(metadata: someMetadata, head: ContiguousArray(bytes("HTTP/1.1 200 OK\r\n")))
        let body = bytes(body)
        let response = StoredResponse.form(draft, body: body.span)
        return StoredForms.Form(try #require(response), isBest: isBest)
    }

    private func found(_ key: String) throws -> StoredResponse {
        guard case .found(let response, _) = store.find(key) else { throw Missing() }
        return response
    }

    private struct Missing: Error {}

    @Test("A form is found with its entry, and in its coding only")
    func attach() throws {
        let response = makeResponse("/a", body: bytes("plain"))
        #expect(store.insert(response) == .stored)
        #expect(store.attach(try form("br"), .brotli, to: response) != nil)
        #expect(store.attach(try form("gzip"), .gzip, to: response) != nil)
        let forms = try #require(try found("/a").forms)
        #expect(try wholeBody(of: #require(forms[.brotli]).response) == bytes("br"))
        #expect(try wholeBody(of: #require(forms[.gzip]).response) == bytes("gzip"))
        #expect(forms[.deflate] == nil)
        #expect(store.body("/a") == bytes("plain"))
        #expect(response.forms == nil)
        #expect(store.current(response)?.forms != nil)
    }

    @Test("Nothing takes the place of the best form but another best one")
    func ladder() throws {
        let response = makeResponse("/a")
        #expect(store.insert(response) == .stored)
        for (text, isBest) in [("fast", false), ("best", true), ("late", false)] {
            #expect(store.attach(try form(text, isBest: isBest), .brotli, to: response) != nil)
        }
        #expect(try wholeBody(of: #require(found("/a").forms?[.brotli]).response) == bytes("best"))
    }

    @Test("Forms count in the memory of their entry, and leave with it")
    func memory() throws {
        let empty = store.accountedBytes
        let response = makeResponse("/a", body: bytes("plain"))
        #expect(store.insert(response) == .stored)
        let before = store.accountedBytes
        let large = String(repeating: "x", count: 10_000)
        let kept = try #require(store.attach(try form(large), .brotli, to: response)?.forms)
        #expect(store.accountedBytes > before + 10_000)
        #expect(kept.areKept)
        #expect(store.attach(try form("small"), .brotli, to: response) != nil)
        #expect(store.accountedBytes < before + 1000)
        #expect(store.remove("/a") == 1)
        #expect(!kept.areKept)
        #expect(store.accountedBytes < empty + 4096)
    }

    @Test("What is no longer stored gets no form")
    func gone() throws {
        let old = makeResponse("/a", body: bytes("old"))
        #expect(store.insert(old) == .stored)
        #expect(store.insert(makeResponse("/a", body: bytes("new"))) == .stored)
        #expect(store.attach(try form("of the old"), .brotli, to: old) == nil)
        #expect(store.current(old) == nil)
        #expect(try found("/a").forms == nil)
    }

    @Test("Forms make others leave when there is no room")
    func eviction() throws {
        var responses: [StoredResponse] = []
        for number in 0..<50 {
            responses.append(makeResponse("/\(number)", body: [UInt8](repeating: 1, count: 10_000)))
            #expect(store.insert(responses[number]) == .stored)
        }
        for response in responses {
            // Some have gone by then.
            _ = store.attach(try form(String(repeating: "y", count: 30_000)), .gzip, to: response)
            #expect(store.accountedBytes <= 1 << 20)
        }
        #expect(store.statistics.entries < 50)
    }

    @Test("A form is worth climbing once in so many requests")
    func climbing() throws {
        let forms = StoredForms.adding(try form("fast"), .brotli, to: nil)
        #expect((1...9).filter { _ in forms.hasBeenAsked(times: 3) }.count == 3)
    }
}
