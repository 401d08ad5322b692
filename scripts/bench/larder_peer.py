# SPDX-License-Identifier: Apache-2.0
"""Larder as a peer of a benchmark rig that compares caching proxies: PEER says how it is started and configured.

The rig fills in <<name>> and keeps a line that begins with @flag only in runs with that flag. LARDER names the
executable; without it that is the release build of this repository.
"""
import http.client
import json
import os

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXECUTABLE = os.environ.get("LARDER", os.path.join(TOP, ".build", "release", "larder"))
PORT, ADMIN_PORT = 9590, 9592

CONFIGURATION = """
listen 127.0.0.1:<<port>> backlog=4096
admin 127.0.0.1:%d
workers 1
memory <<mb>>MB
access_log off
log_level warning
client keep_alive=10m
limits connections=15000
forwarded off
via off
@purge purge_method on

upstream origin {
  server 127.0.0.1:<<origin>>
  pool max=512 idle_timeout=10m
}
route /pass/* { upstream origin; pass }
route /* {
  upstream origin
  stale while_revalidate=by_origin
  coalesce on wait=20s
}
""" % ADMIN_PORT


def ban(_server, pattern):
    """Forgets all paths that begin as `pattern` says, which is ^ and a path."""
    connection = http.client.HTTPConnection("127.0.0.1", ADMIN_PORT, timeout=20)
    connection.request("POST", "/invalidate", json.dumps({"prefixes": [pattern.removeprefix("^")]}),
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"invalidate: {answer.status} {content!r}")


PEER = {
    "port": PORT,
    "files": {"proxy.conf": CONFIGURATION},
    "start": f"{EXECUTABLE} serve <<dir>>/proxy.conf",
    "can": "hit purge ban reval conns pass gzip br",
    "limit_mb": 85,
    "ban": ban,
    "note": "one worker, memory only",
}
