// SPDX-License-Identifier: Apache-2.0
import Bytes
import Glibc
import HTTPMessages
import Testing

@testable import CacheRules

/// What peers send costs time in proportion to its length: four times as much takes about four times as long, where
/// sixteen would be the square.
@Suite(.serialized)
struct LinearCostTests {
    /// Of this thread, so that others on the machine do not count.
    private static func nanoseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func least(_ work: () -> Void) -> Double {
        (0..<5).map { _ in
            let start = nanoseconds()
            work()
            return Double(nanoseconds() - start)
        }.min() ?? 0
    }

    private func growth(_ count: Int, _ make: (Int) -> () -> Void) -> Double {
        let (one, four) = (make(count), make(4 * count))
        return Self.least(four) / Self.least(one)
    }

    private static let limit = 9.0

    private func fields(_ lines: [(String, String)]) -> Fields {
        var fields = Fields()
        for (name, value) in lines { fields.append(name, value) }
        return fields
    }

    @Test("Connection lists names beside as many lines")
    func connection() {
        let ratio = growth(200) { count in
            let names = (0..<count).map { "x\($0)" }
            let message = fields(
                [("Connection", names.joined(separator: ","))] + names.map { ("y" + $0.dropFirst(), "1") })
            return {
                let hopByHop = HopByHop(message)
                for index in message.slots.indices { _ = hopByHop.removes(lineAt: index, of: message) }
            }
        }
        #expect(ratio < Self.limit)
    }

    @Test("no-cache lists names beside as many lines")
    func listedFields() {
        let ratio = growth(200) { count in
            var response = ResponseHead()
            let names = (0..<count).map { "x\($0)" }
            response.fields = fields(
                [("Cache-Control", "no-cache=\"\(names.joined(separator: ","))\"")]
                    + names.map { ("y" + $0.dropFirst(), "1") })
            return { _ = StoredFields.select(from: response, policy: CachePolicy()) }
        }
        #expect(ratio < Self.limit)
    }

    @Test("A 304 brings as many unknown fields as are stored")
    func merge() {
        let ratio = growth(200) { count in
            var update = ResponseHead()
            update.fields = fields((0..<count).map { ("new-\($0)", "1") })
            let stored = fields((0..<count).map { ("old-\($0)", "1") })
            let now = Moment(monotonicNanoseconds: 0, wallNanoseconds: 0)
            return { _ = StoredFieldUpdate.merge(stored: stored, from: update, receivedAt: now) }
        }
        #expect(ratio < Self.limit)
    }

    @Test("Strings that never end", arguments: ["\"\\\",", "\",", "\"a,\"b,\"", "\\\",\""])
    func brokenStrings(unit: String) {
        let ratio = growth(2000) { count in
            let list = Array(String(repeating: unit, count: count).utf8)
            return {
                var parser = FieldListParser()
                while parser.next(in: list.span) != nil {}
            }
        }
        #expect(ratio < Self.limit)
    }

    @Test("If-None-Match lists tags, and a long one is stored", arguments: ["\"\",", "W/\"\",", "\"a\" ,"])
    func entityTags(unit: String) {
        let ratio = growth(1000) { count in
            let list = Array(String(repeating: unit, count: count).utf8)
            let tag = Array("\"\(String(repeating: "t", count: count))\"".utf8)
            return { _ = EntityTag.list(list.span, matches: tag.span) }
        }
        #expect(ratio < Self.limit)
    }

    @Test("Vary says the same again and again")
    func vary() {
        let ratio = growth(1000) { count in
            let names = (0..<16).map { "x\($0)" }.joined(separator: ",")
            let message = fields([("Vary", String(repeating: names + ",", count: count))])
            return { for _ in 0..<20 { _ = VaryRule.parse(message) } }
        }
        #expect(ratio < Self.limit)
    }

    @Test("Sixty-four parameters that differ in their last byte are sorted in few steps")
    func sortedQuery() {
        let name = String(repeating: "n", count: 100)
        let query = Array((0..<64).map { name + String(UnicodeScalar(UInt8(126 - $0))) }.joined(separator: "&").utf8)
        var sorted = ByteBuffer()
        let options = KeyOptions(query: .sorted)
        let scan = Self.least {
            for _ in 0..<64 {
                sorted.clear()
                QueryNormalization.write(
                    query.span, options: KeyOptions(dropped: [ParameterPattern("x")]), into: &sorted)
            }
        }
        let sort = Self.least {
            sorted.clear()
            QueryNormalization.write(query.span, options: options, into: &sorted)
        }
        // Less than sixty-four passes over the query; by selection it would be more than as many.
        #expect(sort < scan / 2)
        let text = sorted.span.text()
        let all = text.dropFirst().split(separator: "&").map(String.init)
        #expect(all == all.sorted())
    }
}
