# SPDX-License-Identifier: Apache-2.0
"""An origin whose every answer is scripted, one thread for each connection."""
import collections
import socket
import threading

from message import Broken, Fields, Reader, chunk, head_bytes
from waiting import until

CLOSE = object()
RESET = object()
STALL = object()  # stays silent until the origin is closed


class Request:
    def __init__(self, method, target, version, fields):
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.version = version
        self.fields = fields
        self.content = b""
        self.trailers = Fields()
        self.connection = None

    def field(self, name, default=None):
        return self.fields.get(name, default)


class Reply:
    """One scripted response.

    `pieces` are bytes to send and events to wait for, in order; they are framed by `framing`: "length" (the
    sum of the pieces), "chunked" or "close". `gate` is waited for before the head. `raw` replaces all of that:
    bytes, events, CLOSE, RESET and STALL, sent as they are.
    """

    def __init__(self, status=200, fields=(), content=b"", pieces=None, framing="length", gate=None, interim=(),
                 trailers=(), raw=None, close=False, early=False, reason="OK"):
        self.status = status
        self.reason = reason
        self.fields = list(fields)
        self.pieces = pieces if pieces is not None else ([content] if content else [])
        self.framing = framing
        self.gate = gate
        self.interim = interim
        self.trailers = trailers
        self.raw = raw
        self.close = close
        self.early = early  # answered before the request's content is read


class Origin:
    def __init__(self, port=0):
        self.replies = {}
        self.requests = []
        self.default = lambda request: Reply(content=request.target.encode())
        self.changed = threading.Condition()
        self.closing = threading.Event()
        self.sockets = set()
        self.connections = 0
        self.live = 0
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    # -- scripting

    def on(self, path, *replies):
        """Replies for a path in turn, the last one for ever; a function of the request may stand for a reply."""
        self.replies[path] = collections.deque(replies)

    def count(self, path=None, method=None):
        with self.changed:
            return sum(1 for request in self.requests
                       if path in (None, request.path) and method in (None, request.method))

    def last(self, path):
        with self.changed:
            return next(request for request in reversed(self.requests) if request.path == path)

    def wait_for(self, count, path=None):
        until(lambda: self.count(path) >= count, f"{count} requests for {path}, not {self.count(path)}")

    # -- connections

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                self.sockets.add(sock)
                self.connections += 1
                self.live += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        reader = Reader(sock)
        try:
            while self._exchange(sock, reader):
                pass
        except (OSError, Broken, ValueError):
            pass
        finally:
            with self.changed:
                self.sockets.discard(sock)
                self.live -= 1
            sock.close()

    def _exchange(self, sock, reader):
        if not reader.buffer and not reader.fill():
            return False
        method, target, version = reader.line().split(" ")
        request = Request(method, target, version, reader.fields())
        request.connection = sock
        reply = self._reply(request)
        if not getattr(reply, "early", False):
            self._read_content(request, sock, reader)
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        if not isinstance(reply, Reply):
            reply = reply(request)
        if callable(reply):  # takes the connection over, as after an upgrade
            reply(sock, reader)
            return False
        return self._send(sock, request, reply)

    def _reply(self, request):
        with self.changed:
            script = self.replies.get(request.path)
            if not script:
                return self.default
            return script.popleft() if len(script) > 1 else script[0]

    def _read_content(self, request, sock, reader):
        length = request.field("Content-Length")
        chunked = "chunked" in request.fields.tokens("transfer-encoding")
        if "100-continue" in request.fields.tokens("expect") and (chunked or length):
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if chunked:
            request.content, request.trailers = reader.chunked()
        elif length:
            request.content = reader.exactly(int(length))

    def _send(self, sock, request, reply):
        if reply.raw is not None:
            return all(self._send_raw(sock, piece) for piece in reply.raw)
        for status, fields in reply.interim:
            sock.sendall(head_bytes(f"HTTP/1.1 {status} Interim", fields))
        if reply.gate:
            self._wait(reply.gate)
        sock.sendall(self._head(reply))
        if request.method != "HEAD" and reply.status not in (204, 304):
            self._send_pieces(sock, reply)
        return not (reply.close or reply.early or reply.framing == "close")

    def _head(self, reply):
        fields = list(reply.fields)
        if reply.framing == "chunked":
            fields.append(("Transfer-Encoding", "chunked"))
        elif reply.framing == "length" and reply.status not in (204, 304):
            fields.append(("Content-Length", str(sum(len(p) for p in reply.pieces if isinstance(p, bytes)))))
        if reply.close or reply.framing == "close":
            fields.append(("Connection", "close"))
        return head_bytes(f"HTTP/1.1 {reply.status} {reply.reason}", fields)

    def _send_pieces(self, sock, reply):
        chunked = reply.framing == "chunked"
        for piece in reply.pieces:
            if isinstance(piece, threading.Event):
                self._wait(piece)
            else:
                sock.sendall(chunk(piece) if chunked else piece)
        if chunked:
            sock.sendall(head_bytes("0", reply.trailers))

    def _send_raw(self, sock, piece):
        if piece is CLOSE:
            return False
        if piece is RESET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            return False
        if piece is STALL:
            self.closing.wait()
            return False
        if isinstance(piece, threading.Event):
            self._wait(piece)
        else:
            sock.sendall(piece)
        return True

    def _wait(self, event):
        while not event.wait(0.05):
            if self.closing.is_set():
                raise Broken("the origin is closing")

    def close_connections(self):
        with self.changed:
            sockets = list(self.sockets)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closing.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.acceptor.join()
        self.close_connections()
