# SPDX-License-Identifier: Apache-2.0
"""Several nodes that share one Redis: invalidation that holds on every one of them (promises 3 and 5)."""
import json
import os
import random
import signal
import threading
import time
import unittest

from case import FRESH, LarderCase
from covering import covers
from larder import Larder
from origin import Reply
from rawclient import Client, once
from redisserver import RedisServer
from waiting import until

# For runs by hand: how long the test under load takes, and how many keys Redis holds.
LOAD_SECONDS = float(os.environ.get("LARDER_NODES_SECONDS", "8"))
KEY_COUNT = int(os.environ.get("LARDER_NODES_KEYS", "30000"))


@unittest.skipUnless(RedisServer.is_installed(), "there is no redis-server")
class NodesCase(LarderCase):
    redis_options = ()

    def setUp(self):
        super().setUp()
        self.versions = {}
        self.origin = self.start_origin()
        self.origin.default = lambda request: Reply(
            fields=[FRESH, ("Cache-Tag", "all-of-it " + request.path.strip("/"))],
            content=str(self.versions.get(request.path, 0)).encode())
        self.redis = RedisServer(None, *self.redis_options)
        self.addCleanup(self.redis.close)
        self.nodes = []

    def start_nodes(self, count, settings="lease=1s", settles=True, redis=""):
        for _ in range(count):
            self.start_node(settings, redis)
        self.wait_for_all()
        if settles:
            for node in self.nodes:
                self.wait_settled(node, 15)
        return self.nodes

    def wait_settled(self, node, seconds):
        until(lambda: self.overview(node)["log"]["settled"], "the log has stood for a lease", seconds)

    def start_node(self, settings="lease=1s", redis=""):
        name = f"n{len(self.nodes)}"
        top = f"redis redis://127.0.0.1:{self.redis.port} prefix=t {redis}\nnodes name={name} {settings}\nworkers 1\npurge_method on"
        node = Larder(self.config(self.origin.port, top=top, route="key host=off"))
        node.name = name
        self.addCleanup(self._stop, node)
        self.nodes.append(node)
        return node

    def _check_descriptors(self, larder):
        """Connections to Redis come and go."""

    def overview(self, node):
        return node.admin_json("GET", "/nodes")

    def wait_for_all(self):
        names = sorted(node.name for node in self.nodes)

        def known(node):
            seen = self.overview(node)
            return seen["log"]["following"] and sorted(
                one["name"] for one in seen["nodes"] if one["live"]) == names
        until(lambda: all(known(node) for node in self.nodes), "all nodes know each other", 15)

    def wait_following(self, node):
        until(lambda: self.overview(node)["log"]["following"], "the node follows the log", 15)

    def version(self, node, path="/a"):
        return int(once(node.port, "GET", path).content)

    def call(self, node, **what):
        response = node.admin("POST", "/invalidate", what)
        return response.status, json.loads(response.content)

    def cache_everywhere(self, path="/a"):
        return [self.version(node, path) for node in self.nodes]


class InvalidationTests(NodesCase):
    def test_every_node_has_applied_what_is_confirmed(self):
        self.start_nodes(3)
        for what in ({"tags": ["all-of-it"]}, {"urls": ["/a"]}, {"prefixes": ["/a"]}, {"patterns": ["/?"]},
                     {"keys": ["/a"]}, {"all": True}):
            before = self.cache_everywhere()
            self.versions["/a"] = self.versions.get("/a", 0) + 1
            self.assertEqual(self.cache_everywhere(), before)
            status, answer = self.call(self.nodes[1], wait="all", timeout_ms=5000, **what)
            self.assertEqual((status, answer["confirmed"], answer["missing"]), (200, True, []), answer)
            self.assertEqual(sorted(node["name"] for node in answer["nodes"]), ["n0", "n1", "n2"])
            self.assertTrue(all(node["applied_ms"] < 1000 for node in answer["nodes"]), answer)
            self.assertEqual(self.cache_everywhere(), [self.versions["/a"]] * 3)

    def test_without_waiting_it_holds_here_at_once_and_there_soon(self):
        first, second = self.start_nodes(2)
        self.cache_everywhere()
        self.versions["/a"] = 1
        status, answer = self.call(first, tags=["a"])
        self.assertEqual(status, 200)
        self.assertRegex(answer["epoch"], r"^\d+-\d+$")
        self.assertEqual(self.version(first), 1)
        until(lambda: self.version(second) == 1, "the other node hears of it")

    def test_soft_ones_stay_soft(self):
        first, second = self.start_nodes(2)
        self.origin.on("/s", Reply(fields=[("Cache-Control", "max-age=300, stale-while-revalidate=300")], content=b"0"),
                       Reply(fields=[FRESH], content=b"1"))
        self.version(second, "/s")
        self.call(first, urls=["/s"], soft=True, wait="all")
        self.assertEqual(self.version(second, "/s"), 0)
        until(lambda: self.version(second, "/s") == 1, "it is refreshed")

    def test_unsafe_requests_and_purges_reach_other_nodes(self):
        first, second = self.start_nodes(2)
        self.cache_everywhere()
        self.versions["/a"] = 1
        once(first.port, "POST", "/a", [], b"x")
        until(lambda: self.version(second) == 1, "the other node hears of the POST")
        self.versions["/a"] = 2
        self.assertEqual(once(second.port, "PURGE", "/a").status, 200)
        until(lambda: self.version(first) == 2, "the other node hears of the PURGE")

    def test_the_audit_names_who_and_where(self):
        first, second = self.start_nodes(2)
        self.call(first, tags=["a", "b"], wait="all")
        for node in (first, second):
            entry = node.admin_json("GET", "/invalidations")["invalidations"][0]
            self.assertTrue(entry["peer"].startswith("127.0.0.1"), entry)
        self.assertEqual(entry["node"], "n0")
        self.assertEqual((entry["rules"], entry["sample"]), ({"tag": 2}, ["a", "b"]))

    def test_wrong_words_are_refused(self):
        node = self.start_nodes(1)[0]
        for what in ({"wait": "nodes"}, {"wait": True}, {"timeout_ms": 0}, {"timeout_ms": 1.5}, {"timeout_ms": "1"}):
            status, answer = self.call(node, tags=["a"], **what)
            self.assertEqual((status, answer["error"]["code"]), (400, "wrong_value"))

    def test_a_new_node_learns_what_was_invalidated(self):
        self.start_nodes(1)
        for number in range(300):
            self.call(self.nodes[0], tags=[f"t{number}"])
        node = self.start_node()
        self.wait_for_all()
        self.assertEqual(self.overview(node)["log"]["applied"], self.overview(self.nodes[0])["log"]["applied"])

    @staticmethod
    def outdated(node):
        """How many records the node has not used because of invalidations."""
        name = 'larder_l2_lookups_total{result="outdated"} '
        lines = node.admin("GET", "/metrics").content.decode().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(name))

    def test_records_are_of_use_past_20_000_rules_that_name_others(self):
        # What a busy machine takes for an answer is not what this is about.
        patient = "timeout=1s"
        first, paths = self.start_nodes(1, redis=patient)[0], [f"/r{number}" for number in range(40)]
        for path in paths:
            self.version(first, path)
        until(lambda: self.redis.ask("EXISTS", *[f"t:obj:GET {path}" for path in paths]) == 40, "all are kept")
        for part in range(20):
            status, _ = self.call(first, tags=[f"t{part}-{number}" for number in range(500)],
                                  prefixes=[f"/other/{part}/{number}/" for number in range(500)])
            self.assertEqual(status, 200)
        node = self.start_node(redis=patient)
        self.wait_for_all()
        until(lambda: once(node.port, "GET", paths[0]).cache.get("hit"), "records are trusted")
        trusted = self.outdated(node)
        hits = sum(once(node.port, "GET", path).cache.get("detail") == "l2" for path in paths[1:])
        # Others may have found Redis slow.
        self.assertGreater(hits, 20)
        self.assertEqual(self.outdated(node), trusted)
        self.assertEqual(self.call(first, prefixes=["/r1"], wait="all")[0], 200)
        gone = [path for path in paths if not once(node.port, "GET", path).cache.get("hit")]
        self.assertEqual(gone, [path for path in paths if path.startswith("/r1")])


class SweepTests(NodesCase):
    def metrics(self, name):
        """The sum over all nodes."""
        texts = [node.admin("GET", "/metrics").content.decode() for node in self.nodes]
        return sum(float(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith(name + " "))

    def test_what_is_dead_in_redis_is_swept_and_the_log_cut(self):
        self.start_nodes(2, "lease=1s sweep=300ms")
        for number in range(60):
            self.version(self.nodes[number % 2], f"/s{number}")
        until(lambda: self.redis.ask("EXISTS", *[f"t:obj:GET /s{number}" for number in range(60)]) == 60, "all are kept")
        for number in range(30):
            self.call(self.nodes[0], tags=[f"s{number}"])
        until(lambda: self.redis.ask("EXISTS", *[f"t:obj:GET /s{number}" for number in range(30)]) == 0, "swept", 20)
        self.assertEqual(self.redis.ask("EXISTS", *[f"t:obj:GET /s{number}" for number in range(30, 60)]), 30)
        self.call(self.nodes[0], all=True)
        until(lambda: self.redis.ask("EXISTS", *[f"t:obj:GET /s{number}" for number in range(60)]) == 0, "swept", 20)
        until(lambda: self.redis.ask("EXISTS", "t:sweeper") == 0, "the lock is given back")
        self.assertEqual(self.metrics("larder_sweep_removed_total"), 60)
        self.assertLessEqual(90, self.metrics("larder_sweep_records_total"))
        self.assertLessEqual(2, self.metrics("larder_sweep_passes_total"))
        self.assertEqual(self.metrics("larder_sweep_lock"), 0)
        before = self.origin.count()
        self.assertEqual(self.version(self.nodes[1], "/s1"), 0)
        self.assertEqual(self.origin.count(), before + 1)


    def test_forms_are_swept_with_their_responses(self):
        self.start_nodes(2, "lease=1s sweep=300ms")
        self.origin.on("/f", Reply(fields=[FRESH, ("Content-Type", "text/plain"), ("Cache-Tag", "f")],
                                   content=b"what can be compressed, " * 100))
        once(self.nodes[0].port, "GET", "/f", [("Accept-Encoding", "br")])
        keys = ["t:obj:GET /f", "t:obj:GET /f coded:br"]
        until(lambda: self.redis.ask("EXISTS", *keys) == 2, "both are kept")
        self.call(self.nodes[1], tags=["f"])
        until(lambda: self.redis.ask("EXISTS", *keys) == 0, "both are swept", 20)


class LivenessTests(NodesCase):
    def test_a_node_that_hangs_is_named_then_not_waited_for(self):
        first, second = self.start_nodes(2)
        second.signal(signal.SIGSTOP)
        try:
            status, answer = self.call(first, tags=["a"], wait="all", timeout_ms=100)
            self.assertEqual((status, answer["confirmed"], answer["missing"]), (504, False, ["n1"]))
            status, answer = self.call(first, tags=["a"], wait="all", timeout_ms=10_000)
            self.assertEqual((status, answer["confirmed"], len(answer["nodes"])), (200, True, 1))
        finally:
            second.signal(signal.SIGCONT)
        self.wait_for_all()
        status, answer = self.call(first, tags=["a"], wait="all", timeout_ms=5000)
        self.assertEqual((status, len(answer["nodes"])), (200, 2))

    def test_a_node_that_is_stopped_leaves_at_once(self):
        first, second = self.start_nodes(2, "lease=20s", settles=False)
        second.stop()
        until(lambda: sum(one["live"] for one in self.overview(first)["nodes"]) == 1, "it has left", 5)
        # The rest of the lease of the log itself, which is new.
        status, answer = self.call(first, tags=["a"], wait="all", timeout_ms=30_000)
        self.assertEqual((status, len(answer["nodes"])), (200, 1))

    def test_in_a_new_log_nothing_is_confirmed_for_a_lease_and_then_at_once(self):
        first = self.start_nodes(1, "lease=3s", settles=False)[0]
        status, answer = self.call(first, tags=["a"], wait="all", timeout_ms=100)
        self.assertEqual((status, answer["confirmed"], answer["nodes_known"]), (504, False, False), answer)
        self.assertFalse(self.overview(first)["log"]["settled"])
        self.wait_settled(first, 10)
        self.assertEqual(self.call(first, tags=["a"], wait="all", timeout_ms=500)[0], 200)
        # A new node finds it so.
        second = self.start_node("lease=3s")
        self.wait_for_all()
        self.wait_settled(second, 1)
        self.assertEqual(self.call(second, tags=["a"], wait="all", timeout_ms=500)[0], 200)

    def test_a_killed_node_is_forgotten_when_its_lease_ends(self):
        first, second = self.start_nodes(2)
        second.kill()
        second.process.returncode = 0  # as it was meant
        status, answer = self.call(first, tags=["a"], wait="all", timeout_ms=10_000)
        self.assertEqual((status, len(answer["nodes"])), (200, 1))


class OutageTests(NodesCase):
    redis_options = ("--appendonly", "yes", "--appendfsync", "always")

    def test_what_is_invalidated_while_redis_is_away_is_told_later(self):
        first, second = self.start_nodes(2)
        self.cache_everywhere()
        self.redis.kill()
        until(lambda: not self.overview(first)["log"]["following"], "the loss is noticed")
        self.versions["/a"] = 1
        status, answer = self.call(first, tags=["a"])
        self.assertEqual((status, answer["epoch"]), (202, None))
        self.assertEqual(self.version(first), 1)
        self.assertEqual(self.version(second), 0)
        status, answer = self.call(first, tags=["b"], wait="all", timeout_ms=50)
        self.assertEqual((status, answer["confirmed"]), (504, False))
        self.assertEqual(self.overview(first)["log"]["waiting"], 2)
        self.redis.start()
        until(lambda: self.version(second) == 1, "the other node hears of it", 15)
        until(lambda: self.overview(first)["log"]["waiting"] == 0, "nothing waits any more")

    def test_a_redis_that_comes_back_empty_makes_everything_void(self):
        first, second = self.start_nodes(2)
        self.cache_everywhere()
        self.redis.ask("FLUSHALL")
        self.versions["/a"] = 1
        until(lambda: self.cache_everywhere() == [1, 1], "both drop what they cannot prove", 15)
        self.wait_for_all()
        self.versions["/a"] = 2
        status, _ = self.call(second, tags=["a"], wait="all", timeout_ms=5000)
        self.assertEqual((status, self.cache_everywhere()), (200, [2, 2]))

    def test_a_redis_that_hangs_is_survived(self):
        first, second = self.start_nodes(2)
        self.cache_everywhere()
        self.redis.hang()
        until(lambda: not self.overview(first)["log"]["following"], "the loss is noticed", 15)
        self.assertEqual(self.cache_everywhere(), [0, 0])
        self.versions["/a"] = 1
        self.call(first, tags=["a"])
        self.redis.go_on()
        until(lambda: self.version(second) == 1, "the other node hears of it", 15)

    @covers("top/nodes.on_redis_loss")
    def test_with_revalidate_nothing_is_served_that_others_may_have_invalidated(self):
        first, second = self.start_nodes(2, "lease=500ms on_redis_loss=revalidate")
        self.cache_everywhere()
        before = self.origin.count()
        self.cache_everywhere()
        self.assertEqual(self.origin.count(), before)
        self.redis.kill()
        self.versions["/a"] = 1
        self.call(first, tags=["a"])
        until(lambda: self.version(second) == 1, "the other node asks the origin", 15)
        before = self.origin.count()
        self.version(second)
        self.assertEqual(self.origin.count(), before + 1)
        self.redis.start()
        self.wait_for_all()
        self.cache_everywhere()
        before = self.origin.count()
        self.cache_everywhere()
        self.assertEqual(self.origin.count(), before)


class LoadTests(NodesCase):
    """1,000 invalidations a minute, from every node in turn, while every node is read; each body is its version."""
    paths = [f"/k{number}" for number in range(20)]
    may_refuse = False

    def test_nothing_stale_is_served_after_confirmation(self):
        self.start_nodes(4)
        self.work(LOAD_SECONDS)
        self.times.sort()
        print(f"\n{len(self.times)} invalidations confirmed by 4 nodes, median {self.times[len(self.times) // 2]:.1f} ms, "
              f"slowest {self.times[-1]:.1f} ms; {self.reads} reads, 0 stale")
        self.assertGreater(len(self.times), LOAD_SECONDS * 1000 / 60 * 0.8)

    def work(self, seconds, *others):
        self.confirmed = {path: 0 for path in self.paths}
        self.stale, self.reads, self.times, self.errors, self.refused = [], 0, [], [], 0
        self.ends = time.monotonic() + seconds
        threads = [threading.Thread(target=self.guarded, args=(self.read, node, seed), daemon=True)
                   for seed, node in enumerate(self.nodes)]
        threads += [threading.Thread(target=self.guarded, args=(work,), daemon=True) for work in (self.write, *others)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 60)
        self.assertEqual(self.errors, [])
        self.assertEqual(self.stale, [])

    def guarded(self, work, *arguments):
        try:
            work(*arguments)
        except Exception as error:  # shown by the main thread
            self.errors.append(repr(error))

    def read(self, node, seed):
        chance = random.Random(seed)
        client = Client(node.port)
        try:
            while time.monotonic() < self.ends:
                path = chance.choice(self.paths)
                least = self.confirmed[path]
                version = int(client.get(path).content)
                self.reads += 1
                if version < least:
                    self.stale.append((node.name, path, version, least))
        finally:
            client.close()

    def write(self):
        chance = random.Random(99)
        clients = [Client(node.admin_port) for node in self.nodes]
        begin, number = time.monotonic(), 0
        while time.monotonic() < self.ends:
            path = chance.choice(self.paths)
            self.versions[path] = version = self.versions.get(path, 0) + 1
            what = chance.choice([{"tags": [path.strip("/")]}, {"urls": [path]}, {"patterns": [path + "*"]}])
            start = time.monotonic()
            client = clients[number % 4]
            answer = client.request(
                "POST", "/invalidate", [("Content-Type", "application/json")],
                json.dumps({**what, "wait": "all", "timeout_ms": 5000}).encode())
            number += 1
            if answer.status == 504 and self.may_refuse:
                self.refused += 1
                continue
            self.assertEqual(answer.status, 200, answer.content)
            self.times.append((time.monotonic() - start) * 1000)
            self.confirmed[path] = version
            # A steady pace, whatever one call took.
            pause = begin + number * 0.06 - time.monotonic()
            if pause > 0:
                threading.Event().wait(pause)
        for client in clients:
            client.close()


class LossTests(LoadTests):
    """The same while Redis loses what it holds, again and again."""
    may_refuse = True

    def test_nothing_stale_is_served_after_confirmation(self):
        # Whoever is not waited for asks the origin, however long the machine kept it waiting.
        self.start_nodes(4, "lease=1s on_redis_loss=revalidate")
        self.redis.ask("SAVE")
        self.losses = 0
        self.work(max(12, LOAD_SECONDS), self.lose)
        print(f"\nRedis lost its data {self.losses} times: {len(self.times)} invalidations confirmed by 4 nodes, "
              f"{self.refused} not, {self.reads} reads, 0 stale")
        self.assertGreater(self.losses, 3)
        self.assertGreater(len(self.times), 3 * self.losses)

    def lose(self):
        ways = [lambda: self.redis.ask("FLUSHALL"), self.go_back, lambda: self.redis.ask("DEL", "t:invalidations"),
                lambda: self.redis.ask("DEL", "t:nodes")]
        while time.monotonic() < self.ends - 2:
            threading.Event().wait(2)
            ways[self.losses % len(ways)]()
            self.losses += 1

    def go_back(self):
        """To what it held when the nodes had just met."""
        self.redis.kill()
        self.redis.start()


class CostTests(NodesCase):
    """What an invalidation costs does not grow with what Redis holds, and Redis is never kept busy by it."""
    redis_options = ("--enable-debug-command", "yes", "--slowlog-log-slower-than", "10000")

    def test_a_pattern_over_many_keys(self):
        self.start_nodes(4)
        self.redis.ask("DEBUG", "POPULATE", KEY_COUNT, "t:obj:GET x/api", 200)
        # Redis answers nobody meanwhile, and leases may end.
        self.wait_for_all()
        self.redis.ask("SLOWLOG", "RESET")
        monitor = self.redis.connection()
        self.addCleanup(monitor.close)
        monitor.ask("MONITOR")
        times = []
        for number in range(20):
            status, answer = self.call(self.nodes[number % 4], patterns=[f"/api/{number}/*"], wait="all")
            self.assertEqual((status, len(answer["nodes"])), (200, 4))
            times.append(max(node["applied_ms"] for node in answer["nodes"]))
        times.sort()
        print(f"\n{KEY_COUNT} keys: confirmed by 4 nodes, median {times[10]:.2f} ms, slowest {times[-1]:.2f} ms")
        # On a machine that does other things besides, the quickest tells what the work takes.
        self.assertLess(times[0], 10)
        self.redis.ask("ECHO", "done")
        commands = set()
        while True:
            line = monitor.line()
            if '"ECHO"' in line:
                break
            commands.add(line.split('"')[1].upper())
        self.assertFalse(commands & {"KEYS", "FLUSHDB", "FLUSHALL", "SMEMBERS"}, commands)
        self.assertIn("XADD", commands)
        self.assertEqual(self.redis.ask("SLOWLOG", "GET", 10), [])


if __name__ == "__main__":
    unittest.main()
