# SPDX-License-Identifier: Apache-2.0
"""A client and an origin that do the same in every run: for tests that count what a request costs."""
import re
import socket
import threading
import time

JSON_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=3600\r\n"
             b'ETag: "one"\r\nContent-Length: %d\r\n\r\n')


class Connection:
    """Sends requests one after the other and reads exactly one answer for each."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request, status):
        """The head of the answer, which must have this status."""
        self.socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.receive()
        head, _, body = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 %d " % status):
            raise SystemExit(f"expected {status}, got {head!r}")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        bodiless = request.startswith(b"HEAD ") or status == 304
        while not bodiless and len(body) < int(length.group(1)):
            body += self.receive()
        return head

    def receive(self):
        part = self.socket.recv(65536)
        if not part:
            raise SystemExit("larder closed the connection")
        return part

    def wait_for_end(self):
        if self.socket.recv(1):
            raise SystemExit("larder sent more than its answer")

    def close(self):
        self.socket.close()


class Origin:
    """Answers a request's head and content by `answer`; one thread for each connection."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        received = b""
        while part := connection.recv(65536):
            received += part
            while request := whole_request(received):
                received = received[len(request):]
                connection.sendall(self.answer(request))
        connection.close()


def whole_request(received):
    """The first request in `received` with its content, or nothing while a part of it is missing."""
    end = received.find(b"\r\n\r\n") + 4
    if end == 3:
        return b""
    length = re.search(rb"\r\ncontent-length: *(\d+)", received[:end], re.I)
    end += int(length.group(1)) if length else 0
    return received[:end] if len(received) >= end else b""


def request(method, target, *fields, content=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "User-Agent: budget", "Accept: */*", *fields]
    if content:
        lines.append(f"Content-Length: {len(content)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until(condition, what, seconds=20):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise SystemExit(f"waited {seconds} s in vain until {what}")
        time.sleep(0.005)
