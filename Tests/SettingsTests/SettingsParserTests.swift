// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import Testing

@testable import Settings

@Suite struct SettingsParserTests {
    @Test func whatIsNotSaidIsTheDefault() throws {
        var read = try settings("# nothing")
        read.upstreams = []
        read.routes = []
        #expect(read == ProxySettings())
    }

    @Test func everyTopLevelDirectiveSetsItsValue() throws {
        let all = try settings(
            """
            listen 0.0.0.0:80 reuseport=off backlog=7
            listen [::1]:81; listen unix:/run/larder
            admin 10.0.0.1:9 token_file=secret/token
            workers 3
            memory 2GB max_object=1MB max_ttl=5m
            timeout connect=1s first_byte=2s idle=3s
            client keep_alive=1s head_timeout=2s body_idle=3s send_idle=off max_requests=5
            limits request_line=1KB field_line=2KB head=3KB fields=4 body=5MB response_head=6KB connections=7
            access_log combined /var/log/a; log_level error; event_log stdout
            trusted_proxies 10.0.0.0/8 ::1 fields=both
            forwarded replace; via edge; cache_name Edge; x_cache on
            purge_method on allow=192.0.2.1 token=abc
            drain_timeout 5s
            upstream a { server b:1 }
            """, files: ["secret/token": "hush\r\n"])
        #expect(all.listeners.map(\.address.description) == ["0.0.0.0:80", "[::1]:81", "unix:/run/larder"])
        #expect(all.listeners[0].backlog == 7)
        #expect(all.listeners[0].portReuse == .off)
        #expect(all.admin?.address.description == "10.0.0.1:9")
        #expect(all.admin?.token?.revealed == "hush")
        #expect(all.workers == 3)
        #expect(all.memory.limitBytes == 2 << 30)
        #expect(all.memory.maxObjectBytes == 1 << 20)
        #expect(all.memory.maxTTLMilliseconds == 300_000)
        #expect(all.timeouts.connectMilliseconds == 1000)
        #expect(all.timeouts.firstByteMilliseconds == 2000)
        #expect(all.timeouts.idleMilliseconds == 3000)
        #expect(all.client.keepAliveMilliseconds == 1000)
        #expect(all.client.headTimeoutMilliseconds == 2000)
        #expect(all.client.bodyIdleMilliseconds == 3000)
        #expect(all.client.sendIdleMilliseconds == 0)
        #expect(all.client.maxRequests == 5)
        #expect(all.limits.requestLineBytes == 1024)
        #expect(all.limits.fieldLineBytes == 2048)
        #expect(all.limits.headBytes == 3072)
        #expect(all.limits.fieldCount == 4)
        #expect(all.limits.bodyBytes == 5 << 20)
        #expect(all.limits.responseHeadBytes == 6144)
        #expect(all.limits.connections == 7)
        #expect(all.log.accessFormat == .combined)
        #expect(all.log.accessDestination == .file("/var/log/a"))
        #expect(all.log.level == .error)
        #expect(all.log.eventDestination == .standardOutput)
        #expect(all.trustedProxies == [AddressRange("10.0.0.0/8"), AddressRange("::1")])
        #expect(all.trustedFields == .both)
        #expect(all.forwarded == .replace)
        #expect(all.via == .name("edge"))
        #expect(all.cacheName == "Edge")
        #expect(all.sendsXCache)
        #expect(all.purgeMethod.isEnabled)
        #expect(all.purgeMethod.allowed == [AddressRange("192.0.2.1")])
        #expect(all.purgeMethod.token?.revealed == "abc")
        #expect(all.drainTimeoutMilliseconds == 5000)
    }

    @Test func everyUpstreamDirectiveSetsItsValue() throws {
        let upstream = try #require(
            try settings(
                """
                upstream a {
                  server Api.Internal weight=3; server [2001:db8::1]:81; server unix:/run/api
                  balance round_robin
                  pool min=1 max=2 idle_timeout=3s; queue limit=4 timeout=5s
                  timeout connect=6s; host example.com:8080; resolve every=off; retries 7
                }
                """
            ).upstreams.first)
        #expect(upstream.name == "a")
        #expect(
            upstream.servers.map(\.address.description) == ["api.internal:80", "[2001:db8::1]:81", "unix:/run/api"])
        #expect(upstream.servers[0].weight == 3)
        #expect(upstream.pool.min == 1)
        #expect(upstream.pool.max == 2)
        #expect(upstream.pool.idleTimeoutMilliseconds == 3000)
        #expect(upstream.queue.limit == 4)
        #expect(upstream.queue.timeoutMilliseconds == 5000)
        #expect(upstream.timeouts.connectMilliseconds == 6000)
        #expect(upstream.timeouts.idleMilliseconds == TimeoutSettings().idleMilliseconds)
        #expect(upstream.hostField == .fixed("example.com:8080"))
        #expect(upstream.resolveEveryMilliseconds == 0)
        #expect(upstream.retries == 7)
    }

    @Test func bodiesMayBePartOfTheKey() throws {
        let route = try #require(try settings(inRoute("key body=safe_post,query max_body=8KB")).routes.first)
        #expect(route.key.bodies == [.safePost, .query])
        #expect(route.key.maxBodyBytes == 8192)
    }

    @Test func everyRouteDirectiveSetsItsValue() throws {
        let route = try #require(
            try settings(
                """
                upstream a { server 127.0.0.1:1 }
                route /x/* methods=get,HEAD host=Example.com,*.example.com {
                  upstream a
                  ttl 5m force; ttl 404,410 30s; ttl 500 0 force
                  stale while_revalidate=1s if_error=2s s_maxage=may_be_stale
                  key query=sorted drop=utm_*,gclid keep=a,b host=off header=X-A cookie=sid authorization=hashed
                  tags header=A,B
                  pass off
                  coalesce off wait=1s limit=2 lock=300ms
                  client_cache_control honor
                  store_partial off
                  store authorized=shared_between_users set_cookie=sent_to_everyone private=shared_between_users \\
                        no_store=stored_against_origin
                  targeted_fields Mine-Cache-Control
                  slow 5s; timeout idle=9s; jitter 10%; max_variants 4
                }
                """
            ).routes.first)
        #expect(route.name == "/x/*")
        #expect(route.pattern == RoutePattern("/x/*"))
        #expect(route.methods == ["GET", "HEAD"])
        #expect(route.hosts == ["example.com", "*.example.com"])
        #expect(route.lifetime.defaultMilliseconds == 300_000)
        #expect(route.lifetime.isForced)
        #expect(
            route.lifetime.byStatus == [
                .init(status: 404, milliseconds: 30_000), .init(status: 410, milliseconds: 30_000),
                .init(status: 500, milliseconds: 0, isForced: true),
            ])
        #expect(route.stale.whileRevalidateMilliseconds == 1000)
        #expect(route.stale.ifErrorMilliseconds == 2000)
        #expect(route.key.query == .sorted)
        #expect(route.key.dropped == ["utm_*", "gclid"])
        #expect(route.key.kept == ["a", "b"])
        #expect(!route.key.includesHost)
        #expect(route.key.fields == ["X-A"])
        #expect(route.key.cookies == ["sid"])
        #expect(route.key.authorization == .hashed)
        #expect(route.tagFields == ["A", "B"])
        #expect(!route.isPass)
        #expect(!route.coalesce.isEnabled)
        #expect(route.coalesce.waitMilliseconds == 1000)
        #expect(route.coalesce.followerLimit == 2 && route.coalesce.lockMilliseconds == 300)
        #expect(route.honorsClientCacheControl)
        #expect(route.store.authorized == .sharedBetweenUsers)
        #expect(route.store.setCookie == .sentToEveryone)
        #expect(route.store.markedPrivate == .sharedBetweenUsers)
        #expect(route.store.markedNoStore == .storedAgainstOrigin)
        #expect(route.targetedFields == ["Mine-Cache-Control"])
        #expect(route.stale.sharedMaxAge == .mayBeStale)
        #expect(!route.storesPartial)
        #expect(route.slowMilliseconds == 5000)
        #expect(route.timeouts.idleMilliseconds == 9000)
        #expect(route.lifetime.jitterPercent == 10)
        #expect(route.maxVariants == 4)
    }

    @Test func aRouteInheritsFromDefaultsAndTimeoutsFromUpstreamAndTopLevel() throws {
        let all = try settings(
            """
            timeout connect=1s first_byte=11s idle=21s
            route /own { upstream a; ttl 1m; ttl 404 1s; timeout idle=24s }
            route /plain { upstream http://c:1 }
            defaults { upstream b; ttl 5m force; ttl 410 2s; timeout first_byte=13s; pass }
            route /default { pass off }
            upstream a { server a:1; timeout connect=2s idle=22s }
            upstream b { server b:1 }
            """)
        let own = all.routes[0]
        #expect(all.upstreams[own.upstream].name == "a")
        #expect(own.lifetime.defaultMilliseconds == 60_000)
        #expect(!own.lifetime.isForced)
        #expect(own.lifetime.byStatus.map(\.status) == [404, 410])
        #expect(own.timeouts.connectMilliseconds == 2000)
        #expect(own.timeouts.firstByteMilliseconds == 13_000)
        #expect(own.timeouts.idleMilliseconds == 24_000)
        #expect(own.isPass)
        let plain = all.routes[1]
        #expect(all.upstreams[plain.upstream].servers[0].address.description == "c:1")
        #expect(plain.timeouts.connectMilliseconds == 1000)
        #expect(plain.lifetime.isForced)
        #expect(all.upstreams[all.routes[2].upstream].name == "b")
        #expect(!all.routes[2].isPass)
        // Several upstreams: no route for the rest.
        #expect(all.routes.count == 3)
    }

    @Test func withOneUpstreamWhatNoRouteTakesGoesThere() throws {
        let all = try settings("defaults { ttl 5m }\nroute /a { upstream http://b:1 }")
        #expect(all.routes.map(\.name) == ["/a", "*"])
        #expect(all.routes[1].lifetime.defaultMilliseconds == 300_000)
        #expect(try settings("route * { upstream http://b:1 }").routes.count == 1)
        #expect(try settings("route * methods=GET { upstream http://b:1 }").routes.count == 2)
        #expect(try settings("upstream b { server b:1 }").routes.map(\.name) == ["*"])
    }

    @Test func theSameURLIsOneUpstream() throws {
        let all = try settings("route /a { upstream http://b:1 }\nroute /b { upstream http://b:1 }")
        #expect(all.upstreams.count == 1)
    }

    @Test func anInvalidationGroupTakesSeveralRulesALine() throws {
        let all = try settings(
            "upstream a { server a:1 }\n"
                + "invalidation g { tag a tag \"key\"\n key /k; prefix /p/ pattern /a/* pattern */b }")
        let group = try #require(all.invalidationGroups.first)
        #expect(group.name == "g")
        #expect(
            group.rules.map { "\($0.kind) \($0.text)" } == [
                "key /k", "prefix /p/", "pattern /a/*", "pattern */b", "tag a", "tag key",
            ])
    }

    @Test(arguments: [
        ("/a/b", RoutePattern.Kind.exact), ("/a/*", .prefix), ("*", .catchAll), ("/a*", .prefix), ("/a/*/b", .glob),
        ("*/b", .glob), ("/a/*/*", .glob), ("/*", .catchAll), ("/**", .catchAll), ("**", .catchAll), ("*/*", .catchAll),
        ("/a/**", .prefix), ("/a**", .prefix), ("*.json", .glob), ("/*/*", .glob), ("/*/", .glob), ("*a*", .glob),
    ])
    func aPatternsKindFollowsFromItsStars(_ text: String, _ kind: RoutePattern.Kind) {
        #expect(RoutePattern(text).kind == kind)
    }

    // MARK: Words

    @Test func variablesAndQuotesMakeWords() throws {
        let environment = ["NAME": "ed\" ge;", "EMPTY": "", "N": "dge"]
        let name: (String) throws -> String = { text in
            try settings("cache_name \(text)", environment: environment).cacheName
        }
        #expect(try name("e${N}") == "edge")
        #expect(try name("\"e${N}\"") == "edge")
        #expect(try name("${EMPTY:-edge}") == "edge")
        #expect(try name("${UNSET:-edge}") == "edge")
        #expect(try name("a$b") == "a$b")
        // What a variable holds is one word, whatever is in it.
        #expect(
            findings(parse("cache_name ${NAME}", environment: environment)).first
                == "1:12: error: \"cache_name\": expected a token that begins with a letter, got \"ed\" ge;\"")
    }

    @Test func aCommentBeginsAWordOnly() throws {
        #expect(try settings("cache_name a#b # comment").cacheName == "a#b")
        #expect(try settings("#workers 4\n # workers 4\nworkers 2 #3\n").workers == 2)
    }

    // MARK: Warnings

    @Test(arguments: [
        "route /x methods=GET { }\nroute /x { }", "route /x/* host=a { }\nroute /x/*/y { }",
        "route * { }\nroute /x/*/y { }", "route /x/* { }\nroute /x/y { }\nroute /x/y/* { }",
    ])
    func routesThatAreReachedAreNotWarnedOf(_ text: String) {
        #expect(findings(parse("upstream a { server a:1 }\n" + text)) == [])
    }

    @Test(arguments: [
        ("upstream b { server b:1 }\nroute /x { upstream a }", "2:10: warning: no route uses upstream \"b\""),
        ("route /x { pass; ttl 5m }", "2:18: warning: \"ttl\" has no effect in a route that passes"),
        (
            "route /x { pass; store_partial on }",
            "2:18: warning: \"store_partial\" has no effect in a route that passes"
        ),
        ("route /x/ { }", "2:7: warning: takes /x/ alone and nothing below it; `route /x/*` takes both"),
        ("nodes lease=5s\nroute /x { }", "2:1: warning: \"nodes\" has no effect without redis"),
        (
            "route /x { store authorized=shared_between_users }",
            "2:12: warning: an answer to one user's Authorization is served to all"
        ),
        (
            "route /x { store set_cookie=sent_to_everyone }",
            "2:12: warning: a cookie that one client was given is sent to all: they may share a session"
        ),
        (
            "route /x { ttl 5m force; store set_cookie=stripped }",
            "2:12: warning: a forced ttl and stored Set-Cookie answers: what was made for one client is served to all"
        ),
        (
            "route /x { ttl 5m force; key query=none }",
            "2:12: warning: a forced ttl and query=none: one answer is served for every query"
        ),
        ("route /x { key query=none drop=a }", "2:12: warning: \"key\": drop and keep have no effect with query=none"),
        (
            "route /x { key host=off }",
            "2:12: warning: host=off lets one host's answers be served to another, while upstream \"a\" is sent the "
                + "client's Host; `host server` or `host NAME` there makes it one site"
        ),
        (
            "trusted_proxies 0.0.0.0/0",
            "2:1: warning: anybody is trusted: clients can claim any address"
        ),
        (
            "purge_method on allow=::/0",
            "2:1: warning: anybody may purge: allow= takes every address, and there is no token"
        ),
        ("limits head=1KB field_line=2KB", "2:1: warning: \"limits\": field_line has no effect above head"),
    ])
    func whatIsRiskyIsWarnedOf(_ text: String, _ expected: String) {
        let report = parse("upstream a { server a:1 }\n" + text)
        #expect(findings(report) == [expected])
        #expect(report.settings != nil)
    }
}
