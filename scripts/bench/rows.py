# SPDX-License-Identifier: Apache-2.0
"""The rows of the tables: what each measures, and how. A measuring function answers the lines of a table."""
import dataclasses
import gzip
import itertools
import os
import socket
import statistics
import sys
import time

import peers
from measuring import fetch, free_port, noting_failure, until


@dataclasses.dataclass(frozen=True)
class Row:
    """A load whose cost for the server is processor time for each request."""
    title: str
    path: str
    connections: int = 32
    fields: tuple = ()
    script: str | None = None
    status: int = 200
    wishes: dict = dataclasses.field(default_factory=dict)
    lacking: tuple = ()

    @property
    def is_fetched(self):
        """Whether every request reaches the origin."""
        return self.path.startswith(("/pass/", "/nostore/"))


COST_ROWS = {
    "hit": Row("hot answer of 1.4 KB, 32 connections", "/b/1400/hot"),
    "hit-256": Row("the same, 256 connections", "/b/1400/hot", connections=256),
    "hit-10k": Row("10 KB", "/b/10240/hot"),
    "hit-100k": Row("100 KB", "/b/102400/hot", wishes={"large": True}),
    "hit-1m": Row("1 MB", "/b/1048576/hot", wishes={"large": True}),
    "not-modified": Row("If-None-Match, answered with 304", "/b/1400/hot", fields=('If-None-Match: "one"',), status=304),
    "many": Row("100,000 keys of 1 KB, all stored", "/b/1000/0", script="many.lua"),
    "gzip": Row("10 KB of JSON, asked for in gzip", "/b/10240/hot", fields=("Accept-Encoding: gzip",), wishes={"gzip": True},
                lacking=("squid",)),
    "pass": Row("passed through, 1.4 KB", "/pass/b/1400/hot"),
    "no-store": Row("`no-store` on a hot URL, 1.4 KB", "/nostore/b/1400/hot"),
}


class Floor:
    """The least a server could do for a row: the same answer, or the same bytes carried, with nothing looked at."""
    title = "floor"

    @staticmethod
    def start(rig, row, sample):
        port = free_port()
        if row.is_fetched:
            command = [rig.tool("floor"), str(port), "--relay", str(rig.origin_port)]
        else:
            path = os.path.join(rig.folder, f"answer-{port}")
            with open(path, "wb") as file:
                file.write(Floor.answer(row, sample))
            command = [rig.tool("floor"), str(port), path]
        return rig.start(command, "floor", port, rig.server_cpus), port

    @staticmethod
    def answer(row, body):
        if row.status == 304:
            return b'HTTP/1.1 304 Not Modified\r\nETag: "one"\r\nCache-Control: max-age=3600\r\n\r\n'
        coding = b""
        if row.wishes.get("gzip"):
            body, coding = gzip.compress(body, 6), b"Content-Encoding: gzip\r\n"
        return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=3600\r\nETag: \"one\"\r\n%s"
                b"Content-Length: %d\r\n\r\n" % (coding, len(body))) + body


def start_all(rig, names, row, notes):
    """Process and port of the floor and of each peer that answers as it must, with what the row asks for in memory."""
    sample = fetch(rig.origin_port, row.path)[2]
    started = {"floor": Floor.start(rig, row, sample)}
    for name in names:
        with noting_failure(notes, f"{name}, {row.title}"):
            process, place = peers.start(name, rig, port=free_port(), **row.wishes)
            prepare(rig, row, place.port, sample)
            started[name] = process, place.port
    return started


def prepare(rig, row, port, sample):
    for _ in range(3):
        status, head, body = fetch(port, row.path, *row.fields)
    if status != row.status or (not row.fields and body != sample):
        raise RuntimeError(f"answers with {len(body)} bytes and {head}")
    if row.wishes.get("gzip") and "content-encoding: gzip" not in head.lower():
        raise RuntimeError(f"does not compress: {head}")
    if row.script:
        rig.load(port, 32, 100000, "/b/1000/%d")


def cost(rig, row, options, notes):
    """Processor microseconds of the server for each request, in samples taken in turns."""
    samples = {}
    with rig.scope():
        started = start_all(rig, [name for name in options.peers if name not in row.lacking], row, notes)
        for repetition in range(options.repetitions + 1):
            for name, (process, port) in started.items():
                with noting_failure(notes, f"{name}, {row.title}"):
                    spent = sample(rig, row, process, port, options.seconds if repetition else 1)
                    if repetition:  # the first only warms up
                        samples.setdefault(name, []).append(spent)
    return samples


def sample(rig, row, process, port, seconds):
    rig.origin_requests()
    before = process.cpu_seconds()
    requests, errors = send(rig, row, port, seconds)
    spent = process.cpu_seconds() - before
    asked = rig.origin_requests()
    if errors or not requests:
        raise RuntimeError(f"{errors} errors, {requests} requests")
    if not row.is_fetched and asked > max(100, requests / 1000):
        raise RuntimeError(f"{asked} of {requests} requests reached the origin")
    return spent / requests * 1e6


def send(rig, row, port, seconds):
    """Requests that were answered, and how many of them wrongly."""
    if row.status != 304:
        return rig.wrk(port, row.connections, seconds, row.path, row.fields, row.script)
    # wrk would wait for the body of an answer of 304 that names a length.
    trial = rig.load(port, row.connections, 5000, row.path, *row.fields)
    run = rig.load(port, row.connections, max(5000, int(seconds * 5000 / trial["seconds"])), row.path, *row.fields)
    return trial["requests"] + run["requests"], trial["errors"] + run["errors"]


def figure(value):
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def costs(rig, options, notes):
    rows = {name: row for name, row in COST_ROWS.items() if name in options.rows}
    if not rows:
        return []
    columns = ["floor", *options.peers]
    lines = ["Processor microseconds of the server for each request:", "", "| | " + " | ".join(map(title, columns)) + " |",
             "|---" * (len(columns) + 1) + "|"]
    spreads = []
    for name, row in rows.items():
        progress(name)
        samples = cost(rig, row, options, notes)
        cells = [figure(statistics.median(samples[column])) if column in samples else "" for column in columns]
        spreads += [100 * (max(values) - min(values)) / statistics.median(values) for values in samples.values()]
        lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
        progress(lines[-1])
    lines += ["", f"Medians of {options.repetitions} samples of {options.seconds} s, taken in turns; the samples of one cell "
                  f"lie {statistics.median(spreads):.0f} % apart (median), {max(spreads):.0f} % at most."]
    return lines


def title(name):
    return "floor" if name == "floor" else f"{peers.PEERS[name].title} {peers.PEERS[name].version_number()}"


def herd(rig, options, notes):
    """500 clients ask for one key at once whose origin needs 500 ms: when nothing is stored, and when it just expired."""
    cells = {"cold": {}, "expired": {}}
    for name in options.peers:
        progress(f"herd {name}")
        with noting_failure(notes, f"{name}, herd"), rig.scope():
            _, place = peers.start(name, rig, port=free_port())
            told = [herds(rig, place.port, repetition) for repetition in range(options.repetitions)]
            for when, runs in zip(cells, zip(*told)):
                most, slowest = max(asked for _, asked in runs), statistics.median(run["max"] for run, _ in runs) / 1000
                errors = sum(run["errors"] for run, _ in runs)
                cells[when][name] = f"{most}, {slowest:,.0f} ms" + (f", {errors} errors" if errors else "")
    return ["500 clients ask for one key at once whose origin needs 500 ms (most requests that reached the origin, slowest answer):",
            "", "| | " + " | ".join(map(title, options.peers)) + " |", "|---" * (len(options.peers) + 1) + "|",
            "| nothing stored | " + " | ".join(cells["cold"].get(name, "") for name in options.peers) + " |",
            "| just expired, stale allowed | " + " | ".join(cells["expired"].get(name, "") for name in options.peers) + " |"]


def herds(rig, port, repetition):
    """What load.c tells, and the origin's requests, for a key that is cold and for one that has expired."""
    rig.origin_requests()
    cold = rig.load(port, 500, 500, f"/slow/500/60/cold{repetition}"), rig.origin_requests()
    fetch(port, f"/slow/500/1/old{repetition}")
    time.sleep(2.5)  # fresh for one second, counted in whole ones
    rig.origin_requests()
    return cold, (rig.load(port, 500, 500, f"/slow/500/1/old{repetition}"), rig.origin_requests())


def post(rig, options, notes):
    """10,000 requests a second with 1 KB of content each, passed through."""
    lines = ["10,000 POST requests a second with 1 KB of content each, passed through, latency from the moment each was due:", "",
             "| | p50 ms | p99 ms | slowest ms | errors | CPU µs |", "|---|---|---|---|---|---|"]
    for name in ["floor", *options.peers]:
        progress(f"post {name}")
        with noting_failure(notes, f"{name}, post"), rig.scope():
            if name == "floor":
                process, port = Floor.start(rig, Row("", "/pass/"), b"")
            else:
                process, place = peers.start(name, rig, port=free_port())
                port = place.port
            runs = posts(rig, process, port, options)
            middle = {key: statistics.median(run[key] for run in runs) for key in ("p50", "p99", "max", "cpu")}
            lines.append(f"| {title(name)} | {middle['p50'] / 1000:.2f} | {middle['p99'] / 1000:.2f} | {middle['max'] / 1000:.1f} | "
                         f"{sum(run['errors'] for run in runs)} | {figure(middle['cpu'])} |")
            progress(lines[-1])
    return lines


def posts(rig, process, port, options):
    rate, seconds, runs = 10000, options.seconds, []
    rig.load(port, 64, 2000, "/pass/b/200/x", content=1024)
    for _ in range(options.repetitions):
        before = process.cpu_seconds()
        run = rig.load(port, 64, rate * seconds, "/pass/b/200/x", rate=rate, content=1024)
        runs.append({**run, "cpu": (process.cpu_seconds() - before) / run["requests"] * 1e6})
    return runs


def workers(rig, options, notes):
    """Larder with one worker on one processor, and with two on two, asked at the same rate: as fast as they can, the second
    would share its processor with the load, and what the two take from each other would be measured."""
    both = sorted({*rig.server_cpus, *rig.load_cpus})
    row, rate, samples = COST_ROWS["hit"], 40000, {1: [], 2: []}
    with rig.scope():
        started = {count: peers.start("larder", rig, cpus=both if count == 2 else None, port=free_port(), workers=count)
                   for count in samples}
        for repetition in range(options.repetitions + 1):
            for count, (process, place) in started.items():
                before = process.cpu_seconds()
                run = rig.load(place.port, 64, rate * options.seconds, row.path, rate=rate)
                if repetition:
                    samples[count].append((process.cpu_seconds() - before) / run["requests"] * 1e6)
    one, two = (statistics.median(values) for values in samples.values())
    return [f"Larder, hot answer of 1.4 KB, 64 connections, {rate:,} requests a second, CPU µs for each: one worker on one "
            f"processor {figure(one)}, two workers on two {figure(two)} ({100 * (two / one - 1):+.0f} %)."]


def second_tier(rig, options, notes):
    """Larder with a Redis: keys that are in Redis alone, each asked for once, and then the same from memory."""
    told = []
    for _ in range(options.repetitions):
        with noting_failure(notes, "redis"), rig.scope():
            told.append(tiers(rig))
    if not told:
        return []
    tier, memory, tier_p50, memory_p50 = (statistics.median(values) for values in zip(*told))
    return [f"Larder with Redis on the other processor, {TIER_KEYS:,} keys of 1.4 KB, 16 connections: a hit in Redis, which then is "
            f"kept in memory, takes {figure(tier)} CPU µs of Larder (p50 {tier_p50 / 1000:.2f} ms), a hit in memory "
            f"{figure(memory)} (p50 {memory_p50 / 1000:.2f} ms)."]


def tiers(rig):
    """Processor microseconds of a hit in Redis and in memory, and the medians of their latencies in microseconds."""
    port, told = free_port(), []
    rig.start(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], "redis", port,
              rig.load_cpus)
    with rig.scope():
        _, place = peers.start("larder", rig, port=free_port(), redis=port)
        first = itertools.count()
        until(lambda: fetch(place.port, f"/b/1400/first{next(first)}") and redis_keys(port), "Larder writes to Redis", 20)
        rig.load(place.port, 16, TIER_KEYS, "/b/1400/%d", rate=4000)
        rig.load(place.port, 1, 1000, "/b/1400/ready%d")
        until(lambda: redis_keys(port) > TIER_KEYS + 1000, "all responses are in Redis", 20)
    process, place = peers.start("larder", rig, port=free_port(), redis=port)
    ready = itertools.count()
    until(lambda: "detail=l2" in fetch(place.port, f"/b/1400/ready{next(ready)}")[1], "Larder reads from Redis", 20)
    rig.origin_requests()
    for rounds in (1, 3):
        before = process.cpu_seconds()
        runs = [rig.load(place.port, 16, TIER_KEYS, "/b/1400/%d") for _ in range(rounds)]
        told.append(((process.cpu_seconds() - before) / (TIER_KEYS * rounds) * 1e6, runs[0]["p50"]))
    if asked := rig.origin_requests():
        raise RuntimeError(f"{asked} of {TIER_KEYS} requests reached the origin")
    return told[0][0], told[1][0], told[0][1], told[1][1]


def redis_keys(port):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"DBSIZE\r\n")
        return int(connection.recv(64).strip().removeprefix(b":"))


def progress(text):
    print(text, file=sys.stderr, flush=True)


TIER_KEYS = 20000

# Other rows, each a part of its own; with what it needs besides peers.
PARTS = {"herd": herd, "post": post, "workers": workers, "redis": second_tier}
NEEDS = {"redis": "redis-server", **{name: "wrk" for name in (*COST_ROWS, "workers")}}
