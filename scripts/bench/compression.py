#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what compression saves and what it costs.

    compression.py [PATH/larder] [--parts savings,miss,climb] [--objects N] [--bytes N] [--rate N] [--seconds N] [--rounds N]

savings  what the first answer is shorter by, for three kinds of JSON from 1 KB to 1 MB
miss     what an answer of 10 KB takes longer when it is compressed on its way from the origin: fresh keys, one connection,
         samples in turns with `compress off`
climb    what the climb of hot bodies to the best level costs the traffic on the same loop, and how fast they climb: two
         servers have the first processor together, in one of which bodies climb and in the other not. They are asked in turns,
         at a constant rate from the second processor, and the one whose turn it is not is stopped. When all bodies have
         climbed, other ones take their place. With --control nothing climbs in either, which shows how far rounds differ by
         themselves

It ends by itself, and with it all that it started.
"""
import argparse
import contextlib
import http.client
import http.server
import json
import os
import random
import signal
import statistics
import sys
import threading
import urllib.request
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
from measuring import Rig, fetch, free_port  # noqa: E402

CONNECTIONS = 4
MISSES = 300  # of each sample
SIZES = {"1 KB": 1 << 10, "2 KB": 2 << 10, "10 KB": 10 << 10, "100 KB": 100 << 10, "1 MB": 1 << 20}
WORDS = ("the order was sent late because paper form customer asked again for delivery of another item before noon and "
         "nobody could say when it will arrive at our store in town so please call back or write").split()


def list_item(chance):
    return {"id": chance.randrange(10 ** 6), "email": f"user{chance.randrange(10 ** 5)}@example.com", "active": True,
            "role": chance.choice(["admin", "editor", "reader"]), "score": chance.randrange(10 ** 4)}


def mixed_item(chance):
    return {"id": str(uuid.UUID(int=chance.getrandbits(128))), "created": f"2026-{chance.randrange(1, 13):02}-"
            f"{chance.randrange(1, 29):02}T{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}Z",
            "total": {"amount": round(chance.random() * 1000, 2), "currency": chance.choice(["EUR", "USD", "GBP"])},
            "note": " ".join(chance.choices(WORDS, k=chance.randrange(4, 16))),
            "tags": chance.sample(["new", "gift", "large", "fragile", "paid", "open"], chance.randrange(4)), "parent": None}


def shape_item(chance):
    x, y = chance.uniform(-180, 180), chance.uniform(-90, 90)
    ring = [[round(x + chance.gauss(0, 0.01), 6), round(y + chance.gauss(0, 0.01), 6)] for _ in range(8)]
    return {"type": "Feature", "properties": {"id": chance.randrange(10 ** 6)},
            "geometry": {"type": "Polygon", "coordinates": [ring]}}


KINDS = {"list": ("list of like records", list_item), "mixed": ("records with UUIDs, times and text", mixed_item),
         "shapes": ("coordinates, as in GeoJSON", shape_item)}


def content(kind, count, seed):
    """JSON of so many bytes, or a little more."""
    chance, items, size = random.Random(seed), [], 2
    while size < count:
        items.append(json.dumps(KINDS[kind][1](chance)))
        size += len(items[-1]) + 1
    return f"[{','.join(items)}]".encode()


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers /KIND/BYTES/… with a body of its own."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        _, kind, count, *_ = self.path.split("/")
        body = content(kind, int(count), self.path)
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Cache-Control", "max-age=3600"),
                            ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

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
    def __init__(self, rig, binary, origin_port, compress):
        self.port, self.admin = free_port(), free_port()
        path = os.path.join(rig.folder, f"larder-{self.port}.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"listen 127.0.0.1:{self.port}\nadmin 127.0.0.1:{self.admin}\nworkers 1\nmemory 1GB\naccess_log off\n"
                       f"log_level warning\nroute /* {{\n  upstream http://127.0.0.1:{origin_port}\n  compress {compress}\n}}\n")
        self.process = rig.start([os.path.abspath(binary), "serve", path], f"larder-{self.port}", self.port, rig.server_cpus).process
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


# MARK: What is saved

def savings(rig, options, origin_port):
    larder = Larder(rig, options.binary, origin_port, "br gzip")
    lines = ["Share of the body that the first answer saves:", "", "| | " + " | ".join(SIZES) + " |",
             "|---" * (len(SIZES) + 1) + "|"]
    for kind, (title, _) in KINDS.items():
        for coding in ("br", "gzip"):
            shares = [saved(larder, kind, size, coding, options.rounds) for size in SIZES.values()]
            lines.append(f"| {title}, {coding} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
    return lines


def saved(larder, kind, size, coding, count):
    """The median of some bodies."""
    shares = []
    for number in range(count):
        path = f"/{kind}/{size}/{coding}/{number}"
        connection = http.client.HTTPConnection("127.0.0.1", larder.port, timeout=20)
        connection.request("GET", path, headers={"Accept-Encoding": coding})
        answer = connection.getresponse()
        length = len(answer.read())
        connection.close()
        if answer.headers["Content-Encoding"] != coding:
            raise RuntimeError(f"{path} is not compressed")
        shares.append(1 - length / len(content(kind, size, path)))
    return statistics.median(shares)


# MARK: What a miss takes longer

def miss(rig, options, _):
    runs = {"compress off": ("off", "br"), "br": ("br", "br"), "gzip": ("gzip", "gzip")}
    larders = {name: Larder(rig, options.binary, rig.origin_port, compress) for name, (compress, _) in runs.items()}
    figures = {name: [] for name in runs}
    for number in range(options.rounds + 1):
        for name, (_, accepted) in runs.items():
            path = f"/b/10240/{number}/%d"
            run = rig.load(larders[name].port, 1, MISSES, path, f"Accept-Encoding: {accepted}")
            if run["errors"]:
                raise RuntimeError(f"{run['errors']} of {run['requests']} answers were wrong")
            if number:  # the first only warms up
                figures[name].append(run["p50"])
    lines = ["| p50 of a miss of 10 KB, microseconds | | longer |", "|---|---|---|"]
    for name, values in figures.items():
        longer = [with_it - without for with_it, without in zip(values, figures["compress off"])]
        lines.append(f"| {name} | {spread(values, '.0f')} | {'' if name == 'compress off' else spread(longer, '.0f')} |")
    return lines + ["", f"{options.rounds} samples of {MISSES} fresh keys each, in turns, one connection."]


# MARK: The climb

class Ladder:
    """What is asked for, and the two that are asked."""

    def __init__(self, rig, options, origin_port):
        self.rig, self.options = rig, options
        self.still = Larder(rig, options.binary, origin_port, "br climb=off")
        self.climbing = Larder(rig, options.binary, origin_port, f"br climb={'off' if options.control else '2'}")
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
                status = fetch(larder.port, self.path % number, "Accept-Encoding: br")[0]
                if status != 200:
                    raise RuntimeError(f"{self.path % number} is answered with {status}")

    @property
    def path(self):
        return f"/list/{self.options.bytes}/{self.generation}/%d"

    def ask(self, larder):
        other = self.still if larder is self.climbing else self.climbing
        other.stop()
        try:
            run = self.rig.load(larder.port, CONNECTIONS, self.options.rate * self.options.seconds, self.path,
                                "Accept-Encoding: br", rate=self.options.rate, keys=self.options.objects)
        finally:
            other.go_on()
        if run["errors"]:
            raise RuntimeError(f"{run['errors']} of {run['requests']} answers were wrong")
        return run


def climb(rig, options, origin_port):
    """Medians over the rounds; the change is the median of those within each round."""
    ladder, rounds = Ladder(rig, options, origin_port), []
    for number in range(options.rounds):
        rounds.append(ladder.round(number))
        still, climbing, made, spent = rounds[-1]
        print(f"round {number + 1}: p50 {still['p50']:.0f} and {climbing['p50']:.0f}, p99 {still['p99']:.0f} and "
              f"{climbing['p99']:.0f} µs without and with; {made} climbed, in {spent:.2f} s", file=sys.stderr, flush=True)
    lines = ["| microseconds | without | with climbing | change |", "|---|---|---|---|"]
    for name in ("p50", "p99"):
        without, climbing = ([one[side][name] for one in rounds] for side in (0, 1))
        changes = [100 * (after / before - 1) for before, after in zip(without, climbing)]
        lines.append(f"| {name} | {spread(without, '.0f')} | {spread(climbing, '.0f')} | {spread(changes, '+.1f')} % |")
    made, spent = sum(one[2] for one in rounds), sum(one[3] for one in rounds)
    told = f"{made} bodies of {options.bytes:,} bytes climbed in {len(rounds) * options.seconds} s of traffic"
    return lines + ["", f"{told}, {1000 * spent / made:.0f} ms of the processor each." if made else f"{told}."]


def spread(values, form):
    """The median, and the quartiles about it."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


PARTS = {"savings": savings, "miss": miss, "climb": climb}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default=os.path.join(TOP, ".build", "larder"))
    parser.add_argument("--parts", default=",".join(PARTS), metavar="PART,…")
    for name, default, most, about in (
            ("objects", 100, 256, "bodies that climb"), ("bytes", 100_000, 1_000_000, "length of each"),
            ("rate", 1000, 100_000, "requests in a second meanwhile"), ("seconds", 3, 30, "of each run of that load"),
            ("rounds", 8, 1000, "samples of each kind")):
        parser.add_argument(f"--{name}", type=int, default=default, choices=range(1, most + 1), metavar="N",
                            help=f"{about} (default {default})")
    parser.add_argument("--control", action="store_true", help="nothing climbs")
    options = parser.parse_args(arguments)
    options.parts = options.parts.split(",")
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"--parts: no {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    return options


def main(arguments):
    options = parse(arguments)
    # What was started is ended then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with contextlib.ExitStack() as scratch:
        rig, origin_port = Rig(scratch), scratch.enter_context(origin())
        for name in options.parts:
            with rig.scope():
                print(*PARTS[name](rig, options, origin_port), "", sep="\n", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (RuntimeError, OSError) as problem:
        sys.exit(f"compression: {problem}")
