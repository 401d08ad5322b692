# SPDX-License-Identifier: Apache-2.0
"""What becomes of the connections to the origin: used again, shared, and left to others (promise 7)."""
import gzip
import threading
import time
import unittest

from case import FRESH, LarderCase
from message import Broken
from origin import Reply
from rawclient import Client
from waiting import until

NO_STORE = ("Cache-Control", "no-store")


class Pause(threading.Event):
    """What comes behind it comes in another read."""

    def wait(self, timeout=None):
        time.sleep(0.002)
        return True


def in_two(content):
    return [Pause(), content[:len(content) // 2], Pause(), content[len(content) // 2:]]


class OneConnection(LarderCase):
    """Each answer leaves its connection to the next request."""

    def ask_often(self, reply, count=60, method="GET", fields=(), path="/{}", **parts):
        self.start(top="workers 1\n" + parts.pop("top", ""), **parts)
        self.origin.default = reply if callable(reply) else lambda request: reply
        with self.client() as client:
            for number in range(count):
                self.assertLess(client.request(method, path.format(number), fields).status, 500)
        self.assertEqual(self.origin.count(), count)
        self.assertEqual(self.origin.connections, 1)

    def test_stored(self):
        self.ask_often(Reply(fields=[FRESH], pieces=in_two(b"x" * 1024)), count=300)

    def test_stored_at_once(self):
        self.ask_often(Reply(fields=[FRESH], content=b"x" * 100))

    def test_stored_in_chunks(self):
        self.ask_often(Reply(fields=[FRESH], pieces=in_two(b"x" * 1024), framing="chunked"))

    def test_stored_and_coded_by_the_origin(self):
        content = gzip.compress(bytes(range(256)) * 200)
        self.ask_often(Reply(fields=[FRESH, ("Content-Encoding", "gzip")], pieces=in_two(content)),
                       fields=[("Accept-Encoding", "gzip")])

    def test_stored_and_decoded(self):
        content = gzip.compress(bytes(range(256)) * 200)
        self.ask_often(Reply(fields=[FRESH, ("Content-Encoding", "gzip")], pieces=in_two(content)))

    def test_stored_and_coded_for_the_client(self):
        reply = Reply(fields=[FRESH, ("Content-Type", "text/plain")], pieces=in_two(b"abc" * 3000))
        self.ask_often(reply, fields=[("Accept-Encoding", "gzip")])

    def test_damaged(self):
        self.start(top="workers 1")
        self.origin.default = lambda request: Reply(
            fields=[FRESH, ("Content-Encoding", "gzip")], pieces=in_two(b"this is no gzip" * 50))
        for number in range(20):
            with self.client() as client:
                self.assertEqual(client.get(f"/{number}", ("Accept-Encoding", "gzip")).status, 200)
        self.assertEqual(self.origin.connections, 1)

    def test_relayed(self):
        self.ask_often(Reply(fields=[NO_STORE], pieces=in_two(b"x" * 1024)))

    def test_passed(self):
        self.ask_often(Reply(pieces=in_two(b"x" * 1024)), method="POST")

    def test_passed_by_the_route(self):
        self.ask_often(Reply(fields=[FRESH], pieces=in_two(b"x" * 1024)), route="pass")

    def test_head(self):
        self.ask_often(Reply(fields=[FRESH], pieces=[b"x" * 1024]), method="HEAD")

    def test_no_content(self):
        self.ask_often(Reply(status=204, fields=[FRESH]))

    def test_not_modified(self):
        def reply(request):
            fields = [("Cache-Control", "max-age=0"), ("ETag", '"1"')]
            if request.field("If-None-Match"):
                return Reply(status=304, fields=fields)
            return Reply(fields=fields, pieces=in_two(b"x" * 1024))
        self.ask_often(reply, path="/same")

    def test_errors(self):
        self.ask_often(Reply(status=404, pieces=in_two(b"nothing")))

    def test_parts(self):
        def reply(request):
            fields = [FRESH, ("ETag", '"1"'), ("Content-Range", "bytes 10-1033/5000")]
            return Reply(status=206, fields=fields, pieces=in_two(b"x" * 1024))
        self.ask_often(reply, fields=[("Range", "bytes=10-1033")])

    def test_another_part_than_the_missing_one(self):
        self.start(top="workers 1")
        part = [FRESH, ("ETag", '"1"'), ("Content-Range", "bytes 0-1023/2048")]
        self.origin.on("/p", Reply(status=206, fields=part, pieces=in_two(b"x" * 1024)),
                       Reply(status=206, fields=part, pieces=in_two(b"x" * 1024)),
                       Reply(fields=[FRESH], pieces=in_two(b"y" * 2048)))
        self.get("/p", ("Range", "bytes=0-1023"))
        self.assertEqual(self.get("/p").content, b"y" * 2048)
        until(lambda: self.get("/next").status == 200 and self.origin.live <= 2, "the connections are used again")

    def test_too_long_to_store(self):
        self.ask_often(Reply(fields=[FRESH], pieces=in_two(b"x" * 300_000), framing="chunked"),
                       top="memory 64MB max_object=100KB")
        self.assertIn("larder", self.larder.admin("GET", "/metrics").content.decode())

    def test_too_long_to_store_as_its_length_tells(self):
        self.ask_often(Reply(fields=[FRESH], pieces=in_two(b"x" * 300_000)), top="memory 64MB max_object=100KB")

    def test_error_in_whose_place_something_stale_is_served(self):
        self.start(top="workers 1", route="stale if_error=1m")
        self.origin.on("/s", Reply(fields=[("Cache-Control", "max-age=60"), ("Age", "61")], content=b"old"),
                       Reply(status=503, pieces=in_two(b"x" * 1000)))
        with self.client() as client:
            for _ in range(20):
                self.assertEqual(client.get("/s").content, b"old")

        def used_again():
            self.get("/s")
            return self.origin.connections < self.origin.count("/s") / 2
        until(used_again, "the connections are used again")


class ClientThatLeaves(LarderCase):
    def leave_in_the_middle(self, rest):
        self.start(top="workers 1")
        gate = threading.Event()
        self.origin.on("/left", Reply(fields=[NO_STORE], pieces=[b"begun", gate, b"x" * rest]))
        self.leave("/left")
        gate.set()

    def leave(self, path):
        client = self.client()
        client.send_request(target=path)
        client.read_final_head()
        open_before = self.larder.descriptors()
        client.reset()
        until(lambda: self.larder.descriptors() < open_before, "the client has left")

    def test_short_rest_is_read_and_the_connection_kept(self):
        self.leave_in_the_middle(20_000)

        def served_on_the_same():
            return self.get("/next").status == 200 and self.origin.last("/next").connection \
                is self.origin.last("/left").connection
        until(served_on_the_same, "the connection serves another request")

    def test_long_rest_is_not_waited_for(self):
        self.leave_in_the_middle(10 << 20)
        until(lambda: self.origin.live == 0, "the connection is closed")
        self.assertEqual(self.get("/next").status, 200)

    def test_rest_that_does_not_come_is_not_waited_for(self):
        self.start(top="workers 1")
        gate = threading.Event()
        self.origin.on("/left", Reply(fields=[NO_STORE], pieces=[b"begun", gate, b"x"]))
        self.leave("/left")
        self.assertEqual(self.get("/next").status, 200)
        until(lambda: self.larder.descriptors() <= self.larder.idle_descriptors + 1, "the connection is closed")
        gate.set()


class Interim(LarderCase):
    def flood(self, size, pause=0.0):
        """An origin that sends interim answers for ever; answers the list of what it has sent."""
        sent = []
        head = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * size + b"\r\n\r\n"

        def send(sock, reader):
            while not self.origin.closing.wait(pause):
                sock.sendall(head)
                sent.append(len(head))
        self.origin.on("/flood", lambda request: send)
        return sent

    def test_endless_interim_answers_are_502(self):
        self.start()
        for size in (10, 2000, 60_000):
            with self.subTest(size=size):
                sent = self.flood(size)
                with self.client() as client:
                    client.send_request(target="/flood")
                    response = client.read_response()
                self.assertEqual(response.status, 502)
                self.assertEqual(response.cache.get("detail"), "upstream-excessive-interim")
                self.assertLessEqual(len(response.interim), 16)
                self.assertLess(sum(sent), 64 << 20)
        self.assertIn('kind="upstream-excessive-interim"', self.larder.admin("GET", "/metrics").content.decode())

    def test_client_that_does_not_read_them_makes_nothing_pile_up(self):
        self.start()
        sent = self.flood(60_000)
        before = self.larder.resident_bytes()
        clients = [self.client(receive_buffer=4096) for _ in range(20)]
        for client in clients:
            client.send_request(method="POST", target="/flood")
        until(lambda: len(self.larder.access_lines()) == 20, "all have come to their end")
        self.assertLess(self.larder.resident_bytes() - before, 32 << 20)
        self.assertLess(sum(sent), 256 << 20)

    def test_interim_answers_do_not_put_the_first_byte_off(self):
        self.start(upstream="timeout first_byte=300ms")
        self.flood(10, pause=0.08)
        response = self.get("/flood")
        self.assertEqual(response.status, 504)
        self.assertLess(len(response.interim), 16)

    def test_as_many_as_may_be_pass(self):
        self.start()
        hints = [(103, [("Link", f"</{number}>")]) for number in range(16)]
        self.origin.on("/h", Reply(fields=[FRESH], content=b"x", interim=hints))
        response = self.get("/h")
        self.assertEqual((response.status, len(response.interim)), (200, 16))
        self.assertEqual(response.interim[3].field("Link"), "</3>")
        self.origin.on("/more", Reply(content=b"x", interim=hints + hints[:1]))
        self.assertEqual(self.get("/more").status, 502)

    def test_client_that_expects_no_100_gets_none(self):
        self.start()
        self.origin.on("/c", Reply(content=b"x", interim=[(100, []), (102, []), (103, [])]))
        for method, content in (("GET", None), ("POST", b"abc")):
            response = self.ask(method, "/c", content=content)
            self.assertEqual([interim.status for interim in response.interim], [102, 103])

    def test_100_comes_once(self):
        self.start()
        self.origin.on("/c", Reply(content=b"x", interim=[(100, []), (100, [])]))
        with self.client() as client:
            client.send_head("POST", "/c", [("Expect", "100-continue"), ("Content-Length", "3")])
            self.assertEqual(client.read_head().status, 100)
            client.send(b"abc")
            response = client.read_response()
        self.assertEqual((response.status, response.interim), (200, []))

    def test_client_of_1_0_gets_none(self):
        self.start()
        self.origin.on("/o", Reply(content=b"x", interim=[(103, [])]))
        with self.client() as client:
            self.assertEqual(client.request(target="/o", version="HTTP/1.0").interim, [])

    def test_followers_get_none(self):
        self.start()
        gate = threading.Event()
        self.origin.on("/f", Reply(fields=[FRESH], content=b"x", interim=[(103, [])], gate=gate))
        with self.client() as leader, self.client() as follower:
            leader.send_request(target="/f")
            self.assertEqual(leader.read_head().status, 103)
            follower.send_request(target="/f")
            gate.set()
            self.assertEqual(follower.read_response().interim, [])
            self.assertEqual(leader.read_response().content, b"x")


class SlowClients(LarderCase):
    """They hold no connection to the origin that others need."""

    def others_are_served(self, count=20):
        for number in range(count):
            self.assertEqual(self.get(f"/other{number}").status, 200)

    def test_slow_bodies(self):
        self.start(top="workers 1", upstream="pool max=4\nqueue timeout=500ms")
        kinds = {
            "length": [("Content-Length", "20000")],
            "long": [("Content-Length", "5000000")],
            "chunked": [("Transfer-Encoding", "chunked")],
        }
        for name, fields in kinds.items():
            clients = [self.client() for _ in range(20)]
            for client in clients:
                client.send_head("POST", "/slow", fields)
                client.send(b"5\r\nbegun\r\n" if name == "chunked" else b"begun")
            self.others_are_served()
        self.assertEqual(self.origin.count("/slow"), 0)

    def test_gathered_body_arrives_as_it_was_sent(self):
        self.start(top="workers 1")
        for size in (1, 1000, 32 << 10, (32 << 10) + 1, 500_000):
            content = bytes(number % 251 for number in range(size))
            for pieces in (content, [content[:size // 2] or b"x", content[size // 2:]]):
                with self.subTest(size=size, chunked=isinstance(pieces, list)), self.client() as client:
                    if isinstance(pieces, list):
                        client.send_head("POST", "/up", [("Transfer-Encoding", "chunked")])
                        for piece in pieces:
                            client.send(b"%x\r\n" % len(piece), piece, b"\r\n")
                        client.send(b"0\r\nX-End: yes\r\n\r\n")
                    else:
                        client.send_head("POST", "/up", [("Content-Length", str(size))])
                        for start in range(0, size, 7000):
                            client.send(content[start:start + 7000])
                    self.assertEqual(client.read_response().status, 200)
                    last = self.origin.last("/up")
                    self.assertEqual(last.content, b"".join(pieces) if isinstance(pieces, list) else content)
                    if isinstance(pieces, list):
                        self.assertEqual(last.trailers.get("X-End"), "yes")

    def test_long_body_streams(self):
        self.start(top="workers 1")
        self.origin.on("/up", Reply(content=b"early", early=True))
        with self.client() as client:
            client.send_head("POST", "/up", [("Content-Length", "1000000")])
            client.send(b"x" * (40 << 10))
            self.assertEqual(client.read_final_head().status, 200)

    def test_gathered_body_has_the_limits_of_any(self):
        self.start(top="workers 1\nclient body_idle=200ms\nlimits body=1KB")
        with self.client() as client:
            client.send_head("POST", "/up", [("Content-Length", "500")])
            self.assertEqual(client.read_response().status, 408)
        with self.client() as client:
            client.send_head("POST", "/up", [("Transfer-Encoding", "chunked")])
            client.send(b"401\r\n" + b"x" * 1025 + b"\r\n")
            self.assertEqual(client.read_response().status, 413)
        with self.client() as client:
            client.send_head("POST", "/up", [("Transfer-Encoding", "chunked")])
            client.send(b"nonsense\r\n")
            self.assertEqual(client.read_response().status, 400)
        self.assertEqual(self.origin.count(), 0)

    def test_slow_readers_of_short_answers(self):
        self.start(top="workers 1", upstream="pool max=4\nqueue timeout=2s")
        self.origin.on("/long", Reply(fields=[NO_STORE], pieces=[b"x" * 200_000]))
        clients = [self.client(receive_buffer=2048) for _ in range(30)]
        for client in clients:
            client.send_request(target="/long")
        self.origin.wait_for(30, "/long")
        self.others_are_served()
        for client in clients:
            self.assertEqual(len(client.read_response().content), 200_000)

    def test_memory_for_slow_readers_has_a_limit(self):
        self.start(top="workers 1\nmemory 16MB")
        self.origin.default = lambda request: Reply(fields=[NO_STORE], pieces=[b"x" * 250_000])
        before = self.larder.resident_bytes()
        clients = [self.client(receive_buffer=2048) for _ in range(60)]
        for client in clients:
            client.send_request(target="/long")
        self.origin.wait_for(60)
        self.assertLess(self.larder.resident_bytes() - before, 12 << 20)
        for client in clients:
            client.reset()

    def test_tunnels_leave_their_place_to_requests(self):
        self.start(top="workers 1", upstream="pool max=2\nqueue timeout=500ms")

        def upgrade(sock, reader):
            sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
            sock.recv(1)
        self.origin.on("/t", lambda request: upgrade)
        fields = [("Connection", "upgrade"), ("Upgrade", "websocket")]
        clients = [self.client() for _ in range(4)]
        for client in clients:
            client.send_head("GET", "/t", fields)
            self.assertEqual(client.read_head().status, 101)
        self.others_are_served()
        self.assertIn('state="tunnel"} 4', self.larder.admin("GET", "/metrics").content.decode())


class OneAddress(LarderCase):
    """No client address takes all connections of a pool."""

    def hold_what_it_gets(self, count, source, top=""):
        self.start(top="workers 1\n" + top, upstream="pool max=8\nqueue timeout=1m")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.on("/held", Reply(content=b"x", gate=gate))
        clients = [self.client(source=source) for _ in range(count)]
        for client in clients:
            client.send_request("POST", "/held")
        return clients, gate

    def test_something_is_left_for_another_address(self):
        clients, gate = self.hold_what_it_gets(30, "127.0.0.2")
        self.origin.wait_for(7, "/held")
        for number in range(20):
            self.assertEqual(self.get(f"/other{number}").status, 200)
        self.assertEqual(self.origin.count("/held"), 7)
        gate.set()
        self.assertEqual({client.read_response("POST").status for client in clients}, {200})

    def test_those_behind_a_trusted_proxy_are_not_one(self):
        self.hold_what_it_gets(8, "127.0.0.2", top="trusted_proxies 127.0.0.2")
        self.origin.wait_for(8, "/held")


if __name__ == "__main__":
    unittest.main()
