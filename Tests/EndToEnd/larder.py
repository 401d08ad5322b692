# SPDX-License-Identifier: Apache-2.0
"""A Larder process: started with a configuration, watched, stopped, and looked after for what it leaves behind."""
import json
import os
import signal
import socket
import subprocess
import tempfile

from rawclient import once
from waiting import until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def binary():
    chosen = os.environ.get("LARDER_BIN")
    candidates = [chosen] if chosen else [os.path.join(TOP, ".build", kind, "larder") for kind in ("release", "debug")]
    for path in candidates:
        if os.access(path, os.X_OK):
            return path
    raise SystemExit(f"no larder among {candidates}: build it, or set LARDER_BIN")


GIVEN_PORTS = set()


def free_port():
    """One that this process was not given before: the kernel may choose the same again."""
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        if port not in GIVEN_PORTS:
            GIVEN_PORTS.add(port)
            return port


def accepts(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Larder:
    """`text` is the configuration, in which @listen@ and @admin@ stand for the ports."""

    def __init__(self, text, environment=None, output=None, errors=None, before=None):
        self.port = free_port()
        self.admin_port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="larder-test-")
        self.config = os.path.join(self.folder.name, "proxy.conf")
        self.write_config(text)
        self.output = open(os.path.join(self.folder.name, "out"), "w+b")
        self.errors = open(os.path.join(self.folder.name, "err"), "w+b")
        self.process = subprocess.Popen(
            [binary(), "serve", self.config], stdout=self.output if output is None else output,
            stderr=self.errors if errors is None else errors, stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})}, preexec_fn=before)
        self.admin_enabled = "@admin@" in text
        try:
            self.wait_ready()
        except AssertionError:
            self.close()
            raise
        self.idle_descriptors = self.settled_descriptors()

    def write_config(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace("@listen@", str(self.port)).replace("@admin@", str(self.admin_port)))

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"larder ended with {self.process.returncode}: {self.error_text()}")
            return accepts(self.port) and (not self.admin_enabled or accepts(self.admin_port))
        until(ready, "larder accepts connections")

    # -- what it says

    def output_text(self):
        with open(self.output.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def error_text(self):
        with open(self.errors.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def access_lines(self):
        """The complete lines of the access log, parsed."""
        text = self.output_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines() if line]

    # -- what it uses

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def read_connections(self):
        """How many clients are connected of whose bytes none waits to be read."""
        with open(f"/proc/{self.process.pid}/net/tcp", encoding="ascii") as table:
            lines = [line.split() for line in table][1:]
        own, established = f"{self.port:04X}", "01"
        return sum(line[1].endswith(":" + own) and line[3] == established and line[4].endswith(":00000000")
                   for line in lines)

    def wait_for_readers(self, count):
        """All that so many clients have sent is read and acted upon."""
        until(lambda: self.read_connections() >= count, "all have asked")
        self.admin("GET", "/metrics")  # which each event loop answers when it has done what it read

    def settled_descriptors(self):
        """The number of descriptors once the connections that looked for readiness are gone."""
        seen = []

        def settled():
            seen.append(self.descriptors())
            return len(seen) >= 3 and len(set(seen[-3:])) == 1
        until(settled, "the descriptors settle")
        return seen[-1]

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    # -- the admin address

    def admin(self, method, target, content=None, fields=()):
        if content is not None and not isinstance(content, bytes):
            content = json.dumps(content).encode()
        if method == "POST" and not any(name.lower() == "content-type" for name, _ in fields):
            fields = [*fields, ("Content-Type", "application/json")]
        return once(self.admin_port, method, target, fields, content)

    def admin_json(self, method, target, content=None, fields=()):
        response = self.admin(method, target, content, fields)
        assert response.status == 200, response
        return json.loads(response.content)

    def invalidate(self, **what):
        return self.admin_json("POST", "/invalidate", what)

    # -- its end

    def pause(self):
        """Until SIGCONT; it comes back when every thread stands still."""
        self.signal(signal.SIGSTOP)
        tasks = f"/proc/{self.process.pid}/task"

        def stands(task):
            with open(f"{tasks}/{task}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] == "T"
        until(lambda: all(stands(task) for task in os.listdir(tasks)), "all threads stand still")

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, seconds=15):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"larder did not end: {self.error_text()[-2000:]}") from None

    def stop(self):
        """Ends it by TERM and answers its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait_exit()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self.output.close()
        self.errors.close()
        self.folder.cleanup()


def run(*arguments, text=None, environment=None):
    """Runs the binary to its end; `text` becomes a file whose path is added to the arguments."""
    with tempfile.TemporaryDirectory(prefix="larder-test-") as folder:
        command = [binary(), *arguments]
        if text is not None:
            path = os.path.join(folder, "proxy.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            command.append(path)
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False,
                              env={**os.environ, **(environment or {})})
