# SPDX-License-Identifier: Apache-2.0
"""Answers that do not wait for a request's body (RFC 9112 §9.3, §9.6; RFC 9110 §10.1.1)."""
import threading
import time

from case import LarderCase
from larder import free_port
from message import chunk
from origin import Reply


# So much of a body has come that the rest is not waited for before the origin is asked.
BEGUN = b"x" * 40_000
# The same of one that is not gathered whole.
NEARLY_ALL = bytes(300_000)


class EarlyAnswers(LarderCase):
    def config(self, *servers, **parts):
        text = super().config(*servers, **parts).replace("route /* {", "route /r/* {")
        return text + "upstream other { server 127.0.0.1:%d; }\nroute /down/* { upstream other; }\n" % free_port()

    # What Larder answers by itself, by name: method, target, more of the configuration, status.
    LOCAL = {
        "no route": ("POST", "/none", "", 404),
        "method": ("TRACE", "/r/a", "", 405),
        "purge": ("PURGE", "/r/a", "purge_method on allow=10.0.0.0/8", 403),
        "upstream down": ("POST", "/down/a", "", 502),
    }

    def each_local(self):
        for name, (method, target, top, status) in self.LOCAL.items():
            with self.subTest(name):
                self.start(top=top)
                yield method, target, status
                self.larder.stop()

    def assert_says_what_it_does(self, client, response):
        """Either the connection goes on, or the answer has said that it does not."""
        if response.keeps_alive:
            self.assertEqual(client.get("/r/next").content, b"/r/next")
        else:
            self.assertTrue(client.ends())

    def test_short_body_is_passed_over(self):
        for method, target, status in self.each_local():
            for content in (b"x" * 1000, b"GET /r/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"):
                with self.client() as client:
                    for _ in range(3):
                        response = client.request(method, target, content=content)
                        self.assertEqual(response.status, status)
                        self.assertTrue(response.keeps_alive)
                    self.assertEqual(client.get("/r/next").content, b"/r/next")
            self.assertEqual(self.origin.count("/r/smuggled"), 0)

    def test_short_body_that_comes_late(self):
        for method, target, status in self.each_local():
            # A short body is whole before an upstream is asked for.
            if target == "/down/a":
                continue
            with self.client() as client:
                client.send_head(method, target, [("Content-Length", "1000")])
                self.assertEqual(client.read_response().status, status)
                client.send(b"x" * 400)
                time.sleep(0.05)
                client.send(b"x" * 600 + b"GET /r/next HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(client.read_response().content, b"/r/next")

    def test_chunks_at_hand_are_passed_over(self):
        for method, target, status in self.each_local():
            with self.client() as client:
                head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                client.send(head + chunk(b"abc") + chunk(b"def") + b"0\r\n\r\nGET /r/next HTTP/1.1\r\nHost: a\r\n\r\n")
                response = client.read_response()
                self.assertEqual(response.status, status)
                if response.keeps_alive:
                    self.assertEqual(client.read_response().content, b"/r/next")
                else:
                    self.assertTrue(client.ends())
                    self.assertEqual(method, "POST")

    def test_long_body_ends_the_connection_and_the_answer_says_so(self):
        for method, target, status in self.each_local():
            for fields in ([("Content-Length", str(10 << 20))], [("Transfer-Encoding", "chunked")]):
                with self.client() as client:
                    client.send_head(method, target, fields)
                    pieces = [bytes(1 << 16)] * 160
                    if "Transfer-Encoding" in fields[0]:
                        pieces = [chunk(piece) for piece in pieces] + [b"0\r\n\r\n"]
                    sender = threading.Thread(target=self.send_all, args=(client, pieces), daemon=True)
                    sender.start()
                    response = client.read_response()
                    self.assertEqual(response.status, status)
                    self.assertFalse(response.keeps_alive)
                    sender.join(20)
                    self.assertTrue(client.ends())

    @staticmethod
    def send_all(client, pieces):
        try:
            client.send(*pieces)
        except OSError:
            pass

    def test_answer_in_place_of_100(self):
        """The client may leave the body out, or send it all the same."""
        for method, target, status in self.each_local():
            with self.client() as client:
                client.send_head(method, target, [("Content-Length", "30"), ("Expect", "100-continue")])
                response = client.read_response()
                self.assertEqual(response.status, status)
                self.assertFalse(response.keeps_alive)
                client.send(b"GET /r/taken HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertTrue(client.ends())
            self.assertEqual(self.origin.count("/r/taken"), 0)

    def test_too_large_and_only_if_cached(self):
        self.start(top="limits body=1KB", route="ttl 5m\nclient_cache_control honor\nkey body=query")
        with self.client() as client:
            self.assertEqual(client.request("POST", "/r/a", content=bytes(2000)).status, 413)
            response = client.request("QUERY", "/r/a", [("Cache-Control", "only-if-cached")], b"q")
            self.assertEqual(response.status, 504)
            self.assertEqual(client.get("/r/next").content, b"/r/next")
        with self.client() as client:
            client.send_head("POST", "/r/a", [("Transfer-Encoding", "chunked")])
            client.send(chunk(bytes(2000)))
            response = client.read_response()
            self.assertEqual((response.status, response.keeps_alive), (413, False))
            self.assertTrue(client.ends())

    def test_origin_that_answers_before_a_long_body(self):
        self.start()
        self.origin.on("/r/early", Reply(413, content=b"too much", early=True))
        for fields, begun in (([("Content-Length", str(10 << 20))], BEGUN),
                              ([("Transfer-Encoding", "chunked")], b"%x\r\n%b\r\n" % (len(BEGUN), BEGUN))):
            with self.client() as client:
                client.send_head("POST", "/r/early", fields)
                client.send(begun)
                response = client.read_response()
                self.assertEqual((response.status, response.content), (413, b"too much"))
                self.assertFalse(response.keeps_alive)
                self.assertTrue(client.ends())

    def test_origin_that_answers_before_a_short_body(self):
        self.start()
        self.origin.on("/r/early", Reply(403, content=b"no", early=True))
        with self.client() as client:
            client.send_head("POST", "/r/early", [("Content-Length", str(len(NEARLY_ALL) + 1000))])
            client.send(NEARLY_ALL)
            response = client.read_response()
            self.assertEqual((response.status, response.keeps_alive), (403, True))
            client.send(bytes(1000))
            self.assertEqual(client.get("/r/next").content, b"/r/next")

    def test_connection_with_half_a_request_is_not_used_again(self):
        self.start(top="workers 1")
        gate = threading.Event()
        keep = Reply(raw=[b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", gate])
        keep.early = True
        self.origin.on("/r/early", keep)
        with self.client() as client:
            client.send_head("POST", "/r/early", [("Content-Length", str(len(NEARLY_ALL) + 1000))])
            client.send(NEARLY_ALL)
            self.assertEqual(client.read_response().status, 403)
            self.assertEqual(self.get("/r/other").content, b"/r/other")
            gate.set()
        self.assertEqual(self.origin.connections, 2)

    def test_expecting_client_hears_of_the_refusal_of_the_origin(self):
        self.start()
        refusal = Reply(401, content=b"no")
        refusal.early = True
        self.origin.on("/r/early", refusal)
        with self.client() as client:
            client.send_head("POST", "/r/early", [("Content-Length", "100"), ("Expect", "100-continue")])
            response = client.read_response()
            self.assertEqual((response.status, response.keeps_alive), (401, False))
            self.assertTrue(client.ends())

    def test_body_that_never_comes_is_not_waited_for(self):
        self.start()
        with self.client(timeout=12) as client:
            client.send_head("POST", "/none", [("Content-Length", "10")])
            self.assertTrue(client.read_response().keeps_alive)
            self.assertTrue(client.ends())
