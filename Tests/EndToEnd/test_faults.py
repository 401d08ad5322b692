# SPDX-License-Identifier: Apache-2.0
"""An upstream that is killed and restarted under load: no wrong answer, and errors only while it is away."""
import subprocess
import sys
import threading
import unittest

from case import LarderCase
from larder import accepts, free_port
from message import Broken
from rawclient import Client
from waiting import until

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (self.path + " ").encode() * 500
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=1" if self.path.startswith("/c/") else "no-store")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class KilledUpstream(LarderCase):
    CLIENTS = 8

    def setUp(self):
        super().setUp()
        self.upstream_port = free_port()
        self.upstream = None
        self.addCleanup(self.kill_upstream)
        self.start_upstream()

    def start_upstream(self):
        self.upstream = subprocess.Popen([sys.executable, "-c", SERVER, str(self.upstream_port)],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: accepts(self.upstream_port), "the upstream accepts connections")

    def kill_upstream(self):
        self.upstream.kill()
        self.upstream.wait()

    def _check_descriptors(self, larder):
        """The upstream is a process of its own: its end of the connections is not counted."""

    def one_client(self, number, prefix):
        """Asks until told to stop; records each status, and stops at a wrong content."""
        count = 0
        while not self.stop.is_set():
            try:
                with Client(self.larder.port) as client:
                    while not self.stop.is_set():
                        path = f"{prefix}{number}/{count % 20}"
                        response = client.get(path)
                        self.record(response, path)
                        count += 1
                        if not response.keeps_alive:
                            break
            except (Broken, ConnectionError):
                with self.lock:
                    self.broken += 1
        return count

    def record(self, response, path):
        if response.status == 200:
            expected = (path + " ").encode() * 500
            if response.content != expected:
                raise AssertionError(f"{path}: wrong content {response.content[:100]!r}")
        elif response.status not in (502, 504):
            raise AssertionError(f"{path}: {response}")
        with self.lock:
            self.statuses[response.status] = self.statuses.get(response.status, 0) + 1

    def under_load(self, prefix, rounds=3):
        self.stop, self.lock, self.statuses, self.broken = threading.Event(), threading.Lock(), {}, 0
        counts = self.in_parallel(self.CLIENTS, lambda number: self.one_client(number, prefix))
        try:
            for _ in range(rounds):
                self.wait_served(500)
                self.kill_upstream()
                self.while_away()
                self.start_upstream()
                until(lambda: self.ask("POST", "/x").status != 502, "the upstream is found again")
            self.wait_served(500)
        finally:
            self.stop.set()
        return sum(counts())

    def wait_served(self, more):
        with self.lock:
            start = self.statuses.get(200, 0)
        until(lambda: self.statuses.get(200, 0) >= start + more, "requests are served", 30)

    def while_away(self):
        before = self.statuses.get(502, 0) + self.statuses.get(504, 0)
        until(lambda: self.statuses.get(502, 0) + self.statuses.get(504, 0) > before + 20, "its absence is noticed")

    def test_no_wrong_answer_and_recovery(self):
        self.start(self.config(self.upstream_port))
        self.assertGreater(self.under_load("/n/"), 0)
        self.assertEqual(set(self.statuses) - {200, 502, 504}, set())
        self.assertLessEqual(self.broken, self.CLIENTS * 3, "only answers under way may break")

    def test_stored_answers_outlive_the_upstream(self):
        self.start(self.config(self.upstream_port, route="stale if_error=10m"))
        for number in range(self.CLIENTS):
            for count in range(20):
                self.assertEqual(self.get(f"/c/{number}/{count}").status, 200)
        self.while_away = lambda: self.wait_served(500)
        self.under_load("/c/")
        self.assertEqual(set(self.statuses), {200})
        self.assertEqual(self.broken, 0)

    def test_memory_stays_level_under_faults(self):
        self.start(self.config(self.upstream_port))
        self.under_load("/n/", rounds=1)
        before = self.larder.resident_bytes()
        self.under_load("/n/", rounds=3)
        self.assertLess(self.larder.resident_bytes() - before, 32 << 20)


if __name__ == "__main__":
    unittest.main()
