# SPDX-License-Identifier: Apache-2.0
"""Parts of responses: stored, served, put together, completed (RFC 9111 section 3.3 and 3.4)."""
import re
import unittest

from case import FRESH, LarderCase
from origin import CLOSE, Reply

CONTENT = bytes(range(256)) * 1024  # 256 KB


class RangedOrigin:
    """Answers ranges of `content`, honours If-Range and If-None-Match, and remembers what was asked."""

    def __init__(self, content=CONTENT, tag='"1"', fields=(FRESH,)):
        self.content = content
        self.tag = tag
        self.fields = list(fields)
        self.asked = []

    def __call__(self, request):
        fields = self.fields + ([("ETag", self.tag)] if self.tag else [])
        wanted = request.field("Range")
        self.asked.append((wanted, request.field("If-Range"), request.field("If-None-Match")))
        if self.tag and request.field("If-None-Match") == self.tag:
            return Reply(304, fields=fields)
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted or "")
        if match and request.field("If-Range") in (None, self.tag):
            first, last = match.groups()
            count = len(self.content)
            start = int(first) if first else count - int(last)
            end = int(last) + 1 if first and last else count
            end = min(end, count)
            return Reply(206, fields=fields + [("Content-Range", f"bytes {start}-{end - 1}/{count}")],
                         content=self.content[start:end], reason="Partial Content")
        return Reply(fields=fields, content=self.content)


class Partial(LarderCase):
    def serve(self, ranged=None, **parts):
        self.start(**parts)
        self.ranged = ranged or RangedOrigin()
        self.origin.on("/a", self.ranged)

    def range(self, start, end, *fields):
        """Asks for the bytes from `start` up to `end` and checks them."""
        response = self.get("/a", ("Range", f"bytes={start}-{end - 1}"), *fields)
        self.assertEqual(response.status, 206)
        self.assertEqual(response.field("Content-Range"), f"bytes {start}-{end - 1}/{len(self.ranged.content)}")
        self.assertTrue(response.content == self.ranged.content[start:end], "other bytes")
        return response

    def test_a_part_answers_ranges_within_it(self):
        self.serve()
        first = self.range(1000, 2000)
        self.assert_forwarded(first, "uri-miss")
        for start, end in ((1000, 2000), (1000, 1001), (1500, 1999), (1999, 2000)):
            self.assert_hit(self.range(start, end))
        self.assert_forwarded(self.range(1500, 2001), "partial")
        self.assertEqual(len(self.ranged.asked), 2)

    def test_a_last_part_answers_suffixes_and_open_ranges(self):
        self.serve()
        count = len(CONTENT)
        self.get("/a", ("Range", "bytes=-500"))
        for wanted, start in (("bytes=-500", 500), ("bytes=-1", 1), (f"bytes={count - 3}-", 3)):
            response = self.get("/a", ("Range", wanted))
            self.assert_hit(response)
            self.assertTrue(response.content == CONTENT[-start:], wanted)
        self.assertEqual(len(self.ranged.asked), 1)

    def test_several_ranges_from_parts(self):
        self.serve()
        self.range(0, 100)
        self.range(1000, 1100)
        response = self.get("/a", ("Range", "bytes=10-19,1000-1009"))
        self.assert_hit(response)
        self.assertIn("multipart/byteranges", response.field("Content-Type"))
        self.assertIn(CONTENT[10:20], response.content)
        self.assert_forwarded(self.get("/a", ("Range", "bytes=10-19,500-509")), "partial")

    def test_parts_of_one_version_are_put_together(self):
        self.serve()
        for start, end in ((0, 70_000), (140_000, 200_000), (60_000, 150_000)):
            self.range(start, end)
        self.assert_hit(self.range(0, 200_000))
        self.range(200_000, len(CONTENT))
        whole = self.get("/a")
        self.assert_hit(whole)
        self.assertEqual((whole.status, whole.reason), (200, "OK"))
        self.assertTrue(whole.content == CONTENT)
        self.assertIsNone(whole.field("Content-Range"))
        self.assertEqual(len(self.ranged.asked), 4)

    def test_what_is_missing_is_fetched_alone(self):
        for held, missing in (((0, 100_000), "bytes=100000-"), ((100_000, len(CONTENT)), "bytes=0-99999"),
                              ((50_000, 60_000), "bytes=0-")):
            with self.subTest(missing):
                self.serve()
                self.range(*held)
                whole = self.get("/a")
                self.assert_forwarded(whole, "partial")
                self.assertEqual((whole.status, whole.field("Content-Length")), (200, str(len(CONTENT))))
                self.assertTrue(whole.content == CONTENT)
                self.assertEqual(self.ranged.asked[1], (missing, '"1"', None))
                again = self.get("/a")
                self.assert_hit(again)
                self.assertTrue(again.content == CONTENT)

    def test_one_completes_for_all_who_wait(self):
        self.serve()
        self.range(0, 100_000)
        for response in self.in_parallel(8, lambda number: self.get("/a"))():
            self.assertTrue(response.content == CONTENT)
        self.assertEqual(len(self.ranged.asked), 2)

    def test_a_new_version_replaces_the_parts_of_the_old(self):
        self.serve()
        self.range(0, 1000)
        self.ranged.tag, self.ranged.content = '"2"', CONTENT[::-1]
        self.assertTrue(self.get("/a").content == CONTENT[::-1])
        self.assertEqual(self.ranged.asked[1], ("bytes=1000-", '"1"', None))
        self.assert_hit(self.range(0, 1000))

    def test_parts_of_different_versions_are_not_mixed(self):
        self.serve()
        self.range(0, 1000)
        self.ranged.tag, self.ranged.content = '"2"', CONTENT[::-1]
        self.range(1000, 2000)
        self.range(0, 1000)
        self.assert_hit(self.range(0, 2000))

    def test_an_origin_that_ignores_if_range_is_asked_for_the_whole(self):
        self.serve()
        self.range(0, 1000)
        old, self.ranged = self.ranged, RangedOrigin(CONTENT[::-1], '"2"')

        def careless(request):
            request.fields[:] = [line for line in request.fields if line[0].lower() != "if-range"]
            return self.ranged(request)
        self.origin.on("/a", careless)
        self.assertTrue(self.get("/a").content == CONTENT[::-1])
        self.assertEqual([wanted for wanted, _, _ in self.ranged.asked], ["bytes=1000-", None])
        self.assert_hit(self.get("/a"))

    def test_without_a_strong_validator_parts_are_used_but_not_combined(self):
        for tag in (None, 'W/"1"'):
            with self.subTest(tag):
                self.serve(RangedOrigin(tag=tag))
                self.range(0, 1000)
                self.assert_hit(self.range(10, 20))
                self.range(1000, 2000)
                self.assert_hit(self.range(1000, 2000))
                self.assert_forwarded(self.range(0, 1000), "partial")
                self.assertTrue(self.get("/a").content == CONTENT)
                self.assertIsNone(self.ranged.asked[-1][0])

    def test_a_stale_part_is_validated(self):
        self.serve(RangedOrigin(fields=[("Cache-Control", "max-age=60"), ("Age", "60")]))
        self.range(0, 1000)
        again = self.range(10, 20)
        self.assert_forwarded(again, "stale")
        self.assertEqual(again.cache.get("fwd-status"), "304")
        self.assertEqual(self.ranged.asked[1], ("bytes=10-19", None, '"1"'))
        self.ranged.tag, self.ranged.content = '"2"', CONTENT[::-1]
        self.range(10, 20)

    def test_a_stale_part_serves_when_the_origin_is_gone(self):
        self.serve(RangedOrigin(fields=[("Cache-Control", "max-age=60, stale-if-error=600"), ("Age", "60")]))
        self.range(0, 1000)
        self.origin.close()
        self.assert_forwarded(self.range(10, 20), "stale")
        self.assertEqual(self.get("/a").status, 502)

    def test_head_and_conditions_are_not_answered_from_parts(self):
        self.serve()
        self.range(0, 1000)
        self.assert_forwarded(self.ask("HEAD", "/a"), "partial")
        self.assertEqual(self.get("/a", ("If-None-Match", '"1"'), ("Range", "bytes=0-9")).status, 304)

    def test_if_range_of_another_version_gets_the_whole(self):
        self.serve()
        self.range(0, 1000)
        response = self.get("/a", ("Range", "bytes=0-9"), ("If-Range", '"0"'))
        self.assertEqual(response.status, 200)
        self.assertTrue(response.content == CONTENT)

    def test_unsatisfiable_range_goes_to_the_origin(self):
        self.serve()
        self.range(0, 1000)
        self.origin.on("/a", Reply(416, fields=[("Content-Range", f"bytes */{len(CONTENT)}")]))
        self.assertEqual(self.get("/a", ("Range", "bytes=999999-")).status, 416)

    def test_parts_that_contradict_themselves_are_not_stored(self):
        self.start()
        replies = {
            "/short": Reply(206, fields=[FRESH, ("Content-Range", "bytes 4-9/10")], content=b"01234"),
            "/unknown": Reply(206, fields=[FRESH, ("Content-Range", "bytes 0-4/*")], content=b"01234"),
            "/chunked": Reply(206, fields=[FRESH, ("Content-Range", "bytes 0-4/10")], content=b"01234",
                              framing="chunked"),
            "/none": Reply(206, fields=[FRESH], content=b"01234"),
            "/several": Reply(206, fields=[FRESH, ("Content-Type", "multipart/byteranges; boundary=x"),
                                           ("Content-Range", "bytes 0-4/10")], content=b"01234"),
            "/no-store": Reply(206, fields=[("Cache-Control", "no-store"), ("Content-Range", "bytes 0-4/10")],
                               content=b"01234"),
        }
        for path, reply in replies.items():
            with self.subTest(path):
                self.origin.on(path, reply)
                first = self.get(path, ("Range", "bytes=0-4"))
                self.assertEqual((first.status, first.content), (206, b"01234"))
                self.assertIn(first.cache.get("detail"), ("partial", "no-store"))
                self.assert_forwarded(self.get(path, ("Range", "bytes=0-4")))
                self.assertEqual(self.origin.count(path), 2)

    def test_a_part_that_nobody_asked_for_is_not_stored(self):
        self.start()
        self.origin.on("/a", Reply(206, fields=[FRESH, ("Content-Range", "bytes 0-4/10")], content=b"01234"))
        self.get("/a")
        self.assert_forwarded(self.get("/a", ("Range", "bytes=0-4")))

    def test_a_broken_part_is_not_stored(self):
        self.start()
        head = (b"HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nETag: \"1\"\r\n"
                b"Content-Range: bytes 0-9/20\r\nContent-Length: 10\r\n\r\n")
        self.origin.on("/a", Reply(raw=[head, b"01234", CLOSE]), Reply(content=b"x"))
        with self.assertRaises(Exception):
            self.get("/a", ("Range", "bytes=0-9"))
        self.assertEqual(self.get("/a", ("Range", "bytes=0-4")).content, b"x")

    def test_a_completion_that_breaks_is_seen_and_not_stored(self):
        self.serve()
        self.range(0, 1000)
        head = (b"HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nETag: \"1\"\r\n"
                b"Content-Range: bytes 1000-262143/262144\r\nContent-Length: 261144\r\n\r\n")
        self.origin.on("/a", Reply(raw=[head, b"01234", CLOSE]), self.ranged)
        with self.assertRaises(Exception):
            self.get("/a")
        self.assertTrue(self.get("/a").content == CONTENT)

    def test_invalidation_reaches_parts(self):
        self.serve(RangedOrigin(fields=[FRESH, ("Surrogate-Key", "page")]))
        self.range(0, 1000)
        self.assertEqual(self.ask("DELETE", "/a").status, 200)
        self.ranged.tag, self.ranged.content = '"2"', CONTENT[::-1]
        self.assert_forwarded(self.range(0, 1000), "uri-miss")

    def test_variants_have_their_own_parts(self):
        self.start()
        pages = {"de": RangedOrigin(CONTENT, '"d"', [FRESH, ("Vary", "X-A")]),
                 "en": RangedOrigin(CONTENT[::-1], '"e"', [FRESH, ("Vary", "X-A")])}
        self.origin.on("/a", lambda request: pages[request.field("X-A")](request))
        for name in ("de", "en", "de", "en"):
            self.ranged = pages[name]
            self.range(0, 1000, ("X-A", name))
        for name, page in pages.items():
            self.assertEqual(len(page.asked), 1)
            self.assertTrue(self.get("/a", ("X-A", name)).content == page.content)

    def test_it_can_be_turned_off(self):
        self.serve(route="store_partial off")
        self.range(0, 1000)
        again = self.range(0, 1000)
        self.assert_forwarded(again, "uri-miss")
        self.assertEqual(again.cache.get("detail"), "partial")

    def test_memory_is_bounded(self):
        self.serve(top="memory 16MB max_object=64KB")
        self.range(0, 60_000)
        self.range(60_000, 120_000)
        self.assert_hit(self.range(60_000, 120_000))
        self.assert_forwarded(self.range(0, 60_000), "partial")
        self.assertEqual(self.range(0, 70_000).cache.get("detail"), "partial")
        whole = self.get("/a")
        self.assertTrue(whole.content == CONTENT)
        self.assertIsNone(self.ranged.asked[-1][0])


if __name__ == "__main__":
    unittest.main()
