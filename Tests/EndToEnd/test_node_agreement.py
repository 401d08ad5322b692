# SPDX-License-Identifier: Apache-2.0
"""What one node has learnt of a response holds on the others too, which find it in Redis (promises 1 and 2)."""
import threading
import time
import unittest

from case import FRESH, LarderCase
from larder import Larder
from origin import Reply
from rawclient import Client, once
from redisserver import RedisServer
from waiting import until


@unittest.skipUnless(RedisServer.is_installed(), "there is no redis-server")
class NodeAgreementCase(LarderCase):
    def setUp(self):
        super().setUp()
        self.origin = self.start_origin()
        self.redis = RedisServer()
        self.addCleanup(self.redis.close)
        self.nodes = []

    def _check_descriptors(self, larder):
        """Connections to Redis come and go."""

    def start_node(self, route="", redis=""):
        # What a busy machine takes for an answer is not what this is about.
        top = (f"redis redis://127.0.0.1:{self.redis.port} prefix=t timeout=500ms hot_keys=off {redis}\n"
               f"nodes name=n{len(self.nodes)} lease=10s\nworkers 1")
        node = Larder(self.config(self.origin.port, top=top, route=f"key host=off\n{route}"))
        self.addCleanup(self._stop, node)
        self.nodes.append(node)

        def is_whole():
            log = node.admin_json("GET", "/nodes")["log"]
            metrics = node.admin("GET", "/metrics").content.decode()
            closed = [line for line in metrics.splitlines() if line.startswith("larder_l2_breakers{")
                      and 'state="closed"' in line and float(line.rsplit(" ", 1)[1]) == 1]
            return log["following"] and log["waiting"] == 0 and len(closed) == 2
        until(is_whole, "it is connected and follows the log", 15)
        return node

    def get(self, node, path, *fields):
        return once(node.port, "GET", path, fields)

    def wait_kept(self, *keys):
        until(lambda: self.redis.ask("EXISTS", *[f"t:obj:GET {key}" for key in keys]) == len(keys), "it is kept")


class LearntTests(NodeAgreementCase):
    STALE = "ttl 100ms\nttl 404 1m\nttl 410 1m\nstale while_revalidate=1h"

    def test_a_last_word_ends_the_old_answer_everywhere(self):
        first, second = self.start_node(self.STALE), self.start_node(self.STALE)
        words = {
            "/410": Reply(410, content=b"new"), "/404": Reply(404, content=b"new"), "/401": Reply(401, content=b"new"),
            "/no-store": Reply(fields=[("Cache-Control", "no-store")], content=b"new"),
            "/private": Reply(fields=[("Cache-Control", "private")], content=b"new")}
        for path, word in words.items():
            self.origin.on(path, Reply(content=b"old"), word)
            self.assertEqual(self.get(first, path).content, b"old")
            self.wait_kept(path)
            self.assertEqual(self.get(second, path).content, b"old")
        self.assertEqual(self.origin.count(), len(words))
        time.sleep(0.15)  # the lifetimes are over
        for path in words:
            self.assertEqual(self.get(first, path).content, b"old")
            until(lambda: self.get(first, path).content == b"new", f"the old {path} is gone here")
        third = self.start_node(self.STALE)
        for path in words:
            self.assertEqual(self.get(third, path).content, b"new", "the old answer is not in Redis any more")
            self.get(second, path)
            until(lambda: self.get(second, path).content == b"new", f"the old {path} is gone there")

    def test_vary_that_comes_with_a_304_holds_everywhere(self):
        route = "ttl 100ms\nstale while_revalidate=1h"

        def answer(request):
            fields = [("ETag", '"v"')]
            if request.field("If-None-Match"):
                return Reply(304, fields + [("Vary", "X-Lang"), FRESH])
            # Nobody was told of the rule at first.
            rule = [("Vary", "X-Lang"), FRESH] if self.origin.count("/a") > 1 else []
            return Reply(fields=fields + rule, content=request.field("X-Lang", "none").encode())
        self.origin.on("/a", answer)
        first, second = self.start_node(route), self.start_node(route)
        german, french = ("X-Lang", "de"), ("X-Lang", "fr")
        self.assertEqual(self.get(first, "/a", german).content, b"de")
        self.wait_kept("/a")
        self.assertEqual(self.get(second, "/a", german).content, b"de")
        time.sleep(0.15)  # the lifetime is over
        self.get(first, "/a", german)
        self.wait_kept("/a vary:x-lang=de")
        self.assertEqual(self.get(first, "/a", french).content, b"fr")
        # The stale answer brings what the first node has learnt.
        until(lambda: self.get(second, "/a", german).field("Vary"), "the second node knows the rule")
        self.assertEqual(self.get(second, "/a", french).content, b"fr")
        self.assertEqual(self.get(second, "/a", german).content, b"de")

    def test_a_configured_lifetime_counts_from_receipt_in_redis_too(self):
        route = "ttl 1m force"
        first, second = self.start_node(route), self.start_node(route)
        self.origin.on("/a", Reply(fields=[("Date", "Mon, 01 Jan 2024 00:00:00 GMT"), ("Age", "900")], content=b"x"))
        self.get(first, "/a")
        self.wait_kept("/a")
        for _ in range(2):
            response = self.get(second, "/a")
            self.assert_hit(response)
            self.assertGreater(int(response.cache.get("ttl")), 50)
            self.assertLessEqual(int(response.cache.get("ttl")), 60)
            self.assertGreater(int(response.field("Age")), 1000)
        self.assertEqual(self.origin.count(), 1)


class TurnTests(NodeAgreementCase):
    """`coalesce nodes`"""
    ROUTE = "coalesce nodes"

    def answered_while_open(self, path, first_reply, second_reply):
        """The second node's answer while the first one's fetch goes on, and how long it took."""
        self.origin.on(path, first_reply, second_reply)
        client = Client(self.nodes[0].port)
        self.addCleanup(client.close)
        client.send_request("GET", path)
        self.origin.wait_for(1, path)
        start = time.monotonic()
        response = once(self.nodes[1].port, "GET", path)
        return response, time.monotonic() - start

    def test_nobody_waits_for_the_end_of_what_is_not_shared(self):
        self.start_node(self.ROUTE, redis="max_object=16KB")
        self.start_node(self.ROUTE, redis="max_object=16KB")
        gate = threading.Event()
        self.addCleanup(gate.set)
        events = [("Content-Type", "text/event-stream")]
        cases = {"/plain": events, "/fresh": events + [FRESH], "/parts": [
            ("Content-Type", "multipart/x-mixed-replace; boundary=x"), FRESH]}
        for path, fields in cases.items():
            response, seconds = self.answered_while_open(
                path, Reply(fields=fields, pieces=[b"data: 1\n\n", gate], framing="chunked"),
                Reply(fields=fields, content=b"own"))
            self.assertEqual(response.content, b"own")
            self.assertLess(seconds, 2.5)
        response, seconds = self.answered_while_open(
            "/long", Reply(fields=[FRESH], pieces=[b"x" * 9000, gate, b"x" * 9000]), Reply(fields=[FRESH], content=b"own"))
        self.assertEqual(response.content, b"own")
        self.assertLess(seconds, 2.5)

    def test_variants_of_an_unknown_rule_do_not_wait_for_one_another(self):
        for _ in range(3):
            self.start_node(self.ROUTE)
        gate = threading.Event()
        self.addCleanup(gate.set)

        def answer(request):
            language = request.field("X-Lang").encode()
            pieces = [language, gate, b"."] if request.field("X-Lang") == "de" else [language + b"."]
            return Reply(fields=[FRESH, ("Vary", "X-Lang")], pieces=pieces, framing="chunked")
        self.origin.on("/a", answer)
        client = Client(self.nodes[0].port)
        self.addCleanup(client.close)
        client.send_request("GET", "/a", [("X-Lang", "de")])
        self.origin.wait_for(1, "/a")
        start = time.monotonic()
        self.assertEqual(self.get(self.nodes[1], "/a", ("X-Lang", "fr")).content, b"fr.")
        self.assertLess(time.monotonic() - start, 2.5)
        join = self.in_parallel(2, lambda number: self.get(self.nodes[1 + number], "/a", ("X-Lang", "de")))
        until(lambda: self.redis.ask("EXISTS", "t:lock:GET /a vary:x-lang=de") == 1, "the variant has a lock of its own")
        gate.set()
        self.assertEqual([response.content for response in join()], [b"de."] * 2)
        self.assertEqual(self.origin.count("/a"), 2)

    def test_one_variant_is_fetched_once_though_nobody_knew_the_rule(self):
        for _ in range(3):
            self.start_node(self.ROUTE)

        def answer(request):
            time.sleep(0.4)
            return Reply(fields=[FRESH, ("Vary", "X-Lang")], content=request.field("X-Lang").encode())
        self.origin.on("/a", answer)
        join = self.in_parallel(6, lambda number: self.get(self.nodes[number % 3], "/a", ("X-Lang", "de")))
        self.assertEqual([response.content for response in join()], [b"de"] * 6)
        self.assertEqual(self.origin.count("/a"), 1)


if __name__ == "__main__":
    unittest.main()
