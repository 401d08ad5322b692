# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: an origin, a Larder in front of it, clients, and their orderly end."""
import threading
import unittest

from larder import Larder
from origin import Origin
from rawclient import Client, once
from waiting import until

FRESH = ("Cache-Control", "max-age=300")


class LarderCase(unittest.TestCase):
    def setUp(self):
        self.origins = []
        self.expects_exit = 0

    # -- starting

    def start_origin(self, port=0):
        origin = Origin(port)
        self.origins.append(origin)
        self.addCleanup(origin.close)
        return origin

    def config(self, *servers, route="", top="", upstream="", admin=""):
        """A whole configuration for these ports; `admin=None` leaves the admin address out."""
        lines = ["listen 127.0.0.1:@listen@", top]
        if admin is not None:
            lines.append("admin 127.0.0.1:@admin@" + admin)
        lines.append("upstream api {")
        lines += [f"  server 127.0.0.1:{port}" for port in servers]
        lines += [upstream, "}", "route /* {", "  upstream api", route, "}"]
        return "\n".join(lines) + "\n"

    def start(self, text=None, environment=None, **parts):
        """Starts an origin as `self.origin` unless there is one, and Larder in front of it as `self.larder`."""
        if text is None:
            if not hasattr(self, "origin"):
                self.origin = self.start_origin()
            text = self.config(self.origin.port, **parts)
        self.larder = Larder(text, environment)
        self.addCleanup(self._stop, self.larder)
        return self.larder

    def _stop(self, larder):
        try:
            if larder.process.poll() is None:
                self._check_descriptors(larder)
            code = larder.stop()
            self.assertEqual(code, self.expects_exit, larder.error_text()[-2000:])
        finally:
            larder.close()

    def _check_descriptors(self, larder):
        """All clients are gone: only connections to origins may be left open besides those of the start."""
        def settled():
            return larder.descriptors() <= larder.idle_descriptors + sum(origin.live for origin in self.origins)
        until(settled, f"descriptors come back to {larder.idle_descriptors}, not {larder.descriptors()}")

    # -- asking

    def client(self, **options):
        client = Client(self.larder.port, **options)
        self.addCleanup(client.close)
        return client

    def get(self, target="/", *fields):
        return once(self.larder.port, "GET", target, fields)

    def ask(self, method, target, fields=(), content=None):
        return once(self.larder.port, method, target, fields, content)

    def in_parallel(self, count, work):
        """Runs `work(number)` in threads; the results in order. Ends the test with the first error."""
        results = [None] * count
        errors = []

        def one(number):
            try:
                results[number] = work(number)
            except Exception as error:  # reported by the main thread
                errors.append(error)
        threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()

        def join():
            for thread in threads:
                thread.join(60)
            if errors:
                raise errors[0]
            if any(thread.is_alive() for thread in threads):
                raise AssertionError("a client did not come to its end")
            return results
        return join

    # -- expecting

    def assert_hit(self, response):
        self.assertTrue(response.cache.get("hit"), f"not a hit: {response}")

    def assert_forwarded(self, response, reason=None):
        self.assertNotIn("hit", response.cache, f"a hit: {response}")
        if reason is None:
            self.assertIn("fwd", response.cache, f"not forwarded: {response}")
        else:
            self.assertEqual(response.cache.get("fwd"), reason, f"{response}")
