# SPDX-License-Identifier: Apache-2.0
"""Upstreams that are absent, late, stale or several."""
import threading
import unittest

from case import LarderCase
from larder import free_port
from origin import CLOSE, RESET, STALL, Reply
from waiting import until


class Reaching(LarderCase):
    def test_absent_upstream_is_502_until_it_comes(self):
        port = free_port()
        self.start(self.config(port))
        self.assertEqual(self.get("/a").status, 502)
        origin = self.start_origin(port)
        until(lambda: self.get("/a").status == 200, "the upstream is found")
        self.assertGreaterEqual(origin.count("/a"), 1)

    def test_502_names_its_reason(self):
        self.start(self.config(free_port()))
        response = self.get("/a")
        self.assertEqual(response.status, 502)
        self.assertIn("Cache-Status", response.fields)

    def test_first_byte_timeout_is_504(self):
        self.start(upstream="timeout first_byte=150ms")
        self.origin.on("/late", Reply(raw=[STALL]))
        with self.client() as client:
            self.assertEqual(client.get("/late").status, 504)
            self.assertEqual(client.get("/next").status, 200)
        self.assertEqual(self.origin.count("/late"), 1)

    def test_idle_timeout_within_content_breaks_the_message(self):
        self.start(upstream="timeout idle=150ms")
        self.origin.on("/stall", Reply(raw=[b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", STALL]))
        with self.client() as client:
            client.send_request(target="/stall")
            client.read_final_head()
            self.assertEqual(client.reader.rest(), b"abc")

    def test_upstream_that_does_not_accept_within_the_limit_fails(self):
        self.start(self.config("9", upstream="timeout connect=150ms").replace("127.0.0.1:9", "192.0.2.1:9"))
        self.assertIn(self.get("/a").status, (502, 503, 504))

    def test_full_queue_is_503(self):
        gate = threading.Event()
        self.start(upstream="pool max=1\nqueue limit=1 timeout=20s", top="workers 1")
        self.origin.default = lambda request: Reply(content=b"x", gate=gate)
        first = self.in_parallel(1, lambda _: self.ask("POST", "/first"))
        self.origin.wait_for(1)
        statuses = []

        def one(_):
            response = self.ask("POST", "/more")
            statuses.append(response.status)
            return response.status
        rest = self.in_parallel(3, one)
        until(lambda: statuses.count(503) >= 2, "two find the queue full")
        gate.set()
        self.assertEqual(sorted(rest()), [200, 503, 503])
        self.assertEqual(first()[0].status, 200)

    def test_wait_for_a_connection_ends(self):
        gate = threading.Event()
        self.start(upstream="pool max=1\nqueue limit=10 timeout=150ms", top="workers 1")
        self.origin.on("/first", Reply(content=b"x", gate=gate))
        first = self.in_parallel(1, lambda _: self.ask("POST", "/first"))
        self.origin.wait_for(1)
        self.assertEqual(self.ask("POST", "/second").status, 503)
        gate.set()
        self.assertEqual(first()[0].status, 200)


class Retrying(LarderCase):
    def stale_connection(self, end):
        """The first answer leaves a connection, on which the next request meets `end` in place of an answer."""
        self.start(top="workers 1")
        self.origin.on("/first", Reply(content=b"1"))
        self.origin.on("/second", Reply(raw=[end]), Reply(content=b"2"))
        self.get("/first")
        self.before = self.origin.count("/second")

    def test_get_on_a_stale_connection_is_sent_again(self):
        for end in (CLOSE, RESET):
            with self.subTest("reset" if end is RESET else "close"):
                self.stale_connection(end)
                response = self.get("/second")
                self.assertEqual((response.status, response.content), (200, b"2"))
                self.assertEqual(self.origin.count("/second") - self.before, 2)

    def test_post_that_was_sent_is_not_sent_again(self):
        self.stale_connection(CLOSE)
        self.assertEqual(self.ask("POST", "/second", content=b"pay 5").status, 502)
        self.assertEqual(self.origin.count("/second"), 1)

    def test_get_on_a_new_connection_is_not_sent_again(self):
        self.start(top="workers 1")
        self.origin.on("/only", Reply(raw=[CLOSE]), Reply(content=b"2"))
        self.assertEqual(self.get("/only").status, 502)
        self.assertEqual(self.origin.count("/only"), 1)

    def test_idle_connections_that_the_origin_closed_are_not_used(self):
        self.start(top="workers 1")
        for number in range(5):
            self.assertEqual(self.get(f"/{number}").status, 200)
            self.origin.close_connections()
            until(lambda: self.origin.live == 0, "the connections are gone")
            self.assertEqual(self.ask("POST", f"/post{number}", content=b"x").status, 200)
            self.assertEqual(self.origin.count(f"/post{number}"), 1)

    def test_origin_that_announces_close_is_believed(self):
        self.start(top="workers 1")
        self.origin.default = lambda request: Reply(content=b"x", close=True)
        for number in range(5):
            self.assertEqual(self.ask("POST", f"/{number}").status, 200)
        self.assertEqual(self.origin.connections, 5)


class SeveralServers(LarderCase):
    def start_servers(self, *weights):
        self.origin, *self.others = [self.start_origin() for _ in weights]
        servers = "\n".join(f"server 127.0.0.1:{origin.port} weight={weight}"
                            for origin, weight in zip(self.origins, weights))
        self.start(self.config(upstream=servers, top="workers 1"))

    def test_requests_take_turns(self):
        self.start_servers(1, 1, 1)
        for number in range(12):
            self.get(f"/{number}")
        self.assertEqual([origin.count() for origin in self.origins], [4, 4, 4])

    def test_weights(self):
        self.start_servers(3, 1)
        for number in range(12):
            self.get(f"/{number}")
        self.assertEqual([origin.count() for origin in self.origins], [9, 3])

    def test_a_server_that_is_gone_is_passed_over(self):
        self.start_servers(1, 1)
        self.others[0].close()
        for number in range(12):
            self.assertEqual(self.ask("POST", f"/{number}", content=b"x").status, 200)
        self.assertEqual(self.origin.count(), 12)


if __name__ == "__main__":
    unittest.main()
