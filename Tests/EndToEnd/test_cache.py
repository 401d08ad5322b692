# SPDX-License-Identifier: Apache-2.0
"""What is stored, for whom, for how long, and how it is served."""
import email.utils
import threading
import time
import unittest

from case import FRESH, LarderCase
from origin import CLOSE, Reply
from waiting import until


def http_date(offset):
    return email.utils.formatdate(time.time() + offset, usegmt=True)


class Freshness(LarderCase):
    def test_miss_then_hit(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH, ("Content-Type", "application/json")], content=b'{"a":1}'))
        first = self.get("/a")
        self.assert_forwarded(first, "uri-miss")
        second = self.get("/a")
        self.assert_hit(second)
        self.assertEqual(second.content, b'{"a":1}')
        self.assertEqual(second.field("Content-Type"), "application/json")
        self.assertEqual(self.origin.count("/a"), 1)

    def test_age_and_ttl_go_on_from_the_origin(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH, ("Age", "100")], content=b"x"))
        self.get("/a")
        response = self.get("/a")
        self.assertIn(int(response.field("Age")), range(100, 105))
        self.assertIn(int(response.cache["ttl"]), range(195, 201))

    def test_what_grew_old_is_fetched_again(self):
        self.start()
        self.origin.on("/old", Reply(fields=[("Cache-Control", "max-age=60"), ("Age", "60")], content=b"x"))
        self.get("/old")
        self.get("/old")
        self.assertEqual(self.origin.count("/old"), 2)

    def test_lifetime_ends(self):
        self.start(route="ttl 300ms")
        self.origin.on("/a", Reply(content=b"1"), Reply(content=b"2"))
        self.assertEqual(self.get("/a").content, b"1")
        self.assertEqual(self.get("/a").content, b"1")
        until(lambda: self.get("/a").content == b"2", "the lifetime ends")

    def test_expires_and_s_maxage_and_targeted_fields(self):
        self.start()
        stored = {
            "/expires": [("Expires", http_date(100)), ("Date", http_date(0))],
            "/s": [("Cache-Control", "max-age=0, s-maxage=100")],
            "/cdn": [("CDN-Cache-Control", "max-age=100"), ("Cache-Control", "no-store")],
            "/modified": [("Last-Modified", http_date(-1_000_000))],
        }
        for path, fields in stored.items():
            with self.subTest(path):
                self.origin.on(path, Reply(fields=fields, content=b"x"))
                self.get(path)
                self.assert_hit(self.get(path))

    def test_targeted_field_of_any_name(self):
        self.start(route="targeted_fields Shop-Cache-Control")
        self.origin.on("/a", Reply(fields=[("Shop-Cache-Control", "max-age=60"), ("Cache-Control", "no-store")],
                                   content=b"x"))
        self.get("/a")
        self.assert_hit(self.get("/a"))

    def test_transfer_coding_that_is_not_known_is_neither_passed_on_nor_stored(self):
        self.start()
        for path, coding in (("/a", b"binary"), ("/b", b"gzip")):
            head = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: " + coding + b"\r\n\r\n"
            self.origin.on(path, Reply(raw=[head, b"some bytes", CLOSE]), Reply(fields=[FRESH], content=b"plain"))
            self.assertEqual(self.get(path).status, 502)
            self.assertEqual(self.get(path).content, b"plain")

    def test_ttl_of_the_route_when_the_origin_says_nothing(self):
        self.start(route="ttl 5m\nttl 404 1m")
        self.origin.on("/plain", Reply(content=b"x"))
        self.origin.on("/404", Reply(404, content=b"none"))
        self.origin.on("/own", Reply(fields=[("Cache-Control", "max-age=0")], content=b"x"))
        self.origin.on("/500", Reply(500, content=b"oops"))
        for path in ("/plain", "/404", "/own", "/500"):
            self.get(path)
        self.assert_hit(self.get("/plain"))
        response = self.get("/404")
        self.assert_hit(response)
        self.assertEqual(response.status, 404)
        self.assertLessEqual(int(response.cache["ttl"]), 60)
        self.assert_forwarded(self.get("/own"))
        self.assert_forwarded(self.get("/500"))

    def test_forced_ttl_wins_over_the_origin(self):
        self.start(route="ttl 5m force")
        self.origin.on("/a", Reply(fields=[("Cache-Control", "max-age=0")], content=b"x"))
        self.get("/a")
        self.assert_hit(self.get("/a"))

    def test_head_is_answered_from_a_stored_get(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH], content=b"0123456789"))
        self.get("/a")
        response = self.ask("HEAD", "/a")
        self.assert_hit(response)
        self.assertEqual((response.content, response.field("Content-Length")), (b"", "10"))

    def test_head_brings_a_stored_get_up_to_date(self):
        self.start()
        old = Reply(fields=[("Cache-Control", "max-age=60"), ("Age", "60"), ("X-A", "old")], content=b"0123456789")
        self.origin.on("/a", old, Reply(fields=[FRESH, ("Content-Length", "10"), ("X-A", "new")], framing="none"))
        self.get("/a")
        self.ask("HEAD", "/a")
        response = self.get("/a")
        self.assert_hit(response)
        self.assertEqual((response.content, response.field("X-A")), (b"0123456789", "new"))
        self.origin.on("/b", old, Reply(fields=[FRESH, ("Content-Length", "9")], framing="none"),
                       Reply(content=b"new"))
        self.get("/b")
        self.ask("HEAD", "/b")
        self.assertEqual(self.get("/b").content, b"new")

    def test_head_validates_a_stored_get(self):
        self.start()
        self.origin.on("/a", Reply(fields=[("Cache-Control", "max-age=60"), ("Age", "60"), ("ETag", '"1"')],
                                   content=b"0123456789"),
                       Reply(304, fields=[FRESH, ("ETag", '"1"')]))
        self.get("/a")
        self.assertEqual(self.ask("HEAD", "/a").status, 200)
        self.assert_hit(self.get("/a"))

    def test_head_does_not_become_a_stored_get(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH], content=b"0123456789"))
        self.ask("HEAD", "/a")
        self.assertEqual(self.get("/a").content, b"0123456789")

    def test_pass_route_stores_nothing(self):
        self.start(route="pass")
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        self.assert_forwarded(self.get("/a"), "bypass")


class NotStored(LarderCase):
    def test_what_must_not_be_shared_is_not_stored(self):
        self.start(route="ttl 5m")
        cases = {
            "private": [("Cache-Control", "private, max-age=60")],
            "no-store": [("Cache-Control", "no-store, max-age=60")],
            "set-cookie": [FRESH, ("Set-Cookie", "session=1")],
            "vary-all": [FRESH, ("Vary", "*")],
            "no-cache": [("Cache-Control", "no-cache")],
        }
        for name, fields in cases.items():
            with self.subTest(name):
                self.origin.on(f"/{name}", Reply(fields=fields, content=b"x"))
                self.get(f"/{name}")
                self.assert_forwarded(self.get(f"/{name}"))
                self.assertEqual(self.origin.count(f"/{name}"), 2)

    def test_fields_kept_out_of_the_store_reach_who_fetched(self):
        for route, fields in (("store set_cookie=stripped", [FRESH]),
                              ("store set_cookie=explicit_lifetime", [FRESH, ("Cache-Control", 'private="set-cookie"')]),
                              ("store set_cookie=explicit_lifetime", [FRESH, ("Cache-Control", 'no-cache="Set-Cookie"')])):
            with self.subTest(route, fields=fields):
                self.start(route=route)
                for path, content in (("/short", b"x"), ("/long", b"x" * 300_000)):
                    self.origin.on(path, Reply(fields=fields + [("Set-Cookie", "session=1"), ("X-A", "b")],
                                               content=content))
                    first = self.get(path)
                    self.assertEqual((first.field("Set-Cookie"), first.field("X-A")), ("session=1", "b"))
                    again = self.get(path)
                    self.assert_hit(again)
                    self.assertEqual((again.field("Set-Cookie"), again.field("X-A")), (None, "b"))

    def test_authorization_is_stored_only_when_the_origin_allows(self):
        self.start(route="ttl 5m")
        self.origin.on("/own", Reply(fields=[FRESH], content=b"mine"))
        self.origin.on("/public", Reply(fields=[("Cache-Control", "public, max-age=60")], content=b"all"))
        for path, hit in (("/own", False), ("/public", True)):
            self.get(path, ("Authorization", "Bearer a"))
            response = self.get(path, ("Authorization", "Bearer b"))
            self.assertEqual(bool(response.cache.get("hit")), hit, path)

    def test_hashed_authorization_gives_each_user_an_entry(self):
        self.start(route="ttl 5m\nkey authorization=hashed")
        self.origin.on("/me", lambda request: Reply(fields=[FRESH], content=request.field("Authorization").encode()))
        for user in ("a", "b", "a", "b"):
            self.assertEqual(self.get("/me", ("Authorization", user)).content, user.encode())
        self.assertEqual(self.origin.count("/me"), 2)

    def test_not_stored_has_a_reason(self):
        self.start()
        self.origin.on("/p", Reply(fields=[("Cache-Control", "private")], content=b"x"))
        response = self.get("/p")
        self.assertNotIn("stored", response.cache)
        self.assertIn("detail", response.cache)

    def test_response_larger_than_allowed_passes_unstored(self):
        self.start(top="memory 64MB max_object=64KB")
        for framing in ("length", "chunked"):
            path = f"/{framing}"
            self.origin.on(path, Reply(fields=[FRESH], pieces=[b"x" * 50_000] * 3, framing=framing))
            for _ in range(2):
                self.assertEqual(self.get(path).content, b"x" * 150_000)
            self.assertEqual(self.origin.count(path), 2)

    def test_methods_other_than_get_and_head_are_not_answered_from_memory(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        for method in ("POST", "PUT", "OPTIONS"):
            self.assert_forwarded(self.ask(method, "/a"), "method")


class Keys(LarderCase):
    def fetched(self, *targets, fields=()):
        """How many of the targets reached the origin."""
        before = self.origin.count()
        for target in targets:
            self.ask("GET", target, fields)
        return self.origin.count() - before

    def start_fresh(self, **parts):
        self.start(**parts)
        self.origin.default = lambda request: Reply(fields=[FRESH], content=request.target.encode())

    def test_path_query_and_host_are_the_key(self):
        self.start_fresh()
        self.assertEqual(self.fetched("/a", "/a?", "/a?x=1", "/a?x=2", "/A", "/b", "/a/"), 7)
        self.assertEqual(self.fetched("/a", fields=[("Host", "one.example")]), 1)
        self.assertEqual(self.fetched("/a", fields=[("Host", "ONE.example")]), 0)

    def test_equivalent_paths_are_one(self):
        self.start_fresh()
        self.assertEqual(self.fetched("/a/b%7Ec", "/a/b~c", "/a/./b~c", "/a/x/../b%7ec"), 1)

    def test_query_sorted(self):
        self.start_fresh(route="key query=sorted")
        self.assertEqual(self.fetched("/a?b=2&a=1", "/a?a=1&b=2"), 1)

    def test_query_parameters_dropped(self):
        self.start_fresh(route="key drop=utm_*,gclid")
        self.assertEqual(self.fetched("/a?x=1", "/a?x=1&utm_source=m", "/a?gclid=9&x=1", "/a?utm_a=1&x=1&utm_b=2"), 1)
        self.assertEqual(self.fetched("/a?x=2&utm_source=m"), 1)
        self.assertEqual(self.origin.requests[-1].target, "/a?x=2", "what was keyed is what is asked")

    def test_query_parameters_kept(self):
        self.start_fresh(route="key keep=page")
        self.assertEqual(self.fetched("/a?page=1&t=5", "/a?t=6&page=1"), 1)
        self.assertEqual(self.fetched("/a?page=2"), 1)

    def test_field_and_cookie_in_the_key(self):
        self.start_fresh(route="key header=X-Tenant cookie=lang")
        self.assertEqual(self.fetched("/a", fields=[("X-Tenant", "1"), ("Cookie", "lang=de; id=1")]), 1)
        self.assertEqual(self.fetched("/a", fields=[("X-Tenant", "1"), ("Cookie", "id=2; lang=de")]), 0)
        self.assertEqual(self.fetched("/a", fields=[("X-Tenant", "1"), ("Cookie", "lang=fr")]), 1)
        self.assertEqual(self.fetched("/a", fields=[("X-Tenant", "2"), ("Cookie", "lang=de")]), 1)

    def test_host_can_be_left_out(self):
        self.start_fresh(route="key host=off")
        self.assertEqual(self.fetched("/a", fields=[("Host", "one.example")]), 1)
        self.assertEqual(self.fetched("/a", fields=[("Host", "two.example")]), 0)

    def test_vary_makes_variants(self):
        self.start()
        self.origin.on("/v", lambda request: Reply(
            fields=[FRESH, ("Vary", "X-Kind")], content=(request.field("X-Kind") or "none").encode()))
        for _ in range(2):
            for kind in ("one", "two"):
                self.assertEqual(self.get("/v", ("X-Kind", kind)).content, kind.encode())
            self.assertEqual(self.get("/v").content, b"none")
        self.assertEqual(self.origin.count("/v"), 3)
        self.assert_forwarded(self.get("/v", ("X-Kind", "three")), "vary-miss")

    def test_vary_on_accept_encoding(self):
        self.start(route="compress off")
        self.origin.on("/v", lambda request: Reply(
            fields=[FRESH, ("Vary", "Accept-Encoding")],
            content=b"gzip" if "gzip" in request.field("Accept-Encoding", "") else b"plain"))
        self.assertEqual(self.get("/v", ("Accept-Encoding", "gzip")).content, b"gzip")
        self.assertEqual(self.get("/v").content, b"plain")
        self.assertEqual(self.get("/v", ("Accept-Encoding", "gzip")).content, b"gzip")


class Conditions(LarderCase):
    def stored(self, *fields, content=b"0123456789"):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH, *fields], content=content))
        self.get("/a")

    def test_304_from_memory(self):
        modified = http_date(-5000)
        self.stored(("ETag", '"v1"'), ("Last-Modified", modified))
        for field in (("If-None-Match", '"v1"'), ("If-None-Match", 'W/"v1"'), ("If-None-Match", '"x", "v1"'),
                      ("If-None-Match", "*"), ("If-Modified-Since", modified)):
            with self.subTest(field):
                response = self.get("/a", field)
                self.assertEqual((response.status, response.content), (304, b""))
                self.assertEqual(response.field("ETag"), '"v1"')
        self.assertEqual(self.get("/a", ("If-None-Match", '"v2"')).status, 200)
        self.assertEqual(self.get("/a", ("If-None-Match", '"v2"'), ("If-Modified-Since", modified)).status, 200)
        self.assertEqual(self.origin.count("/a"), 1)

    def test_ranges_from_memory(self):
        self.stored(("ETag", '"v1"'))
        for spec, content, shown in (("0-3", b"0123", "bytes 0-3/10"), ("7-", b"789", "bytes 7-9/10"),
                                     ("-2", b"89", "bytes 8-9/10"), ("5-100", b"56789", "bytes 5-9/10")):
            with self.subTest(spec):
                response = self.get("/a", ("Range", f"bytes={spec}"))
                self.assertEqual((response.status, response.content), (206, content))
                self.assertEqual(response.field("Content-Range"), shown)
        self.assertEqual(self.origin.count("/a"), 1)

    def test_range_that_cannot_be_is_416(self):
        self.stored()
        response = self.get("/a", ("Range", "bytes=10-20"))
        self.assertEqual((response.status, response.field("Content-Range")), (416, "bytes */10"))

    def test_several_ranges(self):
        self.stored(("Content-Type", "text/plain"))
        response = self.get("/a", ("Range", "bytes=0-1,8-9"))
        self.assertEqual(response.status, 206)
        self.assertTrue(response.field("Content-Type").startswith("multipart/byteranges; boundary="))
        boundary = response.field("Content-Type").partition("boundary=")[2].strip('"').encode()
        parts = response.content.split(b"--" + boundary)
        self.assertEqual(len(parts), 4)
        self.assertIn(b"Content-Range: bytes 0-1/10", parts[1])
        self.assertTrue(parts[2].endswith(b"\r\n\r\n89\r\n"))
        self.assertEqual(parts[3].strip(), b"--")

    def test_if_range(self):
        self.stored(("ETag", '"v1"'))
        self.assertEqual(self.get("/a", ("Range", "bytes=0-1"), ("If-Range", '"v1"')).status, 206)
        self.assertEqual(self.get("/a", ("Range", "bytes=0-1"), ("If-Range", '"v2"')).status, 200)

    def test_nonsense_range_is_ignored(self):
        self.stored()
        for spec in ("bytes=5-2", "lines=1-2", "bytes=a-b", "bytes="):
            self.assertEqual(self.get("/a", ("Range", spec)).status, 200, spec)

    def test_stale_response_is_validated_by_etag(self):
        self.start()

        def answer(request):
            if request.field("If-None-Match") == '"v1"':
                return Reply(304, [("ETag", '"v1"'), ("Cache-Control", "max-age=60")])
            return Reply(fields=[("ETag", '"v1"'), ("Cache-Control", "max-age=60"), ("Age", "60")], content=b"body")
        self.origin.on("/a", answer)
        self.get("/a")
        response = self.get("/a")
        self.assertEqual((response.status, response.content), (200, b"body"))
        self.assertEqual(self.origin.count("/a"), 2)
        self.assert_hit(self.get("/a"))

    def test_validations_do_not_add_up(self):
        self.start(route="ttl 1ms")
        self.origin.on("/a", lambda request: Reply(
            304 if request.field("If-None-Match") else 200, fields=[("ETag", '"1"')], content=b"one"))
        for _ in range(4):
            response = self.get("/a")
            time.sleep(0.005)
        self.assertEqual(response.content, b"one")
        self.assertEqual(response.reason, "OK")
        self.assertEqual(len(response.fields.all("Via")), 1)

    def test_304_that_forbids_storing_is_for_one_client(self):
        self.start()
        self.origin.on("/a", Reply(fields=[("ETag", '"1"'), ("Cache-Control", "no-cache"), ("X-A", "old")],
                                   content=b"one"),
                       Reply(304, fields=[("ETag", '"1"'), ("Cache-Control", "no-store"), ("X-A", "new")]),
                       Reply(fields=[FRESH], content=b"two"))
        self.assertEqual(self.get("/a").field("X-A"), "old")
        confirmed = self.get("/a")
        self.assertEqual((confirmed.content, confirmed.field("X-A")), (b"one", "new"))
        self.assertEqual(confirmed.field("Cache-Control"), "no-store")
        self.assertEqual(confirmed.cache.get("detail"), "no-store")
        self.assertEqual(self.get("/a").content, b"two")
        self.assertIsNone(self.origin.last("/a").field("If-None-Match"))

    def test_validation_that_finds_a_new_version(self):
        self.start()
        self.origin.on("/a", Reply(fields=[("ETag", '"1"'), ("Cache-Control", "max-age=60"), ("Age", "60")],
                                   content=b"one"),
                       Reply(fields=[("ETag", '"2"'), FRESH], content=b"two"))
        self.get("/a")
        self.assertEqual(self.get("/a").content, b"two")
        self.assertEqual(self.origin.last("/a").field("If-None-Match"), '"1"')
        self.assert_hit(self.get("/a"))

    def test_only_if_cached(self):
        self.start(route="client_cache_control honor")
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        self.assert_hit(self.get("/a", ("Cache-Control", "only-if-cached")))
        self.assertEqual(self.get("/other", ("Cache-Control", "only-if-cached")).status, 504)
        self.assertEqual(self.origin.count("/other"), 0)

    def test_client_may_force_a_request_only_where_allowed(self):
        self.stored()
        self.assert_hit(self.get("/a", ("Cache-Control", "no-cache")))

    def test_client_cache_control_honored(self):
        self.start(route="client_cache_control honor")
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        self.assert_forwarded(self.get("/a", ("Cache-Control", "no-cache")))
        self.assertEqual(self.origin.count("/a"), 2)


class UnsafeMethods(LarderCase):
    def test_unsafe_method_invalidates_its_url(self):
        self.start()
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            with self.subTest(method):
                path = f"/{method}"
                self.origin.on(path, Reply(fields=[FRESH], content=b"x"))
                self.get(path)
                self.assert_hit(self.get(path))
                self.ask(method, path)
                self.assert_forwarded(self.get(path))

    def test_answer_to_post_is_stored_unless_an_invalidation_overtook_it(self):
        self.start()
        for path, is_overtaken in (("/calm", False), ("/overtaken", True)):
            gate = threading.Event()
            self.origin.on(path, Reply(fields=[FRESH, ("Content-Location", path)], content=b"new", gate=gate))
            wait = self.in_parallel(1, lambda number, path=path: self.ask("POST", path))
            self.origin.wait_for(1, path)
            if is_overtaken:
                self.larder.invalidate(urls=[path])
            gate.set()
            self.assertEqual(wait()[0].content, b"new")
            self.assertEqual(bool(self.get(path).cache.get("hit")), not is_overtaken, path)

    def test_safe_methods_that_only_other_specifications_know_invalidate_nothing(self):
        self.start()
        self.origin.on("/x", Reply(fields=[FRESH]))
        self.get("/x")
        for method in ("PROPFIND", "REPORT", "SEARCH"):
            self.assertEqual(self.ask(method, "/x").status, 200)
        self.assert_hit(self.get("/x"))
        self.ask("PROPPATCH", "/x")
        self.assert_forwarded(self.get("/x"))

    def test_failed_unsafe_method_invalidates_nothing(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"), Reply(500))
        self.get("/a")
        self.ask("POST", "/a")
        self.assert_hit(self.get("/a"))

    def test_location_of_the_same_host_is_invalidated(self):
        self.start()
        self.origin.on("/list", Reply(fields=[FRESH], content=b"x"))
        self.origin.on("/make", Reply(201, [("Location", "/list")]))
        self.get("/list")
        self.ask("POST", "/make")
        self.assert_forwarded(self.get("/list"))


class StaleServing(LarderCase):
    SHORT = ("Cache-Control", "max-age=60")

    def test_stale_while_revalidate_answers_at_once_and_asks_once(self):
        self.start(route="stale while_revalidate=1m", top="workers 1")
        self.origin.on("/a", Reply(fields=[self.SHORT, ("Age", "61")], content=b"old"),
                       Reply(fields=[FRESH], content=b"new"))
        self.get("/a")
        response = self.get("/a")
        self.assertEqual(response.content, b"old")
        self.assertLess(int(response.cache["ttl"]), 0)
        until(lambda: self.get("/a").content == b"new", "the refresh arrives")
        self.assertEqual(self.origin.count("/a"), 2)

    def test_stale_while_revalidate_of_the_origin(self):
        self.start()
        self.origin.on("/a", Reply(fields=[("Cache-Control", "max-age=60, stale-while-revalidate=60"), ("Age", "61")],
                                   content=b"old"), Reply(fields=[FRESH], content=b"new"))
        self.get("/a")
        self.assertEqual(self.get("/a").content, b"old")
        until(lambda: self.get("/a").content == b"new", "the refresh arrives")

    def test_stale_if_error_when_the_origin_dies(self):
        self.start(route="stale if_error=1m")
        self.origin.on("/a", Reply(fields=[self.SHORT, ("Age", "61")], content=b"old"))
        self.get("/a")
        self.origin.close()
        until(lambda: self.get("/never").status == 502, "the origin is gone")
        response = self.get("/a")
        self.assertEqual((response.status, response.content), (200, b"old"))

    def test_stale_if_error_when_the_origin_answers_5xx(self):
        self.start(route="stale if_error=1m")
        self.origin.on("/a", Reply(fields=[self.SHORT, ("Age", "61")], content=b"old"), Reply(503, content=b"oops"))
        self.get("/a")
        self.assertEqual(self.get("/a").content, b"old")

    def test_s_maxage_forbids_stale_unless_the_route_says_otherwise(self):
        reply = Reply(fields=[("Cache-Control", "s-maxage=1, stale-while-revalidate=60"), ("Age", "1")], content=b"x")
        for route, is_stale in (("", False), ("stale s_maxage=may_be_stale", True)):
            with self.subTest(route):
                self.start(route=route)
                self.origin.on("/a", reply)
                self.get("/a")
                self.assertEqual("hit" in self.get("/a").cache, is_stale)

    def test_must_revalidate_forbids_stale(self):
        self.start(route="stale if_error=1m while_revalidate=1m")
        self.origin.on("/a", Reply(fields=[("Cache-Control", "max-age=60, must-revalidate"), ("Age", "61")],
                                   content=b"old"), Reply(503, content=b"oops"))
        self.get("/a")
        self.assertIn(self.get("/a").status, (503, 504))


if __name__ == "__main__":
    unittest.main()
