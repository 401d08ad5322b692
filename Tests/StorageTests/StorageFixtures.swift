// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages

@testable import Storage

/// A hash for tests: FNV-1a with a final mix, so that both halves are even.
func testHash(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash ^= hash >> 33
    hash = hash &* 0xFF51_AFD7_ED55_8CCD
    return hash ^ (hash >> 33)
}

let someMetadata = CachedMetadata(
    status: 200, storedAtMonotonicMilliseconds: 0, freshnessLifetimeMilliseconds: 60_000)

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func makeResponse(
    _ key: String, hash: UInt64? = nil, rule: String = "", secondaryKey: String = "",
    head: String = "HTTP/1.1 200 OK\r\n", tags: [String] = [], epoch: UInt64 = 0, body: [UInt8] = []
) -> StoredResponse {
    let hash = hash ?? testHash(key)
    let draft = StoredDraft(
        metadata: someMetadata, head: ContiguousArray(bytes(head)), varyRule: ContiguousArray(bytes(rule)),
        secondaryKey: ContiguousArray(bytes(secondaryKey)), tags: ContiguousArray(tags.map(testHash)))
    let response = StoredResponse.seal(draft, key: bytes(key).span, keyHash: hash, epoch: epoch, body: body.span)
    guard let response else { preconditionFailure("the parts of a test's response are short") }
    return response
}

/// The secondary key that a request with these fields has under a rule.
func secondaryKey(_ rule: String, _ fields: Fields) -> String {
    var buffer = ByteBuffer()
    let ruleBytes = bytes(rule)
    Variance.writeSecondaryKey(ruleBytes.span, fields, into: &buffer)
    return buffer.span.text()
}

extension MemoryStore {
    func find(_ key: String, hash: UInt64? = nil, fields: Fields = Fields(), atMilliseconds now: Int64 = 0)
        -> LookupResult
    {
        var scratch = ByteBuffer()
        let hash = hash ?? testHash(key)
        let keyBytes = bytes(key)
        return lookUp(
            key: keyBytes.span, hash: hash, request: fields, scratch: &scratch,
            now: Moment(monotonicNanoseconds: now * 1_000_000, wallNanoseconds: 0))
    }

    func body(_ key: String, hash: UInt64? = nil, fields: Fields = Fields()) -> [UInt8]? {
        guard case .found(let response, _) = find(key, hash: hash, fields: fields) else { return nil }
        return wholeBody(of: response)
    }
}

func wholeBody(of response: StoredResponse) -> [UInt8] {
    var whole = ByteBuffer()
    whole.append(response.inlineBody)
    guard let body = response.sharedBody else { return array(whole.span) }
    while let run = body.run(at: whole.count) { whole.append(run.bytes) }
    return array(whole.span)
}

func array(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

/// A generator that gives the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The parts as text, because the macros of the test library cannot look into spans.
extension StoredResponse {
    var keyText: String { key.text() }
    var varyRuleText: String { varyRule.text() }
    var secondaryKeyText: String { secondaryKey.text() }
    var headText: String { head.text() }
    var eTagText: String { eTag.text() }
    var tagArray: [UInt64] { tags.indices.map { tags[$0] } }
}

extension MemoryStore {
    func remove(_ key: String, hash: UInt64? = nil) -> Int {
        let hash = hash ?? testHash(key)
        let keyBytes = bytes(key)
        return remove(key: keyBytes.span, hash: hash)
    }
}
