# SPDX-License-Identifier: Apache-2.0
"""Each value of `redis` and `nodes` changes something, and each metric of Redis and the shared log moves."""
import json
import os
import socket
import tempfile
import time
import unittest

from case import FRESH
from covering import covers
from larder import Larder
from origin import Reply
from rawclient import Client
from test_redis import RedisCase
from waiting import until


class OneWorker(RedisCase):
    workers = 1

    def serve(self, top, **parts):
        self.larder = Larder(self.config(self.origin.port, top=top, **parts))
        self.addCleanup(self._stop, self.larder)


class RedisDirectives(OneWorker):
    def begin(self, settings="", nodes="lease=500ms", **options):
        url = self.url.format(port=self.redis_port)
        self.serve(f"redis {url} {settings}\nnodes {nodes}\nworkers 1", **options)

    @covers("top/redis.URL", "top/redis.prefix", "outcome l2-hit", "detail l2", "metric larder_l2_lookups_total",
            "metric larder_l2_writes_total", "metric larder_l2_lookup_duration_seconds", "metric larder_l2_bytes_total",
            "metric larder_l2_breakers", "metric larder_log_following", "metric larder_nodes_live")
    def test_a_hit_in_redis_is_told_from_one_in_memory(self):
        self.begin("prefix=shop hot_keys=off", route="key host=off")
        self.wait_whole()
        self.fill("/a")
        self.assertEqual(self.redis.ask("EXISTS", "shop:obj:GET /a"), 1)
        self.larder.stop()
        self.begin("prefix=shop hot_keys=off", route="key host=off")
        self.wait_whole()
        first, second = self.get("/a"), self.get("/a")
        self.assert_hit(first)
        self.assertEqual((first.cache.get("detail"), second.cache.get("detail")), ("l2", None))
        lines = until(lambda: len(self.larder.access_lines()) == 2 and self.larder.access_lines(), "two lines")
        self.assertEqual([line["cache"] for line in lines], ["l2-hit", "hit"])
        for outcome in ("l2-hit", "hit"):
            self.assertEqual(self.metric("larder_requests_total", cache=outcome), 1)
        route = self.larder.admin_json("GET", "/performance")["since_reset"]["routes"][0]
        self.assertEqual({name: one["count"] for name, one in route["by_outcome"].items()}, {"l2-hit": 1, "hit": 1})
        self.assertEqual(route["hit_rate"], 1)
        self.assertEqual(self.metric("larder_l2_lookups_total", result="hit"), 1)
        self.assertEqual(self.metric("larder_l2_lookup_duration_seconds_count"), 1)
        self.assertGreater(self.metric("larder_l2_bytes_total", direction="sent"), 0)
        self.assertEqual((self.metric("larder_log_following"), self.metric("larder_nodes_live")), (1, 1))

    @covers("top/redis.max_object")
    def test_max_object(self):
        self.begin("max_object=1KB", route="ttl 1m\ncompress off")
        self.wait_whole()
        self.origin.default = lambda request: Reply(fields=[FRESH], content=b"x" * 5000)
        self.get("/a")
        until(lambda: self.metric("larder_l2_writes_total", result="too-large") == 1, "it is too large")

    @covers("top/redis.write_queue", "metric larder_l2_write_queue_bytes")
    def test_write_queue(self):
        self.begin("write_queue=64KB timeout=2s", route="ttl 1m\ncompress off")
        self.wait_whole()
        self.origin.default = lambda request: Reply(fields=[FRESH], content=b"x" * 30_000)
        self.get("/before")
        self.redis.hang()
        for number in range(6):
            self.ask("POST", f"/{number}")
        self.redis.go_on()
        until(lambda: self.metric("larder_l2_write_queue_bytes") == 0, "all is written")

    @covers("top/redis.hot_keys", "metric larder_l2_hot_keys_loaded_total")
    def test_hot_keys(self):
        for settings, loaded in (("hot_keys=off", 0), ("", 1)):
            self.redis.ask("FLUSHALL")
            self.begin(settings, route="key host=off")
            self.wait_whole()
            self.fill("/a")
            self.get("/a")
            until(lambda: self.larder.admin_json("GET", "/health")["uptime_seconds"] > 0.5, "it has looked for hot keys")
            self.larder.stop()
            self.begin(settings, route="key host=off")
            self.wait_whole()
            if loaded:
                until(lambda: self.metric("larder_l2_hot_keys_loaded_total") == 1, "it is loaded")
                self.assertNotIn("detail", self.get("/a").cache)
            else:
                self.assertEqual(self.get("/a").cache.get("detail"), "l2")
            self.larder.stop()

    @covers("top/redis.timeout", "metric larder_l2_failures_total", "metric larder_l2_breaker_opened_total")
    def test_timeout(self):
        self.begin("timeout=200ms")
        self.wait_whole()
        self.redis.hang()
        start = time.monotonic()
        self.get("/a")
        self.assertGreater(time.monotonic() - start, 0.19)
        for number in range(6):
            self.get(f"/{number}")
        self.assertGreaterEqual(self.metric("larder_l2_lookups_total", result="timeout"), 1)
        self.assertGreaterEqual(self.metric("larder_l2_failures_total"), 1)
        self.assertGreaterEqual(self.metric("larder_l2_breaker_opened_total"), 1)
        self.redis.go_on()

    @covers("top/redis.connect_timeout")
    def test_connect_timeout(self):
        """A server that accepts and says nothing: login is waited for as long, again and again."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.redis_port = silent.getsockname()[1]
            self.begin("connect_timeout=20ms password=a-long-password")
            start = time.monotonic()
            until(lambda: self.metric("larder_l2_failures_total") >= 5, "it gives up again and again")
            self.assertLess(time.monotonic() - start, 2)

    @covers("top/nodes.lease", "top/nodes.name", "metric larder_log_applied_total", "metric larder_confirmations_total")
    def test_name_and_lease(self):
        self.begin(nodes="name=n7 lease=500ms")
        self.wait_whole()
        until(lambda: self.larder.admin_json("GET", "/nodes")["log"]["settled"], "settled after a lease", 3)
        self.assertEqual([node["name"] for node in self.larder.admin_json("GET", "/nodes")["nodes"]], ["n7"])
        self.larder.invalidate(tags=["a"], wait="all")
        self.assertGreaterEqual(self.metric("larder_log_applied_total", origin="own"), 1)
        self.assertEqual(self.metric("larder_confirmations_total", result="complete"), 1)

    @covers("metric larder_log_waiting", "metric larder_log_collapses_total")
    def test_invalidations_wait_and_collapse(self):
        self.begin()
        self.wait_whole()
        self.redis.kill()
        until(lambda: self.metric("larder_log_following") == 0, "its end is seen")
        self.larder.admin("POST", "/invalidate", {"tags": ["a"]})
        self.assertGreaterEqual(self.metric("larder_log_waiting"), 1)
        for part in range(20):
            self.larder.admin("POST", "/invalidate", {"tags": [f"{part}-{number}-".ljust(950, "x") for number in range(1000)]})
        self.assertEqual(self.metric("larder_log_collapses_total"), 1)

    @covers("top/nodes.log")
    def test_the_log_is_bounded(self):
        self.begin("prefix=t", nodes="lease=500ms log=1000")
        self.wait_whole()
        with Client(self.larder.admin_port) as client:
            for number in range(1300):
                client.request("POST", "/invalidate", [("Content-Type", "application/json")],
                               json.dumps({"tags": [f"t{number}"]}).encode())
        self.assertLess(self.redis.ask("XLEN", "t:invalidations"), 1250)

    @covers("metric larder_log_restarts_total")
    def test_a_log_that_is_gone_is_begun_anew(self):
        self.begin()
        self.wait_whole()
        before = self.metric("larder_log_restarts_total")
        self.redis.ask("FLUSHALL")
        until(lambda: self.metric("larder_log_restarts_total") > before, "it is read anew")

    @covers("metric larder_log_foreign_total")
    def test_an_entry_that_nobody_understands(self):
        self.begin("prefix=t")
        self.wait_whole()
        self.redis.ask("XADD", "t:invalidations", "*", "nobody", "knows")
        until(lambda: self.metric("larder_log_foreign_total") == 1, "it is counted")

    @covers("top/nodes.sweep", "metric larder_sweep_passes_total", "metric larder_sweep_records_total",
            "metric larder_sweep_removed_total")
    def test_sweep(self):
        self.begin(nodes="lease=500ms sweep=100ms", route="key host=off")
        self.wait_whole()
        self.fill("/a")
        self.larder.invalidate(all=True)
        until(lambda: self.metric("larder_sweep_removed_total") >= 1 and self.metric("larder_sweep_passes_total") >= 1,
              "it is swept")
        self.assertGreaterEqual(self.metric("larder_sweep_records_total"), 1)


class PasswordFile(OneWorker):
    redis_options = ("--requirepass", "a-long-password")

    @covers("top/redis.password_file")
    def test_password_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "password")
            for content, works in (("a-long-password\n", True), ("another-password\n", False)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(content)
                self.serve(f"redis 127.0.0.1:{self.redis_port} password_file={path}\nworkers 1")
                if works:
                    self.wait_whole()
                else:
                    until(lambda: self.metric("larder_l2_failures_total", kind="login") > 0, "it is refused")


if __name__ == "__main__":
    unittest.main()
