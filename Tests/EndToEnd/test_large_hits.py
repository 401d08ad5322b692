# SPDX-License-Identifier: Apache-2.0
"""Hits whose bodies are sent without a copy, whatever happens to body and client meanwhile."""
import hashlib
import os
import threading
import unittest

from case import FRESH, LarderCase
from origin import Reply
from waiting import until

KILOBYTE = 1 << 10
MEGABYTE = 1 << 20
LARGE = min(int(os.environ.get("LARDER_TEST_LARGE_MB", "1024")), 1024) * MEGABYTE
BLOCK = hashlib.shake_128(b"larder").digest(MEGABYTE - 7)  # no divisor of any piece


def content(size, start=0):
    """`size` bytes of the pattern, from `start` on."""
    offset = start % len(BLOCK)
    repeated = BLOCK * ((offset + size) // len(BLOCK) + 1)
    return repeated[offset:offset + size]


def other(size):
    return bytes(reversed(content(size)))


class LargeHits(LarderCase):
    def store(self, size, top="memory 400MB max_object=100MB", framing="length", path="/large"):
        if not hasattr(self, "larder"):
            self.start(top=top)
        data = content(size)
        pieces = [data[start:start + 300_000] for start in range(0, size, 300_000)]
        self.origin.on(path, Reply(fields=[FRESH, ("ETag", '"1"')], pieces=pieces, framing=framing))
        self.assertEqual(self.get(path).content, data)
        until(lambda: self.larder.admin_json("GET", "/performance"), "figures")
        return data

    def check_whole_and_parts(self, size, **options):
        data = self.store(size, **options)
        for _ in range(2):
            response = self.get("/large")
            self.assert_hit(response)
            self.assertTrue(response.content == data)
        self.assertEqual(self.ask("HEAD", "/large").field("Content-Length"), str(size))
        for start, end in [(0, size - 1), (1, size // 2), (size // 3, size // 3 + 9), (size - 40_000, size - 1)]:
            part = self.get("/large", ("Range", f"bytes={start}-{end}"))
            self.assertEqual(part.status, 206)
            self.assertTrue(part.content == data[start:end + 1])
        parts = self.get("/large", ("Range", f"bytes=5-{size // 2},-30000"))
        self.assertEqual(parts.status, 206)
        self.assertIn(data[5:size // 2 + 1], parts.content)
        self.assertIn(data[-30000:], parts.content)
        self.assertEqual(self.origin.count("/large"), 1)

    def test_100_kilobytes(self):
        self.check_whole_and_parts(100 * KILOBYTE)

    def test_a_megabyte(self):
        self.check_whole_and_parts(MEGABYTE)

    def test_a_megabyte_of_unknown_length(self):
        self.check_whole_and_parts(MEGABYTE, framing="chunked")

    def test_50_megabytes(self):
        self.check_whole_and_parts(50 * MEGABYTE)

    def test_a_gigabyte(self):
        size = LARGE
        self.start(top="memory %dMB max_object=2GB" % (6 * size // MEGABYTE))

        def reply(_):
            def serve(sock, _):
                sock.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=300\r\nContent-Length: %d\r\n\r\n" % size)
                sent = 0
                while sent < size:
                    sent += sock.send(BLOCK[sent % len(BLOCK):][:size - sent])
            return serve
        self.origin.on("/huge", reply)
        for _ in range(2):
            with self.client() as client:
                client.send_request(target="/huge")
                response = client.read_final_head()
                done = 0
                while done < size:
                    data = client.reader.some(1 << 20)
                    self.assertTrue(data and data == content(len(data), done), f"wrong at {done}")
                    done += len(data)
        self.assert_hit(response)
        part = self.get("/huge", ("Range", f"bytes={size - 5_000_000}-"))
        self.assertTrue(part.content == content(5_000_000, size - 5_000_000))

    def test_a_pipeline_of_hits_arrives_in_order(self):
        data = self.store(300 * KILOBYTE)
        with self.client() as client:
            for _ in range(20):
                client.send_request(target="/large")
            for _ in range(20):
                self.assertTrue(client.read_response().content == data)

    def stalled(self, target="/large"):
        """A client with little room that has asked and reads nothing yet."""
        client = self.client(receive_buffer=8192)
        client.send_request(target=target)
        return client

    def replace(self, size):
        """What takes the place of the body, and of its memory."""
        self.origin.on("/large", Reply(fields=[FRESH], content=other(size)))
        self.assertTrue(self.get("/large").content == other(size))
        for number in range(8):
            self.origin.on(f"/{number}", Reply(fields=[FRESH], content=other(size)))
            self.get(f"/{number}")

    def test_a_body_that_is_invalidated_goes_on_to_those_who_have_begun(self):
        size = 20 * MEGABYTE
        data = self.store(size)
        clients = [self.stalled() for _ in range(4)]
        for client in clients:
            client.read_final_head()
        self.larder.invalidate(keys=[], prefixes=["/large"])
        self.replace(size)
        for client in clients:
            self.assertTrue(client.reader.exactly(size) == data)

    def test_a_body_that_is_evicted_goes_on_to_those_who_have_begun(self):
        size = 6 * MEGABYTE
        data = self.store(size, top="memory 32MB max_object=8MB")
        client = self.stalled()
        client.read_final_head()
        for number in range(20):
            self.origin.on(f"/{number}", Reply(fields=[FRESH], content=other(size)))
            for _ in range(2):
                self.get(f"/{number}")
        self.assertTrue(client.reader.exactly(size) == data)

    def test_a_slow_reader_keeps_nobody_waiting(self):
        data = self.store(10 * MEGABYTE)
        client = self.stalled()
        for _ in range(5):
            self.assertTrue(self.get("/large").content == data)
        response = client.read_response()
        self.assertTrue(response.content == data)

    def test_clients_that_leave_midway_leave_nothing_behind(self):
        data = self.store(4 * MEGABYTE)
        before = self.larder.resident_bytes()

        def leave(number):
            for turn in range(10):
                client = self.stalled()
                client.reader.some(1000 * (number + turn))
                client.reset() if turn % 2 else client.close()
        self.in_parallel(8, leave)()
        self.assertTrue(self.get("/large").content == data)
        self.assertLess(self.larder.resident_bytes() - before, 8 * MEGABYTE)

    def test_many_workers_and_clients_get_only_what_they_asked_for(self):
        sizes = [33_000, 50_000, 65_537, 131_072, 500_000, 1_500_000]
        self.start(top="memory 64MB\nworkers 2")
        for size in sizes:
            self.origin.on(f"/{size}", Reply(fields=[FRESH], content=content(size, size)))

        def read(number):
            with self.client() as client:
                for turn in range(60):
                    size = sizes[(number + turn) % len(sizes)]
                    if (number + turn) % 17 == 0:
                        self.larder.invalidate(prefixes=[f"/{size}"])
                    response = client.get(f"/{size}")
                    if response.content != content(size, size):
                        raise AssertionError(f"wrong content of {size} bytes")
        self.in_parallel(12, read)()

    def test_memory_counts_large_bodies_and_gives_them_back(self):
        top = "memory 64MB max_object=8MB"
        self.start(top=top)
        size = 3 * MEGABYTE
        for number in range(100):
            self.origin.on(f"/{number}", Reply(fields=[FRESH], content=content(size, number)))
            self.get(f"/{number}")
        self.assertLess(self.larder.resident_bytes(), int(1.2 * 64 * MEGABYTE) + 32 * MEGABYTE)
        full = self.larder.resident_bytes()
        self.assertGreater(full, 40 * MEGABYTE)
        self.larder.invalidate(all=True)

        def shrunk():
            return self.larder.resident_bytes() < full - 30 * MEGABYTE
        until(shrunk, "the pages of invalidated bodies are given back")


if __name__ == "__main__":
    unittest.main()
