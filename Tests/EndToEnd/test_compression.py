# SPDX-License-Identifier: Apache-2.0
"""Content codings: what clients ask for, what origins send, and that the body is always the same in the end."""
import contextlib
import gzip
import json
import random
import shutil
import subprocess
import threading
import unittest
import urllib.request
import zlib

from case import FRESH, LarderCase
from covering import covers
from origin import Reply
from rawclient import Client, once
from redisserver import RedisServer
from waiting import until

JSON = ("Content-Type", "application/json")
NODE = shutil.which("node")
CODINGS = ("br", "gzip", "deflate", None)


def text(count, seed=1):
    """JSON of about this length."""
    chance = random.Random(seed)
    items = []
    size = 0
    while size < count:
        items.append({"id": chance.randrange(10 ** 6), "name": f"user {chance.randrange(1000)}", "active": True,
                      "role": chance.choice(["admin", "editor", "reader"])})
        size += len(json.dumps(items[-1])) + 2
    return json.dumps(items).encode()


def unbrotli(content):
    """By Node, which has a decoder of its own; None where there is no Node."""
    if NODE is None:
        return None
    script = ("const c=[];process.stdin.on('data',d=>c.push(d)).on('end',()=>"
              "process.stdout.write(require('zlib').brotliDecompressSync(Buffer.concat(c))))")
    return subprocess.run([NODE, "-e", script], input=content, capture_output=True, check=True, timeout=30).stdout


def plain(response):
    coding = response.field("Content-Encoding")
    if coding is None:
        return response.content
    return {"gzip": gzip.decompress, "deflate": zlib.decompress, "br": unbrotli}[coding](response.content)


def accepts(coding):
    return [("Accept-Encoding", coding)] if coding else []


class NegotiationTests(LarderCase):
    def setUp(self):
        super().setUp()
        self.body = text(10_000)
        self.origin = self.start_origin()

    def serve(self, *fields, content=None, **parts):
        self.start(**parts)
        self.origin.on("/", Reply(fields=[JSON, FRESH, *fields], content=self.body if content is None else content))

    def get(self, accepted, *fields, method="GET"):
        return once(self.larder.port, method, "/", [*accepts(accepted), *fields])

    def test_the_best_coding_is_sent_and_one_fetch_serves_all(self):
        self.serve()
        for accepted, coding in [("br, gzip", "br"), ("gzip", "gzip"), ("deflate", "deflate"), ("gzip;q=0.5, br;q=0.1",
                                 "gzip"), (None, None), ("identity", None), ("zstd", None), ("*;q=0", None)]:
            for _ in range(2):
                response = self.get(accepted)
                self.assertEqual(response.field("Content-Encoding"), coding, accepted)
                self.assertIn("accept-encoding", [name.lower() for name in response.fields.tokens("Vary")])
                if coding != "br" or NODE:
                    self.assertEqual(plain(response), self.body)
                if coding:
                    self.assertLess(len(response.content), len(self.body) / 5)
        self.assertEqual(self.origin.count("/"), 1)
        self.assertEqual(self.origin.last("/").field("Accept-Encoding"), "identity")

    def test_head_tells_what_get_would_send(self):
        self.serve()
        self.get("gzip")
        for coding in CODINGS:
            got, head = self.get(coding), self.get(coding, method="HEAD")
            for name in ("Content-Encoding", "Content-Length", "ETag", "Vary"):
                self.assertEqual(head.field(name), got.field(name))
            self.assertEqual(head.content, b"")

    def test_validators_find_their_way_back(self):
        self.serve(("ETag", '"v1"'))
        self.get("gzip")
        for coding in CODINGS:
            tag = self.get(coding).field("ETag")
            self.assertEqual(tag, 'W/"v1"' if coding else '"v1"')
            for other in CODINGS:
                response = self.get(other, ("If-None-Match", tag))
                self.assertEqual(response.status, 304)
                self.assertEqual(response.field("Vary"), "Accept-Encoding")
                self.assertEqual(response.field("ETag"), 'W/"v1"' if other else '"v1"')
                self.assertIsNone(response.field("Content-Encoding"))
        # A coded body is no basis for a range, and its tag no strong validator (RFC 9110 §13.1.5).
        response = self.get("gzip", ("Range", "bytes=0-9"), ("If-Range", 'W/"v1"'))
        self.assertEqual((response.status, response.content), (200, self.body))

    def test_if_match_reaches_the_origin_as_it_was(self):
        self.serve(("ETag", '"v1"'))
        tag = self.get("gzip").field("ETag")
        self.origin.on("/", Reply(status=204))
        once(self.larder.port, "PUT", "/", [("If-Match", tag), *accepts("gzip")], content=b"x")
        self.assertEqual(self.origin.last("/").field("If-Match"), '"v1"')

    def test_ranges_are_of_the_plain_body(self):
        self.serve(("ETag", '"v1"'))
        self.get("br")
        for coding in CODINGS:
            response = self.get(coding, ("Range", "bytes=100-299"))
            self.assertEqual((response.status, response.content), (206, self.body[100:300]))
            self.assertIsNone(response.field("Content-Encoding"))
            self.assertEqual(response.field("ETag"), '"v1"')
            self.assertEqual(response.field("Vary"), "Accept-Encoding")

    def test_what_must_stay_as_it_is(self):
        self.start(route="compress br gzip min=2KB exclude=/excluded")
        for path, fields, content in [
                ("/small", [JSON], text(1500)), ("/picture", [("Content-Type", "image/png")], self.body),
                ("/untyped", [], self.body), ("/excluded", [JSON], self.body),
                ("/no-transform", [JSON, ("Cache-Control", "no-transform")], self.body),
                ("/digest", [JSON, ("Repr-Digest", "sha-256=:AA==:")], self.body),
                ("/strange", [JSON, ("Content-Encoding", "compress")], self.body)]:
            self.origin.on(path, Reply(fields=[FRESH, ("ETag", '"v"'), *fields], content=content))
            for _ in range(2):
                response = once(self.larder.port, "GET", path, accepts("br, gzip"))
                self.assertEqual(response.content, content, path)
                self.assertEqual(response.field("ETag"), '"v"')
                if path != "/strange":
                    self.assertIsNone(response.field("Content-Encoding"), path)

    def test_clients_opt_out(self):
        self.serve()
        for _ in range(2):
            self.assertEqual(self.get("gzip", ("X-No-Compression", "1")).content, self.body)
            self.assertEqual(self.get("gzip", ("Cache-Control", "no-transform")).content, self.body)
            self.assertEqual(self.get("gzip").field("Content-Encoding"), "gzip")

    def test_off_leaves_everything_to_the_origin(self):
        self.serve(("Vary", "Accept-Encoding"), route="compress off")
        response = self.get("br, gzip")
        self.assertIsNone(response.field("Content-Encoding"))
        self.assertEqual(self.origin.last("/").field("Accept-Encoding"), "br, gzip")
        self.get("gzip")
        self.assertEqual(self.origin.count("/"), 2)

    def test_other_reasons_to_vary_stay(self):
        self.serve(("Vary", "Accept-Language"))
        self.get("gzip", ("Accept-Language", "de"))
        response = self.get("gzip", ("Accept-Language", "fr"))
        self.assertEqual(sorted(response.fields.tokens("Vary")), ["accept-encoding", "accept-language"])
        self.assertEqual(self.origin.count("/"), 2)

    def test_a_confirmed_body_keeps_its_codings(self):
        self.start()
        first = Reply(fields=[JSON, ("Cache-Control", "max-age=0, stale-if-error=0"), ("ETag", '"v1"')],
                      content=self.body)
        confirmed = Reply(status=304, fields=[("Cache-Control", "max-age=300"), ("ETag", '"v1"'), ("X-New", "1")])
        self.origin.on("/", first, confirmed)
        self.get("gzip")
        response = self.get("gzip")
        self.assertEqual(response.field("X-New"), "1")
        self.assertEqual(plain(response), self.body)
        self.assertEqual(self.origin.last("/").field("If-None-Match"), '"v1"')
        self.assertEqual(self.get("gzip").field("Content-Encoding"), "gzip")

    def test_an_origins_304_to_the_clients_validator(self):
        self.start(route="pass")
        self.origin.on("/", Reply(status=304, fields=[("ETag", '"v1"')]))
        response = self.get("gzip", ("If-None-Match", 'W/"v1"'))
        self.assertEqual((response.status, response.field("ETag")), (304, 'W/"v1"'))
        self.assertEqual(response.field("Vary"), "Accept-Encoding")
        self.assertEqual(self.get("gzip", ("If-None-Match", '"v1"')).field("ETag"), '"v1"')


class CodedOriginTests(LarderCase):
    """The origin compresses, whatever it was asked for."""

    def setUp(self):
        super().setUp()
        self.body = text(50_000)
        self.start(top="memory 64MB max_object=4MB")

    def answer(self, path, content, coding="gzip", framing="length", cache=FRESH):
        self.origin.on(path, Reply(fields=[JSON, cache, ("Content-Encoding", coding), ("ETag", '"v"')],
                                   content=content, framing=framing))

    def test_a_coded_body_is_kept_as_it_came_and_decoded_for_those_who_need_it(self):
        coded = gzip.compress(self.body)
        for framing in ("length", "chunked"):
            for order in (("gzip", None, "br"), (None, "br", "gzip")):
                path = f"/{framing}-{order[0]}"
                self.answer(path, coded, framing=framing)
                for accepted in order * 2:
                    response = once(self.larder.port, "GET", path, accepts(accepted))
                    self.assertEqual(plain(response), self.body)
                    if accepted == "gzip":
                        self.assertEqual((response.content, response.field("ETag")), (coded, '"v"'))
                    else:
                        self.assertIsNone(response.field("Content-Encoding"))
                        self.assertEqual(response.field("ETag"), 'W/"v"')
                self.assertEqual(self.origin.count(path), 1)

    def test_a_damaged_body_is_not_stored_and_a_clear_502_for_who_needs_it_decoded(self):
        coded = bytearray(gzip.compress(text(30_000)))
        coded[len(coded) // 2] ^= 0xFF
        for path, content in (("/damaged", bytes(coded)), ("/cut", gzip.compress(self.body)[:-9]),
                              ("/none", b"this is no gzip at all, but it says so")):
            self.answer(path, content)
            self.assertEqual(once(self.larder.port, "GET", path, accepts("gzip")).content, content)
            for _ in range(2):
                try:
                    self.assertEqual(once(self.larder.port, "GET", path).status, 502)
                except (ConnectionError, EOFError, OSError, ValueError) as error:
                    # Its head had left before the damage came.
                    self.assertNotEqual(path, "/none", error)
                except Exception as error:
                    self.assertEqual(type(error).__name__, "Broken")
            self.assertEqual(self.origin.count(path), 3)

    def test_a_bomb_ends_at_its_limit(self):
        bomb = gzip.compress(b"\0" * (64 << 20))
        self.answer("/bomb", bomb)
        before = self.larder.resident_bytes()
        try:
            response = once(self.larder.port, "GET", "/bomb")
            self.assertEqual(response.status, 502)
        except Exception as error:
            self.assertIn(type(error).__name__, ("Broken", "ConnectionResetError"))
        self.assertLess(self.larder.resident_bytes() - before, 48 << 20)
        self.assertEqual(once(self.larder.port, "GET", "/bomb", accepts("gzip")).content, bomb)


class StreamTests(LarderCase):
    def test_no_event_is_held_back(self):
        self.start()
        for path, cache in (("/private", ("Cache-Control", "no-store")), ("/shared", FRESH)):
            gate = threading.Event()
            events = [f"data: {number}\n\n".encode() for number in range(3)]
            self.origin.on(path, Reply(fields=[("Content-Type", "text/event-stream"), cache], framing="chunked",
                                       pieces=[events[0], gate, events[1], events[2]]))
            with Client(self.larder.port) as client:
                client.send_request("GET", path, accepts("gzip"))
                head = client.read_final_head()
                self.assertEqual(head.field("Content-Encoding"), "gzip")
                decoder = zlib.decompressobj(31)
                chunks = client.reader.chunks()
                got = b""
                while events[0] not in got:
                    got += decoder.decompress(next(chunks))
                gate.set()
                for chunk in chunks:
                    got += decoder.decompress(chunk)
                self.assertEqual(got, b"".join(events))

    def test_followers_share_one_compressed_stream(self):
        self.start()
        body = text(400_000)
        gate = threading.Event()
        self.origin.on("/", Reply(fields=[JSON, FRESH], framing="chunked", pieces=[body[:9000], gate, body[9000:]]))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(self.larder.port)) for _ in range(12)]
            for number, client in enumerate(clients):
                client.send_request("GET", "/", accepts(CODINGS[number % 4]))
            # All of them follow before the rest comes: what is whole already goes out plain while it is coded.
            responses = [client.read_final_head() for client in clients]
            gate.set()
            for number, (client, response) in enumerate(zip(clients, responses)):
                client.read_content(response)
                self.assertEqual(response.field("Content-Encoding"), CODINGS[number % 4])
                if NODE or CODINGS[number % 4] != "br":
                    self.assertEqual(plain(response), body)
        self.assertEqual(self.origin.count("/"), 1)


class LadderTests(LarderCase):
    @covers("route/compress.climb")
    def test_what_is_asked_for_again_and_again_gets_smaller(self):
        self.start(route="compress br gzip climb=5")
        body = text(100_000)
        self.origin.on("/", Reply(fields=[JSON, FRESH], content=body))
        sizes = {"br": [], "gzip": []}

        def smaller():
            for coding, seen in sizes.items():
                seen.append(len(once(self.larder.port, "GET", "/", accepts(coding)).content))
            return sizes["br"][-1] < sizes["br"][0]
        until(smaller, "the form in br gets smaller")
        self.assertLess(sizes["br"][-1], sizes["br"][0] * 0.95)
        if NODE:
            self.assertEqual(plain(once(self.larder.port, "GET", "/", accepts("br"))), body)
        self.assertEqual(self.origin.count("/"), 1)


class MetricsTests(LarderCase):
    @covers("metric larder_coded_answers_total", "metric larder_coded_bytes_total", "metric larder_coding_saved_bytes_total",
            "metric larder_coding_input_bytes_total", "metric larder_coding_output_bytes_total", "metric larder_coding_seconds_total",
            "metric larder_recoded_total", "metric larder_recoding_input_bytes_total", "metric larder_recoding_output_bytes_total",
            "metric larder_recoding_seconds_total")
    def test_what_was_saved_is_told_by_route_and_coding(self):
        self.start(route="compress br gzip climb=5")
        body = text(20_000)
        self.origin.on("/kept", Reply(fields=[JSON, FRESH], content=body))
        self.origin.on("/passed", Reply(fields=[JSON, ("Cache-Control", "no-store")], content=body))
        sent = 0
        for path in ["/kept"] * 10 + ["/passed"] * 3:
            sent += len(once(self.larder.port, "GET", path, accepts("gzip")).content)

        def figures():
            lines = self.larder.admin("GET", "/metrics").content.decode().splitlines()
            return dict(line.rsplit(" ", 1) for line in lines if line.startswith(("larder_cod", "larder_reco")))
        of = '{route="/*",coding="gzip"}'
        found = until(lambda: (lambda seen: seen if seen.get('larder_recoded_total{route="/*",coding="gzip",result="made"}') == "1" else None)(
            figures()), "one body was coded again")
        self.assertEqual(found["larder_coded_answers_total" + of], "13")
        self.assertEqual(int(found["larder_coding_saved_bytes_total" + of]), 13 * len(body) - sent)
        self.assertEqual(int(found["larder_coded_bytes_total" + of]), sent)
        self.assertEqual(int(found["larder_recoding_input_bytes_total" + of]), len(body))
        self.assertLess(int(found["larder_recoding_output_bytes_total" + of]), len(body) / 5)
        self.assertGreater(float(found["larder_recoding_seconds_total" + of]), 0)
        self.assertEqual(int(found["larder_coding_input_bytes_total" + of]), 4 * len(body))
        self.assertLess(int(found["larder_coding_output_bytes_total" + of]), len(body))
        self.assertGreater(float(found["larder_coding_seconds_total" + of]), 0)
        self.assertEqual(found["larder_recoding_queue"], "0")


class EveryWayTests(LarderCase):
    """Whatever the coding, method, framing and history: the body is the origin's, byte for byte."""

    def random_reply(self, chance, number, caches):
        """A body, the answer that carries it, and whether parts of it can be asked for."""
        count = chance.choice([0, 1, 900, 1024, 5000, 70_000, 300_000])
        body = text(count, number)[:count] if chance.random() < 0.7 else chance.randbytes(count)
        origin_coding = chance.choice([None, None, "gzip", "deflate"])
        coded = {"gzip": gzip.compress, "deflate": zlib.compress}.get(origin_coding, bytes)(body)
        fields = [JSON, chance.choice(caches), ("ETag", f'"{number}"')]
        if origin_coding:
            fields.append(("Content-Encoding", origin_coding))
        if chance.random() < 0.5:
            cuts = sorted(chance.randrange(len(coded) + 1) for _ in range(chance.randrange(4)))
            pieces = [coded[a:b] for a, b in zip([0, *cuts], [*cuts, len(coded)]) if a < b]
            return body, Reply(fields=fields, framing="chunked", pieces=pieces), origin_coding is None
        return body, Reply(fields=fields, content=coded), origin_coding is None

    def test_random_bodies_come_back_the_same(self):
        self.start(top="memory 64MB max_object=2MB")
        chance = random.Random(7)
        for number in range(24):
            path = f"/{number}"
            body, reply, may_have_parts = self.random_reply(
                chance, number, [FRESH, FRESH, ("Cache-Control", "no-store")])
            self.origin.on(path, reply)
            for _ in range(6):
                coding = chance.choice(CODINGS if NODE else CODINGS[1:])
                self.check(path, body, coding, chance, may_have_parts)

    @unittest.skipUnless(RedisServer.is_installed(), "there is no redis-server")
    def test_random_bodies_come_back_the_same_from_redis(self):
        redis = RedisServer()
        self.addCleanup(redis.close)
        top = f"redis redis://127.0.0.1:{redis.port} prefix=t timeout=1s\nnodes lease=1s\nmemory 64MB max_object=2MB"
        chance = random.Random(8)
        bodies = {}
        first = self.start(top=top, route="key host=off")
        until(lambda: first.admin_json("GET", "/nodes")["log"]["following"], "the log is followed")
        for number in range(16):
            path = f"/{number}"
            bodies[path], reply, may_have_parts = self.random_reply(chance, number, [FRESH])
            self.origin.on(path, reply)
            for coding in chance.sample(CODINGS if NODE else CODINGS[1:], 2):
                self.check(path, bodies[path], coding, chance, may_have_parts)
        until(lambda: self.kept(first) >= 16, "all is kept")
        second = self.start(top=top, route="key host=off")
        until(lambda: second.admin_json("GET", "/nodes")["log"]["following"], "the log is followed")
        for path, body in bodies.items():
            for coding in chance.sample(CODINGS if NODE else CODINGS[1:], 3 if NODE else 2):
                self.check(path, body, coding, chance, may_have_parts=False)
            self.assertEqual(self.origin.count(path), 1, path)

    def kept(self, larder):
        lines = larder.admin("GET", "/metrics").content.decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines
                   if line.startswith("larder_l2_writes_total{") and 'result="written"' in line)

    def check(self, path, body, coding, chance, may_have_parts):
        response = once(self.larder.port, "GET", path, accepts(coding))
        self.assertEqual(response.status, 200)
        self.assertIn(response.field("Content-Encoding"), (coding, None))
        self.assertEqual(plain(response), body, (path, coding))
        head = once(self.larder.port, "HEAD", path, accepts(coding))
        self.assertEqual(head.content, b"")
        tag = response.field("ETag")
        if response.cache.get("hit"):
            again = once(self.larder.port, "GET", path, [*accepts(coding), ("If-None-Match", tag)])
            self.assertEqual((again.status, again.content), (304, b""))
            if may_have_parts and len(body) > 10:
                start = chance.randrange(len(body) - 1)
                part = once(self.larder.port, "GET", path, [*accepts(coding), ("Range", f"bytes={start}-")])
                self.assertEqual((part.status, part.content), (206, body[start:]))


class OtherClientsTests(LarderCase):
    def setUp(self):
        super().setUp()
        self.body = text(60_000)
        self.start()
        self.origin.on("/", Reply(fields=[JSON, FRESH], content=self.body))
        self.url = f"http://127.0.0.1:{self.larder.port}/"

    def test_curl_decodes_what_it_asked_for(self):
        for options in (["--compressed"], ["--compressed", "-H", "Accept-Encoding: gzip"], []):
            for _ in range(2):
                done = subprocess.run(["curl", "-sS", *options, self.url], capture_output=True, check=True, timeout=20)
                self.assertEqual(done.stdout, self.body)

    def test_python_fetches_it(self):
        for coding in ("gzip", "deflate"):
            for _ in range(2):
                request = urllib.request.Request(self.url, headers={"Accept-Encoding": coding})
                with urllib.request.urlopen(request, timeout=20) as response:
                    self.assertEqual(response.headers["Content-Encoding"], coding)
                    decode = gzip.decompress if coding == "gzip" else zlib.decompress
                    self.assertEqual(decode(response.read()), self.body)

    @unittest.skipUnless(NODE, "node is not installed")
    def test_node_fetches_it(self):
        script = "fetch(process.argv[1]).then(r=>r.text()).then(t=>process.stdout.write(t))"
        for _ in range(2):
            done = subprocess.run([NODE, "-e", script, self.url], capture_output=True, check=True, timeout=20)
            self.assertEqual(done.stdout, self.body)
        self.assertEqual(self.origin.count("/"), 1)


if __name__ == "__main__":
    unittest.main()
