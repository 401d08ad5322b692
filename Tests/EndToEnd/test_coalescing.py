# SPDX-License-Identifier: Apache-2.0
"""One fetch per key (promise 4)."""
import threading
import unittest
import zlib

from case import FRESH, LarderCase
from message import Broken
from origin import CLOSE, RESET, STALL, Reply
from rawclient import Client
from waiting import until

CLIENTS = 100


class OneFetch(LarderCase):
    def clients_on(self, path, count=CLIENTS):
        """Clients that have all sent their request; answers the function that collects the responses."""
        clients = [self.client() for _ in range(count)]
        for client in clients:
            client.send_request(target=path)

        def collect():
            return [client.read_response() for client in clients]
        return clients, collect

    def test_a_hundred_clients_make_one_request(self):
        self.start()
        gate = threading.Event()
        self.origin.on("/cold", Reply(fields=[FRESH], content=b"body" * 1000, gate=gate))
        _, collect = self.clients_on("/cold")
        self.origin.wait_for(1)
        gate.set()
        responses = collect()
        self.assertEqual({response.content for response in responses}, {b"body" * 1000})
        self.assertEqual(self.origin.count("/cold"), 1)
        leaders = [r for r in responses if "fwd" in r.cache and "collapsed" not in r.cache and "hit" not in r.cache]
        self.assertEqual(len(leaders), 1)

    def test_followers_stream_as_it_arrives(self):
        self.start()
        gates = [threading.Event() for _ in range(2)]
        self.origin.on("/s", Reply(fields=[FRESH], pieces=[b"first", gates[0], b"second", gates[1], b"third"],
                                   framing="chunked"))
        with self.client() as leader, self.client() as follower:
            leader.send_request(target="/s")
            leader.read_final_head()
            follower.send_request(target="/s")
            follower.read_final_head()
            chunks = [client.reader.chunks() for client in (leader, follower)]
            for expected, gate in ((b"first", gates[0]), (b"second", gates[1]), (b"third", None)):
                for stream in chunks:
                    self.assertEqual(next(stream), expected)
                if gate:
                    gate.set()
        self.assertEqual(self.origin.count("/s"), 1)

    def test_slow_follower_does_not_hold_the_others(self):
        self.start()
        size = 8 << 20
        gate = threading.Event()
        self.origin.on("/big", Reply(fields=[FRESH], pieces=[b"x" * (size // 2), gate, b"y" * (size // 2)]))
        with self.client() as quick, self.client(receive_buffer=16384) as slow:
            quick.send_request(target="/big")
            quick.read_final_head()
            slow.send_request(target="/big")
            slow.read_final_head()
            gate.set()
            self.assertEqual(len(quick.reader.exactly(size)), size)
            self.assertEqual(len(slow.reader.exactly(size)), size)
        self.assertEqual(self.origin.count("/big"), 1)

    def test_leader_that_leaves_does_not_fail_the_followers(self):
        self.start()
        gate = threading.Event()
        self.origin.on("/l", Reply(fields=[FRESH], pieces=[b"first", gate, b"second"]))
        leader = self.client()
        leader.send_request(target="/l")
        leader.read_final_head()
        _, collect = self.clients_on("/l", 10)
        self.assertEqual(self.origin.count("/l"), 1)
        leader.reset()
        gate.set()
        self.assertEqual({response.content for response in collect()}, {b"firstsecond"})
        self.assertEqual(self.origin.count("/l"), 1)

    def test_leader_that_leaves_before_the_head(self):
        self.start()
        gate = threading.Event()
        self.origin.on("/l", Reply(fields=[FRESH], content=b"all", gate=gate))
        leader = self.client()
        leader.send_request(target="/l")
        self.origin.wait_for(1)
        _, collect = self.clients_on("/l", 10)
        leader.reset()
        gate.set()
        self.assertEqual({response.content for response in collect()}, {b"all"})

    def test_uncacheable_answer_releases_all_and_is_remembered(self):
        self.start()
        gate, second = threading.Event(), threading.Event()
        self.origin.on("/p", Reply(fields=[("Cache-Control", "private")], content=b"mine", gate=gate),
                       Reply(fields=[("Cache-Control", "private")], content=b"mine", gate=second))
        _, collect = self.clients_on("/p", 20)
        self.origin.wait_for(1)
        gate.set()
        self.origin.wait_for(20, "/p")
        second.set()
        self.assertEqual({response.content for response in collect()}, {b"mine"})
        second.clear()
        _, collect = self.clients_on("/p", 20)
        self.origin.wait_for(40, "/p")
        second.set()
        collect()

    def test_each_user_gets_an_own_answer(self):
        """Promise 2: nobody follows a response that carries a cookie."""
        self.start()
        self.origin.on("/who", lambda request: Reply(
            fields=[FRESH, ("Set-Cookie", "id=" + request.field("X-User"))], content=request.field("X-User").encode()))

        def ask(number):
            response = self.get("/who", ("X-User", str(number)))
            return response.content == b"%d" % number and response.field("Set-Cookie") == f"id={number}"
        self.assertTrue(all(self.in_parallel(50, ask)()))

    def test_failure_of_the_fetch_fails_all_after_three(self):
        # Of several loops, one may hear late that a fetch has failed, and see one more.
        self.start(top="workers 1")
        gate = threading.Event()
        self.origin.on("/f", Reply(raw=[gate, CLOSE]))
        _, collect = self.clients_on("/f", 20)
        self.origin.wait_for(1)
        self.larder.wait_for_readers(20)
        gate.set()
        self.assertEqual({response.status for response in collect()}, {502})
        self.assertEqual(self.origin.count("/f"), 3)

    def test_late_answer_fails_all_at_once(self):
        self.start(upstream="timeout first_byte=300ms")
        self.origin.on("/late", Reply(raw=[STALL]))
        _, collect = self.clients_on("/late", 20)
        self.assertEqual({response.status for response in collect()}, {504})
        self.assertEqual(self.origin.count("/late"), 1)

    def poisoned(self, path, broken, route=""):
        """One client's request that the origin cannot bear, and those of others behind it; answers theirs."""
        gate = threading.Event()

        def reply(request):
            if request.field("X-Poison"):
                return Reply(raw=[gate] + broken)
            return Reply(fields=[FRESH], content=b"good")
        self.origin.on(path, reply)
        poison = self.client()
        poison.send_request(target=path, fields=[("X-Poison", "yes")])
        self.origin.wait_for(1, path)
        _, collect = self.clients_on(path, 20)
        self.larder.wait_for_readers(21)
        gate.set()
        response = poison.read_response()
        self.assertGreaterEqual(response.status, 500)
        return collect()

    POISONS = {
        "closes": [CLOSE],
        "resets": [RESET],
        "is malformed": [b"HTTP/1.1 nonsense\r\n\r\n", CLOSE],
        "ends in its head": [b"HTTP/1.1 200 OK\r\nX-A: b\r\n", CLOSE],
        "has too long a head": [b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * (70 << 10) + b"\r\n\r\n", CLOSE],
        "is framed twice": [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", CLOSE],
        "is an upgrade": [b"HTTP/1.1 101 No\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", CLOSE],
        "sends interim heads for ever": [b"HTTP/1.1 103 Hints\r\n\r\n" * 20, CLOSE],
        "is an error": [b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"],
    }

    def test_request_that_breaks_the_origin_fails_nobody_else(self):
        self.start()
        for name, broken in self.POISONS.items():
            with self.subTest(name):
                path = "/" + name.replace(" ", "-")
                responses = self.poisoned(path, broken)
                self.assertEqual({(r.status, r.content) for r in responses}, {(200, b"good")})
                if name != "is an error":  # which releases all at once
                    good = [r for r in self.origin.requests if r.path == path and not r.field("X-Poison")]
                    self.assertEqual(len(good), 1)

    def test_request_that_breaks_the_origin_makes_nobody_else_get_what_is_stale(self):
        self.start(route="stale if_error=1m")
        old = [("Cache-Control", "max-age=60"), ("Age", "61")]
        for name in ("closes", "is malformed", "is an error"):
            with self.subTest(name):
                path = "/" + name.replace(" ", "-")
                self.origin.on(path, Reply(fields=old, content=b"old"))
                self.get(path)
                gate = threading.Event()
                self.origin.on(path, lambda request, name=name: Reply(raw=[gate] + self.POISONS[name])
                               if request.field("X-Poison") else Reply(fields=[FRESH], content=b"good"))
                with self.client() as poison:
                    poison.send_request(target=path, fields=[("X-Poison", "yes")])
                    self.origin.wait_for(2, path)
                    clients, collect = self.clients_on(path, 5)
                    until(lambda: self.larder.descriptors() >= self.larder.idle_descriptors + 6, "all have come")
                    gate.set()
                    self.assertEqual(poison.read_response().content, b"old")
                    self.assertEqual({response.content for response in collect()}, {b"good"})
                for client in clients:
                    client.close()
                until(lambda: self.larder.descriptors() <= self.larder.idle_descriptors + self.origin.live, "gone")

    def test_leader_that_cannot_have_it_decoded_leaves_it_to_the_others(self):
        self.start()
        gate, rest = threading.Event(), threading.Event()
        coder = zlib.compressobj(wbits=31)
        good = coder.compress(b"text " * 10_000) + coder.flush(zlib.Z_FULL_FLUSH)
        pieces = [good, gate, b"\x07" * 1000, rest, b"\x07" * 1000]  # no block is of this kind
        damaged = good + b"\x07" * 2000
        self.origin.on("/d", Reply(fields=[FRESH, ("Content-Encoding", "gzip")], pieces=pieces))
        with self.client() as leader, self.client() as follower:
            leader.send_request(target="/d")
            leader.read_final_head()
            follower.send_request(target="/d", fields=[("Accept-Encoding", "gzip")])
            follower.read_final_head()
            gate.set()
            self.assertRaises((Broken, ConnectionError), lambda: b"".join(leader.reader.chunks()))
            rest.set()
            self.assertEqual(follower.reader.exactly(len(damaged)), damaged)
        self.assertEqual(self.origin.count("/d"), 1)

    def test_leader_for_whom_it_cannot_be_decoded_at_all_leaves_it_to_the_others(self):
        self.start()
        gate = threading.Event()
        # In one piece: who has seen a head alone begins to answer.
        self.origin.on("/d", Reply(raw=[gate, b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Encoding: gzip\r\n"
                                              b"Content-Length: 15\r\n\r\nthis is no gzip"]))
        with self.client() as leader:
            leader.send_request(target="/d")
            self.origin.wait_for(1, "/d")
            followers = [self.client() for _ in range(3)]
            for follower in followers:
                follower.send_request(target="/d", fields=[("Accept-Encoding", "gzip")])
            until(lambda: self.larder.descriptors() >= self.larder.idle_descriptors + 4, "all have come")
            gate.set()
            self.assertEqual(leader.read_response().status, 502)
            for follower in followers:
                self.assertEqual(follower.read_response().content, b"this is no gzip")

    def test_variants_of_a_known_key_do_not_wait_for_each_other(self):
        self.start()
        gates = {"slow": threading.Event()}
        self.origin.on("/v", lambda request: Reply(
            fields=[FRESH, ("Vary", "X-Kind")], content=request.field("X-Kind").encode(),
            gate=gates.get(request.field("X-Kind"))))
        self.assertEqual(self.get("/v", ("X-Kind", "first")).content, b"first")
        with self.client() as slow, self.client() as follower:
            slow.send_request(target="/v", fields=[("X-Kind", "slow")])
            self.origin.wait_for(2, "/v")
            self.assertEqual(self.get("/v", ("X-Kind", "quick")).content, b"quick")
            follower.send_request(target="/v", fields=[("X-Kind", "slow")])
            self.assertEqual(self.get("/v", ("X-Kind", "third")).content, b"third")
            gates["slow"].set()
            self.assertEqual([client.read_response().content for client in (slow, follower)], [b"slow"] * 2)
        self.assertEqual(self.origin.count("/v"), 4)

    def test_stale_variants_are_fetched_apart(self):
        self.start()
        gate = threading.Event()
        self.origin.on("/v", lambda request: Reply(
            fields=[("Cache-Control", "max-age=60"), ("Age", "61"), ("Vary", "X-Kind")],
            content=request.field("X-Kind").encode(), gate=gate if request.field("X-Slow") else None))
        for kind in ("a", "b"):
            self.get("/v", ("X-Kind", kind))
        with self.client() as slow:
            slow.send_request(target="/v", fields=[("X-Kind", "a"), ("X-Slow", "yes")])
            self.origin.wait_for(3, "/v")
            self.assertEqual(self.get("/v", ("X-Kind", "b")).content, b"b")
            gate.set()
            self.assertEqual(slow.read_response().content, b"a")

    def test_variant_that_memory_has_lost_is_known_from_a_fetch_under_way(self):
        self.start()
        gate = threading.Event()
        self.origin.on("/v", lambda request: Reply(
            fields=[FRESH, ("Vary", "X-Kind")], framing="chunked",
            pieces=[request.field("X-Kind").encode()] + ([gate] if request.field("X-Kind") == "slow" else [])))
        with self.client() as slow:
            slow.send_request(target="/v", fields=[("X-Kind", "slow")])
            slow.read_final_head()
            self.assertEqual(self.get("/v", ("X-Kind", "quick")).content, b"quick")
            gate.set()
        self.assertEqual(self.origin.count("/v"), 2)

    def test_fetch_that_breaks_in_its_content_breaks_the_followers(self):
        self.start()
        gate = threading.Event()
        head = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100\r\n\r\nstart"
        self.origin.on("/b", Reply(raw=[head, gate, CLOSE]), Reply(fields=[FRESH], content=b"whole"))
        with self.client() as leader, self.client() as follower:
            leader.send_request(target="/b")
            leader.read_final_head()
            follower.send_request(target="/b")
            follower.read_final_head()
            gate.set()
            for client in (leader, follower):
                self.assertRaises(Broken, client.reader.exactly, 100)
        self.assertEqual(self.get("/b").content, b"whole")

    def test_wait_for_another_fetch_ends(self):
        self.start(route="coalesce on wait=150ms")
        gate = threading.Event()
        self.origin.on("/w", Reply(fields=[FRESH], content=b"x", gate=gate))
        with self.client() as leader, self.client() as follower:
            leader.send_request(target="/w")
            self.origin.wait_for(1)
            follower.send_request(target="/w")
            self.origin.wait_for(2)
            gate.set()
            self.assertEqual([client.read_response().content for client in (leader, follower)], [b"x", b"x"])

    def test_followers_get_all_of_what_is_too_long_to_store(self):
        self.start(top="memory 64MB max_object=1MB")
        gate = threading.Event()
        size = 24 << 20
        block = bytes(range(256)) * 256
        self.origin.on("/long", Reply(fields=[FRESH], framing="chunked",
                                      pieces=[b"begun", gate] + [block] * (size // len(block))))
        leader = self.client()
        leader.send_request(target="/long")
        leader.read_final_head()
        followers = [self.client() for _ in range(5)]
        for follower in followers:
            follower.send_request(target="/long")
            follower.read_final_head()
        gate.set()

        def read(number):
            return b"".join((followers + [leader])[number].reader.chunks()) == b"begun" + block * (size // len(block))
        self.assertTrue(all(self.in_parallel(6, read)()))
        self.assertEqual(self.origin.count("/long"), 1)
        self.assertLess(self.larder.resident_bytes(), 64 << 20)
        lines = until(lambda: len(self.larder.access_lines()) == 6 and self.larder.access_lines(), "all are logged")
        self.assertEqual({line.get("reason") for line in lines}, {"too-large", "uri-miss"})

    def test_laggard_of_what_is_too_long_to_store_is_cut_off_for_the_others(self):
        self.start(top="memory 64MB max_object=1MB", route="coalesce on wait=200ms")
        gate = threading.Event()
        pieces = [b"begun", gate] + [b"x" * (1 << 20)] * 48
        self.origin.on("/long", Reply(fields=[FRESH], framing="chunked", pieces=pieces))
        with self.client() as leader, self.client(receive_buffer=8192) as slow, self.client() as quick:
            for client in (leader, slow, quick):
                client.send_request(target="/long")
                client.read_final_head()
            gate.set()
            lengths = self.in_parallel(
                2, lambda number: sum(len(part) for part in (leader, quick)[number].reader.chunks()))()
            self.assertEqual(lengths, [5 + (48 << 20)] * 2)
            self.assertRaises((Broken, ConnectionError), lambda: b"".join(slow.reader.chunks()))
        self.assertEqual(self.origin.count("/long"), 1)

    def test_leader_that_leaves_does_not_fail_those_who_share_what_is_too_long(self):
        self.start(top="memory 64MB max_object=1MB")
        gates = [threading.Event(), threading.Event()]
        pieces = [b"begun", gates[0]] + [b"x" * (1 << 20)] * 4 + [gates[1]] + [b"y" * (1 << 20)] * 4
        self.origin.on("/long", Reply(fields=[FRESH], framing="chunked", pieces=pieces))
        with self.client() as leader, self.client() as follower:
            for client in (leader, follower):
                client.send_request(target="/long")
                client.read_final_head()
            gates[0].set()
            self.assertEqual(next(follower.reader.chunks()), b"begun")
            leader.reset()
            gates[1].set()
            self.assertEqual(sum(len(part) for part in follower.reader.chunks()), 8 << 20)
        self.assertEqual(self.origin.count("/long"), 1)

    def test_coalescing_can_be_switched_off(self):
        self.start(route="coalesce off")
        gate = threading.Event()
        self.origin.on("/o", Reply(fields=[FRESH], content=b"x", gate=gate))
        _, collect = self.clients_on("/o", 5)
        self.origin.wait_for(5)
        gate.set()
        collect()

    def test_variants_do_not_wait_for_each_other_in_vain(self):
        self.start()
        self.origin.on("/v", lambda request: Reply(
            fields=[FRESH, ("Vary", "X-Kind")], content=request.field("X-Kind").encode()))

        def ask(number):
            return self.get("/v", ("X-Kind", str(number % 5))).content == b"%d" % (number % 5)
        self.assertTrue(all(self.in_parallel(50, ask)()))

    def test_stale_key_is_refreshed_by_one(self):
        self.start(route="stale while_revalidate=1m")
        gate = threading.Event()
        self.origin.on("/r", Reply(fields=[("Cache-Control", "max-age=60"), ("Age", "61")], content=b"old"),
                       Reply(fields=[FRESH], content=b"new", gate=gate))
        self.get("/r")
        answers = self.in_parallel(50, lambda _: self.get("/r").content)()
        self.assertEqual(set(answers), {b"old"})
        gate.set()
        until(lambda: self.get("/r").content == b"new", "the refresh arrives")
        self.assertEqual(self.origin.count("/r"), 2)

    def test_clients_that_all_leave_leave_nothing_behind(self):
        self.start()
        gate = threading.Event()
        self.origin.on("/x", Reply(fields=[FRESH], content=b"x", gate=gate))
        clients = [Client(self.larder.port) for _ in range(20)]
        for client in clients:
            client.send_request(target="/x")
        self.origin.wait_for(1)
        for client in clients:
            client.reset()
        gate.set()
        self.assertEqual(self.get("/x").content, b"x")


if __name__ == "__main__":
    unittest.main()
