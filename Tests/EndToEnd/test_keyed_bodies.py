# SPDX-License-Identifier: Apache-2.0
"""QUERY, and POST that only reads, with the body in the key."""
import threading
import unittest

from case import FRESH, LarderCase
from origin import Reply
from rawclient import Client

JSON = ("Content-Type", "application/json")


class KeyedBodies(LarderCase):
    def start_echo(self, words="query,safe_post", limit="1KB"):
        self.start(route=f"key body={words} max_body={limit}")
        self.origin.on("/q", lambda request: Reply(fields=[FRESH], content=b"<" + request.content + b">"))

    def test_equal_bodies_share_an_answer(self):
        for method in ("QUERY", "POST"):
            with self.subTest(method):
                if not hasattr(self, "larder"):
                    self.start_echo()
                self.assert_forwarded(self.ask(method, "/q", [JSON], b'{"a":1}'), "uri-miss")
                again = self.ask(method, "/q", [JSON], b'{"a":1}')
                self.assert_hit(again)
                self.assertEqual(again.content, b'<{"a":1}>')
                self.assert_forwarded(self.ask(method, "/q", [JSON], b'{"a":2}'), "uri-miss")
                self.assert_forwarded(self.ask(method, "/q", [("Content-Type", "text/plain")], b'{"a":1}'), "uri-miss")
                self.assertEqual(self.origin.count("/q", method), 3)

    def test_the_origin_gets_method_body_and_type(self):
        self.start_echo()
        self.ask("QUERY", "/q?b=1", [JSON], [b"he", b"llo"])
        request = self.origin.last("/q")
        self.assertEqual((request.method, request.target, request.content), ("QUERY", "/q?b=1", b"hello"))
        self.assertEqual(request.field("Content-Type"), "application/json")
        self.assertEqual(request.field("Content-Length"), "5")
        self.assert_hit(self.ask("QUERY", "/q?b=1", [JSON], b"hello"))

    def test_longer_bodies_pass_through(self):
        self.start_echo()
        long = b"x" * 100_000
        for content in (long, [long[:30_000], long[30_000:]]):
            for _ in range(2):
                response = self.ask("POST", "/q", [JSON], content)
                self.assert_forwarded(response, "bypass")
                self.assertEqual(response.cache["detail"], "request-too-large")
                self.assertEqual(response.content, b"<" + long + b">")
        self.assertEqual(self.origin.count("/q"), 4)

    def test_expect_continue(self):
        self.start_echo()
        for _ in range(2):
            client = self.client()
            client.send_head("QUERY", "/q", [JSON, ("Expect", "100-continue"), ("Content-Length", "2")])
            self.assertEqual(client.read_head().status, 100)
            client.send(b"hi")
            self.assertEqual(client.read_response().content, b"<hi>")
        self.assertEqual(self.origin.count("/q"), 1)
        self.assertIsNone(self.origin.last("/q").field("Expect"))

    def test_pipelined_on_one_connection(self):
        self.start_echo()
        with Client(self.larder.port) as client:
            for content in (b"a", b"a", b"bb"):
                client.send_request("QUERY", "/q", [JSON], content)
            client.send_request("GET", "/other")
            self.assertEqual([client.read_response().content for _ in range(4)], [b"<a>", b"<a>", b"<bb>", b"/other"])

    def test_equal_bodies_are_fetched_once(self):
        self.start_echo()
        gate = threading.Event()
        self.origin.on("/q", lambda request: Reply(fields=[FRESH], content=request.content, gate=gate))
        join = self.in_parallel(20, lambda number: self.ask("POST", "/q", [JSON], b"even" if number % 2 else b"odd"))
        self.origin.wait_for(2, "/q")
        gate.set()
        contents = [response.content for response in join()]
        self.assertEqual(sorted(set(contents)), [b"even", b"odd"])
        self.assertEqual(self.origin.count("/q"), 2)

    def test_invalidation_by_url_reaches_every_body(self):
        self.start_echo()
        self.origin.on("/keep", Reply(fields=[FRESH], content=b"k"))

        def fill():
            for content in (b"a", b"b"):
                self.ask("QUERY", "/q", [JSON], content)
                self.assert_hit(self.ask("QUERY", "/q", [JSON], content))
        self.get("/keep")
        fill()
        self.larder.invalidate(urls=["/q"])
        self.assert_forwarded(self.ask("QUERY", "/q", [JSON], b"a"), "uri-miss")
        fill()
        self.ask("PUT", "/q", [JSON], b"new")
        for content in (b"a", b"b"):
            self.assert_forwarded(self.ask("QUERY", "/q", [JSON], content), "uri-miss")
        self.assert_hit(self.get("/keep"))

    def test_a_safe_post_invalidates_nothing_and_another_does(self):
        self.start_echo()
        self.origin.on("/q", lambda request: Reply(fields=[FRESH], content=b"x"))
        self.get("/q")
        self.ask("POST", "/q", [JSON], b"a")
        self.assert_hit(self.get("/q"))

    def test_without_the_word_post_is_unsafe(self):
        self.start_echo(words="query")
        self.get("/q")
        self.assert_hit(self.get("/q"))
        self.assert_forwarded(self.ask("POST", "/q", [JSON], b"a"), "method")
        self.assert_forwarded(self.get("/q"), "uri-miss")

    def test_a_client_that_leaves_before_its_body_has_come(self):
        self.start_echo()
        with Client(self.larder.port) as client:
            client.send_head("QUERY", "/q", [JSON, ("Content-Length", "10")])
            client.send(b"half")
        self.assertEqual(self.ask("QUERY", "/q", [JSON], b"whole").content, b"<whole>")
        self.assertEqual(self.origin.count("/q"), 1)


if __name__ == "__main__":
    unittest.main()
