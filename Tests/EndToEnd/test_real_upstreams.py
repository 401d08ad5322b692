# SPDX-License-Identifier: Apache-2.0
"""Servers that others wrote: nginx, Python's, Node's."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from case import LarderCase
from larder import accepts, free_port
from waiting import until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
NODE = shutil.which("node")

NGINX_CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_timeout {keepalive};
  server {{
    listen 127.0.0.1:{port}; root {folder}/www; client_max_body_size 50m; expires 5m; gzip on; gzip_types text/plain;
    gzip_vary on; gzip_proxied any;
    location /moved {{ return 301 /file.txt; }}
    location /gone {{ return 410; }}
    location /echo {{ dav_methods PUT; }}
  }}
}}
"""

NODE_SERVER = """
const http = require('http');
const server = http.createServer((request, response) => {
  let size = 0;
  request.on('data', data => { size += data.length; });
  request.on('end', () => {
    if (request.url === '/chunks') {
      response.writeHead(200, {'Cache-Control': 'max-age=60', 'Content-Type': 'text/plain'});
      for (let i = 0; i < 100; i++) response.write('line ' + i + '\\n');
      return response.end();
    }
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({method: request.method, url: request.url, size}));
  });
});
server.keepAliveTimeout = 300;
server.listen(Number(process.argv[2]), '127.0.0.1');
"""


class RealUpstream(LarderCase):
    def spawn(self, command, port, folder):
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            process.terminate()
            process.wait()
        self.addCleanup(end)
        until(lambda: accepts(port), f"{command[0]} accepts connections")

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="larder-upstream-")
        os.chmod(folder.name, 0o755)
        self.addCleanup(folder.cleanup)
        return folder.name

    def files(self, folder):
        os.makedirs(os.path.join(folder, "www"), exist_ok=True)
        content = b"".join(b"line %d of the file\n" % number for number in range(5000))
        with open(os.path.join(folder, "www", "file.txt"), "wb") as file:
            file.write(content)
        return content

    def _check_descriptors(self, larder):
        """Other servers do not tell how many connections they hold."""


@unittest.skipUnless(NGINX, "nginx is not installed (Debian package nginx)")
class Nginx(RealUpstream):
    def start_nginx(self, keepalive="65s"):
        folder, port = self.folder(), free_port()
        content = self.files(folder)
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(NGINX_CONFIG.format(folder=folder, port=port, keepalive=keepalive))
        self.spawn([NGINX, "-p", folder, "-c", config], port, folder)
        self.start(self.config(port))
        return content

    def test_file_is_fetched_once_and_served_whole_and_in_parts(self):
        content = self.start_nginx()
        self.assertEqual(self.get("/file.txt").content, content)
        hit = self.get("/file.txt")
        self.assert_hit(hit)
        self.assertEqual(hit.content, content)
        part = self.get("/file.txt", ("Range", "bytes=10-19"))
        self.assertEqual((part.status, part.content), (206, content[10:20]))
        not_modified = self.get("/file.txt", ("If-None-Match", hit.field("ETag")))
        self.assertEqual(not_modified.status, 304)

    def test_compressed_variant_is_another_one(self):
        content = self.start_nginx()
        packed = self.get("/file.txt", ("Accept-Encoding", "gzip"))
        self.assertEqual(packed.field("Content-Encoding"), "gzip")
        plain = self.get("/file.txt")
        self.assertEqual(plain.content, content)
        again = self.get("/file.txt", ("Accept-Encoding", "gzip"))
        self.assert_hit(again)
        self.assertEqual(again.content, packed.content)

    def test_other_statuses(self):
        self.start_nginx()
        self.assertEqual(self.get("/missing").status, 404)
        self.assertEqual(self.get("/gone").status, 410)
        self.assertEqual(self.get("/moved").status, 301)
        self.assertEqual(self.ask("POST", "/file.txt", content=b"x").status, 405)

    def test_connections_that_nginx_closes_quickly(self):
        self.start_nginx(keepalive="1ms")
        for number in range(50):
            self.assertEqual(self.get(f"/file.txt?{number}", ("Cache-Control", "no-cache")).status, 200)


class PythonServer(RealUpstream):
    def test_http_1_0_server(self):
        folder, port = self.folder(), free_port()
        content = self.files(folder)
        self.spawn([sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d",
                    os.path.join(folder, "www")], port, folder)
        self.start(self.config(port, route="ttl 1m"))
        with self.client() as client:
            for _ in range(3):
                self.assertEqual(client.get("/file.txt").content, content)
            self.assertEqual(client.request("HEAD", "/file.txt").field("Content-Length"), str(len(content)))
            self.assertEqual(client.get("/missing").status, 404)
            self.assertEqual(client.request("POST", "/file.txt", content=b"x").status, 501)


@unittest.skipUnless(NODE, "node is not installed (Debian package nodejs)")
class Node(RealUpstream):
    def start_node(self):
        folder, port = self.folder(), free_port()
        script = os.path.join(folder, "server.js")
        with open(script, "w", encoding="utf-8") as file:
            file.write(NODE_SERVER)
        self.spawn([NODE, script, str(port)], port, folder)
        self.start(self.config(port))

    def test_chunked_answers_and_uploads(self):
        self.start_node()
        with self.client() as client:
            for number in range(3):
                content = client.get("/chunks").content
                self.assertEqual(len(re.findall(rb"line \d+\n", content)), 100)
            for content in (b"x" * 1_000_000, [b"y" * 1000] * 50):
                response = client.request("POST", "/up", content=content)
                size = len(content) if isinstance(content, bytes) else 50_000
                self.assertIn(b'"size":%d' % size, response.content)

    def test_node_closes_idle_connections_early(self):
        self.start_node()
        for round_number in range(3):
            answers = self.in_parallel(20, lambda number: self.get(f"/{round_number}/{number}").status)()
            self.assertEqual(set(answers), {200})


if __name__ == "__main__":
    unittest.main()
