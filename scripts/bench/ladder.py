#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the climb of hot bodies to the best level, and what it costs the traffic on the same processor.

    ladder.py [PATH/larder] [--objects N] [--seconds N] [--saturated]

One loop and the background share one processor; clients and origin have the others. Rounds with and without climbing
alternate. --saturated adds a thread that computes all the time beside the loop.
"""
import argparse
import http.server
import json
import multiprocessing
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BODY_BYTES = 100_000
CLIENTS = 4


def body(number):
    chance = random.Random(number)
    items = []
    size = 0
    while size < BODY_BYTES:
        items.append({"id": chance.randrange(10 ** 6), "email": f"user{chance.randrange(10 ** 5)}@example.com",
                      "active": True, "role": chance.choice(["admin", "editor", "reader"]),
                      "score": chance.randrange(10 ** 4)})
        size += len(json.dumps(items[-1])) + 2
    return json.dumps(items).encode()


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        content = body(int(self.path.strip("/")))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "max-age=3600")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def fetch(connection, request):
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, rest = received.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")).split()[1])
    left = length - len(rest)
    while left > 0:
        left -= len(connection.recv(min(left, 1 << 18)))
    return length


def client(port, objects, seconds, seed, processors, results):
    os.sched_setaffinity(0, processors)
    chance = random.Random(seed)
    requests = [f"GET /{number} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n".encode()
                for number in range(objects)]
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            request = requests[chance.randrange(objects)]
            start = time.perf_counter_ns()
            fetch(connection, request)
            taken.append(time.perf_counter_ns() - start)
            time.sleep(0.0005)
    results.put(taken)


def occupy(processor):
    os.sched_setaffinity(0, {processor})
    while True:
        pass


class Larder:
    def __init__(self, binary, origin, climb, objects):
        self.port, self.admin = free_port(), free_port()
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "proxy.conf")
        with open(path, "w") as file:
            file.write(f"listen 127.0.0.1:{self.port}\nadmin 127.0.0.1:{self.admin}\nworkers 1\naccess_log off\n"
                       f"log_level warning\nupstream o {{ server 127.0.0.1:{origin} }}\n"
                       f"route /* {{ upstream o\n compress br climb={climb} }}\n")
        processor = min(os.sched_getaffinity(0))
        self.process = subprocess.Popen(["taskset", "-c", str(processor), binary, "serve", path])
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.05)
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            for number in range(objects):
                for _ in range(2):
                    fetch(connection, f"GET /{number} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n".encode())

    def made(self):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=20).read().decode()
        return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith("larder_recoded_total") and 'result="made"' in line)

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def measure(larder, objects, seconds):
    """Milliseconds of each request."""
    results = multiprocessing.Queue()
    others = os.sched_getaffinity(0) - {min(os.sched_getaffinity(0))} or os.sched_getaffinity(0)
    clients = [multiprocessing.Process(target=client, args=(larder.port, objects, seconds, seed, others, results))
               for seed in range(CLIENTS)]
    for one in clients:
        one.start()
    taken = [value / 1e6 for _ in clients for value in results.get()]
    for one in clients:
        one.join()
    return taken


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?", default=os.path.join(TOP, ".build", "release", "larder"))
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=5, help="of each round")
    parser.add_argument("--rounds", type=int, default=5, help="at most, of each kind")
    parser.add_argument("--saturated", action="store_true")
    options = parser.parse_args()
    origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    port = origin.server_address[1]
    hog = None
    if options.saturated:
        hog = multiprocessing.Process(target=occupy, args=(min(os.sched_getaffinity(0)),), daemon=True)
        hog.start()
    still = Larder(options.binary, port, "off", options.objects)
    climbing = Larder(options.binary, port, "2", options.objects)
    figures = {"off": [], "on": []}
    try:
        for number in range(options.rounds):
            for name, larder in (("off", still), ("on", climbing)):
                # The one that is not asked must not compute either.
                climbing.process.send_signal(signal.SIGCONT if name == "on" else signal.SIGSTOP)
                before = climbing.made() if name == "on" else 0
                taken = measure(larder, options.objects, options.seconds)
                made = climbing.made() if name == "on" else 0
                print(f"round {number} climb={name}: {len(taken)} requests, p50 {percentile(taken, 0.5):.3f} ms, "
                      f"p99 {percentile(taken, 0.99):.3f} ms, made {made - before}, {made} in all", flush=True)
                # Rounds of which the climb took no part show nothing.
                if name == "off" or made - before > 0:
                    figures[name].append((percentile(taken, 0.5), percentile(taken, 0.99)))
            if made >= options.objects:
                break
        for index, name in ((0, "p50"), (1, "p99")):
            off, on = (statistics.median(one[index] for one in figures[kind]) for kind in ("off", "on"))
            print(f"{name}: {off:.3f} ms without, {on:.3f} ms with the climb: {100 * (on / off - 1):+.1f} %")
        print(f"{climbing.made()} of {options.objects} bodies at the best level")
    finally:
        still.close()
        climbing.process.send_signal(signal.SIGCONT)
        climbing.close()
        if hog:
            hog.terminate()


if __name__ == "__main__":
    sys.exit(main())
