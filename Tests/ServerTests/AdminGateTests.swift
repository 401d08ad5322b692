// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import HTTPMessages
import HTTPWire
import Settings
import Testing

@testable import Server

struct AdminGateTests {
    private static let json = "Content-Type: application/json\r\n"

    /// The status with which a request is refused; nil when it is let through.
    private func refusal(_ start: String, _ fields: String, gate: AdminGate = AdminGate(nil)) -> UInt16? {
        var parser = RequestParser()
        var head = RequestHead()
        guard case .complete = parser.parse(Array("\(start)\r\n\(fields)\r\n".utf8).span, into: &head) else { return 0 }
        do throws(AdminError) { _ = try gate.call(of: head) } catch { return error.status }
        return nil
    }

    @Test(
        "Only an address, localhost or a configured name is a Host",
        arguments: [
            ("127.0.0.1", nil), ("127.0.0.1:9900", nil), ("[::1]:9900", nil), ("localhost:1", nil), ("LOCALHOST", nil),
            ("Cache.Internal:9900", nil), ("evil.example", 421), ("evil.example:9900", 421),
            ("127.0.0.1.evil.example", 421),
            ("localhost.evil.example", 421), ("evil-cache.internal", 421), ("1.2.3", 421), ("", 421),
        ] as [(String, UInt16?)])
    func host(host: String, status: UInt16?) {
        var gate = AdminGate(nil)
        gate.hosts = ["cache.internal"]
        for start in ["GET /metrics HTTP/1.1", "GET /health/live HTTP/1.1", "HEAD /health HTTP/1.1"] {
            #expect(refusal(start, "Host: \(host)\r\n", gate: gate) == status)
        }
    }

    @Test("A target in absolute form hides no foreign Host, nor the other way round")
    func absoluteForm() {
        #expect(refusal("GET http://127.0.0.1/health HTTP/1.1", "Host: evil.example\r\n") == 421)
        #expect(refusal("GET http://evil.example/health HTTP/1.1", "Host: 127.0.0.1\r\n") == 421)
        #expect(refusal("GET /health HTTP/1.0", "") == nil)
    }

    @Test(
        "An Origin must be the Host",
        arguments: [
            ("http://127.0.0.1:9900", nil), ("https://127.0.0.1:9900", nil), ("http://127.0.0.1", 403), ("null", 403),
            ("http://evil.example", 403), ("http://127.0.0.1:9900.evil.example", 403), ("", 403),
            ("127.0.0.1:9900", 403),
            ("http://127.0.0.1:9900\r\nOrigin: http://127.0.0.1:9900", 403),
        ] as [(String, UInt16?)])
    func origin(origin: String, status: UInt16?) {
        let fields = "Host: 127.0.0.1:9900\r\nOrigin: \(origin)\r\n"
        #expect(refusal("GET /metrics HTTP/1.1", fields) == status)
        #expect(refusal("POST /invalidate HTTP/1.1", fields + Self.json) == status)
    }

    @Test(
        "Without a token what changes something says that it is JSON",
        arguments: [
            ("application/json", nil), ("Application/JSON; charset=utf-8", nil), ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415), ("multipart/form-data; boundary=application/json", 415),
            ("text/plain; application/json", 415), ("application/json-patch", 415), ("", 415),
            ("text/plain\r\nContent-Type: application/json", 415),
        ] as [(String, UInt16?)])
    func mediaType(type: String, status: UInt16?) {
        for path in ["/invalidate", "/reload", "/performance/reset"] {
            #expect(refusal("POST \(path) HTTP/1.1", "Host: [::1]\r\nContent-Type: \(type)\r\n") == status)
            #expect(refusal("POST \(path) HTTP/1.1", "Host: [::1]\r\n") == 415)
        }
    }

    @Test("With the token neither type nor Host matter, but a foreign Origin does")
    func token() {
        var gate = AdminGate(nil)
        gate.token = Secret("sesame")
        let right = "Host: larder.internal\r\nAuthorization: Bearer sesame\r\n"
        #expect(refusal("POST /invalidate HTTP/1.1", right, gate: gate) == nil)
        #expect(refusal("GET /metrics HTTP/1.1", right, gate: gate) == nil)
        #expect(refusal("GET /metrics HTTP/1.1", right + "Origin: http://evil.example\r\n", gate: gate) == 403)
        let wrong = "Host: [::1]\r\nAuthorization: Bearer sesam\r\n"
        #expect(refusal("POST /invalidate HTTP/1.1", wrong + Self.json, gate: gate) == 401)
        #expect(refusal("GET /nothing HTTP/1.1", wrong, gate: gate) == 401)
        #expect(refusal("OPTIONS /invalidate HTTP/1.1", wrong, gate: gate) == 401)
        #expect(refusal("GET /health/live HTTP/1.1", wrong, gate: gate) == nil)
    }

    @Test("No page is told what it may send")
    func preflight() {
        let fields = "Host: [::1]\r\nAccess-Control-Request-Method: POST\r\n"
        #expect(refusal("OPTIONS /invalidate HTTP/1.1", fields) == 405)
        #expect(refusal("OPTIONS * HTTP/1.1", fields) == 404)
    }
}
