# SPDX-License-Identifier: Apache-2.0
"""A client that sends exactly the bytes it is told to and reads responses strictly."""
import socket

from message import Broken, Fields, Reader, chunk, head_bytes


class Response:
    def __init__(self, version, status, reason, fields):
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields
        self.interim = []
        self.content = b""
        self.trailers = Fields()

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.content[:200]!r}>"

    def field(self, name, default=None):
        return self.fields.get(name, default)

    @property
    def keeps_alive(self):
        tokens = self.fields.tokens("connection")
        return "keep-alive" in tokens if self.version == "HTTP/1.0" else "close" not in tokens

    @property
    def cache(self):
        """Larder's own member of Cache-Status: its parameters, with `hit` and the like as True."""
        members = (self.field("Cache-Status") or "").split(",")
        own = [item for item in members if item.strip().split(";")[0].strip() == "Larder"]
        if not own:
            return {}
        parameters = {}
        for part in own[-1].split(";")[1:]:
            name, equals, value = part.strip().partition("=")
            parameters[name] = value.strip('"') if equals else True
        return parameters


class Client:
    """One connection. Use as a context manager, or close it."""

    def __init__(self, port, host="127.0.0.1", timeout=20, receive_buffer=None, source=None):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.sock.bind((source, 0))
        self.sock.settimeout(timeout)
        try:
            self.sock.connect((host, port))
        except OSError:
            self.sock.close()
            raise
        self.reader = Reader(self.sock)
        self.host = f"{host}:{port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.sock.close()

    def end_writing(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, *pieces):
        for piece in pieces:
            self.sock.sendall(piece.encode("latin-1") if isinstance(piece, str) else piece)

    def send_head(self, method="GET", target="/", fields=(), version="HTTP/1.1", host=None):
        lines = list(fields)
        if not any(name.lower() == "host" for name, _ in lines):
            lines.insert(0, ("Host", host or self.host))
        self.send(head_bytes(f"{method} {target} {version}", lines))

    def send_request(self, method="GET", target="/", fields=(), content=None, version="HTTP/1.1"):
        """`content` as bytes is sent with its length, as a list of bytes in chunks."""
        lines = list(fields)
        if isinstance(content, list):
            lines.append(("Transfer-Encoding", "chunked"))
        elif content is not None:
            lines.append(("Content-Length", str(len(content))))
        self.send_head(method, target, lines, version)
        if isinstance(content, list):
            self.send(*[chunk(piece) for piece in content], b"0\r\n\r\n")
        elif content:
            self.send(content)

    def read_head(self):
        """The next head, be it interim or final."""
        parts = self.reader.line().split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit() or len(parts[1]) != 3:
            raise Broken(f"bad status line {parts!r}")
        return Response(parts[0], int(parts[1]), parts[2] if len(parts) > 2 else "", self.reader.fields())

    def read_final_head(self):
        interim = []
        while True:
            response = self.read_head()
            if response.status >= 200 or response.status == 101:
                response.interim = interim
                return response
            interim.append(response)

    def read_response(self, method="GET"):
        response = self.read_final_head()
        self.read_content(response, method)
        return response

    def read_content(self, response, method="GET"):
        """RFC 9112 §6.3."""
        if method == "HEAD" or response.status in (101, 204, 304):
            return
        codings = response.fields.tokens("transfer-encoding")
        lengths = response.fields.all("content-length")
        if codings:
            if lengths or codings != ["chunked"]:
                raise Broken(f"framing {codings} {lengths}")
            response.content, response.trailers = self.reader.chunked()
        elif lengths:
            if len(lengths) != 1 or not lengths[0].isdigit():
                raise Broken(f"lengths {lengths}")
            response.content = self.reader.exactly(int(lengths[0]))
        else:
            if response.keeps_alive and response.version != "HTTP/1.0":
                raise Broken(f"content without framing on a persistent connection: {response.fields}")
            response.content = self.reader.rest()

    def request(self, method="GET", target="/", fields=(), content=None, version="HTTP/1.1"):
        self.send_request(method, target, fields, content, version)
        return self.read_response(method)

    def get(self, target="/", *fields):
        return self.request("GET", target, fields)

    def ends(self):
        """Whether the peer has ended the connection with nothing more said; waits for it."""
        try:
            return self.reader.some() == b""
        except (TimeoutError, socket.timeout):
            return False


def once(port, method="GET", target="/", fields=(), content=None):
    """One request on a connection of its own."""
    with Client(port) as client:
        return client.request(method, target, fields, content)
