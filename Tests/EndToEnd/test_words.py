# SPDX-License-Identifier: Apache-2.0
"""Each word in which answers are explained is said when it should be: in Cache-Status, access log and metrics alike."""
import contextlib
import gzip
import os
import tempfile
import threading
import time
import unittest

from case import FRESH, LarderCase
from covering import covers
from larder import free_port
from message import Broken
from origin import CLOSE, STALL, Reply
from rawclient import Client
from waiting import until


class WordCase(LarderCase):
    def start(self, text=None, environment=None, **parts):
        parts["top"] = parts.get("top", "") + "\nworkers 1"
        return super().start(text, environment, **parts)

    def metrics(self):
        lines = self.larder.admin("GET", "/metrics").content.decode().splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))


class Outcomes(WordCase):
    @covers("outcome hit", "outcome miss", "outcome revalidated", "fwd uri-miss", "fwd vary-miss", "fwd stale", "fwd method",
            "metric larder_requests_total", "metric larder_requests_by_method_total", "metric larder_forwarded_total",
            "metric larder_request_duration_seconds", "metric larder_upstream_duration_seconds",
            "metric larder_received_bytes_total", "metric larder_sent_bytes_total")
    def test_outcomes_and_reasons_are_counted_and_told(self):
        self.start()
        self.origin.default = lambda request: (
            Reply(status=304, fields=[FRESH, ("ETag", '"1"')]) if request.field("If-None-Match") else
            Reply(fields=[FRESH, ("ETag", '"1"'), ("Vary", "X-Kind")], content=b"x" * 1000))
        said = [self.get("/a"), self.get("/a"), self.get("/a", ("X-Kind", "2"))]
        self.larder.invalidate(all=True, soft=True)
        said += [self.get("/a"), self.ask("POST", "/a", content=b"y" * 5000)]
        self.assertEqual([answer.cache.get("fwd") for answer in said], ["uri-miss", None, "vary-miss", "stale", "method"])
        lines = until(lambda: len(self.larder.access_lines()) == 5 and self.larder.access_lines(), "five lines")
        self.assertEqual([line["cache"] for line in lines], ["miss", "hit", "miss", "revalidated", "pass"])
        metrics = self.metrics()
        for outcome, count in (("miss", "2"), ("hit", "1"), ("revalidated", "1"), ("pass", "1")):
            self.assertEqual(metrics[f'larder_requests_total{{route="/*",status_class="2xx",cache="{outcome}"}}'], count)
            self.assertEqual(metrics[f'larder_request_duration_seconds_count{{route="/*",cache="{outcome}"}}'], count)
        for reason in ("uri-miss", "vary-miss", "stale", "method"):
            self.assertEqual(metrics[f'larder_forwarded_total{{route="/*",reason="{reason}"}}'], "1")
        self.assertEqual(metrics['larder_requests_by_method_total{route="/*",method="GET"}'], "4")
        self.assertEqual(metrics['larder_upstream_duration_seconds_count{route="/*"}'], "4")
        self.assertGreater(int(metrics['larder_received_bytes_total{route="/*"}']), 5000)
        self.assertGreater(int(metrics['larder_sent_bytes_total{route="/*"}']), 4000)
        report = self.larder.admin_json("GET", "/performance")["since_reset"]["routes"][0]
        self.assertEqual(report["forwarded"], {"uri-miss": 1, "vary-miss": 1, "stale": 1, "method": 1})
        self.assertEqual(report["not_stored"], {"method": 1})
        self.assertEqual(set(report["by_outcome"]), {"hit", "miss", "revalidated", "pass"})
        self.assertEqual(report["by_method"], {"GET": 4, "POST": 1})

    @covers("fwd partial")
    def test_a_part_that_does_not_do(self):
        self.start()
        self.origin.on("/a", Reply(status=206, fields=[FRESH, ("Content-Range", "bytes 0-3/10"), ("ETag", '"1"')], content=b"0123"),
                       Reply(fields=[FRESH, ("ETag", '"2"')], content=b"0123456789"))
        self.get("/a", ("Range", "bytes=0-3"))
        self.assert_forwarded(self.get("/a"), "partial")


class NotStored(WordCase):
    @covers("not-stored method", "not-stored status", "not-stored vary-star", "not-stored no-lifetime", "not-stored expired",
            "not-stored no-cache", "not-stored request-no-store", "not-stored too-many-tags")
    def test_reasons(self):
        cases = {
            "status": (418, [("Cache-Control", "max-age=60, must-understand")], ()),
            "vary-star": (200, [FRESH, ("Vary", "*")], ()),
            "no-lifetime": (200, [], ()),
            "expired": (200, [("Cache-Control", "max-age=0")], ()),
            "no-cache": (200, [("Cache-Control", "no-cache")], ()),
            "request-no-store": (200, [FRESH], [("Cache-Control", "no-store")]),
            "too-many-tags": (200, [FRESH, ("Cache-Tag", " ".join(f"t{number}" for number in range(300)))], ()),
        }
        self.start(route="client_cache_control honor")
        said = {}
        for reason, (status, fields, request) in cases.items():
            self.origin.on("/" + reason, Reply(status=status, fields=fields, content=b"x"))
            said[reason] = self.get("/" + reason, *request).cache.get("detail")
        said["method"] = self.ask("DELETE", "/x").cache.get("detail")
        self.assertEqual(said, {reason: reason for reason in said})
        metrics = self.metrics()
        for reason in said:
            self.assertEqual(metrics[f'larder_not_stored_total{{route="/*",reason="{reason}"}}'], "1")

    @covers("not-stored invalidated")
    def test_what_was_invalidated_meanwhile(self):
        self.start()
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x", gate=gate))
        join = self.in_parallel(1, lambda _: self.get("/a"))
        self.origin.wait_for(1, "/a")
        self.larder.invalidate(all=True)
        gate.set()
        self.assertEqual(join()[0].cache.get("detail", "invalidated"), "invalidated")
        until(lambda: 'larder_not_stored_total{route="/*",reason="invalidated"}' in self.metrics(), "it is counted")

    @covers("not-stored incomplete", "detail upstream-length-differs")
    def test_what_broke_off(self):
        self.start()
        self.origin.on("/a", Reply(raw=[b"HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 99\r\n\r\nabc", CLOSE]))
        with self.client() as client:
            client.send_request(target="/a")
            try:
                client.read_response()
            except (Broken, ConnectionError):
                pass
        until(lambda: 'larder_not_stored_total{route="/*",reason="incomplete"}' in self.metrics(), "it is counted")

    @covers("not-stored superseded")
    def test_a_part_that_is_there_already(self):
        self.start()
        gate = threading.Event()
        self.addCleanup(gate.set)
        tag = ("ETag", '"1"')
        self.origin.default = lambda request: (
            Reply(status=206, fields=[FRESH, ("Content-Range", "bytes 0-3/10"), tag], content=b"0123", gate=gate)
            if request.field("Range") else Reply(fields=[FRESH, tag], content=b"0123456789"))
        join = self.in_parallel(1, lambda _: self.get("/a", ("Range", "bytes=0-3")))
        self.origin.wait_for(1)
        self.get("/a")
        gate.set()
        join()
        self.assertIn('larder_not_stored_total{route="/*",reason="superseded"}', self.metrics())

    def test_what_has_no_content_says_that_it_is_stored(self):
        self.start()
        self.origin.default = lambda request: Reply(204, [FRESH])
        first, second = self.get("/a"), self.get("/a")
        self.assertIn("stored", first.cache)
        self.assert_hit(second)
        for answer in (first, second):
            self.assertEqual((answer.status, answer.field("Content-Length"), answer.content), (204, None, b""))

    @covers("not-stored store-full")
    def test_what_found_no_room(self):
        self.start(top="memory 1MB max_object=256KB", route="ttl 1m\ncompress off")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.default = lambda request: Reply(fields=[FRESH], pieces=[b"x" * 100_000, gate, b"y" * 50_000])
        join = self.in_parallel(8, lambda number: self.get(f"/{number}"))
        self.origin.wait_for(8)
        gate.set()
        join()
        self.assertIn('larder_not_stored_total{route="/*",reason="store-full"}', self.metrics())

    @covers("not-stored damaged", "detail coding-damaged")
    def test_what_was_damaged(self):
        self.start(route="compress br upstream=coded")
        # In one piece: who has seen a head alone begins to answer.
        self.origin.default = lambda request: Reply(raw=[
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/plain\r\n"
            b"Content-Encoding: gzip\r\nContent-Length: 1400\r\n\r\n" + b"no gzip at all" * 100])
        answer = self.get("/a")
        self.assertEqual((answer.status, answer.cache["detail"]), (502, "coding-damaged"))
        with contextlib.suppress(Broken):  # it may have begun before it is known to be damaged
            self.get("/b", ("Accept-Encoding", "gzip"))
        until(lambda: 'larder_not_stored_total{route="/*",reason="damaged"}' in self.metrics(), "it is counted")


class Details(WordCase):
    def reason(self, count=1):
        lines = until(lambda: len(self.larder.access_lines()) >= count and self.larder.access_lines(), "a line")
        return lines[-1].get("reason")

    @covers("detail body-ended-early", "detail malformed-chunk")
    def test_request_bodies(self):
        self.start()
        with self.client() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            client.end_writing()
            self.assertEqual(client.read_response().cache["detail"], "body-ended-early")
        with self.client() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
            self.assertEqual(client.read_response().cache["detail"], "malformed-chunk")

    def test_why_a_request_was_not_understood_is_told_as_a_string(self):
        self.start()
        with self.client() as client:
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            self.assertEqual(client.read_response().field("Cache-Status"), 'Larder; detail="no Host"')

    @covers("detail only-if-cached")
    def test_only_if_cached(self):
        self.start(route="client_cache_control honor")
        self.assertEqual(self.get("/", ("Cache-Control", "only-if-cached")).cache["detail"], "only-if-cached")

    @covers("detail upstream-connect-failed", "detail coalesced-failure")
    def test_upstream_failures(self):
        self.start(self.config(free_port()))
        self.assertEqual(self.get("/").cache["detail"], "upstream-connect-failed")
        self.larder.stop()
        self.start(upstream="timeout first_byte=300ms")
        self.origin.default = lambda request: Reply(raw=[STALL])
        details = sorted(answer.cache["detail"] for answer in self.in_parallel(2, lambda _: self.get("/"))())
        self.assertEqual(details, ["coalesced-failure", "upstream-timeout"])

    @covers("detail origin-broke-off")
    def test_followers_of_what_broke_off(self):
        self.start()
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.default = lambda request: Reply(raw=[
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 99\r\n\r\nabc", gate, CLOSE])
        with self.client() as first, self.client() as second:
            for client in (first, second):
                client.send_request(target="/a")
                client.read_final_head()
            gate.set()
            lines = until(lambda: len(self.larder.access_lines()) == 2 and self.larder.access_lines(), "two lines")
        self.assertIn("origin-broke-off", [line["reason"] for line in lines])

    @covers("detail too-slow-to-share")
    def test_who_keeps_others_waiting(self):
        self.start(top="memory 64MB max_object=64KB", route="ttl 1m\ncompress off\ncoalesce on wait=100ms")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.default = lambda request: Reply(fields=[FRESH], pieces=[b"x", gate, b"x" * 20_000_000], framing="chunked")
        with self.client(receive_buffer=4096) as slow, self.client() as fast:
            for client in (fast, slow):
                client.send_request(target="/a")
                client.read_final_head()
            gate.set()
            self.assertEqual(len(fast.reader.chunked()[0]), 20_000_001)
            self.assertIn("too-slow-to-share", [line.get("reason") for line in until(self.larder.access_lines, "a line")])

    @covers("detail unasked-upgrade")
    def test_unasked_upgrade(self):
        self.start()
        self.origin.default = lambda request: Reply(raw=[b"HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"])
        self.assertEqual(self.get("/").cache["detail"], "unasked-upgrade")

    @covers("detail upstream-excessive-interim")
    def test_interim_answers_without_end(self):
        self.start()
        self.origin.default = lambda request: Reply(interim=[(103, [])] * 40, content=b"x")
        self.assertEqual(self.get("/").cache["detail"], "upstream-excessive-interim")

    @covers("detail coding-too-large", "detail coding-truncated")
    def test_codings(self):
        self.start(top="memory 64MB max_object=64KB", route="compress br upstream=coded")
        kind = ("Content-Type", "text/plain")
        bomb = gzip.compress(b"\0" * 5_000_000)
        self.origin.on("/bomb", Reply(fields=[FRESH, kind, ("Content-Encoding", "gzip")], content=bomb))
        self.origin.on("/cut", Reply(fields=[FRESH, kind, ("Content-Encoding", "gzip")], content=gzip.compress(b"abc" * 99)[:-9]))
        with contextlib.suppress(Broken):  # it may have begun before it is known how large it is
            self.get("/bomb")
        self.assertEqual(self.reason(), "coding-too-large")
        with contextlib.suppress(Broken):
            self.get("/cut")
        self.assertEqual(self.reason(2), "coding-truncated")


class Process(WordCase):
    @covers("metric larder_config_last_reload_success", "metric larder_config_last_reload_timestamp_seconds",
            "metric larder_process_resident_memory_bytes", "metric larder_process_start_time_seconds",
            "metric larder_build_info")
    def test_the_process_and_its_configuration(self):
        before = time.time()
        self.start()
        metrics = self.metrics()
        self.assertEqual(metrics["larder_config_last_reload_success"], "1")
        start = float(metrics["larder_process_start_time_seconds"])
        self.assertLess(abs(start - before), 5)
        self.assertGreater(int(metrics["larder_process_resident_memory_bytes"]), 1 << 20)
        self.assertTrue(any(name.startswith('larder_build_info{version="') for name in metrics))
        loaded = metrics["larder_config_last_reload_timestamp_seconds"]
        self.larder.write_config("nonsense\n")
        self.assertEqual(self.larder.admin("POST", "/reload").status, 400)
        refused = self.metrics()
        self.assertEqual(refused["larder_config_last_reload_success"], "0")
        self.assertEqual(refused["larder_config_last_reload_timestamp_seconds"], loaded)

        def later():
            self.larder.write_config(self.config(self.origin.port, top="workers 1"))
            self.assertEqual(self.larder.admin("POST", "/reload").status, 200)
            return float(self.metrics()["larder_config_last_reload_timestamp_seconds"]) > float(loaded)
        until(later, "the time of the last reload is told")

    @covers("detail connection-memory", "metric larder_connections_held_bytes", "metric larder_connections_held_limit_bytes")
    def test_more_than_connections_may_hold(self):
        self.start(top="memory 64MB connections=1%", route="key body=safe_post max_body=2MB")
        self.assertEqual(self.metrics()["larder_connections_held_limit_bytes"], str(4 << 20))
        held = []
        for number in range(6):
            client = self.client()
            try:
                client.send_head("POST", f"/{number}", [("Content-Length", "1900000")])
                client.send(b"x" * 1_800_000)
            except OSError:
                pass  # it was refused in the middle
            held.append(int(self.metrics()["larder_connections_held_bytes"]))
        self.assertGreater(max(held), 1 << 20)
        until(lambda: "connection-memory" in [line.get("reason") for line in self.larder.access_lines()], "one is refused")

    @covers("metric larder_invalidation_rules")
    def test_rules_that_wait(self):
        self.start(top="memory 256MB", route="ttl 1h")
        seen = []
        for number in range(30):
            self.get(f"/{number}")
            self.larder.invalidate(tags=[f"t{number}"])
            seen.append(max(float(count) for name, count in self.metrics().items() if name.startswith("larder_invalidation_rules{")))
        self.assertGreater(max(seen), 0)

    def dropped(self):
        return sum(int(count) for name, count in self.metrics().items()
                   if name.startswith("larder_log_lines_dropped_total{log=\"access_log\""))

    @covers("metric larder_log_lines_dropped_total")
    def test_log_lines_that_nobody_takes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fifo")
            os.mkfifo(path)
            reader = os.open(path, os.O_RDWR)
            try:
                self.start(top=f"access_log json {path}", route="ttl 1m")
                with Client(self.larder.port) as client:
                    for _ in range(100):
                        for _ in range(10):
                            client.send_request(target="/" + "a" * 7000)
                        for _ in range(10):
                            client.read_response()
                        if self.dropped():
                            break
                self.assertGreater(self.dropped(), 0)
                drain = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reader, 1 << 20), b"end")],
                                         daemon=True)
                drain.start()
                self.larder.stop()
                writer = os.open(path, os.O_WRONLY)
                os.write(writer, b"end")
                os.close(writer)
                drain.join(5)
            finally:
                os.close(reader)


if __name__ == "__main__":
    unittest.main()
