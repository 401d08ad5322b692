// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Foundation
import Testing

@testable import Telemetry

@Suite struct AccessLogTests {
    func facts() -> AccessFacts {
        var facts = AccessFacts(time: moment(), status: 200, outcome: .miss, durationNanoseconds: 12_345_678)
        facts.bytesSent = 1_400
        facts.bytesReceived = 300
        facts.upstreamNanoseconds = 11_000_000
        facts.upstreamStatus = 200
        facts.ttlSeconds = -3
        facts.wasCollapsed = true
        facts.wasStored = true
        return facts
    }

    /// A line in which only target, referer and user agent vary.
    func line(
        _ format: AccessLog.Format, target: String, referer: String = "", userAgent: String = "curl/8",
        peer: String = "",
        redacting names: [String] = []
    ) -> String {
        written { buffer in
            var log = AccessLog(format: format, redaction: QueryRedaction(names: names))
            let (client, method, version) = (Array("192.0.2.7".utf8), Array("GET".utf8), Array("HTTP/1.1".utf8))
            let (host, reason, route) = (Array("shop.example".utf8), Array("uri-miss".utf8), Array("/api/*".utf8))
            let (upstream, requestID) = (Array("127.0.0.1:3000".utf8), Array("r-1".utf8))
            let (target, referer, userAgent) = (Array(target.utf8), Array(referer.utf8), Array(userAgent.utf8))
            let peer = Array(peer.utf8)
            let texts = AccessTexts(
                client: client.span, method: method.span, target: target.span, version: version.span,
                host: host.span, reason: reason.span, route: route.span, peer: peer.span, upstream: upstream.span,
                userAgent: userAgent.span, referer: referer.span, requestID: requestID.span)
            log.write(facts(), texts, into: &buffer)
        }
    }

    @Test func aJSONLineNamesEveryFact() {
        let expected =
            #"{"time":"2026-11-21T10:00:00.123Z","client":"192.0.2.7","method":"GET","host":"shop.example","#
            + #""path":"/api/1?q=2","version":"HTTP/1.1","status":200,"bytes":1400,"bytes_received":300,"#
            + #""duration_ms":12.345,"cache":"miss","reason":"uri-miss","route":"/api/*","ttl":-3,"#
            + #""collapsed":true,"stored":true,"upstream":"127.0.0.1:3000","#
            + #""upstream_status":200,"upstream_ms":11.000,"user_agent":"curl/8","request_id":"r-1"}"# + "\n"
        #expect(line(.json, target: "/api/1?q=2") == expected)
    }

    @Test func theListOfMembersIsWhatALineHas() {
        let full = line(.json, target: "/a", referer: "r", peer: "10.0.0.1")
        let names = full.dropFirst().split(separator: ",").compactMap { $0.split(separator: "\"").first }
        #expect(names.map(String.init) == AccessLog.members.map { "\($0)" })
    }

    @Test func aCombinedLineIsNCSAFollowedByTheCacheOutcome() {
        let expected =
            #"192.0.2.7 - - [21/Nov/2026:10:00:00 +0000] "GET /api/1 HTTP/1.1" 200 1400 "https://a.example/" "#
            + #""curl/8" miss 0.012345"# + "\n"
        #expect(line(.combined, target: "/api/1", referer: "https://a.example/") == expected)
    }

    @Test func absentTextsAreLeftOutOrADash() throws {
        let facts = AccessFacts(time: moment(), status: 400, outcome: .local, durationNanoseconds: 1_000)
        let none = [UInt8]()
        func line(_ format: AccessLog.Format) -> String {
            written { buffer in
                var log = AccessLog(format: format)
                let texts = AccessTexts(
                    client: none.span, method: none.span, target: none.span, version: none.span, host: none.span)
                log.write(facts, texts, into: &buffer)
            }
        }
        #expect(line(.combined) == "- - - [21/Nov/2026:10:00:00 +0000] \"- - -\" 400 0 \"-\" \"-\" local 0.000001\n")
        let object = try jsonObject(Data(line(.json).utf8))
        #expect(
            object.keys.sorted() == ["bytes", "bytes_received", "cache", "duration_ms", "status", "time"])
    }

    @Test(arguments: [
        "/a\r\nGET /forged HTTP/1.1", "/\",\"status\":500,\"x\":\"", "/\u{1b}]0;title\u{7}", "/\u{2028}x", "/é\\",
    ])
    func noTargetBreaksOutOfItsField(target: String) throws {
        for text in [target, "plain"] {
            let json = line(.json, target: target, referer: text, userAgent: text)
            #expect(json.utf8.count { $0 == 0x0A } == 1 && json.hasSuffix("}\n"))
            let object = try jsonObject(Data(json.utf8))
            #expect(object["path"] as? String == target)
            #expect(object["status"] as? Int == 200 && object["user_agent"] as? String == text)
            let combined = line(.combined, target: target, referer: text, userAgent: text)
            #expect(combined.utf8.dropLast().allSatisfy { $0 >= 0x20 && $0 < 0x7F })
            #expect(combined.utf8.count { $0 == 0x22 } == 6)
        }
    }

    @Test(arguments: [
        ("/a?token=s3cret&q=1", "/a?token=***&q=1"), ("/a?q=1&token=s3cret", "/a?q=1&token=***"),
        ("/a?TOKEN=s&t%6fken=s&%54oken=s", "/a?TOKEN=***&t%6fken=***&%54oken=***"), ("/a?token", "/a?token"),
        ("/a?token=", "/a?token=***"), ("/a?mytoken=1&tokens=2", "/a?mytoken=1&tokens=2"),
        ("/token=1", "/token=1"), ("/a?api_key=x=y&&b", "/a?api_key=***&&b"), ("/a?q=1&tok%6", "/a?q=1&tok%6"),
        ("/a?", "/a?"),
    ])
    func valuesOfNamedQueryParametersAreNotLogged(target: String, logged: String) throws {
        let names = ["Token", "api_key"]
        let json = try jsonObject(Data(line(.json, target: target, referer: target, redacting: names).utf8))
        #expect(json["path"] as? String == logged && json["referer"] as? String == logged)
        #expect(line(.combined, target: target, redacting: names).contains("\"GET \(logged) HTTP/1.1\""))
    }

    @Test func theTimeStampFollowsTheClock() {
        var cache = TimestampCache(.precise)
        let texts = [0, 5, 999, 1_000, 59_999, 60_000].map { milliseconds in
            written { line in
                let now = Moment(monotonicNanoseconds: 0, wallNanoseconds: Int64(milliseconds) * 1_000_000)
                cache.write(now, into: &line)
            }
        }
        let seconds = ["00.000", "00.005", "00.999", "01.000", "59.999"].map { "1970-01-01T00:00:\($0)Z" }
        #expect(texts == seconds + ["1970-01-01T00:01:00.000Z"])
    }
}

@Suite struct UTCTimeTests {
    @Test(
        arguments: [
            0, 951_782_399, 951_782_400, 951_868_800, 1_709_164_800, 1_735_689_599, 1_795_255_200, 4_107_542_400,
            4_102_444_800, 253_402_300_799,
        ] as [Int64])
    func agreesWithTheGregorianCalendar(wallSeconds: Int64) throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        let date = Date(timeIntervalSince1970: Double(wallSeconds))
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        let time = UTCTime(wallSeconds: wallSeconds)
        #expect(time.year == parts.year && time.month == parts.month && time.day == parts.day)
        #expect(time.hour == parts.hour && time.minute == parts.minute && time.second == parts.second)
    }
}
