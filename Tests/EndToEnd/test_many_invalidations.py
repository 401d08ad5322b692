# SPDX-License-Identifier: Apache-2.0
"""Many invalidations at once touch nothing but what they name (promise 3), and cost bounded memory (promise 7).

LARDER_LOAD_SECONDS=10 makes each of the floods last that long and states what it measured, among
LARDER_LOAD_ENTRIES pages."""
import json
import os
import threading
import time

from case import FRESH, LarderCase
from covering import covers
from origin import Reply
from rawclient import Client
from waiting import until

SECONDS = float(os.environ.get("LARDER_LOAD_SECONDS", "0"))


def percentile(times, share):
    return sorted(times)[int(len(times) * share)] * 1000 if times else 0.0


class ManyInvalidations(LarderCase):
    HOT = int(os.environ.get("LARDER_LOAD_ENTRIES", "200"))

    def start_hot(self, **parts):
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

    def check_others_and_obey(self, folds=False):
        self.assertEqual(self.hits(), self.HOT)
        if not folds:
            self.assertEqual(self.metric("larder_invalidation_rules_folded_total"), 0)
        self.assertEqual(self.metric('larder_invalidation_unproved_total{tier="memory"}'), 0)
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
        # For long, they are too many for fetches under way to meet each.
        self.check_others_and_obey(folds=SECONDS > 0)

    def test_globs_that_begin_alike(self):
        """Each entry that begins so is compared with each: at 100 a second."""
        self.start_hot()
        self.admin_flood(500, lambda numbers: {"patterns": [f"/page/*/{number}" for number in numbers]}, 10, 100)
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

    def wait_for_event(self, name):
        until(lambda: name in self.larder.error_text(), f"the event {name}")


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
