// SPDX-License-Identifier: Apache-2.0
import Bytes
import FuzzProperties
import Testing

/// What the fuzzers assert, on seeded mutations of valid messages. A failure prints the input.
@Suite struct FuzzReplayTests {
    private static let iterations = 5_000

    private static let requests = [
        "GET /api/users/42?fields=id HTTP/1.1\r\nHost: api.example.com:8080\r\nAccept: */*\r\nX-A:\tb \r\n\r\n",
        "\r\nPOST /a HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\nConnection: close, x-b\r\n\r\n",
        "PUT http://u.example/a?b HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 5, 5\r\n\r\nhello",
        "CONNECT h%41:443 HTTP/1.0\r\nHost: h:443\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
    ]
    private static let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Control: max-age=60\r\nServer : x\r\n\r\nhello",
        "HTTP/1.1 404\r\nTransfer-Encoding: chunked\r\nETag: \"a\"\r\n\r\n", "HTTP/1.0 999 Odd\tphrase\r\nA:\r\n\r\n",
    ]
    private static let bodies = [
        "5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\nnext",
        "2;a=b;c=\"d\"\r\nhi\r\n1 ;x\r\n!\r\n0;end\r\n\r\n",
        "1\r\nx\r\n0\r\nA: b\r\nX-Sum: 1\r\n\r\n",
    ]
    private static let globs = ["/api/*\n/api/users/1", "*a?c\\**b\n/aXbabc*zzb", "**a*?b\nab"]

    /// Bytes that parsers care about, so that mutations hit more than noise would.
    private static let tokens = Array("\r\n\t :;,?*\\#/@[]%0159afAFxchunked\u{0}\u{7F}".utf8) + [0x80, 0xFF]

    private struct Mutator {
        var state: UInt64

        mutating func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }

        mutating func mutate(_ seed: [UInt8]) -> [UInt8] {
            var bytes = seed
            for _ in 0..<next(below: 4) {
                let place = next(below: bytes.count + 1)
                let token = FuzzReplayTests.tokens[next(below: FuzzReplayTests.tokens.count)]
                switch next(below: 5) {
                case 0: bytes.insert(token, at: place)
                case 1: if place < bytes.count { bytes.remove(at: place) }
                case 2: if place < bytes.count { bytes[place] = token }
                case 3: if place < bytes.count { bytes[place] ^= 1 << UInt8(next(below: 8)) }
                default:
                    let start = next(below: bytes.count + 1)
                    let end = min(start + next(below: 20), bytes.count)
                    bytes.insert(contentsOf: Array(bytes[start..<end]), at: place)
                }
            }
            return bytes
        }
    }

    private func replay(_ seeds: [String], _ property: (borrowing Span<UInt8>) -> String?) {
        var mutator = Mutator(state: 0x1A4D_E4)
        for seed in seeds {
            #expect(property(Array(seed.utf8).span) == nil)
        }
        for iteration in 0..<FuzzReplayTests.iterations {
            let input = mutator.mutate(Array(seeds[iteration % seeds.count].utf8))
            if let problem = property(input.span) {
                Issue.record("\(problem): \(String(decoding: input, as: UTF8.self).debugDescription)")
                return
            }
        }
    }

    @Test func requestsHold() { replay(FuzzReplayTests.requests) { Properties.request($0) } }
    @Test func responsesHold() { replay(FuzzReplayTests.responses) { Properties.response($0) } }
    @Test func chunkedBodiesHold() { replay(FuzzReplayTests.bodies) { Properties.chunked($0) } }
    @Test func globsHold() { replay(FuzzReplayTests.globs) { Properties.glob($0) } }
}
