# SPDX-License-Identifier: Apache-2.0
"""The memory limit means the process, whatever arrives at once (promise 7)."""
import selectors
import socket
import time
import unittest

from case import LarderCase

MEGABYTE = 1 << 20
CLIENTS = 1000
MEMORY = 48 * MEGABYTE
LENGTH = MEGABYTE - 4096
BLOCK = bytes(range(256)) * 256
LIMIT = int(1.2 * MEMORY) + 32 * MEGABYTE


class Peer:
    """A socket of either side, with what it has yet to send and how much it has received."""

    def __init__(self, sock):
        self.sock = sock
        self.received = 0
        self.head = b""
        self.sent = 0


class Crowd:
    """As many clients as connections to the origin, all served by one thread: the origin sends half of each body,
    and the other half when all have had theirs."""

    def __init__(self, port, listener, chunked, reads_late):
        self.selector = selectors.DefaultSelector()
        self.listener = listener
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, (self.accept, None))
        self.chunked = chunked
        self.origins = []
        self.clients = []
        self.half = False
        self.reads = not reads_late
        for number in range(CLIENTS):
            self.connect(port, number)

    def connect(self, port, number):
        sock = socket.socket()
        if not self.reads:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.settimeout(20)
        sock.connect(("127.0.0.1", port))
        sock.sendall(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
        sock.setblocking(False)
        client = Peer(sock)
        self.clients.append(client)
        if self.reads:
            self.selector.register(sock, selectors.EVENT_READ, (self.read, client))

    def read_all(self):
        self.reads = True
        for client in self.clients:
            self.selector.register(client.sock, selectors.EVENT_READ, (self.read, client))

    def accept(self, _):
        sock, _ = self.listener.accept()
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, (self.asked, Peer(sock)))

    def asked(self, origin):
        try:
            data = origin.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.selector.unregister(origin.sock)
            return origin.sock.close()
        framing = b"Transfer-Encoding: chunked" if self.chunked else b"Content-Length: %d" % LENGTH
        origin.head = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n" + framing + b"\r\n\r\n"
        self.origins.append(origin)
        self.selector.modify(origin.sock, selectors.EVENT_WRITE, (self.send, origin))

    def message(self, origin):
        """What is to be sent next; empty when the half, or the whole, is out."""
        if origin.head:
            return origin.head
        limit = LENGTH if self.half else LENGTH // 2
        size = min(len(BLOCK), limit - origin.sent)
        if size <= 0:
            return b""
        origin.sent += size
        origin.head = b"%x\r\n%b\r\n" % (size, BLOCK[:size]) if self.chunked else BLOCK[:size]
        if self.chunked and origin.sent == LENGTH:
            origin.head += b"0\r\n\r\n"
        return origin.head

    def send(self, origin):
        data = self.message(origin)
        if not data:
            return self.selector.modify(origin.sock, selectors.EVENT_READ, (self.asked, origin))
        try:
            origin.head = data[origin.sock.send(data):]
        except BlockingIOError:
            pass

    def send_rest(self):
        self.half = True
        for origin in self.origins:
            self.selector.modify(origin.sock, selectors.EVENT_WRITE, (self.send, origin))

    def read(self, client):
        data = client.sock.recv(1 << 18)
        if not data:
            raise AssertionError(f"an answer ended after {client.received} bytes")
        client.received += len(data)

    def run(self, condition, what, seconds=60):
        limit = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > limit:
                raise AssertionError(f"waited {seconds} s in vain until {what}")
            for key, _ in self.selector.select(0.1):
                handle, peer = key.data
                handle(peer)

    def run_idle(self):
        """Until nothing moves any more."""
        while events := self.selector.select(0.5):
            for key, _ in events:
                handle, peer = key.data
                handle(peer)

    def close(self):
        for peer in self.clients + self.origins:
            peer.sock.close()
        self.selector.close()


class ManyAtOnce(LarderCase):
    def peak_bytes(self):
        with open(f"/proc/{self.larder.process.pid}/status", encoding="ascii") as file:
            peak = next(line for line in file if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024

    def crowd(self, chunked, reads_late=False):
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.addCleanup(listener.close)
        self.origin = None
        top = f"memory {MEMORY}B max_object=1MB\nworkers 2\naccess_log off\ntimeout idle=1m first_byte=1m"
        self.start(self.config(
            listener.getsockname()[1], top=top, upstream="pool max=4096\nqueue limit=4096 timeout=1m"))
        crowd = Crowd(self.larder.port, listener, chunked, reads_late)
        self.addCleanup(crowd.close)
        crowd.run(lambda: len(crowd.origins) == CLIENTS, "all are asked for")
        if reads_late:
            crowd.run_idle()
        else:
            crowd.run(lambda: all(client.received > LENGTH // 2 for client in crowd.clients), "all have half of it")
        crowd.send_rest()
        if reads_late:
            crowd.run_idle()
            crowd.read_all()
        crowd.run(lambda: all(client.received > LENGTH for client in crowd.clients), "all have all of it")
        crowd.run_idle()
        crowd.close()
        self.assertLess(self.peak_bytes(), LIMIT)
        return self.larder.admin_json("GET", "/performance")

    def test_a_thousand_misses_of_known_length(self):
        self.crowd(chunked=False)

    def test_a_thousand_misses_of_unknown_length(self):
        self.crowd(chunked=True)

    def test_a_thousand_slow_readers(self):
        self.crowd(chunked=True, reads_late=True)


if __name__ == "__main__":
    unittest.main()
