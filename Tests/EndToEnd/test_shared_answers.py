# SPDX-License-Identifier: Apache-2.0
"""What one request says beside its key decides its own answer, and not what others get."""
import threading
import time
import unittest

from case import FRESH, LarderCase
from covering import covers
from origin import CLOSE, Reply
from waiting import until


class OwnAnswers(LarderCase):
    def said(self, reason):
        self.assertIn(f'reason="{reason}"', self.larder.admin("GET", "/metrics").content.decode())

    @covers("not-stored request-specific")
    def test_preconditions_are_the_origins_and_nobody_elses(self):
        self.start(route="ttl 1m")
        self.origin.default = lambda request: Reply(
            fields=[FRESH, ("ETag", '"v"')], content=b"own" if request.field("X-Own") else b"all")
        self.get("/a")
        for field in (("If-Match", '"v"'), ("If-Unmodified-Since", "Mon, 01 Jun 2026 12:00:00 GMT")):
            response = self.get("/a", ("X-Own", "1"), field)
            self.assertEqual((response.content, response.cache.get("detail")), (b"own", "request-specific"))
            self.assertEqual(self.get("/a").content, b"all")
            self.assertEqual(self.ask("HEAD", "/a", [("X-Own", "1"), field]).status, 200)
            self.assert_hit(self.get("/a"))
        self.said("request-specific")

    @covers("not-stored request-form")
    def test_what_judges_a_request_is_for_it_alone(self):
        self.start(route="ttl 1m force\nttl 400 1m")
        self.origin.default = lambda request: (
            Reply(431 if request.path == "/a" else 400, [FRESH], b"own") if request.field("X-Long")
            else Reply(fields=[FRESH], content=b"all"))
        response = self.get("/a", ("X-Long", "x" * 9000))
        self.assertEqual((response.status, response.cache.get("detail")), (431, "request-form"))
        self.assertEqual(self.get("/a").content, b"all")
        self.said("request-form")
        # The operator has named this one.
        self.assertEqual(self.get("/b", ("X-Long", "x" * 9000)).status, 400)
        self.assertEqual(self.get("/b").status, 400)

    # Storable by its ETag, and not to be reused without a word from the origin.
    ASKED_EACH_TIME = ("no-cache", "no-cache, max-age=60", "max-age=0", "public, max-age=0", "s-maxage=0",
                       "must-revalidate", "max-age=0, must-revalidate", "public, no-cache", None)

    def test_who_waits_gets_no_answer_that_must_be_asked_for(self):
        self.start()
        for number, directives in enumerate(self.ASKED_EACH_TIME):
            for name in ("Cookie", "Authorization"):
                with self.subTest(directives=directives, differ_in=name):
                    self.own_pages(f"/{number}/{name}", directives, name)

    def own_pages(self, path, directives, name):
        gate = threading.Event()
        self.addCleanup(gate.set)

        def page(request):
            user = request.field(name) or "nobody"
            fields = [("ETag", f'"{user}"')] + ([("Cache-Control", directives)] if directives else [])
            if request.field("If-None-Match") == f'"{user}"':
                return Reply(304, fields)
            return Reply(fields=fields, content=f"page of {user}".encode(), gate=gate if user == "A" else None)
        self.origin.on(path, page)
        with self.client() as leader:
            leader.send_request(target=path, fields=[(name, "A")])
            self.origin.wait_for(1, path)
            join = self.in_parallel(3, lambda number: self.get(path, *([(name, "BCD"[number])] if number else [])))
            self.larder.wait_for_readers(4)
            gate.set()
            self.assertEqual(leader.read_response().content, b"page of A")
        users = ("nobody", "C", "D")
        self.assertEqual([answer.content.decode() for answer in join()], [f"page of {user}" for user in users])
        # What is stored by now is confirmed for its own user, while others wait.
        answers = self.in_parallel(4, lambda number: self.get(path, (name, "ADAC"[number])))()
        self.assertEqual([answer.content.decode()[-1] for answer in answers], list("ADAC"))

    @covers("not-stored event-stream")
    def test_events_are_not_collected(self):
        self.start(route="ttl 1m force")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.default = lambda request: Reply(
            fields=[("Content-Type", "text/event-stream")], pieces=[b"data: 1\n\n", gate, b"data: 2\n\n"],
            framing="chunked")
        join = self.in_parallel(3, lambda _: self.get("/events"))
        # Nobody waits for the end of another's events.
        self.origin.wait_for(3)
        gate.set()
        for response in join():
            self.assertEqual((response.content, response.cache.get("detail")),
                             (b"data: 1\n\ndata: 2\n\n", "event-stream"))
        self.said("event-stream")

    @covers("detail upstream-transfer-coding")
    def test_a_transfer_coding_that_is_not_known_is_refused(self):
        self.start(route="ttl 1m")
        for number, coding in enumerate((b"binary", b"gzip", b"chunked, gzip")):
            self.origin.on(f"/{number}", Reply(
                raw=[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + coding + b"\r\n\r\nabc"]))
            response = self.get(f"/{number}")
            self.assertEqual((response.status, response.cache.get("detail")), (502, "upstream-transfer-coding"))
            self.assertNotIn(b"abc", response.content)

    @covers("upstream/unregistered_coding.MODE")
    def test_a_coding_that_is_none_is_taken_as_none_where_that_is_said(self):
        for mode, statuses in (("refuse", [502, 502]), ("ignore", [200, 502])):
            self.start(route="ttl 1m", upstream=f"unregistered_coding {mode}")
            for coding, status in zip((b"binary", b"br"), statuses):
                path = "/" + coding.decode()
                head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + coding + b"\r\n\r\n"
                self.origin.on(path, Reply(raw=[head, b"abc", CLOSE]))
                first, second = self.get(path), self.get(path)
                self.assertEqual((first.status, second.status), (status, status))
                self.assertEqual((second.content == b"abc", bool(second.cache.get("hit"))), (status == 200,) * 2)
                self.assertIsNone(second.field("Transfer-Encoding"))

    def test_content_of_get_is_dropped_and_the_connection_goes_on(self):
        self.start()
        self.origin.default = lambda request: Reply(fields=[FRESH], content=b"own" if request.content else b"all")
        with self.client() as client:
            for method in ("GET", "GET", "HEAD"):
                client.send(f"{method} /a HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n".encode() + b"x" * 40000)
                response = client.read_response(method)
                self.assertEqual((response.status, response.content), (200, b"" if method == "HEAD" else b"all"))
        self.assertEqual(self.origin.count("/a"), 1)
        self.assertEqual(self.origin.last("/a").content, b"")
        self.assertIsNone(self.origin.last("/a").field("Content-Length"))


class Validation(LarderCase):
    def test_what_a_refresh_learns_ends_the_old_answer(self):
        self.start(route="ttl 100ms\nttl 404 1m\nstale while_revalidate=1h")
        for number, reply in enumerate((Reply(410, content=b"new"), Reply(404, content=b"new"),
                                        Reply(fields=[("Cache-Control", "private")], content=b"new"))):
            path = f"/{number}"
            self.origin.on(path, Reply(content=b"old"), reply)
            self.assertEqual(self.get(path).content, b"old")
            time.sleep(0.15)  # the lifetime is over
            self.assertEqual(self.get(path).content, b"old")
            self.origin.wait_for(2, path)
            until(lambda: self.get(path).content == b"new", "the old answer is gone")

    def test_a_purge_overtakes_the_confirmation(self):
        self.start()
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.on("/a", Reply(fields=[("ETag", '"v"'), ("Cache-Control", "no-cache")], content=b"old"),
                       Reply(304, [("ETag", '"v"'), FRESH], gate=gate), Reply(fields=[FRESH], content=b"new"))
        self.get("/a")
        join = self.in_parallel(2, lambda _: self.get("/a"))
        self.origin.wait_for(2, "/a")
        self.larder.invalidate(all=True)
        gate.set()
        self.assertEqual({response.content for response in join()}, {b"new"})

    def test_vary_of_a_304_holds(self):
        self.start()

        def answer(request):
            fields = [("ETag", '"v"'), ("Cache-Control", "max-age=60")]
            if request.field("If-None-Match"):
                return Reply(304, fields + [("Vary", "X-Lang")])
            return Reply(fields=fields + [("Age", "60")], content=request.field("X-Lang", "none").encode())
        self.origin.on("/a", answer)
        self.get("/a", ("X-Lang", "de"))
        self.assertEqual(self.get("/a", ("X-Lang", "de")).content, b"de")
        self.assertEqual(self.get("/a", ("X-Lang", "fr")).content, b"fr")

    def test_a_forced_lifetime_counts_from_receipt(self):
        self.start(route="ttl 1m force")
        self.origin.on("/a", Reply(fields=[("Date", "Mon, 01 Jan 2024 00:00:00 GMT")], content=b"x"))
        self.get("/a")
        response = self.get("/a")
        self.assert_hit(response)
        self.assertGreater(int(response.cache.get("ttl")), 50)
        self.assertGreater(int(response.field("Age")), 1000)


if __name__ == "__main__":
    unittest.main()
