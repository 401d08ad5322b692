# SPDX-License-Identifier: Apache-2.0
"""A redis-server of a test's own, in a folder that goes with it."""
import shutil
import signal
import socket
import subprocess
import tempfile

from larder import accepts, free_port
from waiting import until


class RedisServer:
    def __init__(self, port=None, *options):
        self.port = port or free_port()
        self.options = options
        self.folder = tempfile.TemporaryDirectory(prefix="larder-redis-")
        self.process = None
        self.start()

    @staticmethod
    def is_installed():
        return shutil.which("redis-server") is not None

    def start(self):
        """Also again after `kill`, with what was written to its folder."""
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder.name, "--save", "",
             *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        until(lambda: accepts(self.port), "redis-server accepts connections")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.go_on()
        self.kill()
        self.folder.cleanup()

    def connection(self):
        return RedisClient(self.port)

    def ask(self, *words):
        client = self.connection()
        try:
            return client.ask(*words)
        finally:
            client.close()


class RedisClient:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        command = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.socket.sendall(command)

    def ask(self, *words):
        self.send(*words)
        return self.reply()

    def line(self):
        """As MONITOR sends them."""
        return self.file.readline().decode("utf-8", "replace")

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in (b"+", b"-"):
            return rest.decode()
        if kind == b":":
            return int(rest)
        count = int(rest)
        if count < 0:
            return None
        if kind == b"$":
            return self.file.read(count + 2)[:-2].decode("utf-8", "replace")
        return [self.reply() for _ in range(count)]
