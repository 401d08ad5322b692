#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the climb of hot bodies to the best level, and what it costs the traffic on the same processor.

    ladder.py [PATH/larder] [--objects N] [--bytes N] [--rate N] [--seconds N] [--rounds N] [--control]

Two servers have the first processor together, each with one loop: in one of them bodies climb, in the other they do not.
They are asked in turns, and the one whose turn it is not is stopped; the load is at a constant rate, from the second
processor. When all bodies have climbed, other ones take their place. With --control nothing climbs in either, which shows
how far rounds differ by themselves. It ends after --rounds of each, and with it all that it started.
"""
import argparse
import contextlib
import http.server
import json
import os
import random
import signal
import statistics
import sys
import threading
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
from measuring import Rig, fetch, free_port  # noqa: E402

CONNECTIONS = 4
ACCEPT = "Accept-Encoding: br"


def records(count, seed):
    """JSON of about so many bytes."""
    chance = random.Random(seed)
    items, size = [], 2
    while size < count:
        items.append({"id": chance.randrange(10 ** 6), "email": f"user{chance.randrange(10 ** 5)}@example.com", "active": True,
                      "role": chance.choice(["admin", "editor", "reader"]), "score": chance.randrange(10 ** 4)})
        size += len(json.dumps(items[-1])) + 2
    return json.dumps(items).encode()


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers /BYTES/… with a body of its own."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        content = records(int(self.path.split("/")[1]), self.path)
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Cache-Control", "max-age=3600"),
                            ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def origin():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


class Larder:
    def __init__(self, rig, binary, origin_port, climb):
        self.port, self.admin = free_port(), free_port()
        path = os.path.join(rig.folder, f"larder-{self.port}.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"listen 127.0.0.1:{self.port}\nadmin 127.0.0.1:{self.admin}\nworkers 1\nmemory 1GB\naccess_log off\n"
                       f"log_level warning\nroute /* {{\n  upstream http://127.0.0.1:{origin_port}\n  compress br climb={climb}\n}}\n")
        self.process = rig.start([os.path.abspath(binary), "serve", path], f"larder-{climb}", self.port, rig.server_cpus).process
        # One that is stopped cannot end by itself.
        rig.scratch.callback(self.go_on)

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def climbed(self):
        """How many bodies have, and the processor seconds that took."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        made = [line for line in lines if line.startswith("larder_recoded_total{") and 'result="made"' in line]
        spent = [line for line in lines if line.startswith("larder_recoding_seconds_total{")]
        return [sum(float(line.rsplit(" ", 1)[1]) for line in chosen) for chosen in (made, spent)]


class Ladder:
    """What is asked for, and the two that are asked."""

    def __init__(self, rig, options, origin_port):
        self.rig, self.options = rig, options
        self.still = Larder(rig, options.binary, origin_port, "off")
        self.climbing = Larder(rig, options.binary, origin_port, "off" if options.control else "2")
        self.generation = self.left = 0

    def round(self, number):
        """Two runs of the load, and how many bodies climbed meanwhile in how many processor seconds."""
        if self.left <= 0:
            self.begin_anew()
        before, runs = self.climbing.climbed(), {}
        for larder in (self.still, self.climbing) if number % 2 else (self.climbing, self.still):
            runs[larder] = self.ask(larder)
        made, spent = (after - first for after, first in zip(self.climbing.climbed(), before))
        self.left -= made
        return runs[self.still], runs[self.climbing], int(made), spent

    def begin_anew(self):
        self.generation, self.left = self.generation + 1, self.options.objects
        for larder in (self.still, self.climbing):
            for number in range(self.options.objects):
                status = fetch(larder.port, self.path % number, ACCEPT)[0]
                if status != 200:
                    raise RuntimeError(f"{self.path % number} is answered with {status}")

    @property
    def path(self):
        return f"/{self.options.bytes}/{self.generation}/%d"

    def ask(self, larder):
        other = self.still if larder is self.climbing else self.climbing
        other.stop()
        try:
            run = self.rig.load(larder.port, CONNECTIONS, self.options.rate * self.options.seconds, self.path, ACCEPT,
                                rate=self.options.rate, keys=self.options.objects)
        finally:
            other.go_on()
        if run["errors"]:
            raise RuntimeError(f"{run['errors']} of {run['requests']} answers were wrong")
        return run


def table(rounds):
    """Medians over the rounds; the change is the median of those within each round."""
    lines = ["| microseconds | without | with climbing | change |", "|---|---|---|---|"]
    for name in ("p50", "p99"):
        without, climbing = ([one[side][name] for one in rounds] for side in (0, 1))
        changes = [100 * (after / before - 1) for before, after in zip(without, climbing)]
        lines.append(f"| {name} | {spread(without, '.0f')} | {spread(climbing, '.0f')} | {spread(changes, '+.1f')} % |")
    return lines


def spread(values, form):
    """The median, and the quartiles about it."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default=os.path.join(TOP, ".build", "larder"))
    for name, default, most, about in (
            ("objects", 100, 256, "bodies that climb"), ("bytes", 100_000, 1_000_000, "length of each"),
            ("rate", 1000, 100_000, "requests in a second"), ("seconds", 3, 30, "of each run of the load"),
            ("rounds", 8, 1000, "of two runs each")):
        parser.add_argument(f"--{name}", type=int, default=default, choices=range(1, most + 1), metavar="N",
                            help=f"{about} (default {default})")
    parser.add_argument("--control", action="store_true", help="nothing climbs")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    # What was started is ended then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rounds = []
    with contextlib.ExitStack() as scratch:
        ladder = Ladder(Rig(scratch), options, scratch.enter_context(origin()))
        for number in range(options.rounds):
            rounds.append(ladder.round(number))
            still, climbing, made, spent = rounds[-1]
            print(f"round {number + 1}: p50 {still['p50']:.0f} and {climbing['p50']:.0f}, p99 {still['p99']:.0f} and "
                  f"{climbing['p99']:.0f} µs without and with; {made} climbed, in {spent:.2f} s", file=sys.stderr, flush=True)
    print(*table(rounds), "", summary(rounds, options), sep="\n")


def summary(rounds, options):
    made, spent = sum(one[2] for one in rounds), sum(one[3] for one in rounds)
    told = f"{made} bodies of {options.bytes:,} bytes climbed in {len(rounds) * options.seconds} s of traffic"
    return f"{told}, {1000 * spent / made:.0f} ms of the processor each." if made else f"{told}."


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (RuntimeError, OSError) as problem:
        sys.exit(f"ladder: {problem}")
