# SPDX-License-Identifier: Apache-2.0
"""However fast one body comes, and however long its bytes take, others have their turn (promise 7)."""
import contextlib
import socket
import threading
import time
import unittest

from case import FRESH, LarderCase
from origin import Reply
from rawclient import once

SECONDS = 3
# A busy machine included; without turns it is as long as the body comes.
MOST_SECONDS = 1.0
TINY_CHUNKS = b"1\r\nx\r\n" * 20_000
TEXT = b"".join(b'{"id": %d, "name": "somebody %d", "note": "%x"},\n' % (i, i * 7, i * 2654435761) for i in range(4000))


class Turns(LarderCase):
    def beside(self, serve):
        """Starts Larder with a page in memory, and with `/long` led to a server of one connection."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def accept():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):  # the other side has had enough
                serve(connection)
        thread = threading.Thread(target=accept)
        thread.start()
        self.addCleanup(thread.join)
        self.origin = self.start_origin()
        self.origin.on("/page", Reply(fields=[FRESH], content=b"p" * 1000))
        self.start(self.config(self.origin.port, top="workers 1\naccess_log off")
                   + f"route /long {{\n upstream http://127.0.0.1:{listener.getsockname()[1]}\n}}\n")
        self.get("/page")

    def assert_others_have_their_turn(self, work):
        over = threading.Event()

        def run():
            with self.client() as client, contextlib.suppress(OSError):
                work(client)
            over.set()
        thread = threading.Thread(target=run)
        thread.start()
        slowest = self.slowest_hit(over.is_set)
        thread.join()
        self.assertLess(slowest, MOST_SECONDS)

    def slowest_hit(self, until_over):
        slowest, count = 0.0, 0
        while not until_over():
            start = time.monotonic()
            self.assertEqual(once(self.larder.port, "GET", "/page").status, 200)
            slowest, count = max(slowest, time.monotonic() - start), count + 1
            time.sleep(0.01)
        self.assertGreater(count, 10)
        return slowest

    def while_downloading(self, head, piece, *fields):
        def send(connection):
            connection.recv(1 << 16)
            connection.sendall(head)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                connection.sendall(piece)

        def read(client):
            client.send_request(target="/long", fields=list(fields))
            while client.sock.recv(1 << 20):
                pass
        self.beside(send)
        self.assert_others_have_their_turn(read)

    def test_chunks_of_one_byte(self):
        self.while_downloading(
            b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n", TINY_CHUNKS)

    def test_a_long_text_that_is_compressed(self):
        self.while_downloading(
            b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: text/plain\r\n"
            b"Content-Length: 100000000000\r\n\r\n", TEXT, ("Accept-Encoding", "br"))

    def test_an_upload_in_chunks_of_one_byte(self):
        def take(connection):
            while connection.recv(1 << 20):
                pass

        def write(client):
            client.send(b"POST /long HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                client.send(TINY_CHUNKS)
        self.beside(take)
        self.assert_others_have_their_turn(write)


if __name__ == "__main__":
    unittest.main()
