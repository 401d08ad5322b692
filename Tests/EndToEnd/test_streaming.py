# SPDX-License-Identifier: Apache-2.0
"""Large messages, slow peers, and pieces that must not wait for each other."""
import os
import threading
import unittest

from case import LarderCase
from message import chunk
from origin import Reply
from waiting import until

MEGABYTE = 1 << 20
BLOCK = bytes(range(256)) * 1024  # 256 KB
LARGE = int(os.environ.get("LARDER_TEST_LARGE_MB", "1024")) * MEGABYTE


class Sender:
    """Takes over an origin's connection and sends `size` bytes as fast as they are taken."""

    def __init__(self, size, fields=b"", chunked=False):
        self.size = size
        self.sent = 0
        self.fields = fields
        self.chunked = chunked

    def __call__(self, _):
        return self.serve

    def serve(self, sock, _):
        framing = b"Transfer-Encoding: chunked" if self.chunked else b"Content-Length: %d" % self.size
        sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + self.fields + framing + b"\r\n\r\n")
        while self.sent < self.size:
            block = BLOCK[:self.size - self.sent]
            sock.sendall(chunk(block) if self.chunked else block)
            self.sent += len(block)
        if self.chunked:
            sock.sendall(b"0\r\n\r\n")


class Large(LarderCase):
    def read_pattern(self, client, size):
        """Reads content, watching the process; returns the largest growth of its memory."""
        before = self.larder.resident_bytes()
        growth = done = 0
        while done < size:
            data = client.reader.some(1 << 18)
            self.assertTrue(data, f"ended at {done} of {size}")
            offset = done % len(BLOCK)
            if done % (64 * MEGABYTE) < len(data):
                growth = max(growth, self.larder.resident_bytes() - before)
            self.assertEqual(data, (BLOCK + BLOCK)[offset:offset + len(data)])
            done += len(data)
        return growth

    def stream(self, sender):
        self.start()
        self.origin.on("/large", sender)
        with self.client() as client:
            client.send_request(target="/large")
            response = client.read_final_head()
            self.assertEqual(response.field("Content-Length"), str(sender.size))
            growth = self.read_pattern(client, sender.size)
        self.assertLess(growth, 64 * MEGABYTE)

    def test_large_response_takes_little_memory(self):
        self.stream(Sender(LARGE, b"Cache-Control: no-store\r\n"))

    def test_large_cacheable_response_takes_little_memory(self):
        self.stream(Sender(min(LARGE, 256 * MEGABYTE), b"Cache-Control: max-age=60\r\n"))

    def test_large_chunked_response(self):
        self.start()
        size = 32 * MEGABYTE
        self.origin.on("/large", Sender(size, b"Cache-Control: no-store\r\n", chunked=True))
        response = self.get("/large")
        self.assertEqual(response.content, BLOCK * (size // len(BLOCK)))

    def test_large_upload_takes_little_memory(self):
        self.start()
        size = min(LARGE, 256 * MEGABYTE)
        received = [0]

        def swallow(_):
            def serve(sock, reader):
                while received[0] < size:
                    received[0] += len(reader.some(1 << 18))
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return serve
        swallow.early = True
        self.origin.on("/up", swallow)
        before = self.larder.resident_bytes()
        with self.client() as client:
            client.send_head("POST", "/up", [("Content-Length", str(size))])
            for _ in range(size // len(BLOCK)):
                client.send(BLOCK)
            self.assertLess(self.larder.resident_bytes() - before, 64 * MEGABYTE)
            self.assertEqual(client.read_response("POST").content, b"ok")
        self.assertEqual(received[0], size)

    def test_slow_reader_slows_the_origin(self):
        self.start()
        sender = Sender(96 * MEGABYTE, b"Cache-Control: no-store\r\n")
        self.origin.on("/slow", sender)
        before = self.larder.resident_bytes()
        with self.client(receive_buffer=32768) as client:
            client.send_request(target="/slow")
            client.read_final_head()
            seen = []

            def stalled():
                seen.append(sender.sent)
                return len(seen) > 40 and len(set(seen[-40:])) == 1
            until(stalled, "the origin is held back")
            self.assertLess(sender.sent, 64 * MEGABYTE)
            self.assertLess(self.larder.resident_bytes() - before, 32 * MEGABYTE)
            self.read_pattern(client, sender.size)


class Pieces(LarderCase):
    def test_server_sent_events_are_not_held_back(self):
        self.start()
        events = [threading.Event() for _ in range(3)]
        pieces = [b"data: 0\n\n"]
        for number, event in enumerate(events):
            pieces += [event, b"data: %d\n\n" % (number + 1)]
        self.origin.on("/sse", Reply(fields=[("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")],
                                     pieces=pieces, framing="chunked"))
        with self.client() as client:
            client.send_request(target="/sse")
            client.read_final_head()
            chunks = client.reader.chunks()
            self.assertEqual(next(chunks), b"data: 0\n\n")
            for number, event in enumerate(events):
                event.set()
                self.assertEqual(next(chunks), b"data: %d\n\n" % (number + 1))
            self.assertRaises(StopIteration, next, chunks)

    def test_response_of_known_length_is_not_held_back(self):
        self.start()
        event = threading.Event()
        self.origin.on("/two", Reply(pieces=[b"first", event, b"second"]))
        with self.client() as client:
            client.send_request(target="/two")
            client.read_final_head()
            self.assertEqual(client.reader.exactly(5), b"first")
            event.set()
            self.assertEqual(client.reader.exactly(6), b"second")

    def test_upload_is_not_held_back(self):
        self.start()
        seen = threading.Event()

        def watch(_):
            def serve(sock, reader):
                chunks = reader.chunks()
                beginning = b""
                while len(beginning) < 40_000:
                    beginning += next(chunks)
                seen.set()
                rest = b"".join(chunks)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(rest), rest))
            return serve
        watch.early = True
        self.origin.on("/up", watch)
        with self.client() as client:
            client.send_head("POST", "/up", [("Transfer-Encoding", "chunked")])
            client.send(chunk(b"x" * 40_000))
            self.assertTrue(seen.wait(10), "the origin has the beginning")
            client.send(chunk(b"second"), b"0\r\n\r\n")
            self.assertEqual(client.read_response("POST").content, b"second")

    def test_early_answer_to_an_upload(self):
        self.start()
        self.origin.on("/up", Reply(403, content=b"no", early=True, close=True))
        with self.client() as client:
            client.send_head("POST", "/up", [("Content-Length", "1000000")])
            client.send(b"x" * 40_000)
            response = client.read_response("POST")
            self.assertEqual((response.status, response.content), (403, b"no"))

    def test_client_that_leaves_ends_the_exchange(self):
        self.start()
        never = threading.Event()
        self.origin.on("/gone", Reply(fields=[("Cache-Control", "no-store")], pieces=[b"x", never], framing="chunked"))
        with self.client() as client:
            client.send_request(target="/gone")
            client.read_final_head()
            client.reset()
        never.set()
        until(lambda: self.get("/after").content == b"/after", "others are served")


if __name__ == "__main__":
    unittest.main()
