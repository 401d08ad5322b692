# SPDX-License-Identifier: Apache-2.0
"""What of a request's fields reaches the origin on a route that stores (promise 2)."""
import unittest

from case import FRESH, LarderCase
from covering import covers
from origin import Reply


class RequestFieldsTest(LarderCase):
    def start_storing(self, route="", top=""):
        self.start(route=route, top=top)
        self.origin.on("/", Reply(fields=[FRESH], content=b"ok"))

    def fetch(self, *fields):
        return self.get("/", *fields).field("Cache-Status", "")

    def names(self):
        return {name.lower() for name, _ in self.origin.last("/").fields}

    def dropped(self, kind):
        text = self.larder.admin("GET", "/metrics").content.decode()
        lines = [line for line in text.splitlines()
                 if line.startswith("larder_request_fields_dropped_total{") and f'kind="{kind}"' in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    @covers("metric larder_request_fields_dropped_total")
    def test_fields_that_name_what_is_asked_are_dropped_and_counted(self):
        self.start_storing()
        self.fetch(("X-Original-URL", "/admin"), ("X_Real_IP", "1.2.3.4"), ("X-Custom", "1"))
        self.assertIn("x-custom", self.names())
        self.assertFalse(self.names() & {"x-original-url", "x_real_ip"})
        self.assertEqual(self.dropped("identity"), 1)
        self.assertEqual(self.dropped("unusual-name"), 1)
        self.assertIn("hit", self.fetch())

    @covers("route/request_fields.identity")
    def test_identity_may_pass(self):
        self.start_storing(route="request_fields identity=pass")
        self.fetch(("X-Original-URL", "/admin"), ("X_Real_IP", "1.2.3.4"))
        self.assertIn("x-original-url", self.names())
        self.assertNotIn("x_real_ip", self.names())

    @covers("route/request_fields.unusual_names")
    def test_unusual_names_may_pass(self):
        self.start_storing(route="request_fields unusual_names=pass")
        self.fetch(("X_Tenant", "a"), ("X_Real_IP", "1.2.3.4"))
        self.assertIn("x_tenant", self.names())
        self.assertNotIn("x_real_ip", self.names())

    @covers("route/request_fields.allow")
    def test_single_fields_may_pass(self):
        self.start_storing(route="request_fields allow=X-Real-IP,x_tenant")
        self.fetch(("X-Real-IP", "1.2.3.4"), ("X_Tenant", "a"), ("X-Host", "b"))
        self.assertLessEqual({"x-real-ip", "x_tenant"}, self.names())
        self.assertNotIn("x-host", self.names())

    def test_keyed_fields_pass(self):
        self.start_storing(route="key header=X-Host")
        self.fetch(("X-Host", "a"))
        self.assertIn("x-host", self.names())
        self.assertNotIn("hit", self.fetch())

    @covers("route/request_fields.trailers")
    def test_trailers_pass_by_name(self):
        for route, expected in (("", []), ("request_fields trailers=X-Sum", [("x-sum", "1")])):
            with self.subTest(route=route):
                self.start_storing(route=route)
                client = self.client()
                client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
                            "X-Forwarded-For: 1\r\nX-Sum: 1\r\nCookie: a=b\r\n\r\n")
                self.assertEqual(client.read_response("POST").status, 200)
                sent = [(name.lower(), value) for name, value in self.origin.last("/").trailers]
                self.assertEqual(sent, expected)
                self.assertEqual(self.dropped("trailer"), 3 - len(expected))

    @covers("not-stored vary-client")
    def test_what_varies_by_the_client_is_not_stored(self):
        self.start()
        self.origin.on("/", Reply(fields=[FRESH, ("Vary", "X-Forwarded-For")], content=b"ok"))
        self.assertIn("detail=vary-client", self.fetch())
        self.assertNotIn("hit", self.fetch())

    def test_a_redirect_to_https_is_not_served_under_https(self):
        self.start(top="trusted_proxies 127.0.0.0/8")
        self.origin.on("/", Reply(status=301, fields=[FRESH, ("Location", "https://here.example/")]))
        self.fetch()
        self.origin.on("/", Reply(fields=[FRESH], content=b"ok"))
        response = self.get("/", ("X-Forwarded-Proto", "https"))
        self.assertEqual(response.status, 200)
        self.assertEqual(self.get("/").status, 301)


if __name__ == "__main__":
    unittest.main()
