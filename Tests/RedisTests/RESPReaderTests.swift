// SPDX-License-Identifier: Apache-2.0
import FuzzProperties
import Redis
import Testing

@Suite struct RESPReaderTests {
    static let conversation = Array(
        ("+OK\r\n$5\r\nhe\r\no\r\n$0\r\n\r\n$-1\r\n*-1\r\n:42\r\n:-7\r\n-ERR no\r\n*0\r\n"
            + "*3\r\n$1\r\na\r\n*2\r\n:1\r\n*1\r\n+x\r\n$1\r\nb\r\n").utf8)
    static let meaning = [
        "OK", "\"he\r\no\"", "\"\"", "null", "null", "42", "-7", "!ERR no", "[]", "[\"a\", [1, [x]], \"b\"]",
    ]

    @Test(arguments: [1, 2, 3, 7, 64, .max])
    func repliesAreReadHoweverTheyComeInPieces(step: Int) throws {
        #expect(try RESPReader().replies(to: Self.conversation, step: step) == Self.meaning)
    }

    @Test(arguments: ["x", "HTTP/1.1 200 OK\r\n", "*1\r\n?\r\n", "\0\0\0\0"])
    func whatIsNoReplyIsRefused(text: String) {
        #expect(throws: RESPError.malformed) { try RESPReader().replies(to: Array(text.utf8)) }
    }

    @Test func nestingHasALimit() {
        let text = String(repeating: "*1\r\n", count: 12) + ":1\r\n"
        #expect(throws: RESPError.malformed) { try RESPReader().replies(to: Array(text.utf8)) }
    }

    @Test(arguments: [
        "*1000000000\r\n", "*101\r\n", "*2\r\n*60\r\n" + String(repeating: ":1\r\n", count: 60) + "*60\r\n",
    ])
    func elementsHaveALimit(text: String) {
        let reader = RESPReader(limits: RESPLimits(replyBytes: 1 << 20, elements: 100))
        #expect(throws: RESPError.tooLarge) { try reader.replies(to: Array(text.utf8)) }
    }

    @Test func theBytesOfOneReplyHaveALimit() {
        let reader = RESPReader(limits: RESPLimits(replyBytes: 1000, elements: 100))
        #expect(throws: RESPError.tooLarge) {
            try reader.replies(to: Array("$1000000000\r\n".utf8) + [UInt8](repeating: 65, count: 5000), step: 100)
        }
    }

    @Test func manyRepliesInOnePieceHaveNone() throws {
        let reader = RESPReader(limits: RESPLimits(replyBytes: 1000, elements: 100))
        let text = String(repeating: "$3\r\nabc\r\n", count: 5000)
        #expect(try reader.replies(to: Array(text.utf8), step: 10_000).count == 5000)
    }

    @Test func childrenAreFoundByPosition() throws {
        let reader = RESPReader()
        try reader.feed(Array("*3\r\n*2\r\n:1\r\n:2\r\n:3\r\n:4\r\n".utf8).span)
        #expect(try reader.next())
        let root = reader.reply.root
        let count = reader.reply.childCount(of: root)
        let second = reader.reply.child(1, of: root)
        let number = second.flatMap { reader.reply.integer(of: $0) }
        let beyond = reader.reply.child(3, of: root)
        let below = second.flatMap { reader.reply.child(0, of: $0) }
        #expect(count == 3 && number == 3 && beyond == nil && below == nil)
    }

    @Test func noReplyCrashesItsReaderAndPiecesDoNotMatter() {
        var state: UInt64 = 1
        func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let marks = Array("*$:+-0159\r\n".utf8)
        for _ in 0..<5_000 {
            var changed = Self.conversation
            for _ in 0..<(1 + next(below: 3)) {
                let place = next(below: changed.count)
                if next(below: 2) == 0 {
                    changed[place] = marks[next(below: marks.count)]
                } else {
                    changed.insert(marks[next(below: marks.count)], at: place)
                }
            }
            if let problem = Properties.resp(changed.span) {
                Issue.record("\(problem): \(String(decoding: changed, as: UTF8.self).debugDescription)")
                return
            }
        }
    }
}
