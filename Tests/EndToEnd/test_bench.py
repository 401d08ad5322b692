# SPDX-License-Identifier: Apache-2.0
"""scripts/bench/run: that it measures, with Larder alone and the rows that need no other program."""
import os
import re
import subprocess
import unittest

from larder import TOP, binary

BENCH = os.path.join(TOP, "scripts", "bench", "run")
COMPRESSION = os.path.join(TOP, "scripts", "bench", "compression.py")


def bench(*arguments):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, check=False, timeout=120,
                          env={**os.environ, "LARDER": binary()})


class BenchTests(unittest.TestCase):
    def test_rows_and_peers_are_listed(self):
        told = bench("--list").stdout
        self.assertRegex(told, r"rows: hit, .*herd, post, workers, redis")
        self.assertIn("larder (installed)", told)

    def test_unknown_rows_are_refused_and_the_known_ones_named(self):
        done = bench("--rows", "hits")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"--rows: no hits; there are: hit, ")

    def test_a_herd_reaches_the_origin_once(self):
        done = bench("--rows", "herd", "--peers", "larder", "--repetitions", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^\| nothing stored \| 1, \d+ ms \|$")
        self.assertRegex(done.stdout, r"(?m)^\| just expired, stale allowed \| 1, \d+ ms \|$")
        self.assertNotRegex(done.stdout, "Notes:")

    def test_what_compression_saves_and_costs_is_measured(self):
        options = "--rounds 1 --objects 4 --bytes 20000 --seconds 1 --rate 200".split()
        done = subprocess.run([COMPRESSION, binary(), *options], capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^\| list of like records, br \|(?: [78]\d% \|){5}$")
        self.assertRegex(done.stdout, r"(?m)^\| gzip \| \d+ ")
        self.assertRegex(done.stdout, r"(?m)^\d bodies of 20,000 bytes climbed in 1 s of traffic")

    def test_requests_at_a_rate_are_timed_and_counted(self):
        done = bench("--rows", "post", "--peers", "larder", "--repetitions", "1", "--seconds", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        errors = re.search(r"(?m)^\| Larder [\d.]+ \|(?: [\d.,]+ \|){3} (\d+) \|", done.stdout)
        self.assertEqual(errors and errors.group(1), "0", done.stdout)
