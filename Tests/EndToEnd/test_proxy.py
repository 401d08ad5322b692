# SPDX-License-Identifier: Apache-2.0
"""Requests and responses that only pass through."""
import unittest

from case import LarderCase
from message import Broken
from origin import CLOSE, Reply


class PassThrough(LarderCase):
    def test_get_passes_content_status_and_fields(self):
        self.start()
        self.origin.on("/a", Reply(203, [("X-Own", "yes"), ("Content-Type", "text/plain")], b"hello"))
        response = self.get("/a?q=%20x&y")
        self.assertEqual((response.status, response.content), (203, b"hello"))
        self.assertEqual(response.field("X-Own"), "yes")
        self.assertEqual(self.origin.last("/a").target, "/a?q=%20x&y")

    def test_head_has_the_length_and_no_content(self):
        self.start()
        self.origin.on("/a", Reply(content=b"0123456789"))
        with self.client() as client:
            for _ in range(2):
                response = client.request("HEAD", "/a")
                self.assertEqual((response.status, response.content), (200, b""))
                self.assertEqual(response.field("Content-Length"), "10")

    def test_methods_with_and_without_content(self):
        self.start()
        with self.client() as client:
            for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "REPORT"):
                response = client.request(method, f"/{method}", content=b"some content")
                self.assertEqual(response.status, 200, method)
                request = self.origin.last(f"/{method}")
                self.assertEqual((request.method, request.content), (method, b"some content"))
            self.assertEqual(client.request("DELETE", "/none").status, 200)

    def test_chunked_request_arrives_whole(self):
        self.start()
        response = self.ask("POST", "/up", content=[b"one ", b"two ", b"three"])
        self.assertEqual(response.status, 200)
        self.assertEqual(self.origin.last("/up").content, b"one two three")

    def test_chunked_response_with_trailers(self):
        self.start()
        self.origin.on("/c", Reply(pieces=[b"one ", b"two"], framing="chunked", fields=[("Trailer", "X-Sum")],
                                   trailers=[("X-Sum", "42")]))
        response = self.get("/c", ("TE", "trailers"))
        self.assertEqual(response.content, b"one two")
        self.assertEqual(response.trailers.get("X-Sum"), "42")

    def test_content_until_close(self):
        self.start()
        self.origin.on("/close", Reply(content=b"until the end", framing="close"))
        with self.client() as client:
            self.assertEqual(client.get("/close").content, b"until the end")

    def test_empty_answers_keep_the_connection(self):
        self.start()
        self.origin.on("/204", Reply(204))
        self.origin.on("/304", Reply(304, [("ETag", '"a"')]))
        with self.client() as client:
            self.assertEqual(client.get("/204").status, 204)
            self.assertEqual(client.get("/304", ("If-None-Match", '"a"')).status, 304)
            self.assertEqual(client.get("/x").content, b"/x")

    def test_absolute_target(self):
        self.start()
        response = self.get(f"http://example.org/abs?x=1", ("Host", "other.example"))
        self.assertEqual(response.status, 200)
        request = self.origin.last("/abs")
        self.assertEqual(request.field("Host"), "example.org")

    def test_100_continue(self):
        self.start()
        with self.client() as client:
            client.send_head("POST", "/exp", [("Expect", "100-continue"), ("Content-Length", "5")])
            head = client.read_head()
            self.assertEqual(head.status, 100)
            client.send(b"12345")
            self.assertEqual(client.read_response("POST").status, 200)
        self.assertEqual(self.origin.last("/exp").content, b"12345")

    def test_early_hints_are_forwarded(self):
        self.start()
        self.origin.on("/h", Reply(interim=[(103, [("Link", "</s.css>; rel=preload")])], content=b"x"))
        response = self.get("/h")
        self.assertEqual([interim.status for interim in response.interim], [103])
        self.assertEqual(response.interim[0].field("Link"), "</s.css>; rel=preload")
        self.assertEqual(response.content, b"x")


class Connections(LarderCase):
    def test_keep_alive(self):
        self.start()
        with self.client() as client:
            for number in range(20):
                self.assertEqual(client.get(f"/{number}").content, b"/%d" % number)

    def test_connection_close_is_obeyed(self):
        self.start()
        with self.client() as client:
            response = client.get("/", ("Connection", "close"))
            self.assertFalse(response.keeps_alive)
            self.assertTrue(client.ends())

    def test_pipelined_requests_are_answered_in_order(self):
        self.start()
        self.origin.on("/hit", Reply(fields=[("Cache-Control", "max-age=60")], content=b"stored"))
        self.get("/hit")
        with self.client() as client:
            targets = ["/hit" if number % 3 == 1 else f"/{number}" for number in range(10)]
            client.send("".join(f"GET {target} HTTP/1.1\r\nHost: {client.host}\r\n\r\n" for target in targets))
            for target in targets:
                expected = b"stored" if target == "/hit" else target.encode()
                self.assertEqual(client.read_response().content, expected)
        self.assertEqual(self.origin.count("/hit"), 1)

    def test_pipelined_post_then_get(self):
        self.start()
        with self.client() as client:
            client.send(f"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                        "GET /g HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.read_response("POST").content, b"/p")
            self.assertEqual(client.read_response().content, b"/g")

    def test_request_in_single_bytes(self):
        self.start()
        with self.client() as client:
            for byte in b"GET /slow HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n":
                client.send(bytes([byte]))
            self.assertEqual(client.read_response().content, b"/slow")

    def test_http_1_0_client(self):
        self.start()
        self.origin.on("/c", Reply(pieces=[b"one ", b"two"], framing="chunked"))
        with self.client() as client:
            response = client.request(target="/c", version="HTTP/1.0")
            self.assertEqual(response.content, b"one two")
            self.assertNotIn("Transfer-Encoding", response.fields)
            self.assertTrue(client.ends())

    def test_http_1_0_keep_alive(self):
        self.start()
        with self.client() as client:
            for _ in range(2):
                response = client.request(target="/k", fields=[("Connection", "keep-alive")], version="HTTP/1.0")
                self.assertIn("keep-alive", response.fields.tokens("connection"))
                self.assertEqual(response.content, b"/k")

    def test_connections_to_the_origin_are_reused(self):
        self.start(top="workers 1")
        with self.client() as client:
            for number in range(10):
                client.get(f"/{number}")
        self.assertLessEqual(self.origin.connections, 2)

    def test_client_that_half_closes_still_gets_its_answer(self):
        self.start()
        with self.client() as client:
            client.send_request(target="/half")
            client.end_writing()
            self.assertEqual(client.read_response().content, b"/half")


class Fields(LarderCase):
    def test_hop_by_hop_fields_of_requests_end_here(self):
        self.start()
        self.get("/", ("Connection", "x-hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
                 ("Proxy-Connection", "keep-alive"), ("TE", "gzip"), ("X-Kept", "1"), ("Proxy-Authorization", "x"))
        request = self.origin.last("/")
        for name in ("X-Hop", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization"):
            self.assertNotIn(name, request.fields)
        self.assertNotIn("gzip", request.fields.tokens("te"))
        self.assertEqual(request.field("X-Kept"), "1")

    def test_hop_by_hop_fields_of_responses_end_here(self):
        self.start()
        self.origin.on("/", Reply(fields=[("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
                                          ("Proxy-Authenticate", "Basic"), ("X-Kept", "1")]))
        response = self.get("/")
        for name in ("X-Hop", "Keep-Alive"):
            self.assertNotIn(name, response.fields)
        self.assertEqual(response.field("X-Kept"), "1")

    def test_via_is_added_both_ways(self):
        self.start()
        self.origin.on("/", Reply(fields=[("Via", "1.1 inner")]))
        response = self.get("/", ("Via", "1.0 outer"))
        self.assertRegex(self.origin.last("/").field("Via"), "^1.0 outer, 1.1 larder-[0-9a-f]{8}$")
        self.assertRegex(response.field("Via"), "^1.1 inner, 1.1 larder-[0-9a-f]{8}$")

    def test_field_order_and_repetition_are_kept(self):
        self.start()
        self.origin.on("/", Reply(fields=[("Set-Cookie", "a=1"), ("X-B", "2"), ("Set-Cookie", "c=3")]))
        response = self.get("/", ("X-M", "1"), ("X-M", "2"))
        self.assertEqual(response.fields.all("Set-Cookie"), ["a=1", "c=3"])
        self.assertEqual(self.origin.last("/").field("X-M"), "1, 2")

    def test_origin_fields_that_larder_would_set_are_kept(self):
        self.start()
        self.origin.on("/", Reply(fields=[("Date", "Mon, 01 Jan 2024 00:00:00 GMT"), ("Server", "inner")]))
        response = self.get("/")
        self.assertEqual(response.fields.all("Date"), ["Mon, 01 Jan 2024 00:00:00 GMT"])
        self.assertEqual(response.fields.all("Server"), ["inner"])

    def spoofed(self):
        self.get("/", ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"),
                 ("X-Forwarded-Host", "public.example"), ("Forwarded", "for=203.0.113.9;proto=https"),
                 ("Host", "here.example"))
        return self.origin.last("/")

    def test_forwarding_fields_of_a_stranger_are_replaced(self):
        self.start()
        request = self.spoofed()
        self.assertEqual(request.field("X-Forwarded-For"), "127.0.0.1")
        self.assertEqual(request.field("X-Forwarded-Proto"), "http")
        self.assertEqual(request.field("X-Forwarded-Host"), "here.example")
        self.assertNotIn("203.0.113.9", request.field("Forwarded", ""))

    def test_forwarding_fields_of_a_trusted_proxy_are_continued(self):
        self.start(top="trusted_proxies 127.0.0.0/8 fields=both")
        request = self.spoofed()
        self.assertEqual(request.field("X-Forwarded-For"), "203.0.113.9, 127.0.0.1")
        self.assertEqual(request.field("X-Forwarded-Proto"), "https")
        self.assertEqual(request.field("X-Forwarded-Host"), "public.example")
        self.assertTrue(request.field("Forwarded", "").startswith("for=203.0.113.9;proto=https"))

    def test_the_first_node_of_forwarded_tells_the_scheme_that_a_trusted_proxy_tells_otherwise(self):
        self.start(top="trusted_proxies 127.0.0.0/8")
        for scheme in ("https", "http"):
            self.get("/", ("X-Forwarded-Proto", scheme))
            self.assertTrue(self.origin.last("/").field("Forwarded").startswith(f"for=127.0.0.1;proto={scheme};"), scheme)

    def test_forwarding_fields_can_be_left_alone(self):
        self.start(top="forwarded off", route="pass")
        request = self.spoofed()
        self.assertEqual(request.field("X-Forwarded-For"), "203.0.113.9")
        self.assertEqual(request.field("Forwarded"), "for=203.0.113.9;proto=https")

    def test_host_of_the_client_or_of_the_configuration(self):
        self.start()
        self.get("/", ("Host", "shop.example"))
        self.assertEqual(self.origin.last("/").field("Host"), "shop.example")

    def test_fixed_host(self):
        self.start(upstream="host api.internal")
        self.get("/", ("Host", "shop.example"))
        self.assertEqual(self.origin.last("/").fields.all("Host"), ["api.internal"])


class BrokenUpstreams(LarderCase):
    def assert_broken(self, target):
        """The client can tell that it was not all (promise 6)."""
        with self.client() as client:
            client.send_request(target=target)
            try:
                response = client.read_response()
            except Broken:
                return
            self.assertEqual(response.status, 502)

    TRUNCATED = {
        "length": [b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100\r\n\r\n0123456789", CLOSE],
        "chunk": [b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
                  b"a\r\n0123456789\r\nff\r\nabc", CLOSE],
        "last chunk": [b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"a\r\n0123456789\r\n", CLOSE],
        "bad chunk": [b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"a\r\n0123456789\r\nzz\r\nabc", CLOSE],
        "trailer": [b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"a\r\n0123456789\r\n0\r\nX-A: ", CLOSE],
    }

    def test_truncated_responses_are_broken_and_not_stored(self):
        self.start()
        for number, (name, raw) in enumerate(self.TRUNCATED.items()):
            with self.subTest(name):
                path = f"/t{number}"
                self.origin.on(path, Reply(raw=raw), Reply(fields=[("Cache-Control", "max-age=60")], content=b"whole"))
                self.assert_broken(path)
                response = self.get(path)
                self.assertEqual(response.content, b"whole")
                self.assert_forwarded(response)

    MALFORMED = {
        "no HTTP": b"220 smtp ready\r\n\r\n",
        "no status": b"HTTP/1.1 \r\n\r\n",
        "letters for status": b"HTTP/1.1 abc OK\r\n\r\n",
        "status too short": b"HTTP/1.1 20 OK\r\n\r\n",
        "version 2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "no colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n",
        "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        "NUL in a field": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
        "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "closed at once": b"",
        "closed in the head": b"HTTP/1.1 200 OK\r\nContent-Le",
        "head without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"b" * 200_000,
    }

    def test_space_before_a_colon_is_taken_away(self):
        """RFC 9112 §5.1: a proxy must remove it from a response."""
        self.start()
        self.origin.on("/a", Reply(raw=[b"HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 0\r\n\r\n", CLOSE]))
        self.assertEqual(self.get("/a").field("X-A"), "b")

    def test_malformed_heads_are_502(self):
        self.start()
        for number, (name, raw) in enumerate(self.MALFORMED.items()):
            with self.subTest(name):
                path = f"/m{number}"
                self.origin.on(path, Reply(raw=[raw, CLOSE]))
                with self.client() as client:
                    response = client.get(path)
                    self.assertEqual(response.status, 502)
                    self.assertEqual(client.get("/next").status, 200)


if __name__ == "__main__":
    unittest.main()
