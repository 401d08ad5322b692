# SPDX-License-Identifier: Apache-2.0
"""Many invalidations at once touch nothing but what they name (promise 3), and cost bounded memory (promise 7).

LARDER_LOAD_SECONDS=10 makes each of the floods last that long and states what it measured, among
LARDER_LOAD_ENTRIES pages with LARDER_LOAD_MEMORY."""
import json
import os
import threading
import time
import unittest

from case import FRESH, LarderCase
from covering import covers
from origin import Reply
from rawclient import Client
from redisserver import RedisServer
from waiting import until

SECONDS = float(os.environ.get("LARDER_LOAD_SECONDS", "0"))


def percentile(times, share):
    return sorted(times)[int(len(times) * share)] * 1000 if times else 0.0


class Floods(LarderCase):
    HOT = int(os.environ.get("LARDER_LOAD_ENTRIES", "200"))
    MEMORY = os.environ.get("LARDER_LOAD_MEMORY")

    def start_hot(self, **parts):
        if self.MEMORY:
            parts.setdefault("top", f"memory {self.MEMORY} max_object=64KB")
        self.start(**parts)
        self.origin.default = lambda request: Reply(
            fields=[("Cache-Control", "max-age=86400"), ("Surrogate-Key", "page")], content=b"page")
        self.fill()

    def fill(self):
        with Client(self.larder.port) as client:
            for number in range(self.HOT):
                client.get(f"/page/{number}")

    def hits(self):
        """Of the hot pages, how many come from memory."""
        with Client(self.larder.port) as client:
            return sum(bool(client.get(f"/page/{number}").cache.get("hit")) for number in range(self.HOT))

    def metric(self, name):
        for line in self.larder.admin("GET", "/metrics").content.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise AssertionError(f"no sample {name}")

    def flood(self, send, least, rate=5000):
        """Sends at least so many, or for LARDER_LOAD_SECONDS at such a rate, while others ask for hot pages."""
        done = threading.Event()
        times, misses = [], []

        def others():
            with Client(self.larder.port) as client:
                while not done.is_set():
                    start = time.perf_counter()
                    response = client.get(f"/page/{len(times) % self.HOT}")
                    times.append(time.perf_counter() - start)
                    if not response.cache.get("hit"):
                        misses.append(response)
        watch = self.in_parallel(1, lambda _: others())
        acknowledged = []
        start, sent = time.perf_counter(), 0
        try:
            while sent < least or time.perf_counter() - start < SECONDS:
                before = time.perf_counter()
                sent += send(sent)
                acknowledged.append(time.perf_counter() - before)
                if SECONDS:
                    time.sleep(max(0.0, start + sent / rate - time.perf_counter()))
        finally:
            done.set()
        watch()
        self.assertEqual(misses, [])
        if SECONDS:
            measured = sent / (time.perf_counter() - start)
            print(f"{self.id().split('.')[-1]}: {measured:.0f}/s, acknowledged in {percentile(acknowledged, 0.5):.2f} ms "
                  f"(p99 {percentile(acknowledged, 0.99):.2f}), {len(times)} hits of others p99 "
                  f"{percentile(times, 0.99):.2f} ms, {self.larder.resident_bytes() >> 20} MiB")

    def check_nobody_lost(self):
        self.assertEqual(self.hits(), self.HOT)
        self.assertEqual(self.metric('larder_invalidation_unproved_total{tier="memory"}'), 0)
        self.assertNotIn("invalidations_folded", self.larder.error_text())

    def check_others_and_obey(self):
        self.check_nobody_lost()
        self.larder.invalidate(urls=["/page/1"])
        self.larder.invalidate(prefixes=["/page/19"])
        gone = sum(number == 1 or str(number).startswith("19") for number in range(self.HOT))
        self.assertEqual(self.hits(), self.HOT - gone)
        self.larder.invalidate(tags=["page"])
        self.assertEqual(self.hits(), 0)

    def admin_flood(self, least, what, batch=100, rate=5000):
        with Client(self.larder.admin_port) as admin:
            def send(number):
                content = json.dumps(what(range(number, number + batch))).encode()
                self.assertEqual(admin.request("POST", "/invalidate", [("Content-Type", "application/json")], content).status, 200)
                return batch
            self.flood(send, least, rate)

    def wait_for_event(self, name):
        until(lambda: name in self.larder.error_text(), f"the event {name}")


class ManyInvalidations(Floods):
    def test_tags(self):
        self.start_hot()
        self.admin_flood(6000, lambda numbers: {"tags": [f"other-{number}" for number in numbers]})
        self.check_others_and_obey()

    def test_prefixes(self):
        self.start_hot()
        self.admin_flood(3000, lambda numbers: {"prefixes": [f"/other/{number}/" for number in numbers]})
        self.check_others_and_obey()

    def test_urls_of_every_host(self):
        self.start_hot()
        self.admin_flood(6000, lambda numbers: {"urls": [f"/other/{number}" for number in numbers]})
        self.check_others_and_obey()

    def test_globs(self):
        self.start_hot()
        self.admin_flood(1500, lambda numbers: {"patterns": [f"/other/{number}/*/x" for number in numbers]})
        self.check_others_and_obey()

    def test_globs_that_begin_alike(self):
        self.start_hot()
        self.admin_flood(1500, lambda numbers: {"patterns": [f"/page/*/{number}" for number in numbers]})
        self.check_others_and_obey()

    def unsafe_flood(self, least):
        with Client(self.larder.port) as client:
            def send(number):
                batch = 50
                host = f"127.0.0.1:{self.larder.port}"
                client.send(b"".join(
                    f"PUT /write/{number + index} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode()
                    for index in range(batch)))
                for _ in range(batch):
                    self.assertEqual(client.read_response("PUT").status, 200)
                return batch
            self.flood(send, least)

    def test_unsafe_requests(self):
        self.start_hot()
        self.unsafe_flood(4500)
        self.check_others_and_obey()

    def test_unsafe_requests_where_keys_have_more_parts(self):
        self.start_hot(route="key cookie=plan")
        self.unsafe_flood(4500)
        self.check_others_and_obey()
        self.fill()
        self.ask("PUT", "/page/3", content=b"")
        self.assertEqual(self.hits(), self.HOT - 1)

    def test_a_fetch_under_way_is_stored_all_the_same(self):
        gate = threading.Event()
        self.start_hot()
        self.origin.on("/slow", Reply(fields=[FRESH], content=b"slow", gate=gate))
        fetch = self.in_parallel(1, lambda _: self.get("/slow").content)
        self.origin.wait_for(1, "/slow")
        for part in range(6):
            self.larder.invalidate(urls=[
                f"http://127.0.0.1:{self.larder.port}/other/{part}/{number}" for number in range(1000)])
        gate.set()
        self.assertEqual(fetch(), [b"slow"])
        self.assert_hit(self.get("/slow"))

    @covers("metric larder_invalidation_rules_folded_total", "metric larder_invalidation_unproved_total")
    def test_past_every_bound_it_is_said_and_counted(self):
        """So many that those which a fetch under way would have to meet cannot be told apart any more."""
        gate = threading.Event()
        self.start_hot(top="memory 8MB max_object=1MB")
        self.origin.on("/slow", Reply(fields=[FRESH], content=b"slow", gate=gate),
                       Reply(fields=[FRESH], content=b"slow"))
        patient = self.client(timeout=60)
        fetch = self.in_parallel(1, lambda _: patient.get("/slow").content)
        self.origin.wait_for(1, "/slow")
        for part in range(20):
            self.larder.invalidate(urls=[
                f"http://127.0.0.1:{self.larder.port}/other/{part}/{number}" for number in range(1000)])
        gate.set()
        self.assertEqual(fetch(), [b"slow"])
        self.assertEqual(self.hits(), self.HOT, "what is stored has met them all")
        self.assertGreater(self.metric("larder_invalidation_rules_folded_total"), 0)
        self.assertEqual(self.metric('larder_invalidation_unproved_total{tier="memory"}'), 1)
        self.assert_forwarded(self.get("/slow"))
        self.assert_hit(self.get("/slow"))
        self.wait_for_event("invalidations_folded")


class LittleMemory(Floods):
    """Where there is room for few rules, whoever invalidates waits, and nothing goes that no rule names."""
    HOT = 2000

    def start_with(self, memory, **parts):
        parts["top"] = f"memory {memory} max_object=16KB\n" + parts.get("top", "")
        self.start_hot(**parts)
        self.assertEqual(self.hits(), self.HOT, "all are in memory at the start")

    def check_size(self):
        """All of the process, with code and buffers, of which some 12 MiB are there from the start."""
        self.assertLess(self.larder.resident_bytes() >> 20, 64)

    def test_with_64_megabytes(self):
        self.calls_of_a_thousand_patterns("64MB", 6)

    @covers("metric larder_invalidation_waits_total")
    def test_with_16_megabytes(self):
        self.calls_of_a_thousand_patterns("16MB", 6)
        self.assertGreater(self.metric("larder_invalidation_waits_total"), 0)

    def calls_of_a_thousand_patterns(self, memory, calls):
        """As fast as they are answered, of patterns that all begin as the pages do."""
        self.start_with(memory)
        for call in range(calls):
            self.larder.invalidate(patterns=[f"/p*z{call}-{number}*" for number in range(1000)])
        self.check_nobody_lost()
        self.check_size()
        self.larder.invalidate(patterns=[f"/p*ge/{number}" for number in range(1000)])
        self.assertEqual(self.hits(), self.HOT - 1000)

    def test_rules_of_every_kind_in_one_call(self):
        block = "\n".join(f"pattern /p*group-{number}*" for number in range(50))
        self.start_with("16MB", top=f"invalidation many {{\n{block}\n}}")
        host = f"127.0.0.1:{self.larder.port}"
        for call in range(15):
            names = [f"{call}-{number}" for number in range(199)]
            self.larder.invalidate(
                keys=[f"GET {host}/k/{name}" for name in names], urls=[f"/u/{name}" for name in names],
                prefixes=[f"/page/{name}/" for name in names], patterns=[f"*/page/*{name}" for name in names],
                tags=[f"page-{name}" for name in names], groups=["many"])
        self.check_nobody_lost()
        self.check_size()

    def write(self, method, paths):
        with Client(self.larder.port) as client:
            host = f"127.0.0.1:{self.larder.port}"
            for start in range(0, len(paths), 50):
                part = paths[start:start + 50]
                client.send(b"".join(
                    f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode() for path in part))
                for _ in part:
                    self.assertIn(client.read_response(method).status, (200, 404))

    def test_writes_and_purges_cost_nobody_but_those_they_name(self):
        for route in ("", "key cookie=plan"):
            for method in ("PUT", "PURGE"):
                with self.subTest(f"{method} {route}"):
                    self.start_with("16MB", top="purge_method on", route=route)
                    named = [f"/page/{number}" for number in range(100)]
                    others = [f"/other/{number}" for number in range(4000)]
                    self.write(method, others + named * 3)
                    self.assertEqual(self.hits(), self.HOT - 100)
                    self.fill()
                    self.check_nobody_lost()


@unittest.skipUnless(RedisServer.is_installed(), "there is no redis-server")
class LittleMemoryBesideOthers(Floods):
    HOT = 500

    def test_rules_from_another_node(self):
        redis = RedisServer(None)
        self.addCleanup(redis.close)
        self.origin = self.start_origin()
        shared = f"redis redis://127.0.0.1:{redis.port} prefix=t\nworkers 1\nnodes lease=1s name="
        other = self.start(top=shared + "other")
        self.start_hot(top=f"memory 16MB max_object=16KB\n{shared}own")

        def knows_all(node):
            seen = node.admin_json("GET", "/nodes")
            return seen["log"]["settled"] and len([one for one in seen["nodes"] if one["live"]]) == 2
        until(lambda: all(knows_all(node) for node in (other, self.larder)), "both know each other", 15)
        self.fill()
        self.assertEqual(self.hits(), self.HOT)
        for call in range(5):
            other.invalidate(patterns=[f"/p*z{call}-{number}*" for number in range(1000)])
            answer = other.admin_json("POST", "/invalidate", {
                "prefixes": [f"/page/{call}/{number}/" for number in range(900)], "wait": "all"})
            self.assertTrue(answer["confirmed"] and answer["nodes_known"], answer)
        self.check_nobody_lost()
        other.admin_json("POST", "/invalidate", {"tags": ["page"], "wait": "all"})
        self.assertEqual(self.hits(), 0)

    def _check_descriptors(self, larder):
        """Connections to Redis come and go."""


class Spellings(LarderCase):
    """A URL in a call is understood as keys are spelled, or refused."""

    def start_page(self, **parts):
        self.start(**parts)
        self.origin.default = lambda request: Reply(fields=[FRESH], content=b"page")
        self.host = f"127.0.0.1:{self.larder.port}"

    def assert_gone(self, is_gone=True):
        self.assertEqual(not self.get("/a/x?q=1").cache.get("hit"), is_gone)
        self.assert_hit(self.get("/a/x?q=1"))

    def test_what_is_named(self):
        self.start_page()
        self.get("/a/x?q=1")
        named = [
            {"urls": [f"http://{self.host}/a/x?q=1"]}, {"urls": [f"//{self.host}/a/x?q=1"]},
            {"urls": [f"{self.host}/%61/./x?q=1"]}, {"urls": [f"HTTP://{self.host}/b/../a/x?q=1#f"]},
            {"urls": ["/a/x?q=1"]}, {"prefixes": [f"http://{self.host}/a/"]}, {"prefixes": [f"//{self.host}"]},
            {"prefixes": ["/b/../a/"]}, {"patterns": [f"http://{self.host}/a/*"]}, {"patterns": ["/%61/*"]},
            {"patterns": [f"*://{self.host}/*"]}, {"keys": [f"GET http://{self.host}/%61/x?q=1"]},
            {"keys": [f"HEAD {self.host}/a/x?q=1"]},
        ]
        for what in named:
            with self.subTest(str(what)):
                self.larder.invalidate(**what)
                self.assert_gone()

    def test_the_other_scheme_is_not_named(self):
        self.start_page()
        self.get("/a/x?q=1")
        for what in ({"urls": [f"https://{self.host}/a/x?q=1"]}, {"prefixes": [f"https://{self.host}/"]},
                     {"patterns": [f"https://{self.host}/*"]}):
            with self.subTest(str(what)):
                self.larder.invalidate(**what)
                self.assert_gone(False)

    def test_what_can_match_nothing_is_refused_all_at_once(self):
        self.start_page()
        self.get("/a/x?q=1")
        response = self.larder.admin("POST", "/invalidate", {
            "urls": ["/a/x?q=1", f"http://me@{self.host}/", "ftp://h/", "a/x"], "prefixes": ["http://*.h/", "/a#"],
            "patterns": ["/*/../x"], "keys": ["get h/x"]})
        self.assertEqual(response.status, 400)
        errors = json.loads(response.content)["errors"]
        self.assertEqual([error["field"] for error in errors], [
            "urls[1]", "urls[2]", "urls[3]", "keys[0]", "prefixes[0]", "prefixes[1]", "patterns[0]"])
        self.assert_gone(False)
