# SPDX-License-Identifier: Apache-2.0
"""Clients from many addresses that keep connections to the origin waiting take none from others (promise 7)."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from case import LarderCase
from covering import covers
from larder import free_port
from message import Broken
from origin import Reply
from rawclient import Client
from waiting import until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
ADDRESSES = 250
OTHERS = 315
LARGE = bytes(12 << 20)


def address(number):
    return f"127.1.{number % ADDRESSES // 100}.{number % 100 + 1}"


def upload(fields, content):
    return b"POST /upload HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n" + content


PIECE = b"x" * 40_000
SHORT = upload(b"Content-Length: 50000", PIECE)
LONG = upload(b"Content-Length: 1000000", PIECE)
ENDLESS = upload(b"Content-Length: 1000000000", PIECE)
CHUNKED = upload(b"Transfer-Encoding: chunked", b"9c40\r\n" + PIECE + b"\r\n")
EXPECTING = upload(b"Expect: 100-continue\r\nContent-Length: 50000", b"")
READER = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
LISTENER = b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n"


class SlowClients(LarderCase):
    def begin(self, **parts):
        self.origin = self.start_origin()
        self.origin.default = lambda request: Reply(content=b"ok")
        self.origin.on("/large", Reply(content=LARGE))
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)
        self.origin.on("/events", Reply(fields=[("Content-Type", "text/event-stream")],
                                        pieces=[b"data: 1\n\n", self.gate], framing="chunked"))
        parts.setdefault("top", "workers 2\naccess_log off")
        self.start(route="pass", **parts)
        self.crowd = []
        self.addCleanup(self.leave)

    def leave(self):
        self.gate.set()
        for sock in self.crowd:
            sock.close()
        self.crowd.clear()

    def come(self, port, text, count=300, first=0):
        for number in range(first, first + count):
            sock = socket.socket()
            sock.settimeout(5)
            if not text.startswith(b"POST"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.bind((address(number), 0))
            sock.connect(("127.0.0.1", port))
            with contextlib.suppress(OSError):
                sock.sendall(text)
            self.crowd.append(sock)

    def trickle(self, piece):
        """A piece a second of each, until the test ends."""
        ended = threading.Event()
        self.addCleanup(ended.set)

        def send():
            while not ended.wait(1):
                for sock in list(self.crowd):
                    with contextlib.suppress(OSError):
                        if piece:
                            sock.send(piece)
                        else:
                            sock.recv(1)
        threading.Thread(target=send, daemon=True).start()

    def others(self, port):
        """How many others, of addresses of their own, are answered, and the 99th percentile of their times in ms."""
        times, statuses = [], []

        def ask(first):
            for number in range(first, OTHERS, 5):
                start = time.monotonic()
                status = 0
                with contextlib.suppress(OSError, Broken), \
                        Client(port, source=f"127.2.{number // 100}.{number % 100 + 1}") as client:
                    if number % 3:
                        client.send_request("GET", f"/{number}")
                    else:
                        client.send_request("POST", f"/{number}", content=b"hello")
                    status = client.read_response().status
                times.append((time.monotonic() - start) * 1000)
                statuses.append(status)
        threads = [threading.Thread(target=ask, args=(first,), daemon=True) for first in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        return statuses.count(200), sorted(times)[len(times) * 99 // 100]

    def metric(self, name):
        text = self.larder.admin("GET", "/metrics").content.decode()
        found = re.search("^" + re.escape(name) + r" (\d+)$", text, re.M)
        return int(found.group(1)) if found else 0

    def active(self, state="active"):
        return self.metric('larder_upstream_connections{upstream="api",state="%s"}' % state)

    def cut(self):
        return self.metric('larder_connections_cut_total{reason="upstream"}')

    def assert_others_are_served(self, limit_ms=4000):
        answered, p99 = self.others(self.larder.port)
        held = self.larder.resident_bytes() / (1 << 20)
        print(f"{self.id()}: {answered} of {OTHERS}, p99 {p99:.0f} ms, process {held:.0f} MB, cut {self.cut()}")
        self.assertEqual(answered, OTHERS)
        self.assertLess(p99, limit_ms)
        self.assertLess(held, 300)


class Uploads(SlowClients):
    def test_short_ones_hold_no_connection(self):
        self.begin()
        self.come(self.larder.port, SHORT)
        self.larder.wait_for_readers(300)
        self.assertEqual(self.origin.connections, 0)
        self.assert_others_are_served(1000)
        # They are gathered, and can go on.
        self.crowd[0].sendall(b"x" * 10_000)
        self.assertIn(b" 200 OK", self.crowd[0].recv(65536))
        self.assertEqual(len(self.origin.last("/upload").content), 50_000)

    def test_long_ones_leave_connections(self):
        for text in (LONG, CHUNKED, EXPECTING):
            with self.subTest(text[:80]):
                self.begin()
                self.come(self.larder.port, text)
                until(lambda: self.active() > 150, "they take what they get")
                self.assertLess(self.active(), 220)
                self.assert_others_are_served(1000)
                self.leave()

    def test_a_byte_a_second(self):
        self.begin()
        self.come(self.larder.port, ENDLESS)
        self.trickle(b"x")
        until(lambda: self.active() > 150, "they take what they get")
        self.assert_others_are_served(1000)

    @covers("detail too-slow-for-others", "upstream/pool.min_rate")
    def test_they_give_way_to_other_uploads(self):
        self.begin(top="workers 1\nlog_level info", upstream="pool max=20")
        self.come(self.larder.port, LONG, 16)
        until(lambda: self.active() == 16, "all they get")
        with Client(self.larder.port, source="127.3.0.1") as client:
            client.send_head("POST", "/whole", [("Content-Length", "1000000")])
            client.send(b"y" * 1_000_000)
            self.assertEqual(client.read_response("POST").status, 200)
        self.assertEqual(self.cut(), 1)
        until(lambda: "connection_gave_way state=content-begun" in self.larder.error_text(), "the event")
        until(lambda: [line["reason"] for line in self.larder.access_lines() if line.get("status") == 408]
              == ["too-slow-for-others"], "one line")
        ended = [sock for sock in self.crowd if self.answer_of(sock)]
        self.assertEqual([self.answer_of(sock)[:12] for sock in ended], [b"HTTP/1.1 408"])

    @staticmethod
    def answer_of(sock):
        sock.setblocking(False)
        try:
            return sock.recv(4096, socket.MSG_PEEK)
        except BlockingIOError:
            return b""

    def test_nobody_is_cut_off_when_that_is_off(self):
        self.begin(top="workers 1", upstream="pool max=20 min_rate=off\nqueue timeout=2500ms")
        self.come(self.larder.port, LONG, 16)
        until(lambda: self.active() == 16, "all they get")
        with Client(self.larder.port, source="127.3.0.1") as client:
            client.send_head("POST", "/whole", [("Content-Length", "1000000")])
            with contextlib.suppress(OSError):
                client.send(b"y" * 1_000_000)
            self.assertEqual(client.read_response("POST").status, 503)
        self.assertEqual(self.cut(), 0)

    def test_nobody_is_hurt_while_nobody_waits(self):
        """Uploads of 4 KB a second, a quarter of the least rate, on a pool that has something left."""
        self.begin(top="workers 1", upstream="pool max=8")
        self.come(self.larder.port, CHUNKED, 6)
        until(lambda: self.active() == 6, "all are under way")
        for _ in range(4):
            time.sleep(1)
            for sock in self.crowd:
                sock.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            self.assertEqual(self.get("/quick").status, 200)
        for sock in self.crowd:
            sock.sendall(b"0\r\n\r\n")
            self.assertIn(b" 200 OK", sock.recv(65536))
        self.assertEqual(self.cut(), 0)


class Readers(SlowClients):
    def test_they_give_way(self):
        self.begin()
        self.come(self.larder.port, READER)
        until(lambda: self.active() > 240, "the pool is theirs")
        self.assert_others_are_served()
        self.assertGreater(self.cut(), 0)

    def test_a_byte_a_second(self):
        self.begin()
        self.come(self.larder.port, READER)
        self.trickle(b"")
        until(lambda: self.active() > 240, "the pool is theirs")
        self.assert_others_are_served()

    def test_a_cut_answer_is_reset(self):
        self.begin(top="workers 1\nlog_level info", upstream="pool max=4")
        self.come(self.larder.port, READER, 4)
        until(lambda: self.active() == 4, "the pool is theirs")
        self.assertEqual(self.get("/quick").status, 200)
        until(lambda: self.cut() == 1, "one gave way")
        until(lambda: "connection_gave_way state=answer-begun" in self.larder.error_text(), "the event")
        broken = 0
        for sock in self.crowd:
            sock.settimeout(10)
            try:
                received = 0
                while received < len(LARGE):
                    piece = sock.recv(1 << 16)
                    self.assertTrue(piece, "it has not come to an end that looks like one")
                    received += len(piece)
            except ConnectionResetError:
                broken += 1
        self.assertEqual(broken, 1)

    def test_readers_that_share_what_is_not_stored(self):
        """One fetch for several readers: the slow ones are cut off, and the pool is free."""
        self.begin(top="workers 1\nmemory 64MB max_object=64KB", upstream="pool max=1")
        self.larder.write_config(self.config(
            self.origin.port, top="workers 1\nmemory 64MB max_object=64KB", upstream="pool max=1",
            route="ttl 1m\ncompress off\ncoalesce on wait=1m"))
        self.assertEqual(self.larder.admin("POST", "/reload").status, 200)
        self.origin.on("/large", Reply(fields=[("Cache-Control", "max-age=60")], content=LARGE, framing="chunked"))
        self.come(self.larder.port, READER, 3)
        self.origin.wait_for(1)
        until(lambda: self.active() == 1, "it is under way")
        self.assertEqual(self.get("/quick").status, 200)

    def read_evenly(self, port, source, pace, path="/large"):
        """A client that takes so many bytes a second, tenth by tenth; answers what it has got, and how it ended."""
        client = Client(port, source=source, timeout=5)
        self.crowd.append(client.sock)
        client.send(READER.replace(b"/large", path.encode()))
        got = {"bytes": 0, "error": None}
        ended = threading.Event()
        self.addCleanup(ended.set)

        def read():
            try:
                while not ended.wait(0.1):
                    wanted = pace // 10
                    while wanted:
                        piece = client.sock.recv(wanted)
                        if not piece:
                            raise EOFError
                        wanted -= len(piece)
                        got["bytes"] += len(piece)
            except (OSError, EOFError) as error:
                got["error"] = got["error"] or (None if ended.is_set() else type(error).__name__)
        threading.Thread(target=read, daemon=True).start()
        return got

    def share(self, workers):
        """Stalled readers and one of 50 KB/s share an answer, another stalled one has the second connection."""
        top = f"workers {workers}\nmemory 64MB max_object=64KB"
        self.begin(top=top, upstream=f"pool max={2 * workers}\nqueue timeout=30s")
        self.larder.write_config(self.config(
            self.origin.port, top=top, upstream=f"pool max={2 * workers}\nqueue timeout=30s",
            route="ttl 1m\ncompress off\ncoalesce on wait=1m"))
        self.assertEqual(self.larder.admin("POST", "/reload").status, 200)
        self.origin.on("/shared", Reply(fields=[("Cache-Control", "max-age=60")],
                                        pieces=[b"first", self.gate, LARGE], framing="chunked"))
        self.come(self.larder.port, READER.replace(b"/large", b"/shared"), 4)
        got = self.read_evenly(self.larder.port, "127.3.0.1", 50_000, "/shared")
        until(lambda: got["bytes"], "it shares what has come")
        for sock in self.crowd[:4]:
            self.assertTrue(sock.recv(1, socket.MSG_PEEK))
        self.gate.set()
        return got

    def assert_goes_on(self, got, stalled):
        sharers = self.crowd[:4]
        self.come(self.larder.port, READER, stalled, first=10)  # most of them wait

        def were_cut():
            return any(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for sock in sharers)
        until(were_cut, "the stalled ones are cut off", 20)
        before = got["bytes"]
        until(lambda: got["bytes"] > before + 300_000 or got["error"], "it reads on", 20)
        self.assertIsNone(got["error"])

    def test_who_shares_with_a_stalled_one_goes_on(self):
        got = self.share(workers=1)
        self.assert_goes_on(got, stalled=6)
        self.assertEqual(self.origin.count("/shared"), 1)

    def test_who_shares_with_stalled_ones_of_other_workers_goes_on(self):
        got = self.share(workers=2)
        self.assert_goes_on(got, stalled=16)
        self.assertEqual(self.origin.count("/shared"), 1)

    def test_who_reads_twice_the_least_rate_stays(self):
        """Of a pool that is theirs, although others wait."""
        self.begin(top="workers 1", upstream="pool max=10\nqueue timeout=5s")
        readers = [self.read_evenly(self.larder.port, address(number), 50_000) for number in range(10)]
        until(lambda: self.active() == 10, "the pool is theirs")
        with Client(self.larder.port, source="127.3.0.9") as other:
            other.send_request("GET", "/quick")
            self.assertEqual(other.read_response().status, 503)
        self.assertEqual([reader["error"] for reader in readers], [None] * 10)
        self.assertEqual(self.cut(), 0)


class Listeners(SlowClients):
    def test_streams_that_end_share_a_connection(self):
        self.begin(top="workers 1")
        self.gate.set()
        client = self.client()
        for _ in range(50):
            client.send_request("GET", "/events")
            self.assertEqual(client.read_response().content, b"data: 1\n\n")
        self.assertEqual(self.origin.count("/events"), 50)
        self.assertEqual(self.origin.connections, 1)
        self.assertEqual((self.active("stream"), self.active("idle")), (0, 1))

    @covers("upstream/pool.streams", "detail too-many-streams")
    def test_streams_of_events_are_counted_apart(self):
        self.begin(top="workers 2", upstream="pool max=20 streams=200\nqueue timeout=1s")
        self.come(self.larder.port, LISTENER, 150)
        until(lambda: self.active("stream") == 150, "all of them listen")
        self.assertEqual(self.active(), 0)
        self.assert_others_are_served(1000)
        self.come(self.larder.port, LISTENER, 100)
        until(lambda: self.active("stream") == 200, "as many as may")
        until(lambda: sum(line.get("status") == 503 for line in self.larder.access_lines()) == 50, "the others are told")
        answer = self.get("/events")
        self.assertEqual((answer.status, answer.cache["detail"]), (503, "too-many-streams"))
        self.assertEqual(self.get("/quick").status, 200)
        self.gate.set()
        until(lambda: self.active("stream") == 0, "they have ended")
        self.assertEqual(self.cut(), 0)

    def test_one_address_leaves_some_to_others(self):
        self.begin(top="workers 1", upstream="pool streams=20")
        held = []
        for _ in range(16):
            client = self.client()
            client.send_request("GET", "/events")
            self.assertEqual(client.read_final_head().status, 200)
            held.append(client)
        self.assertEqual(self.get("/events").status, 503)
        with Client(self.larder.port, source="127.3.0.1") as other:
            other.send_request("GET", "/events")
            self.assertEqual(other.read_final_head().status, 200)

    def test_what_only_names_the_type_is_no_stream(self):
        self.begin(top="workers 1", upstream="pool streams=1")
        self.origin.on("/short", Reply(fields=[("Content-Type", "text/event-stream")], content=b"data: 1\n\n"))
        client = self.client()
        client.send_request("GET", "/events")
        self.assertEqual(client.read_final_head().status, 200)
        self.assertEqual(self.get("/short").content, b"data: 1\n\n")
        self.assertEqual(self.ask("HEAD", "/events").status, 200)


class Rivals(SlowClients):
    """The same against nginx and HAProxy with as many connections to the origin: figures to compare with."""
    TEXTS = (("uploads of 50,000", SHORT), ("uploads of 1 MB", LONG), ("readers", READER))

    def setUp(self):
        super().setUp()
        if not os.environ.get("RIVALS"):
            self.skipTest("only for figures, with RIVALS=1")

    def measure(self, name, port, process):
        for what, text in self.TEXTS:
            self.come(port, text)
            time.sleep(3)
            answered, p99 = self.others(port)
            print(f"{name}, {what}: {answered} of {OTHERS}, p99 {p99:.0f} ms")
            self.leave()
            time.sleep(1)
        process.send_signal(signal.SIGTERM)

    def run_rival(self, command, text, name):
        self.begin()
        folder = tempfile.mkdtemp(prefix="larder-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        port = free_port()
        path = os.path.join(folder, "conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("@folder@", folder).replace("@port@", str(port))
                       .replace("@origin@", str(self.origin.port)))
        process = subprocess.Popen([part.replace("@conf@", path) for part in command],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, f"{name} listens")
        self.measure(name, port, process)

    @unittest.skipUnless(NGINX, "nginx is not installed")
    def test_nginx(self):
        for limit in ("", "max_conns=128"):
            self.run_rival([NGINX, "-c", "@conf@"], """
                daemon off; worker_processes 2; error_log @folder@/e; pid @folder@/pid;
                events { worker_connections 4096; }
                http {
                  access_log off; client_body_temp_path @folder@/b; proxy_temp_path @folder@/p;
                  fastcgi_temp_path @folder@/f; uwsgi_temp_path @folder@/u; scgi_temp_path @folder@/s;
                  upstream o { server 127.0.0.1:@origin@ LIMIT; keepalive 128; }
                  server { listen 127.0.0.1:@port@; client_max_body_size 0; location / {
                    proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; } }
                }""".replace("LIMIT", limit), f"nginx {limit}")

    @unittest.skipUnless(HAPROXY, "HAProxy is not installed")
    def test_haproxy(self):
        self.run_rival([HAPROXY, "-f", "@conf@", "-db"], """
global
  maxconn 4096
  nbthread 2
defaults
  mode http
  timeout client 30s
  timeout server 60s
  timeout connect 2s
  timeout queue 5s
frontend f
  bind 127.0.0.1:@port@
  default_backend b
backend b
  server s 127.0.0.1:@origin@ maxconn 256
""", "HAProxy")


if __name__ == "__main__":
    unittest.main()
