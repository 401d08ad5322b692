# SPDX-License-Identifier: Apache-2.0
"""Start, reload, drain, logs: the process as its operator meets it (promise 9)."""
import os
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

import larder as process
from case import FRESH, LarderCase
from message import Broken
from origin import Reply
from rawclient import Client
from waiting import until


class Configuration(LarderCase):
    def failed(self, text, *expected):
        done = process.run("check", text=text)
        self.assertEqual(done.returncode, 1, done)
        for part in expected:
            self.assertIn(part, done.stdout + done.stderr)

    def test_good_configuration(self):
        done = process.run("check", text=self.config(3000).replace("@listen@", "8080").replace("@admin@", "9900"))
        self.assertEqual(done.returncode, 0, done)

    def test_error_names_its_place_and_a_likely_name(self):
        self.failed("listen 127.0.0.1:8080\nupstream api {\n  server 127.0.0.1:1\n}\nroute /* {\n  tll 5m\n}\n",
                    "proxy.conf:6:3", '"tll"', '"ttl"')

    def test_all_errors_are_told_at_once(self):
        self.failed("listen nowhere:x\nmemory lots\nupstream api { server 127.0.0.1:1 }\n", ":1:", ":2:")

    def test_serve_with_a_bad_configuration_ends_with_1(self):
        done = process.run("serve", text="nonsense\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("proxy.conf:1:1", done.stdout + done.stderr)

    def test_missing_file(self):
        done = process.run("serve", "/nonexistent/proxy.conf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/proxy.conf", done.stderr)

    def test_port_in_use_is_an_error(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = process.run("serve", text=self.config(1, admin=None).replace("@listen@", str(port)))
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(port), done.stdout + done.stderr)

    def test_of_several_that_start_at_once_exactly_one_serves(self):
        path = os.path.join(tempfile.mkdtemp(), "socket")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)  # nobody listens on it: it is taken over, by one
        for address in ("127.0.0.1:@", f"unix:{path}"):
            for _ in range(3):
                with self.subTest(address):
                    self.exactly_one_serves(address.replace("@", str(process.free_port())))

    def test_whoever_starts_waits_while_another_looks_for_its_address(self):
        """Else both may find it free before either listens."""
        port = process.free_port()

        def holds_a_socket(one):
            folder = f"/proc/{one.pid}/fd"
            try:
                return any(os.readlink(os.path.join(folder, fd)).startswith("socket:") for fd in os.listdir(folder))
            except OSError:  # one was closed meanwhile
                return False
        turn = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

        def taken():
            try:
                turn.bind("\0larder-listening")
            except OSError:
                return False
            return True
        until(taken, "nobody else starts")

        def started(all_of_them):
            with turn:
                for one in all_of_them:
                    until(lambda: holds_a_socket(one), "it waits")
                self.assertFalse(process.accepts(port))
        self.exactly_one_serves(f"127.0.0.1:{port}", count=2, started=started)

    def exactly_one_serves(self, address, count=5, started=lambda all_of_them: None):
        text = f"listen {address}\nroute /* {{ upstream http://127.0.0.1:1 }}\n"
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "proxy.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            all_of_them = [
                subprocess.Popen([process.binary(), "serve", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for _ in range(count)]
            try:
                started(all_of_them)
                until(lambda: sum(one.poll() is None for one in all_of_them) <= 1, "the others have given up")
                living = [one for one in all_of_them if one.poll() is None]
                self.assertEqual(len(living), 1)
                for one in all_of_them:
                    if one not in living:
                        self.assertEqual(one.returncode, 1)
                        self.assertIn(b"the address is in use", one.stderr.read())
            finally:
                for one in all_of_them:
                    one.terminate()
                    one.wait(10)
                    one.stderr.close()

    def test_version_and_help(self):
        self.assertEqual(process.run("--version").returncode, 0)
        self.assertIn("serve", process.run("--help").stdout)
        self.assertNotEqual(process.run("nonsense").returncode, 0)

    def test_admin_beyond_loopback_needs_a_token(self):
        self.failed("listen 127.0.0.1:8080\nadmin 0.0.0.0:9900\nupstream api { server 127.0.0.1:1 }\n", ":2:", "token")

    def test_environment_in_the_configuration(self):
        self.origin = self.start_origin()
        text = self.config(self.origin.port).replace(str(self.origin.port), "${ORIGIN_PORT}")
        self.start(text, environment={"ORIGIN_PORT": str(self.origin.port)})
        self.assertEqual(self.get("/a").content, b"/a")


class Starting(LarderCase):
    def test_preloaded_library_that_moves_the_environment(self):
        with tempfile.TemporaryDirectory() as folder:
            source, library = os.path.join(folder, "move.c"), os.path.join(folder, "move.so")
            with open(source, "w", encoding="utf-8") as file:
                file.write("#include <stdlib.h>\n__attribute__((constructor)) static void move(void) {\n"
                           "    for (char name[] = \"MOVED_A\"; name[6] < 'Z'; name[6]++) setenv(name, \"1\", 1);\n}\n")
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
            done = process.run("--version", environment={"LD_PRELOAD": library})
            self.assertEqual((done.returncode, done.stdout.split()[0]), (0, "larder"))
            self.start(environment={"LD_PRELOAD": library})
            self.assertEqual(self.get("/a").status, 200)


class UnixSocket(LarderCase):
    def ask_on(self, path):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(path)
            client.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            received = b""
            while part := client.recv(65536):
                received += part
            return received

    def test_requests_are_taken_on_a_path_by_several_workers(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "larder.sock")
            self.start(top=f"listen unix:{path}\nworkers 2", route="ttl 1m")
            self.assertIn(b"fwd=uri-miss", self.ask_on(path))
            self.assertIn(b"; hit", self.ask_on(path))
            self.assert_hit(self.get("/a", ("Host", "a")))

    def test_path_that_a_dead_process_left_is_taken_over(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "larder.sock")
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path)
            self.start(top=f"listen unix:{path}", route="ttl 1m")
            self.assertTrue(self.ask_on(path).startswith(b"HTTP/1.1 200"))


class Reload(LarderCase):
    def reloaded(self, text, condition, what):
        self.larder.write_config(text)
        self.larder.signal(signal.SIGHUP)
        until(condition, what)

    def test_reload_applies_the_new_configuration_and_keeps_the_cache(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        second = self.start_origin()
        second.default = lambda request: Reply(content=b"second")
        self.reloaded(self.config(second.port), lambda: self.get("/b").content == b"second", "the new upstream is used")
        self.assert_hit(self.get("/a"))

    def test_bad_reload_keeps_everything_and_says_why(self):
        self.start()
        self.origin.on("/a", Reply(fields=[FRESH], content=b"x"))
        self.get("/a")
        self.reloaded("nonsense\n", lambda: "nonsense" in self.larder.error_text(), "the error is told")
        self.assertEqual(self.get("/b").content, b"/b")
        self.assert_hit(self.get("/a"))
        metrics = self.larder.admin("GET", "/metrics").content.decode()
        self.assertIn("larder_config_last_reload_success 0", metrics)

    def test_reload_after_a_bad_one(self):
        self.start()
        self.reloaded("nonsense\n", lambda: "nonsense" in self.larder.error_text(), "the error is told")
        self.reloaded(self.config(self.origin.port, top="x_cache on"), lambda: "X-Cache" in self.get("/a").fields,
                      "the good one is applied")

    def test_requests_under_way_outlive_a_reload(self):
        self.start()
        gate = threading.Event()
        self.origin.on("/slow", Reply(pieces=[b"first", gate, b"second"]))
        with self.client() as client:
            client.send_request(target="/slow")
            client.read_final_head()
            second = self.start_origin()
            second.default = lambda request: Reply(content=b"second")
            self.reloaded(self.config(second.port), lambda: self.get("/b").content == b"second", "it is applied")
            gate.set()
            self.assertEqual(client.reader.exactly(11), b"firstsecond")

    def test_reload_under_traffic_loses_no_request(self):
        self.start()
        stop = threading.Event()

        def ask(number):
            count = 0
            with Client(self.larder.port) as client:
                while not stop.is_set():
                    response = client.get(f"/{number}/{count}")
                    if response.status != 200:
                        raise AssertionError(response)
                    if not response.keeps_alive:
                        return count
                    count += 1
            return count
        counts = self.in_parallel(4, ask)
        for number in range(5):
            before = self.origin.count()
            self.larder.write_config(self.config(self.origin.port, route=f"ttl {number + 1}m"))
            self.larder.signal(signal.SIGHUP)
            until(lambda: self.origin.count() > before + 50, "traffic goes on")
        stop.set()
        self.assertGreater(sum(counts()), 0)


class Drain(LarderCase):
    def start_slow(self, **parts):
        self.start(**parts)
        self.gate = threading.Event()
        self.origin.on("/slow", Reply(pieces=[b"first", self.gate, b"second"]))
        self.slow = self.client()
        self.slow.send_request(target="/slow")
        self.slow.read_final_head()

    def refuses(self):
        try:
            with Client(self.larder.port, timeout=2) as client:
                client.send_request()
                return client.reader.some() == b""
        except (ConnectionError, Broken, TimeoutError):
            return True

    def test_request_under_way_finishes_and_new_ones_are_refused(self):
        self.start_slow()
        self.larder.signal(signal.SIGTERM)
        until(lambda: self.larder.admin("GET", "/health/ready").status == 503, "ready goes 503")
        self.assertEqual(self.larder.admin("GET", "/health/live").status, 200)
        until(self.refuses, "new connections are refused")
        self.gate.set()
        self.assertEqual(self.slow.reader.exactly(11), b"firstsecond")
        self.assertEqual(self.larder.wait_exit(), 0)

    def test_idle_connections_end_and_the_process_with_them(self):
        self.start()
        with self.client() as client:
            client.get("/")
            self.larder.signal(signal.SIGTERM)
            self.assertTrue(client.ends())
            self.assertEqual(self.larder.wait_exit(), 0)

    def test_drain_is_bounded(self):
        self.start_slow(top="drain_timeout 300ms")
        self.larder.signal(signal.SIGTERM)
        self.assertEqual(self.larder.wait_exit(), 0)

    def test_second_term_ends_it_at_once(self):
        self.start_slow(top="drain_timeout 10m")
        self.larder.signal(signal.SIGTERM)
        until(lambda: self.larder.admin("GET", "/health/ready").status == 503, "ready goes 503")
        self.larder.signal(signal.SIGTERM)
        self.assertIsNotNone(self.larder.wait_exit())

    def test_interrupt_and_quit_drain_too(self):
        for number in (signal.SIGINT, signal.SIGQUIT):
            self.start_slow()
            self.larder.signal(number)
            until(lambda: self.larder.admin("GET", "/health/ready").status == 503, "ready goes 503")
            self.gate.set()
            self.assertEqual(self.slow.reader.exactly(11), b"firstsecond")
            self.assertEqual(self.larder.wait_exit(), 0)


class Logs(LarderCase):
    def test_access_log_has_one_json_line_for_each_request(self):
        self.start(route="ttl 5m", top="workers 1")
        for target in ("/a?x=1", "/a?x=1", "/b"):
            self.get(target, ("User-Agent", 'te"st\\'))
        self.ask("POST", "/c", content=b"abc")
        lines = until(lambda: len(self.larder.access_lines()) >= 4 and self.larder.access_lines(), "four lines")
        self.assertEqual(len(lines), 4)
        self.assertEqual([line["cache"] for line in lines], ["miss", "hit", "miss", "pass"])
        first = lines[0]
        self.assertEqual((first["method"], first["path"], first["status"]), ("GET", "/a?x=1", 200))
        self.assertEqual((first["client"], first["route"], first["user_agent"]), ("127.0.0.1", "/*", 'te"st\\'))
        self.assertGreaterEqual(first["duration_ms"], 0)
        self.assertEqual(first["upstream_status"], 200)

    def test_access_log_of_bad_bytes_is_still_json(self):
        self.start()
        with self.client() as client:
            client.send(b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\nUser-Agent: \xc3\x28\r\n\r\n")
            client.read_response()
        until(lambda: len(self.larder.access_lines()) == 1, "one line")

    def test_access_log_off_and_combined(self):
        self.start(top="access_log off")
        self.get("/a")
        self.larder.stop()
        self.assertEqual(self.larder.output_text(), "")
        self.start(top="access_log combined")
        self.get("/a")
        line = until(lambda: self.larder.output_text(), "a line")
        self.assertRegex(line, r'^127\.0\.0\.1 - - \[.*\] "GET /a HTTP/1\.1" 200 2 ')

    def test_access_log_survives_the_end(self):
        self.start()
        for number in range(50):
            self.get(f"/{number}")
        self.larder.stop()
        self.assertEqual(len(self.larder.access_lines()), 50)


class Supervision(LarderCase):
    def test_systemd_is_told(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            path = os.path.join(folder, "notify")
            notices.bind(path)
            notices.settimeout(10)
            self.start(environment={"NOTIFY_SOCKET": path})
            self.assertIn(b"READY=1", notices.recv(4096))
            self.larder.signal(signal.SIGHUP)
            self.assertIn(b"RELOADING=1", notices.recv(4096))
            self.assertIn(b"READY=1", notices.recv(4096))
            self.larder.signal(signal.SIGTERM)
            self.assertIn(b"STOPPING=1", notices.recv(4096))
            self.assertEqual(self.larder.wait_exit(), 0)

    def test_many_connections_leave_no_descriptor(self):
        self.start()
        clients = [Client(self.larder.port) for _ in range(300)]
        for client in clients:
            client.send_request()
        for client in clients:
            self.assertEqual(client.read_response().status, 200)
            client.close()

    def test_limit_of_connections_holds_the_rest_back(self):
        self.start(top="limits connections=10\nworkers 1")
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.origin.on("/slow", Reply(content=b"x", gate=gate))
        clients = [self.client() for _ in range(10)]
        for client in clients:
            client.send_request("POST", "/slow")
        self.origin.wait_for(10, "/slow")
        late = self.client()
        late.send_request(target="/late")
        until(lambda: "connection_limit_reached" in self.larder.error_text(), "the limit is told")
        self.assertEqual(self.origin.count("/late"), 0)
        gate.set()
        for client in clients:
            self.assertEqual(client.read_response().status, 200)
            client.close()
        self.assertEqual(late.read_response().status, 200)


if __name__ == "__main__":
    unittest.main()
