# SPDX-License-Identifier: Apache-2.0
"""Connections that change their protocol (RFC 9110 §7.8): who may, how bytes pass, how both sides end."""
import select
import signal
import socket
import threading
import time

from case import FRESH, LarderCase
from covering import covers
from origin import Reply
from waiting import until

ECHO = [("Connection", "Upgrade"), ("Upgrade", "echo")]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


def rst(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


class TunnelCase(LarderCase):
    def upgraded(self, sock, reader):
        """Answers in upper case until the client ends, and says bye."""
        sock.sendall(SWITCH + b"hello")
        while data := reader.some():
            sock.sendall(data.upper())
        sock.sendall(b"bye")

    def start(self, text=None, environment=None, **parts):
        parts.setdefault("route", "upgrade echo")
        return super().start(text, environment, **parts)

    def open(self, handler=None, fields=ECHO, target="/ws"):
        handler = handler or self.upgraded
        self.origin.on(target, lambda request: handler)
        client = self.client()
        client.send_head(target=target, fields=fields)
        response = client.read_final_head()
        self.assertEqual(response.status, 101)
        return client

    def tunnels(self):
        text = self.larder.admin("GET", "/metrics").content.decode()
        return next((line.split()[-1] for line in text.splitlines() if line.startswith("larder_tunnels{")), "0")


class Passing(TunnelCase):
    def test_both_directions_until_the_end(self):
        self.start()
        client = self.open()
        self.assertEqual(client.reader.exactly(5), b"hello")
        for _ in range(3):
            client.send(b"abc" * 1000)
            self.assertEqual(client.reader.exactly(3000), b"ABC" * 1000)
        client.end_writing()
        self.assertEqual(client.reader.rest(), b"bye")
        self.assertEqual(self.origin.last("/ws").field("Upgrade"), "echo")
        self.assertEqual(self.origin.last("/ws").fields.tokens("connection"), ["upgrade"])

    def test_bytes_that_come_with_either_head(self):
        self.start()
        self.origin.on("/ws", lambda request: self.upgraded)
        client = self.client()
        client.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly")
        self.assertEqual(client.read_final_head().status, 101)
        self.assertEqual(client.reader.exactly(10), b"helloEARLY")

    def test_busy_one_outlives_the_limits_between_pieces(self):
        self.start(route="upgrade echo\ntimeout idle=400ms", top="client body_idle=400ms send_idle=400ms")
        client = self.open()
        self.assertEqual(client.reader.exactly(5), b"hello")
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            client.send(b"a")
            self.assertEqual(client.reader.exactly(1), b"A")

    @covers("route/tunnel.idle", "detail tunnel-idle")
    def test_idle_one_ends_for_both(self):
        ended = threading.Event()

        def handler(sock, reader):
            sock.sendall(SWITCH)
            if not reader.some():
                ended.set()
        self.start(route="upgrade echo\ntunnel idle=300ms")
        client = self.open(handler)
        self.assertTrue(client.ends())
        self.assertTrue(ended.wait(5))
        line = until(lambda: self.larder.access_lines(), "a line")[0]
        self.assertEqual((line["status"], line["reason"]), (101, "tunnel-idle"))
        self.assertGreaterEqual(line["duration_ms"], 300)

    def test_one_direction_keeps_it_alive(self):
        stop = threading.Event()

        def handler(sock, reader):
            sock.sendall(SWITCH)
            while not stop.wait(0.1):
                sock.sendall(b".")
        self.start(route="upgrade echo\ntunnel idle=500ms")
        client = self.open(handler)
        self.assertEqual(client.reader.exactly(15), b"." * 15)
        stop.set()

    def test_slow_readers_hold_the_others_back(self):
        """A flood in either direction waits for who takes it, and little of it is in memory."""
        total = 64 << 20
        done = threading.Event()

        def handler(sock, reader):
            sock.sendall(SWITCH)
            if reader.exactly(4) == b"down":
                for _ in range(total >> 16):
                    sock.sendall(bytes(1 << 16))
            else:
                done.wait(20)
                count = 0
                while count < total:
                    count += len(reader.some())
                sock.sendall(b"all")
        self.start(top="workers 1")
        client = self.open(handler)
        before = self.larder.resident_bytes()
        client.send(b"down")
        until(lambda: select.select([client.sock], [], [], 0)[0], "bytes come")
        time.sleep(0.5)
        self.assertLess(self.larder.resident_bytes() - before, 8 << 20)
        self.assertEqual(len(client.reader.exactly(total)), total)

        other = self.open(handler, target="/up")
        other.send(b"up..")
        other.sock.setblocking(False)
        sent, quiet = 0, 0
        while quiet < 10:
            try:
                sent += other.sock.send(bytes(1 << 16))
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.05)
        self.assertLess(sent, 32 << 20)
        self.assertLess(self.larder.resident_bytes() - before, 8 << 20)
        done.set()
        other.sock.settimeout(20)
        while sent < total:
            other.send(bytes(min(1 << 16, total - sent)))
            sent += min(1 << 16, total - sent)
        self.assertEqual(other.reader.exactly(3), b"all")


class Ending(TunnelCase):
    def test_origin_ends_behind_what_it_sent(self):
        def handler(sock, reader):
            sock.sendall(SWITCH + bytes(4 << 20))
        self.start()
        client = self.open(handler)
        self.assertEqual(len(client.reader.rest()), 4 << 20)
        client.close()
        until(lambda: self.tunnels() == "0", "the tunnel is gone")

    def test_nothing_is_written_after_the_origins_end(self):
        def handler(sock, reader):
            sock.sendall(SWITCH + b"x")
        self.start(top="client head_timeout=300ms")
        client = self.open(handler)
        self.assertEqual(client.reader.exactly(1), b"x")
        client.send(b"\x81\x05frame")
        self.assertEqual(client.reader.rest(), b"")

    def test_half_ended_by_the_origin_the_other_half_goes_on(self):
        received = []
        done = threading.Event()

        def handler(sock, reader):
            sock.sendall(SWITCH)
            sock.shutdown(socket.SHUT_WR)
            while data := reader.some():
                received.append(data)
            done.set()
        self.start()
        client = self.open(handler)
        self.assertEqual(client.reader.rest(), b"")
        client.send(bytes(1 << 20))
        client.end_writing()
        self.assertTrue(done.wait(10))
        self.assertEqual(sum(map(len, received)), 1 << 20)
        until(lambda: self.tunnels() == "0", "the tunnel is gone")

    def test_client_ends_behind_what_it_sent(self):
        received = []
        go = threading.Event()
        done = threading.Event()

        def handler(sock, reader):
            sock.sendall(SWITCH)
            go.wait(10)
            while data := reader.some():
                received.append(data)
            done.set()
        self.start()
        client = self.open(handler)
        sender = threading.Thread(target=lambda: (client.send(bytes(8 << 20)), client.close()), daemon=True)
        sender.start()
        go.set()
        self.assertTrue(done.wait(10))
        self.assertEqual(sum(map(len, received)), 8 << 20)

    def test_reset_by_the_client_resets_the_origin(self):
        outcome = []

        def handler(sock, reader):
            sock.sendall(SWITCH)
            try:
                outcome.append(sock.recv(1))
            except ConnectionResetError:
                outcome.append("reset")
        self.start()
        client = self.open(handler)
        client.reset()
        until(lambda: outcome, "the origin hears of it")
        self.assertEqual(outcome, ["reset"])

    def test_reset_by_the_origin_resets_the_client(self):
        def handler(sock, reader):
            sock.sendall(SWITCH)
            rst(sock)
        self.start()
        client = self.open(handler)
        with self.assertRaises(ConnectionResetError):
            client.sock.recv(1)

    def test_drain_waits_for_it_and_is_bounded(self):
        self.start(top="drain_timeout 700ms")
        client = self.open()
        self.assertEqual(client.reader.exactly(5), b"hello")
        started = time.monotonic()
        self.larder.signal(signal.SIGTERM)
        until(lambda: self.larder.admin("GET", "/health/ready").status == 503, "ready goes 503")
        client.send(b"still")
        self.assertEqual(client.reader.exactly(5), b"STILL")
        self.assertEqual(self.larder.wait_exit(), 0)
        self.assertGreater(time.monotonic() - started, 0.5)

    def test_reload_leaves_it_alone(self):
        self.start()
        client = self.open()
        self.assertEqual(client.reader.exactly(5), b"hello")
        self.larder.write_config(self.config(self.origin.port, top="x_cache on", route="upgrade off"))
        self.larder.signal(signal.SIGHUP)
        until(lambda: "X-Cache" in self.get("/a").fields, "the new one is applied")
        client.send(b"still")
        self.assertEqual(client.reader.exactly(5), b"STILL")


class Asking(TunnelCase):
    def asked(self, fields, method="GET", version="HTTP/1.1", content=None, target="/a"):
        """The Upgrade that the origin gets for a request with these fields."""
        with self.client() as client:
            client.send_request(method, target, fields, content, version)
            self.assertEqual(client.read_response(method).status, 200)
        return self.origin.last(target).field("Upgrade")

    def test_websocket_alone_by_default(self):
        self.start(route="")
        for protocol in ("h2c", "echo", "HTTP/2.0", "TLS/1.3", "websocketx", ""):
            self.assertIsNone(self.asked([("Connection", "Upgrade"), ("Upgrade", protocol)]), protocol)
            self.assertNotIn("upgrade", self.origin.last("/a").fields.tokens("connection"))
        for protocol in ("websocket", "WebSocket", "websocket/13"):
            self.assertEqual(self.asked([("Connection", "keep-alive, Upgrade"), ("Upgrade", protocol)]), protocol)
        self.assertIsNone(self.asked([("Upgrade", "websocket")]))
        self.assertIsNone(self.asked(ECHO, version="HTTP/1.0"))

    @covers("route/upgrade.PROTOCOLS")
    def test_off_and_a_list(self):
        self.start(route="upgrade off")
        self.assertIsNone(self.asked([("Connection", "Upgrade"), ("Upgrade", "websocket")]))
        self.larder.stop()
        self.start(route="upgrade foo,bar/2")
        for asked, sent in [("foo, h2c", "foo"), ("h2c,foo/9 , bar/2", "foo/9, bar/2"), ("bar", None), ("bar/3", None),
                            ("h2c", None), ("websocket", None)]:
            self.assertEqual(self.asked([("Connection", "upgrade"), ("Upgrade", asked)]), sent, asked)
        fields = [("Connection", "upgrade"), ("Upgrade", "h2c"), ("Upgrade", "foo")]
        self.assertEqual(self.asked(fields), "foo")

    def test_one_that_is_not_allowed_is_looked_up(self):
        self.start(route="ttl 5m")
        self.get("/a")
        with self.client() as client:
            client.send_request(target="/a", fields=[("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
                                                     ("HTTP2-Settings", "AAMAAABk")])
            self.assert_hit(client.read_response())
        self.assertEqual(self.origin.count("/a"), 1)

    def test_settings_of_h2c_go_with_it(self):
        self.start(route="upgrade h2c")
        fields = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")]
        self.assertEqual(self.asked(fields), "h2c")
        self.assertEqual(self.origin.last("/a").field("HTTP2-Settings"), "AAMAAABk")

    def test_request_with_content_keeps_its_protocol(self):
        self.start()
        for content in (b"abc", [b"abc"]):
            self.assertIsNone(self.asked(ECHO, method="POST", content=content))
            self.assertEqual(self.origin.last("/a").content, b"abc")
        self.assertEqual(self.asked(ECHO, method="POST", content=b""), "echo")

    def test_switch_that_nobody_asked_for_is_an_error(self):
        self.start()
        for name, fields, answer in [("another", ECHO, "other"), ("more", ECHO, "echo, other"), ("none", ECHO, None),
                                     ("unasked", [], "echo"), ("dropped", [("Connection", "Upgrade"),
                                                                           ("Upgrade", "h2c")], "h2c")]:
            with self.subTest(name):
                line = f"Upgrade: {answer}\r\n" if answer else ""
                raw = f"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\n{line}\r\nbytes".encode()
                self.origin.on(f"/{name}", Reply(raw=[raw]))
                response = self.get(f"/{name}", *fields)
                self.assertEqual(response.status, 502)

    def test_refusal_and_426_are_answers(self):
        self.start(route="upgrade echo\nttl 5m")
        self.origin.on("/ws", Reply(426, [("Upgrade", "other"), ("Connection", "Upgrade"), FRESH], b"no"))
        self.origin.on("/plain", Reply(content=b"plain"))
        with self.client() as client:
            for fields in (ECHO, [], []):
                client.send_head(target="/ws", fields=fields)
                response = client.read_response()
                self.assertEqual((response.status, response.field("Upgrade")), (426, "other"))
                self.assertIn("upgrade", response.fields.tokens("connection"))
            client.send_head(target="/plain", fields=ECHO)
            self.assertEqual(client.read_response().content, b"plain")
            # What follows is HTTP still.
            self.assertEqual(client.get("/b").content, b"/b")
        self.assertEqual(self.origin.count("/ws"), 3)


class Limits(TunnelCase):
    @covers("route/tunnel.max", "detail too-many-tunnels", "metric larder_tunnels")
    def test_counted_and_limited(self):
        self.start(route="upgrade echo\ntunnel max=2")
        first, second = self.open(), self.open()
        self.assertEqual(self.tunnels(), "2")
        self.assertEqual(self.get("/ws", *ECHO).status, 503)
        self.assertEqual(self.get("/a").status, 200)
        first.close()
        until(lambda: self.tunnels() == "1", "one is left")
        self.open().close()
        second.close()
        until(lambda: self.tunnels() == "0", "none is left")

    def test_one_that_is_not_yet_answered_takes_a_place_but_is_no_tunnel(self):
        self.start(route="upgrade echo\ntunnel max=1")
        go = threading.Event()

        def handler(sock, reader):
            go.wait(10)
            self.upgraded(sock, reader)
        self.origin.on("/ws", lambda request: handler)
        client = self.client()
        client.send_head(target="/ws", fields=ECHO)
        self.origin.wait_for(1)
        self.assertEqual(self.get("/ws", *ECHO).status, 503)
        self.assertEqual(self.tunnels(), "0")
        go.set()
        self.assertEqual(client.read_final_head().status, 101)
        self.assertEqual(self.tunnels(), "1")
        client.close()
        until(lambda: self.tunnels() == "0", "none is left")

    def test_refused_upgrades_take_no_place(self):
        self.start(route="upgrade echo\ntunnel max=1")
        for _ in range(3):
            self.assertEqual(self.get("/a", *ECHO).status, 200)
        self.assertEqual(self.tunnels(), "0")

    def test_how_long_one_stands_is_no_duration_of_requests(self):
        self.start(route="upgrade echo\nslow 200ms")
        client = self.open()
        time.sleep(0.4)
        client.close()
        line = until(lambda: self.larder.access_lines(), "a line")[0]
        self.assertGreater(line["duration_ms"], 350)
        metrics = self.larder.admin("GET", "/metrics").content.decode()
        total = next(float(line.split()[-1]) for line in metrics.splitlines()
                     if line.startswith("larder_request_duration_seconds_sum") and 'cache="pass"' in line)
        self.assertLess(total, 0.3)
        self.assertNotRegex(metrics, r"larder_slow_requests_total\{[^}]*\} [1-9]")
