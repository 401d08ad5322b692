# SPDX-License-Identifier: Apache-2.0
"""Each directive of the top level and of an upstream, and each of its values, changes something."""
import os
import re
import signal
import socket
import tempfile
import threading
import unittest

import larder as process
from case import FRESH, LarderCase
from covering import covers
from larder import Larder, accepts, free_port
from origin import CLOSE, Reply
from rawclient import Client, once
from waiting import until


class DirectiveCase(LarderCase):
    def metric(self, start, larder=None):
        total = 0
        for line in (larder or self.larder).admin("GET", "/metrics").content.decode().splitlines():
            if line.startswith(start):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def start(self, text=None, environment=None, **parts):
        parts.setdefault("top", "")
        if "workers" not in parts["top"]:
            parts["top"] += "\nworkers 1"
        return super().start(text, environment, **parts)

    def file(self, name, content, mode=0o600):
        folder = tempfile.TemporaryDirectory(prefix="larder-test-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(path, mode)
        return path


class Listening(DirectiveCase):
    @covers("top/listen.ADDRESS")
    def test_two_addresses(self):
        second = free_port()
        self.start(top=f"listen 127.0.0.1:{second}")
        self.assertEqual(once(second, "GET", "/a").content, b"/a")

    @covers("top/listen.reuseport")
    def test_a_second_process_on_the_port_is_told_unless_both_say_so(self):
        for reuse, shares in (("auto", False), ("on", True), ("off", False)):
            with self.subTest(reuse):
                port = free_port()
                text = (f"listen 127.0.0.1:{port} reuseport={reuse}\nlisten 127.0.0.1:@listen@\nworkers 2\n"
                        "upstream api { server 127.0.0.1:1 }\n")
                first = Larder(text)
                try:
                    if shares:
                        second = Larder(text)
                        self.assertTrue(accepts(port))
                        self.assertEqual(first.stop(), 0)
                        self.assertTrue(accepts(port))
                        self.assertEqual(second.stop(), 0)
                        second.close()
                    else:
                        done = process.run("serve", text=text.replace("@listen@", str(free_port())))
                        self.assertEqual(done.returncode, 1)
                        self.assertIn(f"cannot listen on 127.0.0.1:{port}: the address is in use", done.stderr)
                finally:
                    first.close()

    @covers("top/listen.backlog")
    def test_backlog(self):
        held = {}
        for backlog in (1, 64):
            port = free_port()
            larder = Larder(f"listen 127.0.0.1:{port} backlog={backlog}\nlisten 127.0.0.1:@listen@\nworkers 1\n"
                            "upstream api { server 127.0.0.1:1 }\n")
            sockets = []
            try:
                larder.pause()
                for _ in range(8):
                    one = socket.socket()
                    one.settimeout(0.05)
                    sockets.append(one)
                    held[backlog] = held.get(backlog, 0) + (one.connect_ex(("127.0.0.1", port)) == 0)
            finally:
                for one in sockets:
                    one.close()
                larder.signal(signal.SIGCONT)
                larder.close()
        self.assertEqual(held[64], 8)
        self.assertLess(held[1], 8)

    @covers("top/workers.N")
    def test_workers(self):
        self.start(top="workers 3")
        folder = f"/proc/{self.larder.process.pid}/task"

        def workers():
            names = []
            for task in os.listdir(folder):
                with open(f"{folder}/{task}/comm", encoding="ascii") as file:
                    names.append(file.read().strip())
            return sorted(name for name in names if name.startswith("worker-"))
        until(lambda: workers() == ["worker-0", "worker-1", "worker-2"], "three threads have named themselves")


class Admin(DirectiveCase):
    @covers("top/admin.ADDRESS", "top/admin.token")
    def test_token(self):
        self.start(admin=" token=open-sesame")
        self.assertEqual(self.larder.admin("GET", "/performance").status, 401)
        self.assertEqual(self.larder.admin("GET", "/performance", fields=[("Authorization", "Bearer open-sesame")]).status, 200)

    @covers("top/admin.token_file")
    def test_token_file_loses_its_line_end(self):
        for end in ("", "\n", "\r\n"):
            self.start(admin=f" token_file={self.file('token', 'open-sesame' + end)}")
            self.assertEqual(self.larder.admin("GET", "/performance").status, 401)
            self.assertEqual(
                self.larder.admin("GET", "/performance", fields=[("Authorization", "Bearer open-sesame")]).status, 200)

    @covers("top/purge_method.SWITCH", "top/purge_method.allow", "detail purge", "detail purged", "detail method",
            "outcome local")
    def test_purge_method(self):
        said = {}
        for top in ("", "purge_method on", "purge_method on allow=192.0.2.0/24"):
            self.start(top=top, route="ttl 1m")
            self.get("/a")
            answer = self.ask("PURGE", "/a")
            said[top] = (answer.status, answer.cache["detail"])
        self.assertEqual(list(said.values()), [(405, "method"), (200, "purged"), (403, "purge")])

    @covers("top/purge_method.token", "top/purge_method.token_file")
    def test_purge_token(self):
        for secret in ("token=open-sesame", f"token_file={self.file('token', 'open-sesame')}"):
            self.start(top=f"purge_method on {secret}", route="ttl 1m")
            self.get("/a")
            self.assertEqual(self.ask("PURGE", "/a").status, 403)
            self.assertEqual(self.ask("PURGE", "/a", [("Authorization", "Bearer open-sesame")]).status, 200)


class Memory(DirectiveCase):
    @covers("top/memory.SIZE", "metric larder_l1_limit_bytes", "metric larder_l1_entries", "metric larder_l1_bytes")
    def test_size(self):
        entries = []
        for size in ("1MB", "64MB"):
            self.start(top=f"memory {size} max_object=128KB", route="ttl 1m\ncompress off")
            self.origin.default = lambda request: Reply(content=b"x" * 100_000)
            for number in range(20):
                self.get(f"/{number}")
            entries.append(self.metric("larder_l1_entries "))
            # A quarter is for connections.
            self.assertEqual(self.metric("larder_l1_limit_bytes ") // (1 << 18), 3 * int(size[:-2]))
            self.assertGreater(self.metric("larder_l1_bytes "), entries[-1] * 100_000)
        self.assertEqual(entries[1], 20)
        self.assertLess(entries[0], 11)

    @covers("top/memory.connections")
    def test_share_of_connections(self):
        self.start(top="memory 100MB connections=50%")
        self.assertEqual(self.metric("larder_l1_limit_bytes ") // (1 << 20), 50)

    @covers("top/memory.max_object", "not-stored too-large", "metric larder_not_stored_total")
    def test_max_object_also_by_reload(self):
        self.start(top="memory 64MB max_object=1KB", route="ttl 1m")
        self.origin.default = lambda request: Reply(content=b"x" * 100_000)
        self.assertEqual(self.get("/a").cache["detail"], "too-large")
        self.assertEqual(self.metric('larder_not_stored_total{route="/*",reason="too-large"}'), 1)
        text = self.config(self.origin.port, top="memory 64MB max_object=1MB\nworkers 1", route="ttl 1m")
        self.larder.write_config(text)
        self.assertEqual(self.larder.admin("POST", "/reload").status, 200)
        self.get("/b")
        self.assert_hit(self.get("/b"))

    @covers("top/memory.max_ttl")
    def test_max_ttl(self):
        self.start(top="memory 64MB max_ttl=5s", route="ttl 1h")
        self.get("/a")
        self.assertLess(int(self.get("/a").cache["ttl"]), 6)


class Clients(DirectiveCase):
    @covers("top/client.keep_alive")
    def test_keep_alive(self):
        self.start(top="client keep_alive=50ms")
        with self.client() as client:
            client.get("/")
            self.assertTrue(client.ends())

    @covers("top/client.head_timeout", "detail request-head-timeout")
    def test_head_timeout(self):
        self.start(top="client head_timeout=50ms")
        with self.client() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
            answer = client.read_response()
            self.assertEqual((answer.status, answer.cache["detail"]), (408, "request-head-timeout"))

    @covers("top/client.body_idle", "detail body-timeout")
    def test_body_idle(self):
        self.start(top="client body_idle=50ms")
        with self.client() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            answer = client.read_response()
            self.assertEqual((answer.status, answer.cache["detail"]), (408, "body-timeout"))

    @covers("top/client.send_idle")
    def test_send_idle(self):
        self.start(top="client send_idle=100ms")
        self.origin.default = lambda request: Reply(fields=[FRESH], content=b"x" * 8_000_000)
        with self.client(receive_buffer=4096) as client:
            client.send_request()
            until(lambda: self.metric("larder_connections ") == 0, "the connection that takes nothing is closed")

    @covers("top/client.max_requests")
    def test_max_requests(self):
        self.start(top="client max_requests=2")
        with self.client() as client:
            self.assertTrue(client.get("/").keeps_alive)
            self.assertFalse(client.get("/").keeps_alive)

    @covers("top/limits.request_line", "top/limits.field_line", "top/limits.head", "top/limits.fields", "top/limits.body",
            "detail body-too-large")
    def test_limits_of_requests(self):
        requests = {
            "request_line=128B": b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            "field_line=128B": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200 + b"\r\n\r\n",
            "head=256B": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 8 + b"\r\n",
            "fields=2": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 1\r\n\r\n",
            "body=4B": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
        }
        statuses = {}
        for limit, request in requests.items():
            for top in ("", f"limits {limit}"):
                self.start(top=top)
                with self.client() as client:
                    client.send(request)
                    statuses.setdefault(limit, []).append(client.read_response().status)
        self.assertEqual(list(statuses.values()), [[200, 414], [200, 431], [200, 431], [200, 431], [200, 413]])

    @covers("top/limits.response_head", "detail upstream-malformed")
    def test_limit_of_response_heads(self):
        self.start(top="limits response_head=256B")
        self.origin.default = lambda request: Reply(fields=[("X", "a" * 300)])
        answer = self.get("/")
        self.assertEqual((answer.status, answer.cache["detail"]), (502, "upstream-malformed"))

    @covers("top/limits.connections", "metric larder_connections")
    def test_limit_of_connections(self):
        self.start(top="limits connections=1")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.on("/slow", Reply(content=b"x", gate=gate))
        with self.client() as first:
            first.send_request(target="/slow")
            self.origin.wait_for(1, "/slow")
            until(lambda: self.metric("larder_connections ") == 1, "one connection is open")
            second = self.client()
            second.send_request(target="/late")
            until(lambda: "connection_limit_reached" in self.larder.error_text(), "the limit is told")
            self.assertEqual(self.origin.count("/late"), 0)
            gate.set()
            self.assertEqual(first.read_response().status, 200)
            self.assertEqual(second.read_response().status, 200)


class Logging(DirectiveCase):
    @covers("top/access_log.FORMAT", "top/access_log.DESTINATION", "top/access_log.redact")
    def test_access_log(self):
        path = self.file("access", "")
        self.start(top=f"access_log combined {path} redact=token")
        self.get("/a?token=hush&x=1")

        def line():
            with open(path, encoding="utf-8") as file:
                return file.read()
        self.assertIn('"GET /a?token=***&x=1 HTTP/1.1" 200 ', until(line, "a line"))
        self.assertEqual(self.larder.output_text(), "")

    @covers("top/log_level.LEVEL")
    def test_log_level(self):
        self.start(top="log_level error")
        self.larder.stop()
        self.assertNotIn("started", self.larder.error_text())

    @covers("top/event_log.DESTINATION")
    def test_event_log(self):
        self.start(top="event_log stdout\naccess_log off")
        until(lambda: "started" in self.larder.output_text(), "events go there")
        self.assertEqual(self.larder.error_text(), "")


class Fields(DirectiveCase):
    @covers("top/trusted_proxies.CIDR", "top/forwarded.MODE")
    def test_forwarding_fields(self):
        seen = []
        for top in ("", "trusted_proxies 127.0.0.0/8", "trusted_proxies 127.0.0.0/8\nforwarded replace"):
            self.start(top=top)
            self.get("/", ("X-Forwarded-For", "203.0.113.9"))
            seen.append(self.origin.last("/").field("X-Forwarded-For"))
        self.assertEqual(seen, ["127.0.0.1", "203.0.113.9, 127.0.0.1", "127.0.0.1"])

    @covers("top/trusted_proxies.fields")
    def test_fields_of_trusted_proxies(self):
        """What the proxies do not write is their clients' word."""
        seen = []
        for fields in ("x_forwarded", "forwarded", "both"):
            self.start(top=f"trusted_proxies 127.0.0.0/8 fields={fields}")
            self.get("/", ("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=198.51.100.1;proto=https"))
            line = until(self.larder.access_lines, "a line")[0]
            request = self.origin.last("/")
            seen.append((line["client"], request.field("X-Forwarded-For"),
                         request.field("Forwarded").startswith("for=198.51.100.1"), request.field("X-Forwarded-Proto")))
        self.assertEqual(seen, [("203.0.113.9", "203.0.113.9, 127.0.0.1", False, "http"),
                                ("198.51.100.1", "127.0.0.1", True, "https"),
                                ("203.0.113.9", "203.0.113.9, 127.0.0.1", True, "https")])

    @covers("top/via.on|off|NAME", "top/cache_name.NAME", "top/x_cache.SWITCH")
    def test_names(self):
        self.start(top="via edge-1\ncache_name Edge\nx_cache on", route="ttl 1m")
        answer = self.get("/")
        self.assertEqual(answer.field("Via"), "1.1 edge-1")
        self.assertTrue(answer.field("Cache-Status").startswith("Edge; "))
        self.assertEqual([answer.field("X-Cache"), self.get("/").field("X-Cache")], ["MISS", "HIT"])


class Structure(DirectiveCase):
    @covers("top/include.PATH", "top/defaults")
    def test_include_and_defaults(self):
        path = self.file("more.conf", "defaults { ttl 1m }\n")
        self.start()
        self.get("/a")
        self.assert_forwarded(self.get("/a"))
        self.start(top=f"include {path}")
        self.get("/a")
        self.assert_hit(self.get("/a"))

    @covers("top/route.methods", "top/route.host", "detail no-route")
    def test_routes_by_method_and_host(self):
        origin = self.start_origin()
        self.start("listen 127.0.0.1:@listen@\nupstream api { server 127.0.0.1:%d }\nupstream other { server 127.0.0.1:1 }\n"
                   "route /m methods=POST { upstream api }\nroute /h host=a.example { upstream api }\n" % origin.port)
        self.assertEqual([self.ask(method, "/m").status for method in ("POST", "GET")], [200, 404])
        self.assertEqual([self.get("/h", ("Host", host)).status for host in ("a.example", "b.example")], [200, 404])
        self.assertEqual(self.get("/h").cache["detail"], "no-route")

    @covers("invalidation/key.PATH", "invalidation/prefix.PATH", "invalidation/pattern.GLOB", "metric larder_purges_total")
    def test_groups(self):
        self.start(top="invalidation k { key /k }\ninvalidation p { prefix /p }\ninvalidation g { pattern /*/z }", route="ttl 1m")
        paths = ("/k", "/p/1", "/g/z", "/other")
        gone = {}
        for group in "kpg":
            for path in paths:
                self.get(path)
            self.larder.invalidate(groups=[group])
            gone[group] = [path for path in paths if not self.get(path).cache.get("hit")]
        self.assertEqual(gone, {"k": ["/k"], "p": ["/p/1"], "g": ["/g/z"]})
        self.assertEqual(self.metric("larder_purges_total"), 3)


class Upstream(DirectiveCase):
    @covers("upstream/server.weight")
    def test_weight(self):
        heavy, light = self.start_origin(), self.start_origin()
        self.start(self.config(heavy.port, f"{light.port} weight=3"))
        for number in range(40):
            self.get(f"/{number}")
        # Each worker counts for itself.
        self.assertEqual(heavy.count() + light.count(), 40)
        self.assertIn(heavy.count(), range(8, 13))

    @covers("route/upstream.NAME|http://HOST:PORT")
    def test_upstream_of_a_route(self):
        first, second = self.start_origin(), self.start_origin()
        self.start(f"listen 127.0.0.1:@listen@\nupstream one {{ server 127.0.0.1:{first.port} }}\n"
                   f"route /one {{ upstream one }}\nroute /two {{ upstream http://127.0.0.1:{second.port} }}\n")
        self.get("/one")
        self.get("/two")
        self.assertEqual((first.count("/one"), first.count("/two"), second.count("/two")), (1, 0, 1))

    @covers("upstream/host.client|server|NAME")
    def test_host(self):
        hosts = []
        for upstream in ("host client", "host server", "host api.internal"):
            self.start(upstream=upstream)
            self.get("/", ("Host", "shop.example"))
            hosts.append(self.origin.last("/").field("Host"))
        self.assertEqual(hosts, ["shop.example", f"127.0.0.1:{self.origin.port}", "api.internal"])

    def held(self, upstream, targets):
        """Answers of requests at once while the origin is silent."""
        self.start(upstream=upstream)
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)
        self.origin.default = lambda request: Reply(content=b"x", gate=self.gate)
        return self.in_parallel(len(targets), lambda number: self.ask("POST", targets[number]))

    @covers("upstream/pool.max", "metric larder_upstream_waiting", "metric larder_upstream_connections")
    def test_pool_max(self):
        join = self.held("pool max=1", ["/1", "/2"])
        until(lambda: self.metric('larder_upstream_waiting{upstream="api"}') == 1, "one waits")
        self.assertEqual(self.metric('larder_upstream_connections{upstream="api",state="active"}'), 1)
        self.assertEqual(self.origin.count(), 1)
        self.gate.set()
        self.assertEqual([answer.status for answer in join()], [200, 200])

    @covers("upstream/pool.idle_timeout", "upstream/pool.min")
    def test_pool_idle(self):
        self.start(upstream="pool idle_timeout=50ms")
        self.get("/")
        until(lambda: self.origin.live == 0, "an idle connection is closed")
        self.start(upstream="pool idle_timeout=50ms min=1")
        self.get("/")
        until(lambda: self.origin.live == 1, "one stays")
        for _ in range(5):
            self.get("/")
            until(lambda: self.metric('larder_upstream_connections{upstream="api",state="idle"}') == 1, "it is idle")
        self.assertEqual(self.origin.live, 1)

    @covers("upstream/queue.limit", "detail upstream-queue-full")
    def test_queue_limit(self):
        join = self.held("pool max=1\nqueue limit=1", ["/1"])
        self.origin.wait_for(1)
        waiting = self.in_parallel(1, lambda _: self.ask("POST", "/2"))
        until(lambda: self.metric('larder_upstream_waiting{upstream="api"}') == 1, "one waits")
        answer = self.ask("POST", "/3")
        self.assertEqual((answer.status, answer.cache["detail"]), (503, "upstream-queue-full"))
        self.gate.set()
        join()
        waiting()

    def test_those_for_whom_connections_are_opened_are_not_queued(self):
        """A server that takes no connection: its backlog is full."""
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(0)
            fillers = []
            for _ in range(2):
                filler = socket.socket()
                self.addCleanup(filler.close)
                filler.setblocking(False)
                filler.connect_ex(server.getsockname())
                fillers.append(filler)
            self.start(self.config(server.getsockname()[1], top="workers 1\ntrusted_proxies 127.0.0.1",
                                   upstream="pool max=3\nqueue limit=1 timeout=2s"))
            waiting = self.in_parallel(4, lambda number: self.ask("POST", f"/{number}").status)
            until(lambda: self.metric('larder_upstream_waiting{upstream="api"}') == 4, "all four wait")
            answer = self.ask("POST", "/more")
            self.assertEqual((answer.status, answer.cache["detail"]), (503, "upstream-queue-full"))
            server.close()
            for status in waiting():
                self.assertIn(status, (502, 503, 504))

    @covers("upstream/queue.timeout", "detail upstream-queue-timeout")
    def test_queue_timeout(self):
        join = self.held("pool max=1\nqueue timeout=50ms", ["/1"])
        self.origin.wait_for(1)
        answer = self.ask("POST", "/2")
        self.assertEqual((answer.status, answer.cache["detail"]), (503, "upstream-queue-timeout"))
        self.gate.set()
        join()

    @covers("upstream/retries.N", "detail upstream-closed", "metric larder_upstream_errors_total")
    def test_retries(self):
        statuses = []
        for retries in (0, 1):
            self.start(upstream=f"retries {retries}")
            self.origin.on("/second", Reply(raw=[CLOSE]), Reply(content=b"2"))
            self.get("/first")
            statuses.append(self.get("/second").status)
            if retries == 0:
                self.assertGreaterEqual(self.metric('larder_upstream_errors_total{upstream="api"'), 1)
        self.assertEqual(statuses, [502, 200])

    @covers("upstream/resolve.every", "detail upstream-not-resolved")
    def test_resolve_every(self):
        def looks(larder):
            return sum(int((re.findall(r"suppressed=(\d+)", line) or ["1"])[0]) for line in
                       larder.error_text().splitlines() if "name_not_resolved" in line)
        text = self.config("1", upstream="resolve every=@").replace("127.0.0.1:1", "no-such-host.invalid:1")
        seldom = self.start(text.replace("every=@", "every=off"))
        self.assertEqual(self.get("/").cache["detail"], "upstream-not-resolved")
        often = self.start(text.replace("every=@", "every=20ms"))
        until(lambda: looks(often) >= 20, f"it is looked up again and again, not {looks(often)} times")
        self.assertLess(looks(seldom), 10)
        for larder in (seldom, often):
            larder.idle_descriptors += 4  # for the look-ups

    @covers("top/drain_timeout.DURATION")
    def test_drain_timeout(self):
        self.start(top="drain_timeout 50ms")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.on("/slow", Reply(pieces=[b"first", gate]))
        with Client(self.larder.port) as client:
            client.send_request(target="/slow")
            client.read_final_head()
            self.larder.signal(signal.SIGTERM)
            self.assertEqual(self.larder.wait_exit(5), 0)


if __name__ == "__main__":
    unittest.main()
