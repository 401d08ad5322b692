# SPDX-License-Identifier: Apache-2.0
"""`coalesce nodes`: one fetch for a key among all nodes that share a Redis (promises 4 and 5)."""
import time
import unittest

from case import FRESH, LarderCase
from covering import covers
from larder import Larder
from origin import STALL, Reply
from rawclient import Client, once
from redisserver import RedisServer
from waiting import until

FETCH = 0.5
LOCK = 1.0


@unittest.skipUnless(RedisServer.is_installed(), "there is no redis-server")
class CoalesceNodesTests(LarderCase):
    def setUp(self):
        super().setUp()
        self.origin = self.start_origin()
        self.fields = [FRESH]
        self.origin.default = self.slowly
        self.redis = RedisServer()
        self.addCleanup(self.redis.close)
        self.nodes = []

    def slowly(self, request):
        time.sleep(FETCH)
        return Reply(fields=self.fields, content=request.path.encode() * 20)

    def _check_descriptors(self, larder):
        """Connections to Redis come and go."""

    def start_nodes(self, count=4, coalesce=""):
        for number in range(count):
            # What a busy machine takes for an answer is not what this is about.
            top = (f"redis redis://127.0.0.1:{self.redis.port} prefix=t timeout=500ms hot_keys=off\n"
                   f"nodes name=n{number} lease=10s\nworkers 1")
            node = Larder(self.config(self.origin.port, top=top, route=f"key host=off\n  coalesce nodes {coalesce}"))
            self.addCleanup(self._stop, node)
            self.nodes.append(node)

        def is_whole(node):
            log = node.admin_json("GET", "/nodes")["log"]
            return log["following"] and log["waiting"] == 0 and self.metric(
                node, "larder_l2_breakers", state="closed") == 2
        until(lambda: all(is_whole(node) for node in self.nodes), "all are connected and follow the log", 15)

    def metric(self, node, name, **labels):
        total = 0
        for line in node.admin("GET", "/metrics").content.decode().splitlines():
            if line.startswith((name + "{", name + " ")):
                if all(f'{label}="{value}"' in line for label, value in labels.items()):
                    total += float(line.rsplit(" ", 1)[1])
        return total

    def ended(self, result):
        return sum(self.metric(node, "larder_coalesce_nodes_total", result=result) for node in self.nodes
                   if node.process.poll() is None)

    def ask_all(self, path, each=1, nodes=None):
        """So many clients at each node at once; join with the result."""
        nodes = nodes or self.nodes
        return self.in_parallel(len(nodes) * each, lambda number: once(nodes[number % len(nodes)].port, "GET", path))

    def assert_answered(self, responses, path):
        self.assertTrue(all((one.status, one.content) == (200, path.encode() * 20) for one in responses))

    @covers("metric larder_coalesce_nodes_wait_seconds")
    def test_two_hundred_clients_of_four_nodes_cost_one_request(self):
        self.start_nodes()
        responses = self.ask_all("/cold", each=50)()
        self.assertEqual(len(responses), 200)
        self.assert_answered(responses, "/cold")
        self.assertEqual(self.origin.count("/cold"), 1)
        self.assertEqual(self.ended("led"), 1)
        # A node whose clients came when the fetch was over had only to look.
        self.assertEqual(self.ended("gave-up") + self.ended("unavailable") + self.ended("taken-over"), 0)
        self.assertLessEqual(1, self.ended("served"))
        self.assertEqual(sum(self.metric(node, "larder_coalesce_nodes_wait_seconds_count") for node in self.nodes),
                         self.ended("served"))
        until(lambda: self.redis.ask("EXISTS", "t:lock:GET /cold") == 0, "the lock is given back")

    @covers("route/coalesce.lock", "metric larder_coalesce_nodes_total")
    def test_when_the_node_that_fetches_is_killed_others_go_on(self):
        self.start_nodes(coalesce="lock=3s")
        leader = self.nodes[0]
        client = Client(leader.port)
        self.addCleanup(client.close)
        # Its fetch would never end.
        self.origin.on("/cold", Reply(raw=[STALL]), self.slowly)
        client.send_request("GET", "/cold")
        until(lambda: self.redis.ask("EXISTS", "t:lock:GET /cold") == 1, "it has the lock")
        others = self.nodes[1:]
        join = self.ask_all("/cold", each=10, nodes=others)
        until(lambda: all(self.metric(node, "larder_connections") >= 10 for node in others), "all have asked")
        leader.kill()
        self.nodes = others
        self._forget(leader)
        start = time.monotonic()
        self.assert_answered(join(), "/cold")
        # What is left of the lock after its last renewal, one more fetch, and what a busy machine adds.
        self.assertGreater(time.monotonic() - start, 1.5)
        self.assertLess(time.monotonic() - start, 3 + FETCH + 2)
        self.assertEqual(self.origin.count("/cold"), 2)
        self.assertEqual(self.ended("taken-over"), 1)

    def _forget(self, larder):
        """Its end is none that is checked."""
        self._cleanups = [one for one in self._cleanups if larder not in one[1]]
        self.addCleanup(larder.close)

    def test_what_cannot_be_stored_queues_nobody(self):
        self.start_nodes()
        self.fields = [("Cache-Control", "no-store")]
        start = time.monotonic()
        self.assert_answered(self.ask_all("/private")(), "/private")
        self.assertLess(time.monotonic() - start, 2 * FETCH + 1)
        # From then on each goes its own way.
        self.assert_answered(self.ask_all("/private", each=3)(), "/private")
        self.assertEqual(self.ended("released"), 3)
        self.assertEqual(self.origin.count("/private"), 16)

    def test_without_redis_each_node_coalesces_for_itself(self):
        self.start_nodes(2)
        self.redis.kill()
        until(lambda: all(self.metric(node, "larder_l2_breakers", state="closed") == 0 for node in self.nodes),
              "its end is seen")
        self.assert_answered(self.ask_all("/cold", each=20)(), "/cold")
        self.assertEqual(self.origin.count("/cold"), 2)


if __name__ == "__main__":
    unittest.main()
