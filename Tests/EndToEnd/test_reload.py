# SPDX-License-Identifier: Apache-2.0
"""A new configuration is taken whole or not at all, and what is said of it agrees everywhere (promise 9)."""
import json
import os
import signal
import tempfile
import threading
import unittest

import larder as process
from case import FRESH, LarderCase
from origin import Reply
from waiting import until


class Whole(LarderCase):
    def setUp(self):
        super().setUp()
        self.start(top="workers 1")
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")

    def refused(self, text, *reasons):
        """By the admin call and by SIGHUP; everything stays as it was."""
        self.larder.write_config(text)
        answer = self.larder.admin("POST", "/reload")
        self.assertEqual(answer.status, 400, answer)
        said = json.loads(answer.content)["error"]["message"]
        for reason in reasons:
            self.assertIn(reason, said)
        if "SIGHUP" not in self.larder.error_text():
            self.larder.signal(signal.SIGHUP)
            until(lambda: "cause=SIGHUP" in self.larder.error_text(), "the refusal is told")
        self.assertNotIn("event=reloaded", self.larder.error_text())
        self.assertIn("larder_config_last_reload_success 0", self.larder.admin("GET", "/metrics").content.decode())
        self.assert_hit(self.get("/a"))
        answer = self.get("/b")
        self.assertEqual(answer.content, b"/b")
        self.assertNotIn("X-Cache", answer.fields)

    def test_an_empty_file(self):
        for text in ("", "\n", "# all taken away\n"):
            self.refused(text, "proxy.conf:1:1: error: the file says nothing")

    def test_a_file_without_an_upstream(self):
        self.refused("listen 127.0.0.1:@listen@\n", "the file has no upstream")

    def test_a_file_that_was_cut_off(self):
        whole = self.config(self.origin.port, top="workers 1\nx_cache on\ndrain_timeout 10s")
        for end in ("route /* {", "upstream api {\n", "drain_timeout 10s", "drain_timeout 1", "x_cache o"):
            self.refused(whole[:whole.index(end) + len(end)])

    def test_what_needs_a_restart_with_the_rest(self):
        config = lambda **parts: self.config(self.origin.port, **parts)
        good = config(top="workers 1\nx_cache on")
        self.refused(good.replace("127.0.0.1:@listen@", "127.0.0.1:@listen@ backlog=9"), 'proxy.conf:1:1: error: "listen"', "restart")
        self.refused(good.replace("workers 1", "workers 2"), '"workers" cannot be changed without a restart')
        self.refused(good.replace("admin 127.0.0.1:@admin@\n", ""), '"admin"')
        self.refused(config(top="workers 1\nx_cache on\nredis 127.0.0.1:1"), '"redis"')
        self.refused(config(top="workers 1\nx_cache on\nnodes lease=1s"), '"nodes"')

    def test_logs_that_cannot_be_opened(self):
        for log in ("access_log json", "event_log"):
            self.refused(self.config(self.origin.port, top=f"workers 1\nx_cache on\n{log} /nonexistent/log"), f'"{log.split()[0]}" cannot be opened')

    def test_a_good_one_is_applied_with_all_its_parts(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            self.larder.write_config(self.config(
                self.origin.port, admin=" token=open-sesame",
                top=f"workers 1\nx_cache on\nmemory 64MB\naccess_log json {path}"))
            self.assertEqual(self.larder.admin("POST", "/reload").status, 200)
            self.assertEqual(self.larder.admin("GET", "/metrics").status, 401)
            metrics = self.larder.admin("GET", "/metrics", fields=[("Authorization", "Bearer open-sesame")]).content.decode()
            self.assertRegex(metrics, r"\nlarder_l1_limit_bytes 503\d{5}\n")
            self.assertEqual(self.get("/a").field("X-Cache"), "HIT")
            until(lambda: os.path.getsize(path) > 0, "it is logged there")
            self.larder.idle_descriptors += 1


class UnderWay(LarderCase):
    def test_an_unsafe_method_of_before_ends_what_is_stored_under_the_keys_of_now(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.start(top="workers 1")
        stored, changed = Reply(fields=[FRESH], content=b"x"), Reply(content=b"changed", gate=gate)
        self.origin.on("/a", lambda request: changed if request.method == "POST" else stored)
        changing = self.client()
        changing.send_request("POST", "/a", content=b"y")
        until(lambda: self.origin.count("/a") == 1, "it is under way")
        self.larder.write_config(self.config(self.origin.port, top="workers 1\nx_cache on", route="key host=off"))
        self.assertEqual(self.larder.admin("POST", "/reload").status, 200)
        self.get("/a")
        self.assert_hit(self.get("/a"))
        gate.set()
        self.assertEqual(changing.read_response().status, 200)
        self.assertIn("fwd=uri-miss", self.get("/a").field("Cache-Status"))


class Start(LarderCase):
    def test_files_that_are_not_whole_are_refused(self):
        for command in ("check", "serve"):
            for text, reason in (("", "says nothing"), ("workers 1\n", "has no upstream"),
                                 ("upstream a { server 127.0.0.1:1 }\nworkers 1", "may have been cut off")):
                done = process.run(command, text=text)
                self.assertEqual(done.returncode, 1)
                self.assertIn(reason, done.stderr)

    def test_secrets_that_others_can_read(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            token, config = os.path.join(folder, "token"), os.path.join(folder, "proxy.conf")
            with open(token, "w", encoding="utf-8") as file:
                file.write("open-sesame\n")
            with open(config, "w", encoding="utf-8") as file:
                file.write("admin 127.0.0.1:1 token_file=token\npurge_method on token=open-sesame\n"
                           "upstream a { server 127.0.0.1:1 }\n")
            for mode, warnings in ((0o644, 2), (0o640, 0)):
                os.chmod(token, mode)
                os.chmod(config, mode)
                done = process.run("check", config)
                self.assertEqual((done.returncode, done.stderr.count("warning: every user of this machine")), (0, warnings))


if __name__ == "__main__":
    unittest.main()
