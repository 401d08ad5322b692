// SPDX-License-Identifier: Apache-2.0
import EventIO
import Storage
import TestKit
import Testing

@testable import Server

@Suite struct ControlTests {
    // MARK: Start

    @Test func theStartIsToldToTheLogAndTheServiceManager() throws {
        let larder = try ControlWorld()
        larder.world.run(for: .milliseconds(10))
        #expect(larder.log.contains("started version=1.2.3 listen=127.0.0.1:8080 admin=127.0.0.1:9900 workers=2"))
        #expect(larder.notices.first?.hasPrefix("READY=1\n") == true)
    }

    @Test func anAddressInUseIsNamed() throws {
        let error = #expect(throws: StartError.self) {
            _ = try ControlWorld(
                "listen 127.0.0.1:8081 reuseport=off\n" + ControlWorld.base, taken: .loopback(port: 8081))
        }
        #expect(error?.description.contains("listen on 127.0.0.1:8081") == true)
    }

    // MARK: Admin calls

    @Test func healthAndReadinessAreTold() throws {
        let larder = try ControlWorld()
        let health = larder.admin("GET /health")
        #expect(health.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(health.contains(#"{"status":"healthy","version":"1.2.3""#))
        #expect(health.contains(#""upstreams":[{"name":"api","status":"up""#))
        #expect(larder.admin("GET /health/ready").contains(#"{"status":"ready"}"#))
        #expect(larder.admin("HEAD /health/live").hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: [
        ("GET /nothing", "404 Not Found", "unknown_path"), ("GET /invalidate", "405 Method Not Allowed", "method_not"),
        ("DELETE /performance", "405 Method Not Allowed", "method_not_allowed"),
        ("POST /invalidate", "400 Bad Request", "malformed_json"),
    ])
    func mistakesAreAnsweredInJSON(head: String, status: String, code: String) throws {
        let answer = try ControlWorld().admin(head)
        #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n"))
        #expect(answer.contains(#"{"error":{"code":"\#(code)"#))
    }

    @Test func rulesThatEntriesHaveNotMetAreShownUntilTheyHave() throws {
        let larder = try ControlWorld()
        _ = larder.get("/a")  // an entry that has to meet them
        larder.control.store.invalidate([InvalidationRule(.tag(hash: 1)), InvalidationRule(.tag(hash: 2))])
        #expect(larder.admin("GET /metrics").contains("\nlarder_invalidation_rules{kind=\"tag\"} 2\n"))
        larder.world.run(for: .seconds(3))
        #expect(larder.admin("GET /metrics").contains("\nlarder_invalidation_rules{kind=\"tag\"} 0\n"))
    }

    @Test func methodsThatArePossibleAreNamed() throws {
        let larder = try ControlWorld()
        #expect(larder.admin("GET /invalidate").contains("\r\nAllow: POST\r\n"))
        #expect(larder.admin("PUT /metrics").contains("\r\nAllow: GET, HEAD\r\n"))
    }

    @Test(arguments: ["", "Authorization: Bearer wrong\r\n", "Authorization: Basic sesame\r\n"])
    func theTokenIsAskedForButNotForHealth(fields: String) throws {
        let larder = try ControlWorld("admin 127.0.0.1:9900 token=sesame\n" + ControlWorld.base)
        let answer = larder.admin("GET /performance", fields: fields)
        #expect(answer.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
        #expect(answer.contains("\r\nWWW-Authenticate: Bearer"))
        #expect(larder.admin("GET /health", fields: fields).hasPrefix("HTTP/1.1 200"))
        #expect(larder.admin("GET /performance", fields: "Authorization: Bearer sesame\r\n").hasPrefix("HTTP/1.1 200"))
    }

    @Test func whatRequestsInvalidateIsSweptWithoutAnAdminCall() throws {
        let larder = try ControlWorld(
            ControlWorld.base.replacing("ttl 5m", with: "ttl 5m\n key cookie=plan"))
        #expect(larder.get("/a").contains("fwd=uri-miss"))
        let store = larder.proxy.shared.store
        larder.world.run(for: .seconds(3))
        #expect(store.statistics.entries == 1)
        #expect(store.statistics.swept == 0)
        #expect(larder.ask(8080, "POST /a").hasPrefix("HTTP/1.1 200"))
        larder.world.run(for: .seconds(3))
        #expect(store.statistics.entries == 0)
        #expect(store.statistics.swept > 0)
        #expect(!store.wantsSweep)
    }

    @Test func noSeriesOfTheMetricsRepeats() throws {
        let routes = "route /* host=a { upstream api }\nroute /* methods=POST { upstream api }\n"
        let larder = try ControlWorld("admin 127.0.0.1:9900\n" + routes + ControlWorld.base)
        _ = larder.get("/1")  // counted
        let lines = larder.admin("GET /metrics").split(separator: "\n").filter { $0.hasPrefix("larder_") }
        let series = lines.map { $0.prefix { $0 != "}" } }
        #expect(lines.contains { $0.contains(#"route="/* host=a""#) })
        #expect(Set(series).count == series.count)
    }

    private static let invalidate =
        "POST /invalidate HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n"

    @Test func contentHasALimit() throws {
        let larder = try ControlWorld()
        let socket = larder.connect(9900)
        socket.write(Self.invalidate + "Content-Length: 1048577\r\n\r\n")
        _ = larder.world.run(within: .seconds(20)) { socket.hasEnded }
        #expect(socket.receivedText.hasPrefix("HTTP/1.1 413 "))
    }

    @Test func chunkedContentHasALimitToo() throws {
        let larder = try ControlWorld()
        let socket = larder.connect(9900)
        socket.write(Self.invalidate + "Transfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<17 { socket.write("10000\r\n" + String(repeating: " ", count: 65536) + "\r\n") }
        _ = larder.world.run(within: .seconds(20)) { socket.hasEnded }
        #expect(socket.receivedText.hasPrefix("HTTP/1.1 413 "))
    }

    @Test func requestsOfOneConnectionAreAnsweredInOrder() throws {
        let larder = try ControlWorld()
        let socket = larder.connect(9900)
        socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
        socket.write("GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        _ = larder.world.run(within: .seconds(20)) { socket.hasEnded }
        let statuses = socket.receivedText.split(separator: "HTTP/1.1 ").map { String($0.prefix(3)) }
        #expect(statuses == ["200", "404", "200"])
    }

    @Test func slowAndIdleClientsAreLetGo() throws {
        let larder = try ControlWorld()
        let slow = larder.connect(9900)
        slow.write("GET /hea")
        let idle = larder.connect(9900)
        _ = larder.world.run(within: .seconds(100)) { slow.isOver && idle.isOver }
        #expect(slow.receivedText.hasPrefix("HTTP/1.1 408 "))
        #expect(idle.receivedText.isEmpty)
        #expect(idle.isOver)
    }

    @Test func figuresOfAllWorkersAreAdded() throws {
        let larder = try ControlWorld()
        for _ in 0..<10 { #expect(larder.get("/a").hasPrefix("HTTP/1.1 200")) }
        let report = larder.admin("GET /performance")
        #expect(report.contains(#""requests":10,"#))
        #expect(report.contains(#""by_outcome":{"hit":{"count":9"#))
        #expect(larder.admin("POST /performance/reset").contains(#"{"reset":true}"#))
        #expect(larder.admin("GET /performance").contains(#""requests":0,"#))
        #expect(larder.admin("GET /metrics").contains("\nlarder_process_resident_memory_bytes 20480000\n"))
    }

    @Test func aWorkerThatDoesNotAnswerIsNamed() throws {
        let larder = try ControlWorld()
        #expect(larder.admin("GET /health").contains(#""silent":[]"#))
        larder.world.remove(larder.proxy.workers[1].loop)
        let health = larder.admin("GET /health")
        #expect(health.contains(#"{"status":"degraded""#))
        #expect(health.contains(#""silent":[1]"#))
    }

    // MARK: Invalidation (promise 3)

    @Test(arguments: [
        #"{"urls":["http://a/x"]}"#, #"{"urls":["/x"]}"#, #"{"keys":["GET a/x"]}"#, #"{"prefixes":["/"]}"#,
        #"{"patterns":["*x"]}"#, #"{"tags":["t"]}"#, #"{"all":true}"#,
    ])
    func whatIsNamedIsFetchedAnewAndWhatIsTriedIsNot(call: String) throws {
        let larder = try ControlWorld()
        _ = larder.get("/x")
        _ = larder.get("/x")
        #expect(larder.originRequests == 1)
        let tried = larder.admin("POST /invalidate", content: call.dropLast() + #","dry_run":true}"#)
        #expect(tried.contains(#""dry_run":true"#) && tried.contains(#""matched":1"#))
        _ = larder.get("/x")
        #expect(larder.originRequests == 1)
        let done = larder.admin("POST /invalidate", content: call)
        #expect(done.contains(#"{"epoch":1,"soft":false,"dry_run":false"#) && done.contains(#""matched":1"#))
        _ = larder.get("/x")
        #expect(larder.originRequests == 2)
        #expect(larder.admin("GET /invalidations").contains(#""epoch":1"#))
        #expect(larder.log.contains("invalidated epoch=1"))
    }

    @Test func deadEntriesAreSweptAway() throws {
        let larder = try ControlWorld()
        for number in 0..<20 { _ = larder.get("/\(number)") }
        #expect(larder.control.store.statistics.entries == 20)
        _ = larder.admin("POST /invalidate", content: #"{"tags":["t"]}"#)
        larder.world.run(for: .seconds(1))
        #expect(larder.control.store.statistics.entries == 0)
    }

    // MARK: Reload (promise 9)

    @Test func aGoodConfigurationIsAdoptedAndTheCacheStays() throws {
        let larder = try ControlWorld()
        _ = larder.get("/x")
        larder.file.text = "admin 127.0.0.1:9900\nx_cache on\n" + ControlWorld.base
        let answer = larder.admin("POST /reload")
        #expect(answer.contains(#"{"reloaded":true,"warnings":[]}"#))
        #expect(larder.get("/x").contains("\r\nX-Cache: "))
        #expect(larder.originRequests == 1)
        #expect(larder.notices.contains { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") })
        #expect(larder.notices.last?.hasPrefix("READY=1\n") == true)
    }

    @Test(arguments: [
        ("workers 7\n", "proxy.conf:1:1: error: \\\"workers\\\" cannot be changed without a restart"),
        ("", "proxy.conf:1:1: error: \\\"admin\\\" cannot be changed without a restart"),
        ("\nlisten 127.0.0.1:8081\n", "\\\"listen\\\" cannot be changed without a restart"),
        ("redis 127.0.0.1:1\n", "proxy.conf:1:1: error: \\\"redis\\\" cannot be changed without a restart"),
    ])
    func whatNeedsARestartIsRefusedAsAWhole(change: String, reason: String) throws {
        let larder = try ControlWorld()
        let admin = change.isEmpty ? "" : "admin 127.0.0.1:9900\n"
        larder.file.text = change + admin + "x_cache on\n" + ControlWorld.base
        let answer = larder.admin("POST /reload")
        #expect(answer.hasPrefix("HTTP/1.1 400"))
        #expect(answer.contains(reason))
        #expect(!larder.get("/x").contains("\r\nX-Cache: "))
        #expect(larder.log.contains("reload_refused"))
        #expect(!larder.log.contains(" reloaded"))
    }

    @Test func aBadConfigurationIsRefusedWithItsPlaces() throws {
        let larder = try ControlWorld()
        larder.file.text = "nonsense\n" + ControlWorld.base
        let answer = larder.admin("POST /reload")
        #expect(answer.hasPrefix("HTTP/1.1 400"))
        #expect(answer.contains("proxy.conf:1:1"))
        #expect(larder.get("/x").hasPrefix("HTTP/1.1 200"))
        #expect(larder.log.contains("configuration_error place=proxy.conf:1:1"))
        #expect(larder.admin("GET /metrics").contains("\nlarder_config_last_reload_success 0\n"))
        larder.file.text = "admin 127.0.0.1:9900\n" + ControlWorld.base
        larder.control.received(.hangUp)
        #expect(larder.admin("GET /metrics").contains("\nlarder_config_last_reload_success 1\n"))
    }

    @Test func logsAreOpenedAnewAndRedirected() throws {
        let larder = try ControlWorld("access_log combined /log/a\n" + ControlWorld.base)
        _ = larder.get("/x")
        larder.control.received(.user1)
        larder.world.run(for: .seconds(1))
        #expect(larder.log.contains("logs_reopened"))
        larder.file.text = "access_log combined /log/b\nevent_log /log/c\n" + ControlWorld.base
        larder.control.received(.hangUp)
        larder.world.run(for: .seconds(1))
        _ = larder.get("/y")
        larder.world.run(for: .seconds(1))
        let text = { (path: String) in String(decoding: larder.world.logs[path] ?? [], as: UTF8.self) }
        #expect(text("/log/a").contains("GET /x") && !text("/log/a").contains("GET /y"))
        #expect(text("/log/b").contains("GET /y"))
        #expect(text("/log/c").contains("reloaded"))
    }

    // MARK: Drain (promise 9)

    @Test func drainLetsRequestsFinishAndRefusesNewOnes() throws {
        let larder = try ControlWorld()
        larder.originDelay = .seconds(3)
        let idle = larder.connect(8080)
        let slow = larder.connect(8080)
        slow.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        larder.world.run(for: .milliseconds(500))
        larder.control.received(.terminate)
        larder.world.run(for: .milliseconds(100))
        #expect(idle.hasEnded)
        #expect(larder.admin("GET /health/ready").hasPrefix("HTTP/1.1 503"))
        #expect(larder.admin("GET /health/live").hasPrefix("HTTP/1.1 200"))
        let late = larder.connect(8080)
        _ = larder.world.run(within: .seconds(1)) { late.failure != nil }
        #expect(late.failure == .connectionRefused)
        #expect(!larder.control.isEnded)
        _ = larder.world.run(within: .seconds(20)) { larder.control.isEnded }
        #expect(slow.receivedText.hasSuffix("/slow"))
        #expect(slow.receivedText.contains("Connection: close"))
        #expect(larder.log.contains("drain_progress connections=1"))
        #expect(!larder.log.contains("connections_cut_off"))
    }

    @Test func drainHasALimit() throws {
        let larder = try ControlWorld("drain_timeout 2s\n" + ControlWorld.base)
        larder.originDelay = .seconds(600)
        let slow = larder.connect(8080)
        slow.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        larder.world.run(for: .milliseconds(500))
        larder.control.received(.interrupt)
        #expect(larder.world.run(within: .seconds(3)) { larder.control.isEnded })
        larder.world.run(for: .milliseconds(100))
        #expect(slow.isOver)
        #expect(larder.log.contains("connections_cut_off connections=1"))
    }

    @Test func askingTwiceEndsAtOnce() throws {
        let larder = try ControlWorld()
        larder.originDelay = .seconds(600)
        let slow = larder.connect(8080)
        slow.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        larder.world.run(for: .milliseconds(500))
        larder.control.received(.terminate)
        larder.control.received(.terminate)
        #expect(larder.control.isEnded)
    }

    @Test func runsOfOneSeedAreTheSame() throws {
        let hashes = try (0..<2).map { _ in
            let larder = try ControlWorld(seed: 7)
            _ = larder.get("/x")
            _ = larder.admin("POST /invalidate", content: #"{"all":true}"#)
            larder.world.run(for: .seconds(15))
            return larder.world.traceHash
        }
        #expect(hashes[0] == hashes[1])
    }
}
