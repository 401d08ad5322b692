// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Testing

@testable import Settings

@Suite struct RedisSettingsTests {
    private static func redis(_ line: String, files: [String: String] = [:]) throws -> RedisSettings {
        try #require(try settings("redis \(line)\nupstream a { server b:1 }", files: files).redis)
    }

    @Test(arguments: [
        ("redis://127.0.0.1:6379/0", "127.0.0.1:6379"), ("redis://cache", "cache:6379"),
        ("redis://[::1]:7000/", "[::1]:7000"), ("cache.internal:1234", "cache.internal:1234"), ("cache", "cache:6379"),
        ("unix:/run/redis.sock", "unix:/run/redis.sock"),
    ])
    func itsAddressHasMoreThanOneForm(text: String, address: String) throws {
        let redis = try Self.redis(text)
        #expect(redis.address.description == address)
        #expect(redis.user == nil && redis.password == nil && redis.database == 0)
    }

    @Test func aURLMayHoldAllThatItTakesToLogIn() throws {
        let redis = try Self.redis("redis://larder:p%40s%3As@cache:6380/7")
        #expect(redis.user == "larder" && redis.password?.revealed == "p@s:s" && redis.database == 7)
        #expect(try Self.redis("redis://:word@cache").password?.revealed == "word")
        #expect(try Self.redis("redis://:word@cache").user == nil)
    }

    @Test func keysSayTheSame() throws {
        let redis = try Self.redis(
            "cache user=u password_file=p db=3 prefix=shop timeout=15ms connect_timeout=1s max_object=2MB "
                + "write_queue=1MB hot_keys=off", files: ["p": "hush\n"])
        #expect(redis.user == "u" && redis.password?.revealed == "hush" && redis.database == 3)
        #expect(redis.prefix == "shop" && redis.timeoutMilliseconds == 15 && redis.connectMilliseconds == 1000)
        #expect(redis.maxObjectBytes == 2 << 20 && redis.writeQueueBytes == 1 << 20 && redis.hotKeys == 0)
    }

    @Test(arguments: [
        ("http://cache", "\"redis\": expected redis://"), ("rediss://cache", "TLS to Redis is not offered"),
        ("redis://cache/x", "\"x\" is no database"), ("redis://cache/99999", "is no database"),
        ("redis://u:%zz@cache", "has a % that begins no byte"), ("redis://u:p@cache password=q", "is given already"),
        ("redis://u@cache user=v", "names a user already"), ("cache prefix=a:b", "is no name"),
        ("cache timeout=0ms", "out of range"), ("cache\nredis cache", "twice"),
    ])
    func whatIsWrongIsSaid(line: String, message: String) {
        let found = findings(parse("redis \(line)\nupstream a { server b:1 }\nroute /* { upstream a }"))
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }

    @Test func theDumpKeepsThePassword() throws {
        let text = SettingsDump.text(try settings("redis redis://u:hush@cache/2\nupstream a { server b:1 }"))
        #expect(text.contains("redis cache:6379 user=u password=******** db=2 prefix=larder"), "\(text)")
    }

    // MARK: Coalescing among nodes

    private static func coalesce(_ line: String) -> String {
        "upstream a { server b:1 }\nroute /* {\n  upstream a\n  coalesce \(line)\n}"
    }

    @Test func nodesMayWaitForEachOther() throws {
        let text = "redis cache\n" + Self.coalesce("nodes wait=2s lock=500ms")
        let coalesce = try #require(try settings(text).routes.first).coalesce
        #expect(coalesce.scope == .nodes && coalesce.isEnabled)
        #expect(coalesce.waitMilliseconds == 2000 && coalesce.lockMilliseconds == 500)
        #expect(findings(parse(text)) == [])
    }

    @Test func withoutRedisThatIsSaidToBeUseless() {
        let found = findings(parse(Self.coalesce("nodes")))
        #expect(found.count == 1 && found[0].contains("without redis, nodes is the same as on"), "\(found)")
        #expect(findings(parse(Self.coalesce("on"))) == [])
    }

    @Test(arguments: [
        ("maybe", "on, off or nodes"), ("nodes lock=1ms", "out of range"), ("nodes lock=2h", "out of range"),
    ])
    func whatIsWrongWithItIsSaid(line: String, message: String) {
        let found = findings(parse("redis cache\n" + Self.coalesce(line)))
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }
}
