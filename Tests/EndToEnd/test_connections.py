# SPDX-License-Identifier: Apache-2.0
"""Clients that hold much or do nothing take neither places nor memory from others (promise 7)."""
import os
import re
import resource
import socket
import threading
import time
import unittest

from case import FRESH, LarderCase
from covering import covers
from origin import Reply
from rawclient import Client
from waiting import until

MEGABYTE = 1 << 20


class Places(LarderCase):
    def metric(self, name):
        text = self.larder.admin("GET", "/metrics").content.decode()
        found = re.search("^" + re.escape(name) + r" (\d+)$", text, re.M)
        return int(found.group(1)) if found else None

    def fill(self, count, begin):
        held = [self.client() for _ in range(count)]
        for number, client in enumerate(held):
            begin(client, number)
        return held

    def taken(self, count):
        until(lambda: (self.metric("larder_connections") or 0) >= count, f"{count} connections are open")

    @covers("metric larder_connections_cut_total")
    def test_the_longest_idle_connection_gives_way(self):
        self.start(top="limits connections=20\nworkers 2")
        held = self.fill(20, lambda client, number: client.get(f"/{number}"))
        self.taken(20)
        for number in range(5):
            self.assertEqual(self.get(f"/new/{number}").status, 200)
        gone = self.metric('larder_connections_cut_total{reason="limit"}')
        self.assertTrue(1 <= gone <= 6, gone)
        ended = [client for client in held if not self.is_open(client)]
        self.assertTrue(1 <= len(ended) <= gone, (len(ended), gone))
        self.assertIn("connection_limit_reached", self.larder.error_text())

    @staticmethod
    def is_open(client):
        client.sock.settimeout(0.05)
        try:
            return client.sock.recv(1, socket.MSG_PEEK) != b""
        except (TimeoutError, socket.timeout):
            return True
        except ConnectionError:
            return False

    def test_the_first_to_be_idle_is_the_first_to_go(self):
        self.start(top="limits connections=3\nworkers 1")
        held = self.fill(3, lambda client, number: client.get(f"/{number}"))
        time.sleep(0.3)  # idle time is told apart by an eighth of a second
        held[0].get("/again")
        self.assertEqual(self.get("/new").status, 200)
        self.assertEqual([self.is_open(client) for client in held], [True, False, True])

    def test_begun_heads_give_way_too(self):
        self.start(top="limits connections=20\nworkers 1\nclient head_timeout=1h")
        self.fill(20, lambda client, number: client.send(b"G"))
        self.taken(20)
        for number in range(3):
            self.assertEqual(self.get(f"/{number}").status, 200)

    def test_begun_heads_give_way_before_who_is_idle(self):
        for head in (b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + 6000 * b"x"):
            with self.subTest(len(head)):
                self.start(top="limits connections=30\nworkers 1\nclient head_timeout=1h")
                kept = self.fill(5, lambda client, number: client.get(f"/{number}"))
                # An upload that stalls stands before them, and is not what is looked for.
                slow = self.client()
                slow.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + bytes(100_000))
                self.fill(24, lambda client, number, head=head: client.send(head))
                self.taken(30)
                time.sleep(1.3)  # heads that come in parts are given half a second, large ones one
                fresh = self.fill(10, lambda client, number: None)
                for number, client in enumerate(fresh):
                    self.assertEqual(client.get(f"/fresh/{number}").status, 200)
                for client in kept:
                    self.assertEqual(client.get("/again").status, 200)

    def test_no_request_under_way_gives_way(self):
        gate = threading.Event()
        self.origin = self.start_origin()
        self.origin.default = lambda request: Reply(content=request.target.encode(), gate=gate)
        self.addCleanup(gate.set)
        # More than are looked at for a newcomer's sake; all of them have been idle before.
        self.start(top="limits connections=31\nworkers 1")
        busy = self.fill(30, lambda client, number: client.send_request("GET", f"/{number}"))
        idle = self.client()
        self.taken(31)
        late = self.client()
        late.send_request("GET", "/late")
        self.assertTrue(idle.ends())
        gate.set()
        for number, client in enumerate(busy):
            self.assertEqual(client.read_response().content, b"/%d" % number)
        self.assertEqual(late.read_response().content, b"/late")
        # All are idle again, and give way once more.
        for number in range(3):
            self.assertEqual(self.get(f"/after/{number}").status, 200)
        ended = [client for client in [*busy, late] if not self.is_open(client)]
        self.assertTrue(1 <= len(ended) <= 3, len(ended))


class Held(LarderCase):
    """A hot set stays and stays fast, and the process small, whatever others hold."""
    HOT = 300
    MEMORY = 64 * MEGABYTE
    # As .github/docs/operations.md has it: a tenth more than `memory`, and what the process needs without a cache.
    LIMIT = int(1.1 * MEMORY) + 32 * MEGABYTE

    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 16_000:
            self.skipTest("too few descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def begin(self, **parts):
        self.origin = self.start_origin()
        body = os.urandom(100_000)
        self.origin.default = lambda request: Reply(fields=[FRESH], content=body)
        self.start(top="memory 64MB\nworkers 2\naccess_log off", **parts)
        for number in range(self.HOT):
            self.get(f"/hot/{number}")

    def hits(self):
        """The share of hits, and the 99th percentile of their times in milliseconds."""
        hits, times = 0, []
        with Client(self.larder.port) as client:
            for number in range(self.HOT):
                start = time.monotonic()
                hits += client.get(f"/hot/{number}").cache.get("hit", False)
                times.append((time.monotonic() - start) * 1000)
        return hits / self.HOT, sorted(times)[len(times) * 99 // 100]

    def flood(self, count, begin, more=None):
        sockets = []
        self.addCleanup(lambda: [sock.close() for sock in sockets])
        for number in range(count):
            sock = socket.create_connection(("127.0.0.1", self.larder.port))
            sockets.append(sock)
            begin(sock, number)
        for sock in sockets:
            sock.setblocking(False)
        end = time.monotonic() + 10
        while more and time.monotonic() < end and more(sockets):
            pass
        share, p99 = self.hits()
        peak = self.peak_bytes()
        print(f"{self.id()}: hits {share:.3f}, p99 {p99:.1f} ms, process {peak / MEGABYTE:.0f} MB")
        self.assertGreaterEqual(share, 0.95)
        self.assertLess(peak, self.LIMIT)
        for sock in sockets:
            sock.close()
        held = "larder_connections_held_bytes"
        until(lambda: int(re.search(rf"^{held} (\d+)", self.larder.admin("GET", "/metrics").content.decode(),
                                    re.M).group(1)) < MEGABYTE, "what they held is given back")
        self.assertGreaterEqual(self.hits()[0], 0.95)

    def peak_bytes(self):
        with open(f"/proc/{self.larder.process.pid}/status", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("VmHWM:")).split()[1]) * 1024

    def test_slow_bodies_to_be_keyed(self):
        self.begin(route="key body=safe_post max_body=2MB")
        head = b"POST /search HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
        sent = {}

        def more(sockets):
            moved = 0
            for sock in sockets:
                if sent.get(sock, 0) < 990_000:
                    try:
                        sent[sock] = sent.get(sock, 0) + sock.send(b"x" * 30_000)
                        moved += 1
                    except BlockingIOError:
                        pass
                    except OSError:
                        sent[sock] = 1 << 30
            return moved
        self.flood(600, lambda sock, number: sock.sendall(head), more)

    def test_begun_heads(self):
        self.begin()
        head = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 15_000) for n in range(4))

        def begin(sock, number):
            sock.settimeout(5)
            try:
                sock.sendall(head)
            except OSError:
                pass  # it is cut off already
        self.flood(5000, begin)

    def test_answers_that_nobody_reads(self):
        self.begin()
        body = os.urandom(MEGABYTE)
        self.origin.on("/big", *[Reply(fields=[FRESH], content=body)])
        self.get("/big")

        def begin(sock, number):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        self.flood(500, begin)

    def test_misses_that_nobody_reads(self):
        self.begin(upstream="pool max=600\nqueue limit=600")
        body = os.urandom(MEGABYTE)
        plain = self.origin.default
        self.origin.default = lambda request: (
            Reply(fields=[("Cache-Control", "no-store")], content=body) if request.path.startswith("/pass/")
            else plain(request))

        def begin(sock, number):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(b"GET /pass/%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
        self.flood(300, begin)


if __name__ == "__main__":
    unittest.main()
