# SPDX-License-Identifier: Apache-2.0
"""One reading of the target: routes, keys, logs and the origin see the same path, however a client spells it."""
import signal
import unittest

from case import FRESH, LarderCase
from covering import covers
from origin import Reply
from waiting import until

SPELLINGS = ("/%61pi/me", "/x/../api/me", "/./api/me", "/%2e/api/me", "/x/%2E%2e/api/me", "/ap%69/m%65", "/../api/me",
             "http://shop.example/%61pi/me", "/api/x/../me")


class OneReading(LarderCase):
    def rest(self, *routes, top=""):
        origin = self.start_origin()
        self.origin = origin
        lines = ["listen 127.0.0.1:@listen@", "admin 127.0.0.1:@admin@", top,
                 f"upstream api {{ server 127.0.0.1:{origin.port} }}"]
        self.start("\n".join(lines + list(routes)) + "\n")

    def raw(self, target, *fields, method="GET"):
        with self.client() as client:
            client.send_head(method, target, [("Host", "shop.example"), *fields])
            return client.read_response(method)

    def test_a_private_path_is_private_however_it_is_spelled(self):
        self.rest("route /* { ttl 5m }", "route /api/me { pass }")
        for spelling in SPELLINGS:
            with self.subTest(spelling):
                self.origin.on("/api/me", lambda request: Reply(content=request.field("Cookie", "nobody").encode()))
                self.assertEqual(self.raw(spelling, ("Cookie", "user=1")).content, b"user=1")
                response = self.raw(spelling)
                self.assertEqual(response.content, b"nobody")
                self.assert_forwarded(response, "bypass")
        self.assertEqual(self.origin.count("/api/me"), 2 * len(SPELLINGS), "the origin sees one spelling")

    def test_what_no_route_takes_is_not_reached_by_another_spelling(self):
        other = self.start_origin()
        self.rest("route /public/* { upstream api }", top=f"upstream other {{ server 127.0.0.1:{other.port} }}")
        for spelling in ("/public/../secret", "/public/%2e%2e/secret", "/public/x/../../secret", "/%73ecret"):
            with self.subTest(spelling):
                self.assertEqual(self.raw(spelling).status, 404)
        self.assertEqual(self.raw("/x/../public/a").content, b"/public/a")
        self.assertEqual(self.origin.count("/secret"), 0)

    def test_cookies_in_the_key_are_not_evaded(self):
        self.rest("route /* { ttl 5m }", "route /a { ttl 5m; key cookie=user }")
        self.origin.on("/a", lambda request: Reply(fields=[FRESH], content=request.field("Cookie", "").encode()))
        for number, spelling in enumerate(("/%61", "/./a", "/b/../a")):
            cookie = f"user={number}"
            self.assertEqual(self.raw(spelling, ("Cookie", cookie)).content, cookie.encode())
            self.assertEqual(self.raw("/a", ("Cookie", cookie)).content, cookie.encode())
            self.assert_hit(self.raw("/a", ("Cookie", cookie)))

    def test_an_unsafe_method_invalidates_however_it_is_spelled(self):
        self.rest("route /* { }", "route /a { ttl 5m; key query=sorted }")
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        for spelling in ("/%61?x=1", "/b/../a?x=1"):
            self.raw("/a?x=1")
            self.assert_hit(self.raw("/a?x=1"))
            self.assertEqual(self.raw(spelling, ("Content-Length", "0"), method="PUT").status, 200)
            self.assert_forwarded(self.raw("/a?x=1"))

    def test_purge_and_admin_urls_read_it_the_same_way(self):
        self.rest("route /* { ttl 5m }", top="purge_method on allow=127.0.0.1")
        self.origin.on("/api/me", Reply(fields=[FRESH], content=b"x"))
        for spelling in ("/%61pi/me", "/x/../api/me"):
            self.raw("/api/me")
            self.assertEqual(self.raw(spelling, method="PURGE").status, 200)
            self.raw("/api/me")
            self.assertEqual(self.larder.invalidate(urls=[f"http://shop.example{spelling}"])["removed"], 1)
            self.raw("/api/me")
            self.larder.invalidate(patterns=[spelling + "*"])
            self.assert_forwarded(self.raw("/api/me"))

    def test_exclude_is_not_evaded(self):
        self.rest("route /* { compress gzip min=1B exclude=/secret/* }")
        self.origin.default = lambda request: Reply(fields=[("Content-Type", "text/plain")], content=b"x" * 500)
        for spelling in ("/secret/a", "/%73ecret/a", "/b/../secret/a"):
            self.assertIsNone(self.raw(spelling, ("Accept-Encoding", "gzip")).field("Content-Encoding"), spelling)
        self.assertEqual(self.raw("/open/a", ("Accept-Encoding", "gzip")).field("Content-Encoding"), "gzip")

    def test_bytes_of_no_uri_are_keyed_and_sent_as_their_escapes(self):
        self.rest("route /* { ttl 5m }")
        path = "/%7Ba%7D%22%5C%7C"
        self.origin.on(path, Reply(fields=[FRESH], content=b"x"))
        self.assert_forwarded(self.raw('/{a}"\\|?q={1}'))
        self.assert_hit(self.raw(path + "?q=%7B1%7D"))
        self.assertEqual(self.origin.last(path).target, path + "?q=%7B1%7D")

    def test_a_path_that_can_be_read_in_two_ways_is_400(self):
        self.rest("route /* { ttl 5m }")
        for target in ("/%zz", "/a/%4", "/%", "/%00", "/a%00.png", "/x/../%g1", "http://shop.example/%zz"):
            with self.subTest(target):
                response = self.raw(target)
                self.assertEqual(response.status, 400)
                self.assertFalse(response.keeps_alive)
        self.assertEqual(self.origin.count(), 0)
        self.assertEqual(self.raw("/a?x=%zz&y=%").status, 200, "a query is the origin's business")
        self.assertEqual(self.origin.last("/a").query, "x=%zz&y=%")

    def test_what_is_no_equivalence_stays_as_it_is(self):
        self.rest("route /* { ttl 5m }")
        for path in ("//a", "/a//b", "/A", "/a;x=1", "/a%2Fb", "/a%5Cb", "/%C3%A9", "/a/"):
            self.assertEqual(self.raw(path).content, path.encode())

    def test_the_access_log_has_the_same_reading(self):
        self.rest("route /* { }", top="access_log json")
        self.raw("/x/../%61pi?q=|")
        self.raw("http://shop.example/b?c")
        until(lambda: len(self.larder.access_lines()) >= 2, "two lines")
        self.assertEqual({line["path"] for line in self.larder.access_lines()}, {"/api?q=%7C", "/b?c"})


class Routes(LarderCase):
    def test_a_glob_keeps_pages_private_beside_a_catch_all(self):
        origin = self.start_origin()
        self.start("\n".join(["listen 127.0.0.1:@listen@", f"upstream api {{ server 127.0.0.1:{origin.port} }}",
                              "route /* { ttl 5m }", "route */account/* { pass }"]) + "\n")
        origin.default = lambda request: Reply(content=request.field("Cookie", "nobody").encode())
        self.get("/de/account/orders", ("Cookie", "a"))
        self.assertEqual(self.get("/de/account/orders").content, b"nobody")
        self.get("/de/shop", ("Cookie", "a"))
        self.assert_hit(self.get("/de/shop"))

    def test_a_host_that_is_passed_is_passed_whatever_the_path(self):
        origin = self.start_origin()
        self.start("\n".join(["listen 127.0.0.1:@listen@", f"upstream api {{ server 127.0.0.1:{origin.port} }}",
                              "route *.json { ttl 5m }", "route /api/* { ttl 5m }", "route /me { ttl 5m }",
                              "route /* host=admin.example { pass }"]) + "\n")
        origin.default = lambda request: Reply(content=request.field("Cookie", "nobody").encode())
        for path in ("/users.json", "/api/users", "/me", "/x"):
            for host in ("admin.example", "ADMIN.example:8080"):
                self.get(path, ("Host", host), ("Cookie", "a"))
                response = self.get(path, ("Host", host))
                self.assertEqual(response.content, b"nobody")
                self.assert_forwarded(response, "bypass")
        self.get("/users.json", ("Host", "shop.example"))
        self.assert_hit(self.get("/users.json", ("Host", "shop.example")))


class Forwarding(LarderCase):
    def test_connect_is_refused_and_closes(self):
        self.start()
        with self.client() as client:
            client.send(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"
                        b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            response = client.read_response()
            self.assertEqual(response.status, 405)
            self.assertFalse(response.keeps_alive)
            self.assertTrue(client.ends())
        self.assertEqual(self.origin.count(), 0)

    @covers("detail max-forwards")
    def test_max_forwards(self):
        self.start()
        for target in ("*", "/a"):
            response = self.ask("OPTIONS", target, [("Max-Forwards", "0")])
            self.assertEqual(response.status, 204)
            self.assertIn("OPTIONS", response.field("Allow"))
            self.assertIsNone(response.field("Content-Length"))
            self.assertEqual(response.cache.get("detail"), "max-forwards")
        self.assertEqual(self.origin.count(), 0)
        for sent, passed in (("1", "0"), ("7", "6"), ("x", "x"), ("99999999999999999999", "2147483646")):
            self.ask("OPTIONS", "/a", [("Max-Forwards", sent)])
            self.assertEqual(self.origin.last("/a").field("Max-Forwards"), passed)
        self.get("/b", ("Max-Forwards", "0"))
        self.assertEqual(self.origin.last("/b").field("Max-Forwards"), "0", "it means nothing with GET")
        self.assertEqual(self.ask("TRACE", "/a", [("Max-Forwards", "0")]).status, 405)

    @covers("detail via-loop")
    def test_a_loop_is_508(self):
        self.start(top="via edge-1")
        for via in ("1.1 edge-1", "1.0 fred, 1.1 EDGE-1 (a comment), 1.1 other"):
            response = self.get("/a", ("Via", via))
            self.assertEqual(response.status, 508)
            self.assertEqual(response.cache.get("detail"), "via-loop")
        self.assertEqual(self.origin.count(), 0)
        for via in ("1.1 edge-2", "1.1 x (1.1 edge-1)", "1.1 larder"):
            self.assertEqual(self.get("/b", ("Via", via)).status, 200)
        until(lambda: len(self.larder.access_lines()) >= 5, "five lines")
        self.assertEqual(sorted(line["status"] for line in self.larder.access_lines()), [200, 200, 200, 508, 508])
        metrics = self.larder.admin("GET", "/metrics").content.decode()
        self.assertRegex(metrics, r'status_class="5xx",cache="local"} 2\b')

    def test_a_server_that_is_its_own_upstream_ends_at_once(self):
        text = ("listen 127.0.0.1:@listen@\nupstream a { server 127.0.0.1:@listen@; pool idle_timeout=10ms }\nroute /* { ttl 1m }\n")
        self.start(text)
        response = self.get("/a")
        self.assertEqual(response.status, 508)

    def test_a_chain_of_those_that_nobody_named(self):
        origin = self.start_origin()
        port = origin.port
        for top in ("via on", "", "via edge"):
            port = self.start(self.config(port, top=top, upstream="pool idle_timeout=10ms")).port
        self.assertEqual(self.get("/a").content, b"/a")
        via = origin.last("/a").field("Via")
        self.assertRegex(via, "^1.1 edge, 1.1 larder-[0-9a-f]{8}, 1.1 larder-[0-9a-f]{8}$")
        self.assertEqual(len(set(via.split(", "))), 3, "each has a name of its own")
        name = via.split()[-1]
        self.assertIn(name, self.get("/a").field("Via"), "the same in both directions")

    def test_the_own_name_outlives_a_reload(self):
        self.start()
        name = self.get("/a").field("Via").split()[-1]
        self.assertEqual(self.larder.admin("POST", "/reload").status, 200)
        self.assertEqual(self.get("/b").field("Via").split()[-1], name)
        self.assertEqual(self.get("/c", ("Via", f"1.1 {name}")).status, 508)

    def test_a_circle_of_two_is_508_and_so_are_two_of_one_name(self):
        front = self.start("listen 127.0.0.1:@listen@\nroute /* { upstream http://127.0.0.1:1 }\n")
        short = "pool idle_timeout=10ms"
        back = self.start(self.config(front.port, upstream=short))
        front.write_config(self.config(back.port, upstream=short, admin=None))
        front.signal(signal.SIGHUP)
        until(lambda: "reloaded" in front.error_text(), "the reload is done")
        self.assertEqual(self.get("/a").status, 508)
        origin = self.start_origin()
        back = self.start(self.config(origin.port, top="via edge", upstream=short))
        self.start(self.config(back.port, top="via edge", upstream=short))
        response = self.get("/a")
        self.assertEqual(response.status, 508)
        self.assertIn(b"via NAME", response.content)
        self.assertEqual(int(response.field("Content-Length")), len(response.content))
        self.assertEqual(origin.count(), 0)


class AnswersToHead(LarderCase):
    def test_a_refusal_of_head_has_no_content(self):
        self.start(top="limits body=1KB\nclient head_timeout=300ms")
        host = b"Host: a\r\n"
        for name, head in {
            "expectation": b"HEAD / HTTP/1.1\r\n" + host + b"Expect: nothing\r\n\r\n",
            "coding": b"HEAD / HTTP/1.1\r\n" + host + b"Transfer-Encoding: x\r\n\r\n",
            "length": b"HEAD / HTTP/1.1\r\n" + host + b"Content-Length: 9999\r\n\r\n",
            "target": b"HEAD a HTTP/1.1\r\n" + host + b"\r\n",
            "escape": b"HEAD /%zz HTTP/1.1\r\n" + host + b"\r\n",
            "long target": b"HEAD /" + b"a" * 9000,
            "no host": b"HEAD / HTTP/1.1\r\n\r\n",
            "version": b"\r\nHEAD / HTTP/3.0\r\n" + host + b"\r\n",
            "field": b"HEAD / HTTP/1.1\r\n" + host + b"A : b\r\n\r\n",
            "slow head": b"HEAD / HTTP/1.1\r\n" + host,
        }.items():
            with self.subTest(name), self.client() as client:
                client.send(b"HEAD /first HTTP/1.1\r\n" + host + b"\r\n")
                client.read_response("HEAD")
                client.send(head)
                response = client.read_response("HEAD")
                self.assertGreaterEqual(response.status, 400)
                self.assertGreater(int(response.field("Content-Length")), 0)
                self.assertTrue(client.ends(), "content after the head")

    def test_a_refusal_of_another_method_has_content_after_a_head(self):
        self.start()
        for head in (b"GET / HTTP/3.0\r\n\r\n", b"\r\r\n", b"HEAD\t/ HTTP/1.1\r\n\r\n"):
            with self.subTest(head), self.client() as client:
                client.send(b"HEAD /first HTTP/1.1\r\nHost: a\r\n\r\n")
                client.read_response("HEAD")
                client.send(head)
                self.assertGreater(len(client.read_response().content), 0)

    def test_the_admin_address_does_the_same(self):
        self.start()
        from rawclient import Client
        with Client(self.larder.admin_port) as client:
            client.send(b"HEAD / HTTP/3.0\r\n\r\n")
            client.read_response("HEAD")
            self.assertTrue(client.ends())
        with Client(self.larder.admin_port) as client:
            client.send(b"HEAD /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.read_response("HEAD")
            client.send(b"GET / HTTP/3.0\r\n\r\n")
            self.assertGreater(len(client.read_response().content), 0)


if __name__ == "__main__":
    unittest.main()
