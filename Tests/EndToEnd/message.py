# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 messages read strictly from a socket, for both the client's and the origin's side."""


class Broken(Exception):
    """The peer ended or bent a message before it was complete."""


class Fields(list):
    """Field lines as (name, value), in order."""

    def all(self, name):
        return [value for key, value in self if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return ", ".join(values) if values else default

    def tokens(self, name):
        return [item.strip().lower() for value in self.all(name) for item in value.split(",") if item.strip()]

    def __contains__(self, name):
        return bool(self.all(name)) if isinstance(name, str) else list.__contains__(self, name)


class Reader:
    """Bytes of one socket, with what was read too far kept for the next message."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.ended = False

    def fill(self):
        """One more piece; False at the end of the stream."""
        if self.ended:
            return False
        try:
            piece = self.sock.recv(1 << 16)
        except ConnectionError:
            piece = b""
        if not piece:
            self.ended = True
            return False
        self.buffer += piece
        return True

    def line(self):
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                line = bytes(self.buffer[:end + 1])
                del self.buffer[:end + 1]
                if not line.endswith(b"\r\n"):
                    raise Broken(f"line without CR: {line[:80]!r}")
                return line[:-2].decode("latin-1")
            if not self.fill():
                raise Broken(f"end of stream within a line: {bytes(self.buffer[:80])!r}")

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise Broken(f"{len(self.buffer)} of {count} bytes, then the end")
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def some(self, limit=1 << 16):
        """What is there, at least one byte; empty at the end of the stream."""
        if not self.buffer and not self.fill():
            return b""
        taken = bytes(self.buffer[:limit])
        del self.buffer[:limit]
        return taken

    def rest(self):
        while self.fill():
            pass
        taken = bytes(self.buffer)
        self.buffer.clear()
        return taken

    def fields(self):
        found = Fields()
        while True:
            line = self.line()
            if not line:
                return found
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise Broken(f"bad field line {line!r}")
            found.append((name, value.strip(" \t")))

    def chunks(self):
        """Yields the data of each chunk; returns the trailers."""
        while True:
            digits = self.line().partition(";")[0].strip()
            if not digits or digits.strip("0123456789abcdefABCDEF"):
                raise Broken(f"bad chunk size {digits!r}")
            size = int(digits, 16)
            if size == 0:
                return self.fields()
            data = self.exactly(size)
            if self.exactly(2) != b"\r\n":
                raise Broken("chunk without its end")
            yield data

    def chunked(self):
        """All of a chunked content, and its trailers."""
        content = bytearray()
        chunks = self.chunks()
        while True:
            try:
                content += next(chunks)
            except StopIteration as end:
                return bytes(content), end.value


def head_bytes(start_line, fields):
    lines = [start_line] + [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)
