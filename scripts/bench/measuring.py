# SPDX-License-Identifier: Apache-2.0
"""Starts what is measured, loads it, and reads what processor time it took."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS, STOP_SECONDS = 60, 10
HOST = "bench.test"  # in load.c too; part of the key of what is stored


@contextlib.contextmanager
def noting_failure(notes, what):
    """What fails within is noted, and the rest goes on."""
    try:
        yield
    except (RuntimeError, OSError) as problem:
        notes.append(f"{what}: {str(problem).strip()}")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until(condition, what, seconds):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise RuntimeError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.02)


def processors():
    """The processors of the server under test, and those of the load and the origin."""
    available = sorted(os.sched_getaffinity(0))
    return available[:1], available[1:2] or available[:1]


class Process:
    """A program and whatever it starts; `stop` ends these and no others."""

    def __init__(self, command, cpus, folder, name, environment=None):
        self.name, self.log = name, os.path.join(folder, f"{name}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True,
                env={**os.environ, **(environment or {})}, preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    def wait_for(self, port):
        def accepts():
            if self.process.poll() is not None:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"{self.name} ended: {log.read()[-2000:]}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        until(accepts, f"{self.name} accepts connections", START_SECONDS)

    def family(self):
        """Process numbers: the program, its children and theirs."""
        children = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            fields = stat_fields(name)
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
        found = [self.process.pid]
        for parent in found:
            found += children.get(parent, [])
        return found

    def cpu_seconds(self):
        times = filter(None, map(stat_fields, self.family()))
        return sum(int(fields[11]) + int(fields[12]) for fields in times) / TICKS_PER_SECOND

    def stop(self):
        family = self.family()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def stat_fields(pid):
    """Fields of /proc/PID/stat from the state on, or nothing when the process has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


class Rig:
    """The folder, the tools and the origin of one run."""

    def __init__(self, scratch):
        # Caches of peers that store in files are in memory, as the others are.
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = scratch.enter_context(tempfile.TemporaryDirectory(prefix="larder-bench-", dir=base))
        os.chmod(self.folder, 0o755)
        self.scratch = scratch
        self.server_cpus, self.load_cpus = processors()
        for name in ("origin", "floor", "load"):
            subprocess.run(["clang", "-O2", "-o", self.tool(name), os.path.join(HERE, f"{name}.c")], check=True)
        self.origin_port = free_port()
        self.start([self.tool("origin"), str(self.origin_port)], "origin", self.origin_port, self.load_cpus)

    @contextlib.contextmanager
    def scope(self):
        """What is started within ends with it."""
        with contextlib.ExitStack() as inner:
            outer, self.scratch = self.scratch, inner
            try:
                yield
            finally:
                self.scratch = outer

    def tool(self, name):
        return os.path.join(self.folder, name)

    def start(self, command, name, port, cpus, environment=None, folder=None):
        process = Process(command, cpus, folder or self.folder, name, environment)
        self.scratch.callback(process.stop)
        process.wait_for(port)
        return process

    def run(self, command, seconds):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False,
                                  preexec_fn=lambda: os.sched_setaffinity(0, self.load_cpus))
        except subprocess.TimeoutExpired as problem:
            raise RuntimeError(str(problem)) from problem
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def load(self, port, connections, requests, path, *fields, rate=0, content=0, keys=None):
        """What load.c tells: requests, errors, seconds, and latencies in microseconds. With `keys` there is one field."""
        return json.loads(self.run([self.tool("load"), str(port), str(connections), str(requests), str(rate), str(content),
                                    path, *fields, *([str(keys)] if keys else [])], 150))

    def wrk(self, port, connections, seconds, path, fields=(), script=None):
        """Requests that were answered, and how many of them wrongly."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-H", f"Host: {HOST}"]
        command += [part for field in fields for part in ("-H", field)]
        command += ["-s", os.path.join(HERE, script)] if script else []
        told = self.run(command + [f"http://127.0.0.1:{port}{path}"], seconds + 60)
        errors = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", told)))
        errors += sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", told)))
        return int(re.search(r"(\d+) requests in", told).group(1)), errors

    def origin_requests(self):
        """How many requests reached the origin since this was asked last."""
        return int(fetch(self.origin_port, "/count")[2])


def fetch(port, path, *fields):
    """Status, head and body of one answer; a body of untold length is as it came, with its framing."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *fields]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        received = b""
        while not is_whole(received) and (part := connection.recv(65536)):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.decode("latin-1"), body


def is_whole(received):
    head, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    return bool(end) and (b" 304 " in head[:16] or (length is not None and len(body) >= int(length.group(1))))
