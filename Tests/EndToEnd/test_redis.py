# SPDX-License-Identifier: Apache-2.0
"""Redis as the second tier: it helps across restarts and nodes, and never hurts (promise 5)."""
import json
import random
import re
import socket
import threading
import time
import unittest

from case import FRESH, LarderCase
from covering import covers
from larder import Larder, free_port
from origin import Reply
from rawclient import Client, once
from redisserver import RedisServer
from waiting import until

TIMEOUT = 0.02


class SlowLink:
    """Stands before a Redis: each piece of an answer comes late, and connections can be cut."""

    def __init__(self, target):
        self.target = target
        self.delay = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets += [near, far]
            threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source, sink, is_answer):
        try:
            while data := source.recv(65536):
                if is_answer and self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            # Closing alone ends nothing while the other thread reads.
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def cut(self):
        """Every connection sees a reset."""
        for one in self.sockets:
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.shutdown(socket.SHUT_RD)
                one.close()
            except OSError:
                pass
        self.sockets = []

    def close(self):
        self.listener.close()
        self.cut()


@unittest.skipUnless(RedisServer.is_installed(), "there is no redis-server")
class RedisCase(LarderCase):
    redis_options = ()
    url = "redis://127.0.0.1:{port}"

    def setUp(self):
        super().setUp()
        self.origin = self.start_origin()
        self.origin.default = lambda request: Reply(
            fields=[FRESH, ("Cache-Tag", "all")], content=request.path.encode() * 20)
        self.redis = RedisServer(None, *self.redis_options)
        self.addCleanup(self.redis.close)
        self.redis_port = self.redis.port

    def start(self, settings="", environment=None, workers=2, route="key host=off"):
        url = self.url.format(port=self.redis_port)
        top = f"redis {url} prefix=t {settings}\nnodes lease=1s\nworkers {workers}"
        self.larder = Larder(self.config(self.origin.port, top=top, route=route), environment)
        self.addCleanup(self._stop, self.larder)
        return self.larder

    def _check_descriptors(self, larder):
        """Connections to Redis come and go."""

    def metric(self, name, **labels):
        """The sum over all series with these labels."""
        total = 0
        for line in self.larder.admin("GET", "/metrics").content.decode().splitlines():
            if line.startswith(name + "{") or line.startswith(name + " "):
                if all(f'{label}="{value}"' in line for label, value in labels.items()):
                    total += float(line.rsplit(" ", 1)[1])
        return total

    def is_whole(self):
        nodes = self.larder.admin_json("GET", "/nodes")
        closed = self.metric("larder_l2_breakers", state="closed")
        # Until its own invalidations are read back, a node writes what it cannot prove to be newer.
        return nodes["log"]["following"] and nodes["log"]["waiting"] == 0 and closed == 2 * self.workers

    workers = 2

    def wait_whole(self, seconds=5):
        until(self.is_whole, "Redis is connected and its log followed", seconds)

    def fill(self, *paths):
        before = self.metric("larder_l2_writes_total", result="written")
        for path in paths:
            self.get(path)
        until(lambda: self.metric("larder_l2_writes_total", result="written") >= before + len(paths), "all are written")

    def restart(self, settings="", **options):
        self.larder.stop()
        self.start(settings, **options)
        self.wait_whole()

    def timed(self, path):
        start = time.monotonic()
        response = self.get(path)
        self.assertEqual(response.status, 200, response)
        self.assertEqual(response.content, path.encode() * 20)
        return time.monotonic() - start


class TierTest(RedisCase):
    def test_a_restart_finds_what_was_there_with_its_age(self):
        self.start()
        self.wait_whole()
        self.fill("/a", "/b")
        until(lambda: int(self.get("/a").field("Age") or 0) >= 1, "it grows older")
        self.restart()
        response = self.get("/a")
        self.assert_hit(response)
        self.assertEqual(response.cache.get("detail"), "l2")
        self.assertGreaterEqual(int(response.field("Age")), 1)
        self.assertEqual(len(self.origin.requests), 2)

    def test_hot_keys_are_in_memory_soon_after_a_start(self):
        self.start()
        self.wait_whole()
        self.fill("/hot", "/cold")
        for _ in range(3):
            self.assert_hit(self.get("/hot"))
        # Those of the run before are loaded first.
        until(lambda: self.uptime() > 0.5, "it has looked for them")
        self.restart()
        until(lambda: self.metric("larder_l2_hot_keys_loaded_total") == 1, "one is loaded")
        response = self.get("/hot")
        self.assert_hit(response)
        self.assertNotIn("detail", response.cache)
        self.assertEqual(self.get("/cold").cache.get("detail"), "l2")

    def uptime(self):
        return self.larder.admin_json("GET", "/health")["uptime_seconds"]

    def test_a_warm_restart_keeps_the_hit_rate(self):
        """A node that is started again with Redis full: of a thousand requests, at least nine in ten are hits."""
        self.start()
        self.wait_whole()
        paths = [f"/item/{number}" for number in range(250)]
        self.fill(*paths)
        chance = random.Random(7)
        # Some are asked for much more often than others.
        traffic = [paths[min(int(chance.expovariate(1 / 60)), 249)] for _ in range(1000)]

        def run():
            before = len(self.origin.requests)
            with Client(self.larder.port) as client:
                hits = sum(bool(client.request("GET", path).cache.get("hit")) for path in traffic)
            return hits / len(traffic), len(self.origin.requests) - before
        former, fetched = run()
        self.assertEqual(fetched, 0)
        self.restart()
        rate, fetched = run()
        self.assertGreaterEqual(rate, 0.9 * former)
        self.assertLessEqual(fetched, len(traffic) * 0.1)

    def test_keys_can_be_read_and_expire(self):
        self.start()
        self.wait_whole()
        self.fill("/a?b=c")
        keys = [key for key in self.redis.ask("KEYS", "*") if ":obj:" in key]
        self.assertEqual(keys, ["t:obj:GET /a?b=c"])
        self.assertLess(0, self.redis.ask("PTTL", keys[0]))

    def test_a_hit_in_memory_asks_nothing(self):
        self.start("hot_keys=off")
        self.wait_whole()
        self.fill("/a")
        before = self.redis.ask("INFO", "commandstats")
        for _ in range(50):
            self.assertNotIn("detail", self.get("/a").cache)
        after = self.redis.ask("INFO", "commandstats")
        calls = [re.findall(r"cmdstat_(get|set):calls=(\d+)", text) for text in (before, after)]
        self.assertEqual(calls[0], calls[1])

    def test_invalidation_reaches_what_lies_in_redis(self):
        self.start()
        self.wait_whole()
        for call in ({"tags": ["all"]}, {"prefixes": ["/"]}, {"urls": ["/a"]}, {"all": True}):
            self.get("/a")
            self.larder.invalidate(**call)
            self.restart()
            self.assert_forwarded(self.get("/a"))

    def test_variants_survive_too(self):
        self.origin.default = lambda request: Reply(
            fields=[FRESH, ("Vary", "Accept")], content=(request.field("Accept") or "").encode())
        self.start()
        self.wait_whole()
        for kind in ("text/a", "text/b"):
            self.get("/v", ("Accept", kind))
        until(lambda: self.metric("larder_l2_writes_total", result="written") >= 2, "both are written")
        self.restart()
        for kind in ("text/b", "text/a"):
            response = self.get("/v", ("Accept", kind))
            self.assert_hit(response)
            self.assertEqual(response.content.decode(), kind)

    def test_damage_is_a_miss_is_counted_and_goes(self):
        self.start()
        self.wait_whole()
        self.fill("/a")
        key = "t:obj:GET /x"
        for value in ("garbage", "LRDR", "{\"json\": true}"):
            self.redis.ask("SET", key, value)
            self.assert_forwarded(self.get("/x"), "uri-miss")
            self.larder.admin("POST", "/invalidate", {"urls": ["/x"]})
        self.assertEqual(self.metric("larder_l2_lookups_total", result="damaged"), 3)

    def test_a_key_of_another_type_is_a_miss(self):
        self.start()
        self.wait_whole()
        key = "t:obj:GET /y"
        self.redis.ask("LPUSH", key, "1")
        self.assert_forwarded(self.get("/y"), "uri-miss")
        until(lambda: self.redis.ask("TYPE", key) != "list", "it is deleted")


class FormsTest(RedisCase):
    """What one node has compressed, no other compresses again."""
    ROUTE = "key host=off\n  compress br gzip climb=5"
    BR = ("Accept-Encoding", "br")

    def setUp(self):
        super().setUp()
        body = json.dumps([{"id": number, "name": f"user {number * 7919 % 1000}"} for number in range(300)]).encode()
        self.origin.default = lambda request: Reply(
            fields=[FRESH, ("Content-Type", "application/json")], content=body)

    def brotli(self, path="/a"):
        response = self.get(path, self.BR)
        self.assertEqual(response.field("Content-Encoding"), "br", response)
        return response

    def climb(self):
        """Asks until the best form lies in Redis; its length."""
        def is_best():
            self.brotli()
            return self.metric("larder_l2_form_writes_total", result="written") >= 2
        until(is_best, "the best form is made and written", 30)
        self.assertEqual(self.metric("larder_recoded_total", result="made"), 1)
        return len(self.brotli().content)

    @covers("metric larder_l2_forms_total", "metric larder_l2_form_writes_total")
    def test_a_second_node_gets_the_best_form_without_any_work(self):
        self.start(route=self.ROUTE)
        self.wait_whole()
        best = self.climb()
        self.assertLess(0, self.metric("larder_coding_input_bytes_total"))
        self.start(route=self.ROUTE)
        self.wait_whole()
        for _ in range(30):
            response = self.brotli()
            self.assert_hit(response)
            self.assertEqual(len(response.content), best)
        self.assertEqual(self.metric("larder_coding_input_bytes_total"), 0)
        self.assertEqual(self.metric("larder_recoded_total", result="made"), 0)
        self.assertEqual(self.metric("larder_l2_forms_total", result="hit"), 1)
        self.assertEqual(self.origin.count("/a"), 1)

    def test_hot_keys_come_with_their_forms(self):
        self.start(route=self.ROUTE)
        self.wait_whole()
        best = self.climb()
        until(lambda: self.larder.admin_json("GET", "/health")["uptime_seconds"] > 0.5, "it has looked for hot keys")
        self.restart(route=self.ROUTE)
        until(lambda: self.metric("larder_l2_hot_keys_loaded_total") == 1, "one is loaded")
        response = self.brotli()
        self.assertNotIn("detail", response.cache)
        self.assertEqual(len(response.content), best)
        self.assertEqual(self.metric("larder_coding_input_bytes_total"), 0)

    def test_damaged_forms_are_counted_and_ignored(self):
        self.start(route=self.ROUTE)
        self.wait_whole()
        self.climb()
        key = "t:obj:GET /a coded:br"
        self.assertLess(0, self.redis.ask("PTTL", key))
        self.redis.ask("SETRANGE", key, 200, "damage")
        self.start(route=self.ROUTE)
        self.wait_whole()
        response = self.brotli()
        self.assertEqual(response.cache.get("detail"), "l2")
        self.assertEqual(self.metric("larder_l2_forms_total", result="damaged"), 1)
        self.assertEqual(self.origin.count("/a"), 1)


class UnixSocketTest(RedisCase):
    def test_a_unix_socket_serves_as_well(self):
        path = self.redis.folder.name + "/socket"
        self.redis.kill()
        self.redis.options = ("--unixsocket", path)
        self.redis.start()
        self.url = "unix:" + path
        self.start()
        self.wait_whole()
        self.fill("/a")
        self.restart()
        self.assert_hit(self.get("/a"))


class LoginTest(RedisCase):
    redis_options = ("--user", "larder", "on", ">se:cret", "~*", "&*", "+@all", "--user", "default", "off")

    @covers("top/redis.user", "top/redis.password", "top/redis.db")
    def test_a_user_of_an_access_list_logs_in_by_url_and_by_keys(self):
        self.url = "redis://larder:se%3Acret@127.0.0.1:{port}/2"
        self.start()
        self.wait_whole()
        self.larder.stop()
        self.url = "127.0.0.1:{port}"
        self.start("user=larder password=${REDIS_PASSWORD} db=2", {"REDIS_PASSWORD": "se:cret"})
        self.wait_whole()

    def test_a_wrong_password_costs_nothing_and_is_said(self):
        self.url = "redis://larder:wrong@127.0.0.1:{port}"
        self.start()
        times = [self.timed(f"/{number}") for number in range(50)]
        self.assertLess(sum(one > TIMEOUT * 0.7 for one in times), 10)
        self.assertLess(0, self.metric("larder_l2_failures_total", kind="login"))
        self.assertIn("reason=login", self.larder.error_text())


class OutageTest(RedisCase):
    def setUp(self):
        super().setUp()
        self.link = SlowLink(self.redis.port)
        self.addCleanup(self.link.close)
        self.redis_port = self.link.port
        self.start()
        self.wait_whole()
        self.fill("/warm")
        self.number = 0

    def ask_many(self, count):
        """Misses, one after another: each is answered; how long each took."""
        self.number += count
        return [self.timed(f"/{number}") for number in range(self.number - count, self.number)]

    def assert_costs_little(self, may_wait=0):
        """A few requests wait for the timeout, and the others for nothing, but for what a busy machine adds."""
        may_wait += 10
        times = self.ask_many(150)
        slow = sum(one > TIMEOUT * 0.7 for one in times)
        self.assertLessEqual(slow, may_wait, sorted(times)[-30:])
        self.assertLess(sorted(times)[-max(1, len(times) // 10)], TIMEOUT + 0.15)
        fresh = self.get("/warm")
        self.assert_hit(fresh)

    def assert_heals(self):
        start = time.monotonic()
        self.wait_whole(10)
        self.assertLess(time.monotonic() - start, 5)
        self.fill("/healed")
        self.restart()
        self.assert_hit(self.get("/healed"))

    def test_killed(self):
        self.redis.kill()
        self.assert_costs_little()
        self.assertLess(0, self.metric("larder_l2_breakers", state="open")
                        + self.metric("larder_l2_breakers", state="half-open"))
        self.assertLess(0, self.metric("larder_l2_lookups_total", result="not-asked"))
        self.redis.start()
        self.assert_heals()

    def test_hanging(self):
        self.redis.hang()
        self.assert_costs_little(20)
        self.assertLess(0, self.metric("larder_l2_breaker_opened_total", connection="read"))
        self.assertLess(0, self.metric("larder_l2_lookups_total", result="timeout"))
        self.redis.go_on()
        self.assert_heals()

    def test_connections_that_are_reset(self):
        for _ in range(5):
            self.link.cut()
            self.assert_costs_little()
        self.assert_heals()

    def test_an_answer_that_takes_a_hundred_milliseconds(self):
        self.link.delay = 0.1
        self.assert_costs_little(20)
        self.link.delay = 0
        self.assert_heals()

    def test_full_memory(self):
        self.redis.ask("CONFIG", "SET", "maxmemory", "1")
        self.assert_costs_little()
        self.assertLess(0, self.metric("larder_l2_writes_total", result="error"))
        self.redis.ask("CONFIG", "SET", "maxmemory", "0")
        self.assert_heals()

    def test_a_replica_that_only_reads(self):
        master = RedisServer()
        self.addCleanup(master.close)
        self.redis.ask("REPLICAOF", "127.0.0.1", str(master.port))
        self.assert_costs_little(20)
        self.redis.ask("REPLICAOF", "NO", "ONE")
        self.assert_heals()

    def test_a_server_that_loads(self):
        """A Redis that says LOADING, played: how long a real one does depends on its data."""
        self.redis.kill()
        server = socket.create_server(("127.0.0.1", self.redis.port))

        def serve(one):
            try:
                while data := one.recv(65536):
                    one.sendall(b"-LOADING Redis is loading the dataset in memory\r\n" * max(1, data.count(b"*")))
            except OSError:
                pass

        def accept():
            while True:
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(one,), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        self.assert_costs_little()
        self.assertLess(0, self.metric("larder_l2_failures_total", kind="unavailable"))
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        self.link.cut()
        self.redis.start()
        self.assert_heals()


class HealthTest(RedisCase):
    def health(self):
        report = self.larder.admin_json("GET", "/health")
        return report["status"], report["redis"]

    def ready(self):
        return self.larder.admin_json("GET", "/health/ready")

    def test_it_tells_the_state_of_redis_and_stays_ready_without_it(self):
        self.start("hot_keys=off")
        self.wait_whole()
        until(lambda: self.health()[0] == "healthy", "all of it is up")
        redis = self.health()[1]
        connections = {"closed": 2, "open": 0, "half_open": 0}
        self.assertEqual(redis, {
            "status": "up", "breakers": {"read": connections, "write": connections, "log": connections},
            "failure": None, "log": "following", "waiting_invalidations": 0, "write_queue_bytes": 0})
        self.assertEqual(self.ready(), {"status": "ready", "redis": "up"})
        self.redis.kill()
        until(lambda: self.health()[1]["status"] == "down", "all connections are lost")
        status, redis = self.health()
        self.assertEqual((status, redis["log"]), ("degraded", "out-of-touch"))
        self.assertIn(redis["failure"], ("connection-lost", "connect"))
        for breakers in redis["breakers"].values():
            self.assertEqual((breakers["closed"], sum(breakers.values())), (0, 2))
        for number in range(3):
            self.larder.admin("POST", "/invalidate", {"tags": [f"t{number}"]})
        self.assertEqual(self.health()[1]["waiting_invalidations"], 3)
        self.assertEqual(self.ready(), {"status": "ready", "redis": "down"})
        self.assertEqual(self.get("/served").status, 200)
        self.redis.start()
        until(lambda: self.health()[0] == "healthy", "it has healed", 10)
        self.assertEqual(self.health()[1]["waiting_invalidations"], 0)
        self.assertEqual(self.ready(), {"status": "ready", "redis": "up"})


class StartWithoutRedisTest(RedisCase):
    def test_it_starts_and_serves_and_finds_redis_later(self):
        self.redis.kill()
        self.start()
        times = [self.timed(f"/{number}") for number in range(20)]
        self.assertLess(sum(one > TIMEOUT * 0.7 for one in times), 5)
        self.redis.start()
        self.wait_whole(5)


if __name__ == "__main__":
    unittest.main()
