# SPDX-License-Identifier: Apache-2.0
"""Each directive of a route, and each of its values, changes something: two routes that differ in it alone differ."""
import socket
import threading
import time
import unittest

from case import FRESH, LarderCase
from covering import covers
from message import Broken
from origin import Reply
from waiting import until


class TwoRoutes(LarderCase):
    """Requests below /a/ meet the first route, those below /b/ the second."""

    def two(self, first, second, top="workers 1", upstream=""):
        self.origin = self.start_origin()
        self.start(f"listen 127.0.0.1:@listen@\nadmin 127.0.0.1:@admin@\n{top}\n"
                   f"upstream api {{\n server 127.0.0.1:{self.origin.port}\n{upstream}\n}}\n"
                   f"route /a/* {{\n{first}\n}}\nroute /b/* {{\n{second}\n}}\n")

    def reply(self, *fields, content=b"x", **more):
        self.origin.default = lambda request: Reply(fields=fields, content=content, **more)

    def fresh(self, *fields, **more):
        self.reply(FRESH, *fields, **more)

    def hits(self, first="x", second="x", fields=(), others=None, **request):
        """Of each route, whether the second request is answered by what the first one brought."""
        answers = []
        for route in ("/a/", "/b/"):
            self.ask(request.get("method", "GET"), route + first, fields, request.get("content"))
            again = self.ask(request.get("method", "GET"), route + second, fields if others is None else others,
                             request.get("content"))
            answers.append(bool(again.cache.get("hit")))
        return answers

    def metric(self, start):
        for line in self.larder.admin("GET", "/metrics").content.decode().splitlines():
            if line.startswith(start):
                return float(line.rsplit(" ", 1)[1])
        return 0


class Lifetime(TwoRoutes):
    @covers("route/ttl.DURATION", "top/route.PATTERN", "top/upstream.NAME", "upstream/server.HOST:PORT")
    def test_ttl(self):
        self.two("ttl 1m", "ttl by_origin")
        self.assertEqual(self.hits(), [True, False])

    @covers("route/ttl.STATUS")
    def test_ttl_of_a_status(self):
        self.two("ttl 404 1m", "ttl 410 1m")
        self.reply(status=404)
        self.assertEqual(self.hits(), [True, False])

    @covers("route/ttl.force")
    def test_ttl_force(self):
        self.two("ttl 1h force", "ttl 1h")
        self.fresh()
        self.assertEqual(self.hits(), [True, True])
        self.assertGreater(int(self.get("/a/x").cache["ttl"]), 3000)
        self.assertLess(int(self.get("/b/x").cache["ttl"]), 301)

    @covers("route/jitter.N%")
    def test_jitter(self):
        self.two("jitter 90%", "jitter 0%")
        self.fresh()
        seen = {"/a/": set(), "/b/": set()}
        for route, lives in seen.items():
            for number in range(8):
                self.get(f"{route}{number}")
                lives.add(int(self.get(f"{route}{number}").cache["ttl"]) // 5)
        self.assertGreater(len(seen["/a/"]), 2)
        self.assertLess(len(seen["/b/"]), 3)

    def stale_answers(self, *fields, status=200):
        self.fresh(*fields)
        for route in ("/a/", "/b/"):
            self.get(route)
        self.larder.invalidate(all=True, soft=True)
        self.reply(*fields, status=status, content=b"new")
        return [self.get(route) for route in ("/a/", "/b/")]

    @covers("route/stale.while_revalidate", "stale while-revalidate")
    def test_stale_while_revalidate(self):
        self.two("stale while_revalidate=1m", "")
        first, second = self.stale_answers()
        self.assertEqual((first.content, second.content), (b"x", b"new"))
        until(lambda: self.origin.count("/a/") == 2, "it is refreshed")
        self.assertEqual(self.metric('larder_stale_served_total{why="while-revalidate"}'), 1)

    @covers("route/stale.if_error", "stale if-error", "metric larder_stale_served_total", "outcome stale")
    def test_stale_if_error(self):
        self.two("stale if_error=1m", "stale if_error=0s")
        first, second = self.stale_answers(status=500)
        self.assertEqual((first.status, second.status), (200, 500))
        self.assertEqual(self.metric('larder_stale_served_total{why="if-error"}'), 1)
        self.assertEqual(self.metric('larder_requests_total{route="/a/*",status_class="2xx",cache="stale"}'), 1)

    @covers("route/stale.s_maxage")
    def test_stale_s_maxage(self):
        self.two("stale s_maxage=may_be_stale", "")
        first, second = self.stale_answers(("Cache-Control", "s-maxage=60, stale-while-revalidate=60"))
        self.assertEqual((first.content, second.content), (b"x", b"new"))

    @covers("route/targeted_fields.FIELDS")
    def test_targeted_fields(self):
        self.two("targeted_fields X-Edge-Control", "")
        self.reply(("X-Edge-Control", "max-age=60"), ("Cache-Control", "no-store"))
        self.assertEqual(self.hits(), [True, False])


class Keys(TwoRoutes):
    @covers("route/key.query")
    def test_query(self):
        self.two("ttl 1m\nkey query=sorted", "ttl 1m")
        self.assertEqual(self.hits("x?b=1&a=2", "x?a=2&b=1"), [True, False])

    @covers("route/key.drop")
    def test_drop(self):
        self.two("ttl 1m\nkey drop=utm_*", "ttl 1m")
        self.assertEqual(self.hits("x?utm_a=1", "x?utm_a=2"), [True, False])

    @covers("route/key.keep")
    def test_keep(self):
        self.two("ttl 1m\nkey keep=id", "ttl 1m")
        self.assertEqual(self.hits("x?id=1&o=1", "x?id=1&o=2"), [True, False])

    @covers("route/key.host")
    def test_host(self):
        self.two("ttl 1m\nkey host=off", "ttl 1m")
        self.assertEqual(self.hits(fields=[("Host", "a.example")], others=[("Host", "b.example")]), [True, False])

    @covers("route/key.header")
    def test_header(self):
        self.two("ttl 1m\nkey header=X-Tenant", "ttl 1m")
        self.assertEqual(self.hits(fields=[("X-Tenant", "1")], others=[("X-Tenant", "2")]), [False, True])

    @covers("route/key.cookie")
    def test_cookie(self):
        self.two("ttl 1m\nkey cookie=lang", "ttl 1m")
        self.assertEqual(self.hits(fields=[("Cookie", "lang=1")], others=[("Cookie", "lang=2")]), [False, True])

    @covers("route/key.authorization")
    def test_authorization(self):
        self.two("ttl 1m\nkey authorization=hashed", "ttl 1m")
        self.assertEqual(self.hits(fields=[("Authorization", "Bearer 1")]), [True, False])

    @covers("route/key.body")
    def test_body(self):
        self.two("ttl 1m\nkey body=safe_post", "ttl 1m")
        self.assertEqual(self.hits(method="POST", content=b"question"), [True, False])

    @covers("route/key.max_body", "not-stored request-too-large")
    def test_max_body(self):
        self.two("ttl 1m\nkey body=safe_post", "ttl 1m\nkey body=safe_post max_body=4B")
        self.assertEqual(self.hits(method="POST", content=b"question"), [True, False])
        self.assertEqual(self.ask("POST", "/b/x", content=b"question").cache["detail"], "request-too-large")

    @covers("route/tags.header", "invalidation/tag.TAG", "top/invalidation.NAME")
    def test_tags(self):
        self.two("tags header=X-Tag", "", top="invalidation g { tag one }")
        self.fresh(("X-Tag", "one"))
        shown = ["X-Tag" in self.get(route).fields for route in ("/a/", "/b/")]
        self.assertEqual(shown, [False, True])
        self.larder.invalidate(groups=["g"])
        self.assertEqual([bool(self.get(route).cache.get("hit")) for route in ("/a/", "/b/")], [False, True])

    @covers("route/max_variants.N", "metric larder_l1_evictions_total")
    def test_max_variants(self):
        self.two("max_variants 1", "max_variants 2")
        self.fresh(("Vary", "X-Kind"))
        hits = []
        for route in ("/a/", "/b/"):
            for kind in "12":
                self.get(route, ("X-Kind", kind))
            hits.append([bool(self.get(route, ("X-Kind", kind)).cache.get("hit")) for kind in "21"])
        self.assertEqual(hits, [[True, False], [True, True]])
        self.assertGreaterEqual(self.metric('larder_l1_evictions_total{reason="variants"}'), 1)


class Storing(TwoRoutes):
    @covers("route/pass.SWITCH", "not-stored route", "fwd bypass", "outcome pass")
    def test_pass(self):
        self.two("pass", "pass off")
        self.fresh()
        self.assertEqual(self.hits(), [False, True])
        answer = self.get("/a/x").cache
        self.assertEqual((answer["fwd"], answer["detail"]), ("bypass", "route"))

    @covers("route/client_cache_control.MODE", "fwd request")
    def test_client_cache_control(self):
        self.two("client_cache_control honor", "client_cache_control ignore")
        self.fresh()
        self.assertEqual(self.hits(others=[("Cache-Control", "no-cache")]), [False, True])
        self.assertEqual(self.get("/a/x", ("Cache-Control", "no-cache")).cache["fwd"], "request")

    @covers("stale client-allowed")
    def test_a_client_that_takes_what_is_stale(self):
        self.two("client_cache_control honor", "client_cache_control ignore")
        self.reply(("Cache-Control", "max-age=1"))
        for route in ("/a/", "/b/"):
            self.get(route)

        def stale():
            return self.get("/a/", ("Cache-Control", "max-stale")).cache.get("ttl", "1").startswith(("-", "0"))
        until(stale, "it is stale")
        until(lambda: self.get("/a/", ("Cache-Control", "max-stale")) and
              self.metric('larder_stale_served_total{why="client-allowed"}') >= 1, "it is served stale")

    @covers("route/store.authorized", "not-stored authorization")
    def test_store_authorized(self):
        self.two("ttl 1m\nstore authorized=shared_between_users", "ttl 1m")
        self.assertEqual(self.hits(fields=[("Authorization", "Bearer 1")]), [True, False])
        self.assertEqual(self.get("/b/x", ("Authorization", "Bearer 1")).cache["detail"], "authorization")

    @covers("route/store.set_cookie", "not-stored set-cookie")
    def test_store_set_cookie(self):
        self.two("store set_cookie=stripped", "")
        self.fresh(("Set-Cookie", "a=1"))
        self.assertEqual(self.hits(), [True, False])
        self.assertEqual(self.get("/b/x").cache["detail"], "set-cookie")

    @covers("route/store.private", "not-stored private")
    def test_store_private(self):
        self.two("store private=shared_between_users", "")
        self.reply(("Cache-Control", "private, max-age=60"))
        self.assertEqual(self.hits(), [True, False])
        self.assertEqual(self.get("/b/x").cache["detail"], "private")

    @covers("route/store.no_store", "not-stored no-store")
    def test_store_no_store(self):
        self.two("ttl 1m\nstore no_store=stored_against_origin", "ttl 1m")
        self.reply(("Cache-Control", "no-store, max-age=60"))
        self.assertEqual(self.hits(), [True, False])
        self.assertEqual(self.get("/b/x").cache["detail"], "no-store")

    @covers("route/store_partial.SWITCH", "not-stored partial")
    def test_store_partial(self):
        self.two("store_partial on", "store_partial off")
        self.fresh(("Content-Range", "bytes 0-3/10"), ("ETag", '"1"'), content=b"0123", status=206)
        self.assertEqual(self.hits(fields=[("Range", "bytes=0-3")]), [True, False])
        self.assertEqual(self.get("/b/x", ("Range", "bytes=0-3")).cache["detail"], "partial")


class Coalescing(TwoRoutes):
    def asked(self, first, second, count):
        """What each of `count` requests at once gets below /a/ and /b/, while the origin is silent until `act`."""
        self.two(first, second)
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)
        self.fresh(gate=self.gate)
        return [self.in_parallel(count, lambda _, route=route: self.get(route)) for route in ("/a/", "/b/")]

    @covers("route/coalesce.SWITCH", "metric larder_coalesced_total", "outcome collapsed")
    def test_switch(self):
        joins = self.asked("coalesce on", "coalesce off", 2)
        until(lambda: self.origin.count("/b/") == 2 and self.origin.count("/a/") == 1, "one or two fetches")
        self.gate.set()
        for join in joins:
            join()
        self.assertEqual(self.origin.count("/a/"), 1)
        self.assertEqual(self.metric('larder_coalesced_total{route="/a/*"}'), 1)

    @covers("route/coalesce.wait")
    def test_wait(self):
        joins = self.asked("coalesce on wait=50ms", "coalesce on wait=1m", 2)
        until(lambda: self.origin.count("/a/") == 2, "one goes alone")
        self.gate.set()
        for join in joins:
            join()
        self.assertEqual(self.origin.count("/b/"), 1)

    @covers("route/coalesce.limit", "detail too-many-waiting")
    def test_limit(self):
        joins = self.asked("coalesce on limit=1", "coalesce on", 3)
        until(lambda: self.metric('larder_requests_total{route="/a/*",status_class="5xx",cache="local"}') == 1, "one is refused")
        until(lambda: self.origin.count("/b/") == 1, "the other route's fetch")
        self.gate.set()
        statuses = [sorted(answer.status for answer in join()) for join in joins]
        self.assertEqual(statuses, [[200, 200, 503], [200, 200, 200]])


class Compressing(TwoRoutes):
    def codings(self, first, second, size=4000, kind="text/plain", *fields):
        self.two(first, second)
        self.fresh(("Content-Type", kind), content=b"abcd" * (size // 4))
        return [self.get(route, ("Accept-Encoding", "br, gzip"), *fields).field("Content-Encoding")
                for route in ("/a/", "/b/")]

    @covers("route/compress.CODING")
    def test_coding(self):
        self.assertEqual(self.codings("compress gzip", "compress off"), ["gzip", None])

    @covers("route/compress.min")
    def test_min(self):
        self.assertEqual(self.codings("compress br min=100B", "compress br", 400), ["br", None])

    @covers("route/compress.types")
    def test_types(self):
        self.assertEqual(self.codings("compress br types=application/x-mine", "compress br", 4000, "application/x-mine"),
                         ["br", None])

    @covers("route/compress.exclude")
    def test_exclude(self):
        self.assertEqual(self.codings("compress br exclude=/a/*", "compress br exclude=/c/*"), [None, "br"])

    @covers("route/compress.opt_out")
    def test_opt_out(self):
        self.assertEqual(self.codings("compress br opt_out=X-Plain", "compress br", 4000, "text/plain", ("X-Plain", "1")),
                         [None, "br"])

    @covers("route/compress.upstream")
    def test_upstream(self):
        self.codings("compress br upstream=coded", "compress br upstream=identity")
        asked = [self.origin.last(route).field("Accept-Encoding", "") for route in ("/a/", "/b/")]
        self.assertIn("br", asked[0])
        self.assertNotIn("br", asked[1])


class Waiting(TwoRoutes):
    @covers("route/slow.DURATION", "metric larder_slow_requests_total")
    def test_slow(self):
        self.two("slow 10ms", "slow 1h")

        def late(request):
            time.sleep(0.03)
            return Reply(content=b"late")
        self.origin.default = late
        for route in ("/a/", "/b/"):
            self.get(route)
        counts = [self.metric(f'larder_slow_requests_total{{route="{route}*"}}') for route in ("/a/", "/b/")]
        self.assertEqual(counts, [1, 0])

    @covers("route/timeout.first_byte", "upstream/timeout.first_byte", "detail upstream-timeout")
    def test_first_byte(self):
        """The route's word wins over its upstream's, and that over the top level's."""
        self.two("timeout first_byte=50ms", "", upstream="timeout first_byte=1m", top="workers 1\ntimeout first_byte=20ms")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.fresh(gate=gate)
        join = self.in_parallel(1, lambda _: self.get("/b/x"))
        refused = self.get("/a/x")
        self.assertEqual((refused.status, refused.cache["detail"]), (504, "upstream-timeout"))
        gate.set()
        self.assertEqual(join()[0].status, 200)

    @covers("top/timeout.first_byte")
    def test_first_byte_at_the_top(self):
        self.two("", "timeout first_byte=1m", top="workers 1\ntimeout first_byte=50ms")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.fresh(gate=gate)
        join = self.in_parallel(1, lambda _: self.get("/b/x"))
        self.assertEqual(self.get("/a/x").status, 504)
        gate.set()
        self.assertEqual(join()[0].status, 200)

    def broken(self, target):
        with self.client() as client:
            client.send_request(target=target)
            client.read_final_head()
            try:
                return len(client.reader.rest()) < 10
            except (Broken, ConnectionError):
                return True

    def idle(self, first, top="", upstream=""):
        self.two(first, "timeout idle=1m", top="workers 1\n" + top, upstream=upstream)
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.default = lambda request: Reply(pieces=[b"01234", gate, b"56789"])
        join = self.in_parallel(1, lambda _: self.get("/b/x"))
        self.assertTrue(self.broken("/a/x"))
        gate.set()
        self.assertEqual(join()[0].content, b"0123456789")

    @covers("route/timeout.idle")
    def test_idle(self):
        self.idle("timeout idle=50ms")

    @covers("top/timeout.idle")
    def test_idle_at_the_top(self):
        self.idle("", top="timeout idle=50ms")

    @covers("upstream/timeout.idle")
    def test_idle_of_the_upstream(self):
        self.idle("", upstream="timeout idle=50ms")

    def connects(self, top="", upstream="", route=""):
        """A full backlog answers no SYN: what ends the wait is the limit alone."""
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            fillers = []
            for _ in range(3):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
                fillers.append(filler)
            try:
                self.start(self.config(port, top=top, upstream=upstream + "\nretries 0", route=route))
                start = time.monotonic()
                answer = self.get("/x")
                self.assertEqual((answer.status, answer.cache["detail"]), (504, "upstream-connect-timeout"))
                self.assertLess(time.monotonic() - start, 1.5)
            finally:
                for filler in fillers:
                    filler.close()

    @covers("route/timeout.connect", "detail upstream-connect-timeout")
    def test_connect(self):
        self.connects(route="timeout connect=50ms")

    @covers("upstream/timeout.connect")
    def test_connect_of_the_upstream(self):
        self.connects(upstream="timeout connect=50ms")

    @covers("top/timeout.connect")
    def test_connect_at_the_top(self):
        self.connects(top="timeout connect=50ms")


if __name__ == "__main__":
    unittest.main()
