# SPDX-License-Identifier: Apache-2.0
"""What no server should take: each is refused with the right status, and the origin hears nothing of it."""
import unittest

from case import LarderCase
from rawclient import Client
from waiting import until

MALFORMED = {
    # Request line
    "no version": b"GET /\r\nHost: a\r\n\r\n",
    "words too many": b"GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "tab in the request line": b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "method that is no token": b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    "target without slash": b"GET index HTTP/1.1\r\nHost: a\r\n\r\n",
    "control character in the target": b"GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the target": b"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n",
    "bad version": b"GET / HTTP/x.1\r\nHost: a\r\n\r\n",
    "version of other letters": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "version with two digits": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "star for GET": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    # Host (RFC 9112 §3.2)
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "the same Host twice": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "bad Host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with user": b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
    # Fields
    "space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n",
    "space before the name": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "name that is no token": b"GET / HTTP/1.1\r\nHost: a\r\nX(A): b\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n",
    "CR in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n",
    # Framing (RFC 9112 §6): what request smuggling is made of
    "length and coding": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
                         b"0\r\n\r\nX",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd",
    "signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    "negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
    "hexadecimal length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
    "length with a space": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\n0123456789",
    "empty length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
    "length past all numbers": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "coding hidden by a tab": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "coding with a comma before": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}

BAD_CONTENT = {
    "chunk size that is no number": b"xyz\r\n",
    "chunk size with a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "chunk size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "chunk size past all numbers": b"fffffffffffffffffff\r\n",
    "chunk longer than said": b"3\r\nabcd\r\n0\r\n\r\n",
    "empty chunk size": b"\r\nabc\r\n0\r\n\r\n",
    "chunk extension without end": b"3;" + b"a" * 100_000,
}


class Malformed(LarderCase):
    def test_malformed_heads_are_refused_and_the_connection_ends(self):
        self.start()
        for name, head in MALFORMED.items():
            with self.subTest(name), Client(self.larder.port) as client:
                client.send(head)
                response = client.read_response()
                self.assertIn(response.status, (400, 501, 505), name)
                self.assertFalse(response.keeps_alive)
                self.assertTrue(client.ends())
        self.assertEqual(self.origin.count(), 0)

    def test_malformed_chunks_never_become_a_whole_request(self):
        self.start()
        for name, content in BAD_CONTENT.items():
            with self.subTest(name), Client(self.larder.port) as client:
                client.send_head("POST", "/bad", [("Transfer-Encoding", "chunked")])
                client.send(content)
                response = client.read_response("POST")
                self.assertIn(response.status, (400, 413), name)
                self.assertTrue(client.ends())
        self.assertEqual(self.origin.count("/bad"), 0, "the origin never had the content whole")

    def test_higher_version_is_505(self):
        self.start()
        for version in ("HTTP/2.0", "HTTP/3.0", "HTTP/0.9"):
            with self.subTest(version), self.client() as client:
                client.send(f"GET / {version}\r\nHost: a\r\n\r\n")
                self.assertIn(client.read_response().status, (400, 505))

    def test_empty_lines_before_a_request_are_forgiven(self):
        self.start()
        with self.client() as client:
            client.send(b"\r\n\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.read_response().content, b"/after")

    def test_smuggled_request_is_not_seen_as_one(self):
        self.start()
        with self.client() as client:
            inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
            client.send(f"POST /outer HTTP/1.1\r\nHost: a\r\nContent-Length: {len(inner)}\r\n\r\n{inner}")
            self.assertEqual(client.read_response("POST").content, b"/outer")
            self.assertEqual(client.get("/last").content, b"/last")
        self.assertEqual(self.origin.count("/smuggled"), 0)

    def test_connect_is_refused(self):
        self.start()
        with self.client() as client:
            client.send(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
            self.assertIn(client.read_response().status, (400, 405, 501))
        self.assertEqual(self.origin.count(), 0)


class TooLarge(LarderCase):
    def refused(self, status, *pieces):
        with Client(self.larder.port) as client:
            try:
                client.send(*pieces)
            except ConnectionError:
                pass  # refused before all of it was taken
            response = client.read_response()
            self.assertEqual(response.status, status)
            self.assertFalse(response.keeps_alive)

    def test_request_line_414(self):
        self.start()
        self.refused(414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        self.refused(414, b"GET /" + b"a" * 9000)
        self.assertEqual(self.origin.count(), 0)

    def test_fields_431(self):
        self.start()
        start = b"GET / HTTP/1.1\r\nHost: a\r\n"
        self.refused(431, start + b"X-A: " + b"a" * 17000 + b"\r\n\r\n")
        self.refused(431, start + b"X-A: " + b"a" * 17000)
        self.refused(431, start + b"".join(b"X-%d: a\r\n" % number for number in range(200)) + b"\r\n")
        self.refused(431, start + (b"X-A: " + b"a" * 15000 + b"\r\n") * 5 + b"\r\n")
        self.assertEqual(self.origin.count(), 0)

    def test_content_413(self):
        self.start(top="limits body=1KB")
        self.refused(413, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n", b"a" * 200000)
        with self.client() as client:
            self.assertEqual(client.request("POST", "/x", content=b"a" * 2000).status, 413)
            self.assertEqual(client.request("POST", "/x", content=b"a" * 2000).status, 413)
        self.refused(413, b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"400\r\n" + b"a" * 1024 + b"\r\n", b"400\r\n" + b"a" * 1024 + b"\r\n0\r\n\r\n")
        self.assertEqual(self.origin.count("/x"), 0)
        self.assertEqual(self.ask("POST", "/ok", content=b"a" * 1024).status, 200)

    def test_limits_of_the_configuration(self):
        self.start(top="limits request_line=128B fields=3")
        self.refused(414, b"GET /" + b"a" * 128 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        self.refused(431, b"GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n")


class TooSlow(LarderCase):
    def test_head_that_does_not_end_is_408(self):
        self.start(top="client head_timeout=200ms")
        with self.client() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ")
            self.assertEqual(client.read_response().status, 408)
            self.assertTrue(client.ends())
        self.assertEqual(self.origin.count(), 0)

    def test_bytes_now_and_then_do_not_help(self):
        self.start(top="client head_timeout=300ms")
        with self.client() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
            client.sock.settimeout(0.02)
            answer = bytearray()

            def ended():
                try:
                    client.send(b"X-A: b\r\n")
                    piece = client.sock.recv(4096)
                except TimeoutError:
                    return False
                except ConnectionError:
                    return True
                answer.extend(piece)
                return not piece
            until(ended, "the connection is ended although bytes came")
        self.assertTrue(answer.startswith(b"HTTP/1.1 408") or not answer, answer)
        self.assertEqual(self.origin.count(), 0)

    def test_silent_connection_is_closed(self):
        self.start(top="client head_timeout=200ms keep_alive=200ms")
        with self.client() as client:
            client.reader.rest()
        with self.client() as client:
            client.get("/")
            self.assertTrue(client.ends(), "an idle connection is closed without a word")

    def test_content_that_stops_is_408(self):
        self.start(top="client body_idle=200ms")
        with self.client() as client:
            client.send_head("POST", "/up", [("Content-Length", "100")])
            client.send(b"only this")
            self.assertEqual(client.read_response("POST").status, 408)
            self.assertTrue(client.ends())
        self.assertEqual(self.origin.count("/up"), 0)

    def test_many_slow_clients_do_not_keep_others_out(self):
        self.start(top="client head_timeout=5s")
        slow = [self.client() for _ in range(200)]
        for client in slow:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        self.assertEqual(self.get("/quick").content, b"/quick")


if __name__ == "__main__":
    unittest.main()
