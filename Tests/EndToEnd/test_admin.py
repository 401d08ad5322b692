# SPDX-License-Identifier: Apache-2.0
"""The admin address: who may use it, invalidation (promise 3), figures, health."""
import json
import re
import threading
import unittest

from case import FRESH, LarderCase
from covering import covers
from origin import Reply
from rawclient import Client


class Access(LarderCase):
    def test_token_is_asked_for(self):
        self.start(admin=" token=let-me-in")
        for fields in ((), [("Authorization", "Bearer wrong")], [("Authorization", "Basic let-me-in")],
                       [("Authorization", "Bearer let-me-in-too")]):
            self.assertEqual(self.larder.admin("POST", "/invalidate", {"all": True}, fields).status, 401)
            self.assertEqual(self.larder.admin("GET", "/performance", None, fields).status, 401)
        answer = self.larder.admin("POST", "/invalidate", {"all": True}, [("Authorization", "Bearer let-me-in")])
        self.assertEqual(answer.status, 200)

    def test_health_needs_no_token(self):
        self.start(admin=" token=let-me-in")
        self.assertEqual(self.larder.admin("GET", "/health/live").status, 200)
        self.assertEqual(self.larder.admin("GET", "/health/ready").status, 200)

    def test_admin_calls_are_not_taken_by_the_listener(self):
        self.start()
        self.assertEqual(self.get("/metrics").content, b"/metrics")
        self.assertEqual(self.ask("POST", "/invalidate", content=b'{"all":true}').content, b"/invalidate")

    def test_unknown_paths_and_methods(self):
        self.start()
        self.assertEqual(self.larder.admin("GET", "/nothing").status, 404)
        self.assertEqual(self.larder.admin("GET", "/invalidate").status, 405)
        self.assertEqual(self.larder.admin("DELETE", "/performance").status, 405)

    def test_admin_keeps_connections_and_refuses_nonsense(self):
        self.start()
        with Client(self.larder.admin_port) as client:
            for _ in range(3):
                self.assertEqual(client.get("/health").status, 200)
        with Client(self.larder.admin_port) as client:
            client.send(b"nonsense\r\n\r\n")
            self.assertEqual(client.read_response().status, 400)


class Door(LarderCase):
    """Who may not pass holds nothing up, and costs little."""
    JSON = ("Content-Type", "application/json")

    def hold(self, count, begin=b""):
        held = []
        for _ in range(count):
            client = Client(self.larder.admin_port)
            self.addCleanup(client.close)
            if begin:
                client.send(begin)
            held.append(client)
        return held

    def test_idle_and_begun_connections_give_way(self):
        for begin in (b"", b"GET /hea"):
            with self.subTest(begin=begin):
                self.start()
                held = self.hold(64, begin)
                for _ in range(3):
                    self.assertEqual(self.larder.admin("GET", "/health/ready").status, 200)
                    self.assertEqual(self.larder.invalidate(all=True)["matched"], 0)
                self.assertTrue(held[0].ends(), "the oldest has given way")
                self.larder.stop()

    def test_health_is_told_while_all_are_at_work(self):
        self.start()
        for client in self.hold(64, b"POST /invalidate HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                                    b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n"):
            self.assertEqual(client.read_head().status, 100)
        for path in ("/health/live", "/health/ready"):
            self.assertEqual(self.larder.admin("GET", path).status, 200)
        self.assertEqual(self.larder.admin("GET", "/metrics").status, 503)

    def test_no_content_is_read_before_the_token_is_seen(self):
        self.start(admin=" token=let-me-in")
        for fields in ((), [("Authorization", "Bearer wrong")]):
            with Client(self.larder.admin_port) as client:
                client.send_head("POST", "/invalidate", [*fields, self.JSON, ("Content-Length", "1000000")])
                self.assertEqual(client.read_response().status, 401)
            with Client(self.larder.admin_port) as client:
                client.send_head("POST", "/invalidate", [*fields, self.JSON, ("Expect", "100-continue"),
                                                         ("Content-Length", "1000000")])
                response = client.read_response()
                self.assertEqual((response.status, response.interim), (401, []))
                self.assertFalse(response.keeps_alive)

    def test_pages_of_other_sites_change_and_read_nothing(self):
        self.start()
        form = ("Content-Type", "text/plain")
        cases = [
            ("POST", "/invalidate", [form], 415), ("POST", "/reload", [form], 415),
            ("POST", "/invalidate", [self.JSON, ("Origin", "http://evil.example")], 403),
            ("POST", "/invalidate", [self.JSON, ("Host", "evil.example")], 421),
            ("GET", "/metrics", [("Host", "evil.example:%d" % self.larder.admin_port)], 421),
            ("GET", "/performance", [("Origin", "null")], 403),
            ("OPTIONS", "/invalidate", [("Origin", "http://127.0.0.1:%d" % self.larder.admin_port)], 405),
        ]
        for method, path, fields, status in cases:
            with self.subTest(method=method, path=path, fields=fields):
                content = b'{"all":true}' if method == "POST" else None
                response = self.larder.admin(method, path, content, fields)
                self.assertEqual(response.status, status)
                self.assertFalse([name for name, _ in response.fields if name.lower().startswith("access-control")])
        self.assertEqual(self.larder.admin_json("GET", "/invalidations")["invalidations"], [])

    @covers("top/admin.hosts")
    def test_a_configured_name_is_a_host(self):
        self.start(admin=" hosts=cache.internal")
        self.assertEqual(self.larder.admin("GET", "/metrics", None, [("Host", "cache.internal:9900")]).status, 200)
        self.assertEqual(self.larder.admin("GET", "/metrics", None, [("Host", "other.internal:9900")]).status, 421)


class Invalidation(LarderCase):
    PATHS = ("/api/users/1", "/api/users/2", "/api/products/1", "/other")

    def start_filled(self, **parts):
        self.start(**parts)
        self.versions = {}

        def answer(request):
            version = self.versions[request.target] = self.versions.get(request.target, 0) + 1
            return Reply(fields=[FRESH, ("ETag", f'"{version}"'), ("Surrogate-Key", self.tags(request.path))],
                         content=b"%d" % version)
        self.origin.default = answer
        for path in self.PATHS:
            self.get(path)

    @staticmethod
    def tags(path):
        return " ".join(part for part in path.split("/") if part.isalpha()) or "none"

    def gone(self):
        """The paths whose next request goes to the origin."""
        return [path for path in self.PATHS if not self.get(path).cache.get("hit")]

    def url(self, path):
        return f"http://127.0.0.1:{self.larder.port}{path}"

    def test_nothing_is_gone_without_a_call(self):
        self.start_filled()
        self.assertEqual(self.gone(), [])

    def test_shapes(self):
        self.start_filled(top="invalidation users-changed { pattern /api/users/*\n tag products }")
        users, api = list(self.PATHS[:2]), list(self.PATHS[:3])
        cases = [
            ({"urls": [self.url("/api/users/1")]}, users[:1]),
            ({"urls": ["/api/users/1", "/other"]}, [users[0], "/other"]),
            ({"keys": ["/api/users/2"]}, users[1:]),
            ({"prefixes": ["/api/"]}, api),
            ({"patterns": ["/api/*/1"]}, [users[0], "/api/products/1"]),
            ({"patterns": ["*users*"]}, users),
            ({"tags": ["users"]}, users),
            ({"tags": ["users", "products"]}, api),
            ({"groups": ["users-changed"]}, api),
            ({"tags": ["products"], "urls": ["/other"]}, ["/api/products/1", "/other"]),
            ({"all": True}, list(self.PATHS)),
            ({"tags": ["nobody"]}, []),
        ]
        for what, gone in cases:
            with self.subTest(str(what)):
                self.larder.invalidate(**what)
                self.assertEqual(self.gone(), gone)
                self.assertEqual(self.gone(), [], "fetched once, they are stored again")

    def test_answer_counts_and_names_the_epoch(self):
        self.start_filled()
        first = self.larder.invalidate(tags=["users"])
        self.assertEqual(first["matched"], 2)
        second = self.larder.invalidate(tags=["nobody"])
        self.assertEqual(second["matched"], 0)
        self.assertGreater(second["epoch"], first["epoch"])

    def test_dry_run_changes_nothing(self):
        self.start_filled()
        answer = self.larder.invalidate(prefixes=["/api/"], dry_run=True)
        self.assertEqual(answer["matched"], 3)
        self.assertTrue(answer["dry_run"])
        self.assertEqual(self.gone(), [])

    def test_soft_invalidation_keeps_a_stale_response(self):
        self.start_filled(route="stale if_error=10m")
        self.larder.invalidate(urls=["/other"], soft=True)
        self.origin.on("/other", Reply(503, content=b"oops"))
        response = self.get("/other")
        self.assertEqual((response.status, response.content), (200, b"1"))

    def test_hard_invalidation_keeps_nothing_even_on_error(self):
        self.start_filled(route="stale if_error=10m")
        self.larder.invalidate(urls=["/other"])
        self.origin.on("/other", Reply(503, content=b"oops"))
        self.assertEqual(self.get("/other").status, 503)

    def test_all_variants_of_a_url_go(self):
        self.start()
        self.origin.on("/v", lambda request: Reply(fields=[FRESH, ("Vary", "X-Kind")], content=b"x"))
        for kind in ("a", "b"):
            self.get("/v", ("X-Kind", kind))
        self.larder.invalidate(urls=["/v"])
        for kind in ("a", "b"):
            self.assert_forwarded(self.get("/v", ("X-Kind", kind)))

    def test_response_in_flight_is_not_served_afterwards(self):
        """Its request began before the invalidation, so what it brings is too old."""
        for what in ({"urls": ["/f"]}, {"all": True}, {"prefixes": ["/f"]}, {"tags": ["t"]}, {"patterns": ["/f*"]}):
            with self.subTest(str(what)):
                self.in_flight(what)

    def in_flight(self, what):
        gate = threading.Event()
        self.start()
        old = Reply(fields=[FRESH, ("Surrogate-Key", "t")], content=b"old", gate=gate)
        self.origin.on("/f", old, Reply(fields=[FRESH, ("Surrogate-Key", "t")], content=b"new"))
        before = self.origin.count("/f")
        fetch = self.in_parallel(1, lambda _: self.get("/f").content)
        self.origin.wait_for(before + 1, "/f")
        self.larder.invalidate(**what)
        during = self.in_parallel(1, lambda _: self.get("/f").content)
        self.assertEqual(during(), [b"new"], "who asks after the invalidation does not get the old one")
        gate.set()
        self.assertEqual(fetch(), [b"old"], "who asked before may have it")
        self.assertEqual(self.get("/f").content, b"new")

    def test_response_in_flight_with_its_head_already_there(self):
        gate = threading.Event()
        self.start()
        self.origin.on("/f", Reply(fields=[FRESH], pieces=[b"o", gate, b"ld"]), Reply(fields=[FRESH], content=b"new"))
        with self.client() as client:
            client.send_request(target="/f")
            client.read_final_head()
            self.larder.invalidate(urls=["/f"])
            self.assertEqual(self.get("/f").content, b"new")
            gate.set()
            self.assertEqual(client.reader.exactly(3), b"old")
        self.assertEqual(self.get("/f").content, b"new")

    def test_validation_in_flight_does_not_revive_what_was_invalidated(self):
        gate = threading.Event()
        self.start()
        self.origin.on("/f", Reply(fields=[("ETag", '"1"'), ("Cache-Control", "max-age=60"), ("Age", "60")],
                                   content=b"old"),
                       Reply(304, [("ETag", '"1"'), FRESH], gate=gate), Reply(fields=[FRESH], content=b"new"))
        self.get("/f")
        fetch = self.in_parallel(1, lambda _: self.get("/f").status)
        self.origin.wait_for(2, "/f")
        self.larder.invalidate(urls=["/f"])
        gate.set()
        fetch()
        self.assertEqual(self.get("/f").content, b"new")

    def test_tags_are_not_shown_to_clients(self):
        self.start_filled()
        self.assertNotIn("Surrogate-Key", self.get("/other").fields)

    def test_tags_of_other_fields(self):
        self.start(route="tags header=X-Tags")
        self.origin.on("/a", Reply(fields=[FRESH, ("X-Tags", "one, two")], content=b"x"))
        self.get("/a")
        self.assertEqual(self.larder.invalidate(tags=["two"])["matched"], 1)

    ERRORS = {
        "no JSON": b"{",
        "no object": b"[1]",
        "nothing named": b"{}",
        "unknown field": b'{"tag": ["a"]}',
        "no list": b'{"tags": "a"}',
        "no texts": b'{"tags": [1]}',
        "empty text": b'{"tags": [""]}',
        "flag that is none": b'{"all": "yes"}',
        "unknown group": b'{"groups": ["nope"]}',
        "path without slash": b'{"prefixes": ["api"]}',
        "no UTF-8": b'{"tags": ["\xff\xfe"]}',
        "nested too deep": b"[" * 100_000,
    }

    def test_errors_are_400_with_a_reason(self):
        self.start_filled()
        for name, content in self.ERRORS.items():
            with self.subTest(name):
                response = self.larder.admin("POST", "/invalidate", content)
                self.assertEqual(response.status, 400)
                self.assertTrue(json.loads(response.content)["error"])
        self.assertEqual(self.gone(), [])

    def test_large_call_is_413(self):
        self.start()
        self.assertEqual(self.larder.admin("POST", "/invalidate", b" " * (32 << 20)).status, 413)

    def test_many_rules_at_once(self):
        self.start_filled()
        self.larder.invalidate(urls=[f"/none/{number}" for number in range(999)] + ["/other"])
        self.assertEqual(self.gone(), ["/other"])
        response = self.larder.admin("POST", "/invalidate", {"urls": [f"/none/{number}" for number in range(1001)]})
        self.assertEqual(response.status, 413)
        self.assertEqual(json.loads(response.content)["error"]["code"], "too_many_items")


class PurgeMethod(LarderCase):
    def test_purge_is_off_by_default(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        self.assertIn(self.ask("PURGE", "/a").status, (403, 405, 501))
        self.assert_hit(self.get("/a"))
        self.assertEqual(self.origin.count(method="PURGE"), 0)

    def test_purge_where_allowed(self):
        self.start(top="purge_method on")
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        host = ("Host", f"127.0.0.1:{self.larder.port}")
        self.assertEqual(self.ask("PURGE", "/a", [host]).status, 200)
        self.assert_forwarded(self.get("/a"))
        self.assertEqual(self.origin.count(method="PURGE"), 0)

    def test_purge_from_elsewhere_is_refused(self):
        self.start(top="purge_method on allow=10.0.0.0/8")
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        self.assertEqual(self.ask("PURGE", "/a").status, 403)
        self.assert_hit(self.get("/a"))

    def test_purge_with_a_token(self):
        self.start(top="purge_method on token=sesame")
        self.assertIn(self.ask("PURGE", "/a").status, (401, 403))
        self.assertIn(self.ask("PURGE", "/a", [("Authorization", "Bearer sesame")]).status, (200, 404))


class Figures(LarderCase):
    def traffic(self):
        self.start(route="ttl 5m")
        for number in range(10):
            self.get("/a")
        self.ask("POST", "/b")
        self.origin.on("/c", Reply(500))
        self.get("/c")

    def test_performance(self):
        self.traffic()
        report = self.larder.admin_json("GET", "/performance")
        self.assertEqual(report["requests"], 12)
        self.assertEqual(report["errors"], 1)
        route = report["since_reset"]["routes"][0]
        self.assertEqual(route["route"], "/*")
        self.assertEqual(route["count"], 12)
        self.assertEqual(route["by_outcome"]["hit"]["count"], 9)
        self.assertEqual(route["by_method"]["POST"], 1)
        for name in ("min_ms", "mean_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms"):
            self.assertGreaterEqual(route[name], 0)
        self.assertLessEqual(route["p50_ms"], route["p99_ms"])
        self.assertGreater(report["l1"]["entries"], 0)
        self.assertEqual(report["upstreams"][0]["name"], "api")

    def test_reset(self):
        self.traffic()
        self.assertIn(self.larder.admin("POST", "/performance/reset").status, (200, 204))
        self.assertEqual(self.larder.admin_json("GET", "/performance")["requests"], 0)
        self.assert_hit(self.get("/a"))
        self.assertEqual(self.larder.admin_json("GET", "/performance")["requests"], 1)

    def samples(self):
        """Name and labels → value, of the Prometheus text, which is checked line by line."""
        response = self.larder.admin("GET", "/metrics")
        self.assertEqual(response.status, 200)
        self.assertTrue(response.field("Content-Type").startswith("text/plain"))
        found, typed = {}, {}
        for line in response.content.decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, typed)
                typed[name] = kind
            elif not line.startswith("#"):
                match = re.fullmatch(r'([a-z0-9_]+)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (\S+)', line)
                self.assertTrue(match, line)
                self.assertNotIn(line.rsplit(" ", 1)[0], found)
                found[line.rsplit(" ", 1)[0]] = float(match[3])
                base = re.sub(r"_(bucket|sum|count)$", "", match[1])
                self.assertTrue(match[1] in typed or base in typed, f"{line} has no type")
        return found

    def test_metrics(self):
        self.traffic()
        samples = self.samples()
        requests = {name: value for name, value in samples.items() if name.startswith("larder_requests_total")}
        self.assertEqual(sum(requests.values()), 12, "each request is counted once (promise 8)")
        hits = sum(value for name, value in requests.items() if '"hit"' in name)
        self.assertEqual(hits, 9)
        self.assertTrue(any(name.startswith("larder_request_duration_seconds_bucket") for name in samples))
        self.assertGreater(samples["larder_process_resident_memory_bytes"], 1 << 20)
        self.assertFalse(any("/a" in name for name in samples), "no label holds a path")

    def test_histograms_add_up(self):
        self.traffic()
        buckets = {}
        for name, value in self.samples().items():
            match = re.fullmatch(r'(larder_\w+)_bucket\{(.*?),?le="([^"]+)"\}', name)
            if match:
                buckets.setdefault((match[1], match[2]), []).append((float(match[3]), value))
        self.assertTrue(buckets)
        for series in buckets.values():
            series.sort()
            self.assertEqual(series[-1][0], float("inf"))
            self.assertEqual([value for _, value in series], sorted(value for _, value in series))

    def test_health(self):
        self.start()
        report = self.larder.admin_json("GET", "/health")
        self.assertEqual(report["status"], "healthy")
        self.assertIn("version", report)
        self.assertGreaterEqual(report["uptime_seconds"], 0)


if __name__ == "__main__":
    unittest.main()
