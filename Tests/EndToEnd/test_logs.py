# SPDX-License-Identifier: Apache-2.0
"""Logs that nobody reads, that have no room, or that lose their reader: requests, admin calls and the end go on."""
import fcntl
import json
import os
import resource
import signal
import tempfile
import threading
import time

from case import LarderCase
from covering import covers
from larder import Larder
from origin import Reply
from waiting import until


class LogCase(LarderCase):
    def start_with(self, text=None, output=None, errors=None, before=None, **parts):
        self.origin = self.start_origin()
        self.larder = Larder(text or self.config(self.origin.port, **parts), output=output, errors=errors,
                             before=before)
        self.addCleanup(self.larder.close)

    def full_pipe(self):
        """Both ends of a pipe that takes nothing more until somebody reads."""
        reading, writing = os.pipe()
        self.addCleanup(self.close, reading)
        self.addCleanup(self.close, writing)
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, b"." * 4095 + b"\n")
        except BlockingIOError:
            pass
        try:
            while True:
                os.write(writing, b"\n")
        except BlockingIOError:
            pass
        os.set_blocking(writing, True)
        return reading, writing

    @staticmethod
    def close(descriptor):
        try:
            os.close(descriptor)
        except OSError:
            pass

    def lost(self, log, reason):
        name = f'larder_log_lines_dropped_total{{log="{log}",reason="{reason}"}} '
        text = self.larder.admin("GET", "/metrics").content.decode()
        return next(int(line[len(name):]) for line in text.splitlines() if line.startswith(name))

    def ask_much(self, count, length=7000):
        with self.client() as client:
            for _ in range(count):
                self.assertEqual(client.get("/" + "a" * length).status, 200)

    def ends_soon(self):
        started = time.monotonic()
        self.assertEqual(self.larder.stop(), 0)
        self.assertLess(time.monotonic() - started, 5)

    def everything_goes_on(self):
        self.assertEqual(self.get("/a").status, 200)
        answer = self.larder.admin_json("POST", "/invalidate", {"keys": ["/a"], "dry_run": True})
        self.assertIn("dry_run", json.dumps(answer))
        self.larder.signal(signal.SIGUSR1)
        self.larder.signal(signal.SIGHUP)
        self.assertEqual(self.larder.admin("GET", "/health/live").status, 200)
        self.assertEqual(self.get("/b").status, 200)


class Unread(LogCase):
    def test_output_that_nobody_reads(self):
        _, writing = self.full_pipe()
        self.start_with(output=writing, top="drain_timeout 2s")
        self.everything_goes_on()
        self.ends_soon()

    def test_events_that_nobody_reads(self):
        _, writing = self.full_pipe()
        self.start_with(errors=writing, top="drain_timeout 2s")
        self.everything_goes_on()
        self.ends_soon()

    def test_what_waits_is_limited_and_what_is_lost_is_counted_and_told(self):
        reading, writing = self.full_pipe()
        self.start_with(output=writing)
        self.ask_much(700)
        until(lambda: self.lost("access_log", "unread") > 0, "lines are lost")
        self.assertIn("log_loses_lines log=access_log reason=unread", self.larder.error_text())
        lost = self.lost("access_log", "unread")
        received = b""
        os.set_blocking(reading, False)

        def written_again():
            nonlocal received
            try:
                while piece := os.read(reading, 1 << 20):
                    received += piece
            except BlockingIOError:
                pass
            return f"log_written_again log=access_log lost_lines={lost}" in self.larder.error_text()
        until(written_again, "what waits is written")
        lines = [line for line in received.splitlines() if line.startswith(b"{")]
        self.assertEqual(len(lines) + lost, 700)
        for line in lines:
            json.loads(line)

    def test_fifo_without_a_reader(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fifo")
            os.mkfifo(path)
            self.start_with(top=f"access_log json {path}")
            self.everything_goes_on()
            reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            self.addCleanup(self.close, reading)
            received = b""

            def both():
                nonlocal received
                try:
                    received += os.read(reading, 1 << 16)
                except BlockingIOError:
                    pass
                return received.count(b"\n") >= 2
            until(both, "both lines")
            # Each event loop hands its own lines over.
            self.assertEqual({json.loads(line)["path"] for line in received.splitlines()}, {"/a", "/b"})
            self.ends_soon()


class Gone(LogCase):
    def test_reader_that_is_gone(self):
        reading, writing = os.pipe()
        self.start_with(output=writing)
        os.close(writing)
        os.close(reading)
        self.everything_goes_on()
        until(lambda: self.lost("access_log", "reader_gone") == 2, "two lines are lost")
        self.assertIn("log_loses_lines log=access_log reason=reader_gone", self.larder.error_text())
        self.ends_soon()

    def test_process_without_standard_streams(self):
        self.start_with(before=lambda: [os.close(number) for number in (0, 1, 2)])
        self.everything_goes_on()
        self.ends_soon()


class FullDisk(LogCase):
    def test_lines_are_counted(self):
        self.start_with(top="access_log json /dev/full")
        self.everything_goes_on()
        until(lambda: self.lost("access_log", "disk_full") == 2, "two lines are lost")

    def test_it_recovers_and_a_cut_line_is_ended(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "access.log")
            self.start_with(top=f"access_log json {path}")
            self.get("/first")
            until(lambda: os.path.getsize(path), "a line")
            size = os.path.getsize(path)
            resource.prlimit(self.larder.process.pid, resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
            self.get("/cut")
            until(lambda: self.lost("access_log", "disk_full") == 1, "a line is lost")
            self.get("/lost")
            until(lambda: self.lost("access_log", "disk_full") == 2, "two lines are lost")
            resource.prlimit(self.larder.process.pid, resource.RLIMIT_FSIZE,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.get("/again")
            until(lambda: "log_written_again log=access_log lost_lines=2" in self.larder.error_text(), "it is told")
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertEqual(json.loads(lines[0])["path"], "/first")
            self.assertEqual(len(lines[1]), 20)
            self.assertEqual([json.loads(line)["path"] for line in lines[2:]], ["/again"])

    def test_events_too(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "events.log")
            self.start_with(top=f"event_log {path}")
            until(lambda: os.path.getsize(path), "the start is told")
            resource.prlimit(self.larder.process.pid, resource.RLIMIT_FSIZE,
                             (os.path.getsize(path), resource.RLIM_INFINITY))
            self.larder.signal(signal.SIGHUP)
            until(lambda: self.lost("event_log", "disk_full") > 0, "events are lost")
            resource.prlimit(self.larder.process.pid, resource.RLIMIT_FSIZE,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.larder.signal(signal.SIGHUP)

            def told():
                with open(path, encoding="utf-8") as file:
                    return "log_written_again log=event_log" in file.read()
            until(told, "the loss is told")


class Members(LogCase):
    """Each member of a line says what happened: it differs between requests in which that differs."""

    def line(self, path):
        return until(lambda: [line for line in self.larder.access_lines() if line["path"] == path], "the line")[-1]

    def asked(self, path, *fields, method="GET", content=None):
        with self.client() as client:
            client.send_head(method, path, [("Host", "shop.example"), *fields]
                             + ([("Content-Length", str(len(content)))] if content else []))
            if content:
                client.send(content)
            client.read_response(method)
        return self.line(path)

    @covers("log time", "log client", "log peer", "log method", "log host", "log path", "log version", "log user_agent",
            "log referer", "log request_id", "log bytes_received")
    def test_of_the_request(self):
        self.start(top="trusted_proxies 127.0.0.1", route="pass")
        plain = self.asked("/a")
        self.assertRegex(plain["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual((plain["client"], plain["method"], plain["host"], plain["version"]),
                         ("127.0.0.1", "GET", "shop.example", "HTTP/1.1"))
        for absent in ("peer", "user_agent", "referer", "request_id"):
            self.assertNotIn(absent, plain)
        full = self.asked("/b", ("X-Forwarded-For", "192.0.2.1"), ("User-Agent", "me"), ("Referer", "/r"),
                          ("X-Request-ID", "7"), method="POST", content=b"a" * 1000)
        self.assertEqual((full["client"], full["peer"], full["method"]), ("192.0.2.1", "127.0.0.1", "POST"))
        self.assertEqual((full["user_agent"], full["referer"], full["request_id"]), ("me", "/r", "7"))
        self.assertGreater(full["bytes_received"], plain["bytes_received"] + 1000)
        self.assertGreater(full["time"], plain["time"])
        with self.client() as client:
            client.send(b"GET /c HTTP/1.0\r\nHost: a.example\r\n\r\n")
            client.read_response()
        self.assertEqual((self.line("/c")["version"], self.line("/c")["host"]), ("HTTP/1.0", "a.example"))

    @covers("log status", "log bytes", "log duration_ms", "log cache", "log reason", "log route", "log ttl", "log stored",
            "log upstream", "log upstream_status", "log upstream_ms")
    def test_of_the_answer(self):
        self.start(route="ttl 1m")
        self.origin.on("/slow", Reply(content=b"x" * 100, gate=self.opened_after(0.15)))
        miss = self.asked("/slow")
        self.assertEqual((miss["status"], miss["bytes"], miss["cache"], miss["reason"]), (200, 100, "miss", "uri-miss"))
        self.assertEqual((miss["stored"], miss["upstream_status"], miss["route"]), (True, 200, "/*"))
        self.assertEqual(miss["upstream"], f"127.0.0.1:{self.origin.port}")
        self.assertGreater(miss["upstream_ms"], 100)
        self.assertGreater(miss["duration_ms"], 100)
        self.asked("/slow")
        hit = until(lambda: [line for line in self.larder.access_lines() if line["cache"] == "hit"], "a hit")[0]
        for absent in ("stored", "upstream", "upstream_status", "upstream_ms", "reason"):
            self.assertNotIn(absent, hit)
        self.assertLess(hit["duration_ms"], 100)
        self.assertIn(hit["ttl"], (58, 59, 60))
        self.origin.on("/gone", Reply(status=404, fields=[("Cache-Control", "no-store")], content=b"no"))
        gone = self.asked("/gone")
        self.assertEqual((gone["status"], gone["upstream_status"], gone["bytes"], gone["reason"]),
                         (404, 404, 2, "no-store"))
        self.assertNotIn("stored", gone)

    def opened_after(self, seconds):
        gate = threading.Event()
        timer = threading.Timer(seconds, gate.set)
        timer.start()
        self.addCleanup(timer.cancel)
        return gate

    def test_the_server_that_was_asked_last(self):
        """A retry goes elsewhere."""
        first, second = self.start_origin(), self.start_origin()
        self.start(self.config(first.port, second.port, route="pass"))
        served = {self.asked(f"/{number}")["upstream"] for number in range(4)}
        self.assertEqual(served, {f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}"})

    @covers("log collapsed")
    def test_of_one_that_waited_for_another(self):
        self.start(top="workers 1", route="ttl 1m")
        gate = threading.Event()
        self.origin.on("/a", Reply(content=b"x", gate=gate))
        leader = self.in_parallel(1, lambda _: self.get("/a"))
        self.origin.wait_for(1)
        with self.client() as follower:
            follower.send_head(target="/a")
            self.get("/b")  # the one loop has read what came before
            gate.set()
            follower.read_response()
        leader()
        until(lambda: len(self.larder.access_lines()) == 3, "three lines")
        lines = [line for line in self.larder.access_lines() if line["path"] == "/a"]
        self.assertEqual(sorted(line.get("collapsed", False) for line in lines), [False, True])


class TrustedProxies(LogCase):
    def lines(self, count):
        return until(lambda: len(self.larder.access_lines()) >= count and self.larder.access_lines(), "the lines")

    def test_client_and_peer(self):
        self.start(top="trusted_proxies 127.0.0.0/8 10.0.0.0/8 fields=both\nworkers 1")
        for fields in ([("X-Forwarded-For", "1.1.1.1, 192.0.2.7:4711, 10.0.0.9")],
                       [("Forwarded", 'for="[2001:db8::7]:80";proto=http')], [("X-Forwarded-For", "unknown")], []):
            self.get("/a", *fields)
        lines = [(line["client"], line.get("peer")) for line in self.lines(4)]
        self.assertEqual(lines, [("192.0.2.7", "127.0.0.1"), ("2001:db8::7", "127.0.0.1"), ("127.0.0.1", None),
                                 ("127.0.0.1", None)])

    def test_requests_of_one_connection_have_each_their_client(self):
        self.start(top="trusted_proxies 127.0.0.1\nworkers 1\nforwarded replace", route="ttl 5m")
        names = ("192.0.2.1", None, "192.0.2.2", "192.0.2.1", None)
        with self.client() as client:
            for number, name in enumerate(names):
                client.get(f"/{number // 2}", *([("X-Forwarded-For", name)] if name else []))
            client.send("nonsense\r\n\r\n")
            self.assertEqual(client.read_response().status, 400)
        lines = [line["client"] for line in self.lines(6)]
        self.assertEqual(lines, [name or "127.0.0.1" for name in names] + ["127.0.0.1"])

    def test_nobody_else_is_believed(self):
        self.start(top="trusted_proxies 10.0.0.0/8\naccess_log combined")
        self.get("/a", ("X-Forwarded-For", "192.0.2.7"))
        until(lambda: self.larder.output_text().startswith("127.0.0.1 - - "), "the peer")

    def test_the_client_is_the_same_whatever_goes_on(self):
        """Neither what is sent on, nor what Connection lists, nor the field a client writes itself makes the proxy it."""
        named = [("X-Forwarded-For", "192.0.2.7")]
        listed = named + [("Connection", "x-forwarded-for, forwarded")]
        other = [("Forwarded", "for=127.0.0.1")]
        broken = named + [("Expect", "what")]
        for rule in ("append", "replace", "off"):
            with self.subTest(rule):
                self.start(top=f"trusted_proxies 127.0.0.1\nforwarded {rule}\nworkers 1\npurge_method on", route="ttl 5m")
                self.get("/a")
                for number, fields in enumerate((named, listed, named + other, listed + other)):
                    self.get(f"/{number}", *fields)
                    self.get(f"/{number}", *fields)
                    self.assertEqual(self.ask("PURGE", "/a", fields).status, 403, fields)
                self.assertEqual(self.ask("GET", "/a", broken).status, 417)
                self.assertEqual(self.ask("GET", "/%00", named).status, 400)
                self.assert_hit(self.get("/a"))
                lines = [(line["client"], line.get("peer")) for line in self.lines(16)]
                self.assertEqual(lines[1:15], [("192.0.2.7", "127.0.0.1")] * 14)
                self.assertEqual(self.ask("PURGE", "/a").status, 200, "the proxy itself may")

    def test_what_goes_on_is_not_a_clients_to_take_away(self):
        self.start(top="trusted_proxies 127.0.0.1", route="pass")
        self.get("/a", ("X-Forwarded-For", "192.0.2.7"), ("X-Real-IP", "192.0.2.7"),
                 ("Connection", "X-Forwarded-For, X-Real-IP"))
        request = self.origin.last("/a")
        self.assertEqual(request.field("X-Forwarded-For"), "192.0.2.7, 127.0.0.1")
        self.assertEqual(request.field("X-Real-IP"), "192.0.2.7")

    def test_clients_behind_a_proxy_share_a_pool(self):
        self.start(top="trusted_proxies 127.0.0.1\nforwarded replace\nworkers 1", upstream="pool max=5", route="pass")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.default = lambda request: Reply(content=b"x", gate=gate)
        greedy = self.in_parallel(5, lambda _: self.get("/a", ("X-Forwarded-For", "192.0.2.1")).status)
        self.origin.wait_for(4)
        until(lambda: 'larder_upstream_waiting{upstream="api"} 1' in self.larder.admin("GET", "/metrics").content.decode(),
              "one of the five waits")
        self.assertEqual(self.origin.count(), 4)
        other = self.in_parallel(1, lambda _: self.get("/b", ("X-Forwarded-For", "192.0.2.2")).status)
        self.origin.wait_for(1, "/b")
        gate.set()
        self.assertEqual(greedy() + other(), [200] * 6)

    def test_a_hidden_client_may_not_purge(self):
        self.start(top="trusted_proxies 127.0.0.1 fields=forwarded\npurge_method on", route="ttl 5m")
        self.get("/a")
        for hidden in ("for=_secret", "for=unknown", "proto=http", "for=192.0.2.1, for=_b"):
            self.assertEqual(self.ask("PURGE", "/a", [("Forwarded", hidden)]).status, 403, hidden)
        self.assertEqual(self.ask("PURGE", "/a", [("Forwarded", "for=127.0.0.1")]).status, 200)

    def test_purge_is_taken_from_clients(self):
        self.start(top="trusted_proxies 127.0.0.1\npurge_method on allow=127.0.0.1,192.0.2.0/24", route="ttl 5m")
        self.get("/a")
        self.assertEqual(self.ask("PURGE", "/a", [("X-Forwarded-For", "198.51.100.1")]).status, 403)
        self.assertEqual(self.ask("PURGE", "/a", [("X-Forwarded-For", "127.0.0.1, 198.51.100.1")]).status, 403)
        self.assert_hit(self.get("/a"))
        self.assertEqual(self.ask("PURGE", "/a", [("X-Forwarded-For", "198.51.100.1, 192.0.2.9")]).status, 200)
        self.get("/a")
        self.assertEqual(self.ask("PURGE", "/a").status, 200)
