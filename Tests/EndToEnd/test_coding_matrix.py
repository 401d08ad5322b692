# SPDX-License-Identifier: Apache-2.0
"""Every coding, kind of request, place of the body and framing: what comes is the origin's body, byte for byte."""
import base64
import gzip
import itertools
import json
import random
import shutil
import subprocess
import tempfile
import unittest
import zlib

from case import FRESH, LarderCase
from origin import Reply
from rawclient import once
from redisserver import RedisServer
from test_compression import CODINGS, JSON, NODE, accepts, text
from waiting import until

CHROMIUM = shutil.which("chromium")
KINDS = ("GET", "HEAD", "range", "suffix", "if-range", "not modified", "modified")
FRAMINGS = ("length", "chunked")
TAG = '"v1"'


class Brotli:
    """Node's coders, in one process for all."""
    SCRIPT = """
        const {brotliCompressSync, brotliDecompressSync} = require('zlib')
        require('readline').createInterface({input: process.stdin}).on('line', line => {
            const [coder, data] = line.split(' ')
            const make = coder === 'encode' ? brotliCompressSync : brotliDecompressSync
            process.stdout.write(make(Buffer.from(data, 'base64')).toString('base64') + '\\n')
        })"""

    def __init__(self):
        self.node = subprocess.Popen([NODE, "-e", self.SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.node.communicate(timeout=10)

    def code(self, coder, content):
        self.node.stdin.write(f"{coder} {base64.b64encode(content).decode()}\n".encode())
        self.node.stdin.flush()
        return base64.b64decode(self.node.stdout.readline())


class Cell:
    """One body of the origin's, and one request for it."""

    def __init__(self, encoders, number, framing, origin_coding, accepted, kind):
        chance = random.Random(number)
        self.path, self.kind, self.accepted, self.origin_coding = f"/{number}", kind, accepted, origin_coding
        self.framing = framing
        count = chance.choice([1024, 5000, 20_000, 70_000])
        self.body = text(count, number) if chance.random() < 0.8 else chance.randbytes(count)
        self.coded = encoders[origin_coding](self.body)
        # Within coded bodies too.
        self.start = chance.randrange(70)
        self.end = self.start + chance.randrange(70)

    def __str__(self):
        return (f"{self.kind} of {len(self.body)} bytes ({self.framing}) in {self.origin_coding} for a client that takes "
                f"{self.accepted}")

    def reply(self, cache):
        fields = [JSON, cache, ("ETag", TAG), *([("Content-Encoding", self.origin_coding)] if self.origin_coding else [])]
        cuts = [0, len(self.coded) // 3, len(self.coded)]
        pieces = [self.coded[first:second] for first, second in itertools.pairwise(cuts)]
        return Reply(fields=fields, pieces=pieces, framing=self.framing)

    def send(self, port, kind=None):
        fields = {"range": [("Range", f"bytes={self.start}-{self.end}")], "suffix": [("Range", "bytes=-77")],
                  "if-range": [("Range", f"bytes={self.start}-"), ("If-Range", TAG)],
                  "not modified": [("If-None-Match", f"W/{TAG}")], "modified": [("If-None-Match", '"other"')]}
        method = "HEAD" if (kind or self.kind) == "HEAD" else "GET"
        return once(port, method, self.path, [*accepts(self.accepted), *fields.get(kind or self.kind, [])])


class MatrixTests(LarderCase):
    def setUp(self):
        super().setUp()
        self.encoders = {None: bytes, "gzip": gzip.compress, "deflate": zlib.compress}
        self.decoders = {None: bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}
        if NODE:
            brotli = Brotli()
            self.addCleanup(brotli.close)
            self.encoders["br"] = lambda content: brotli.code("encode", content)
            self.decoders["br"] = lambda content: brotli.code("decode", content)

    def cells(self):
        every = itertools.product(FRAMINGS, self.encoders, CODINGS if NODE else CODINGS[1:], KINDS)
        return [Cell(self.encoders, number, *parts) for number, parts in enumerate(every)]

    def expect(self, cell, response, is_stored):
        told = f"{cell}: {response}"
        coding = response.field("Content-Encoding")
        if response.status == 304:
            self.assertEqual((cell.kind, response.content), ("not modified", b""), told)
        elif response.status == 206:
            self.assertIn(cell.kind, ("range", "suffix", "if-range"), told)
            # A part is of the body as it came, or of the plain one.
            self.assertIn(coding, (None, cell.origin_coding), told)
            whole = cell.coded if coding else cell.body
            first = {"suffix": len(whole) - 77}.get(cell.kind, cell.start)
            last = cell.end if cell.kind == "range" else len(whole) - 1
            self.assertEqual(response.content, whole[first:last + 1], told)
            self.assertEqual(response.field("Content-Range"), f"bytes {first}-{min(last, len(whole) - 1)}/{len(whole)}", told)
        else:
            self.assertEqual(response.status, 200, told)
            self.assertIn(coding, (cell.accepted, None), told)
            if cell.kind == "HEAD":
                self.assertEqual(response.content, b"", told)
            else:
                self.assertEqual(self.decoders[coding](response.content), cell.body, told)
        if is_stored:
            self.assertEqual(response.status == 304, cell.kind == "not modified", told)
            if cell.kind in ("range", "suffix") and cell.origin_coding is None:
                self.assertEqual(response.status, 206, told)

    def test_what_is_fetched_for_each_request(self):
        """Misses, and what is not stored."""
        for name, cache in (("missed", FRESH), ("not stored", ("Cache-Control", "no-store"))):
            with self.subTest(name):
                self.start(top="memory 64MB max_object=2MB")
                for cell in self.cells():
                    self.origin.on(cell.path, cell.reply(cache))
                    self.expect(cell, cell.send(self.larder.port), is_stored=False)

    def test_what_is_in_memory(self):
        self.start(top="memory 256MB max_object=2MB")
        for cell in self.cells():
            self.origin.on(cell.path, cell.reply(FRESH))
            cell.send(self.larder.port, "GET")
            for _ in range(2):  # the second time its form is there
                response = cell.send(self.larder.port)
                self.assert_hit(response)
                self.expect(cell, response, is_stored=True)
            self.assertEqual(self.origin.count(cell.path), 1, cell)

    @unittest.skipUnless(RedisServer.is_installed(), "there is no redis-server")
    def test_what_is_in_redis(self):
        redis = RedisServer()
        self.addCleanup(redis.close)
        top = f"redis redis://127.0.0.1:{redis.port} prefix=t timeout=1s hot_keys=off\nmemory 256MB max_object=2MB"

        def node():
            larder = self.start(top=top, route="key host=off")
            until(lambda: larder.admin_json("GET", "/nodes")["log"]["following"], "the log is followed")
            return larder
        first, every = node(), self.cells()
        for cell in every:
            self.origin.on(cell.path, cell.reply(FRESH))
            cell.send(first.port, "GET")
        until(lambda: self.written(first) >= len(every), "all is kept")
        second = node()
        for cell in every:
            response = cell.send(second.port)
            self.expect(cell, response, is_stored=True)
            self.assertEqual(self.origin.count(cell.path), 1, cell)

    def written(self, larder):
        lines = larder.admin("GET", "/metrics").content.decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines
                   if line.startswith("larder_l2_writes_total{") and 'result="written"' in line)


class DecodersTests(LarderCase):
    """Decoders that are not ours, as clients use them."""

    def setUp(self):
        super().setUp()
        self.start()

    @unittest.skipUnless(NODE, "node is not installed")
    def test_nodes_streams_decode_what_they_asked_for(self):
        body = text(100_000)
        self.origin.on("/", Reply(fields=[JSON, FRESH], framing="chunked", pieces=[body[:40_000], body[40_000:]]))
        script = """
            const http = require('http'), zlib = require('zlib'), coding = process.argv[2]
            const make = {br: zlib.createBrotliDecompress, gzip: zlib.createGunzip, deflate: zlib.createInflate}[coding]
            http.get(process.argv[1], {headers: {'Accept-Encoding': coding}}, answer => {
                if (answer.headers['content-encoding'] !== coding) process.exit(3)
                answer.pipe(make()).pipe(process.stdout)
            })"""
        for coding in ("br", "gzip", "deflate") * 2:
            done = subprocess.run([NODE, "-e", script, f"http://127.0.0.1:{self.larder.port}/", coding], capture_output=True,
                                  check=True, timeout=20)
            self.assertEqual(done.stdout, body, coding)
        self.assertEqual(self.origin.count("/"), 1)

    @unittest.skipUnless(CHROMIUM, "chromium is not installed")
    def test_chromium_shows_what_the_origin_sent(self):
        # Its window tells the page's text; what it asks for is its own choice.
        words = json.loads(text(100_000))
        page = "<!doctype html><pre>" + "\n".join(f"{one['id']} {one['name']} {one['role']}" for one in words) + "</pre>"
        self.origin.on("/page", Reply(fields=[("Content-Type", "text/html; charset=utf-8"), FRESH], content=page.encode()))
        self.origin.default = lambda request: Reply(status=404)  # its icon
        shown = self.chromium()
        self.assertIn(page.removeprefix("<!doctype html>"), shown)
        self.assertIn(page.removeprefix("<!doctype html>"), self.chromium())
        self.assertEqual(self.origin.count("/page"), 1)
        metrics = self.larder.admin("GET", "/metrics").content.decode()
        self.assertRegex(metrics, r'larder_coded_answers_total\{route="/\*",coding="(br|gzip)"\} [1-9]')

    def chromium(self):
        with tempfile.TemporaryDirectory(prefix="larder-chromium-") as folder:
            done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}",
                                   "--dump-dom", f"http://127.0.0.1:{self.larder.port}/page"], capture_output=True,
                                  check=True, timeout=60)
        return done.stdout.decode()


if __name__ == "__main__":
    unittest.main()
