# SPDX-License-Identifier: Apache-2.0
"""The kinds of request whose instructions are counted: what is sent, and what must come back."""
import dataclasses
import json
import time
import typing

from replay import JSON_HEAD, request

SMALL = json.dumps([{"id": number, "name": f"item {number}"} for number in range(60)]).encode()[:1400]
LARGE = json.dumps([{"id": number, "name": f"user {number * 7919 % 1000}", "email": f"user{number}@example.com",
                     "active": number % 3 == 0} for number in range(150)]).encode()[:10240]
# By then Larder waits for the answer: one that comes sooner is met by other instructions.
ANSWER_SECONDS = 0.002
CONTENT = b'{"change": "' + b"c" * 1010 + b'"}'


def answer(message):
    """What the origin says to a request: paths that begin alike are answered alike."""
    target = message.split(b" ", 2)[1]
    if not target.startswith(b"/many"):
        time.sleep(ANSWER_SECONDS)
    if b"\r\nif-none-match:" in message.lower():
        return b'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=0\r\nETag: "one"\r\n\r\n'
    body = LARGE if target.startswith(b"/large") else SMALL
    head = JSON_HEAD % len(body)
    if target.startswith(b"/old"):
        head = head.replace(b"max-age=3600", b"max-age=0")
    return head + body


@dataclasses.dataclass(frozen=True)
class Kind:
    """A request by its number and what its answer must be; `stored` is asked for by every number beforehand."""
    make: typing.Callable[[int], bytes]
    status: int = 200
    contains: bytes = b"; hit"
    requests: int = 2000
    connections: int | None = 1  # None: one for each request
    port: str = "proxy"
    stored: typing.Callable[[int], bytes] = lambda number: request("GET", "/hit")


def get(target, *fields):
    return lambda number: request("GET", target.format(number), *fields)


def invalidate(member, value):
    def make(number):
        content = json.dumps({member: [value.format(number)]}).encode()
        return request("POST", "/invalidate", "Content-Type: application/json", content=content)
    return make


KINDS = {
    "hit": Kind(get("/hit"), requests=5000),
    "hit-connections": Kind(get("/hit"), connections=8),
    "hit-new-connection": Kind(get("/hit", "Connection: close"), requests=1000, connections=None),
    "hit-many": Kind(lambda number: request("GET", f"/many/{number * 7919 % 1000}"), stored=get("/many/{}")),
    "hit-query": Kind(get("/hit?b=2&a=1&page=7")),
    "hit-head": Kind(lambda number: request("HEAD", "/hit")),
    "hit-not-modified": Kind(get("/hit", 'If-None-Match: "one"'), status=304),
    "hit-range": Kind(get("/hit", "Range: bytes=100-199"), status=206),
    "hit-gzip": Kind(get("/large", "Accept-Encoding: gzip"), contains=b"\r\nContent-Encoding: gzip\r\n"),
    "hit-br": Kind(get("/large", "Accept-Encoding: gzip, deflate, br"), contains=b"\r\nContent-Encoding: br\r\n"),
    "pass": Kind(get("/pass/a"), contains=b"; fwd=bypass", requests=500),
    "pass-content": Kind(lambda number: request("POST", "/pass/a", content=CONTENT), contains=b"; fwd=", requests=500),
    "miss-stored": Kind(get("/miss/{}"), contains=b"; fwd=uri-miss; fwd-status=200; stored", requests=500),
    "revalidated": Kind(get("/old"), contains=b"fwd-status=304", requests=500),
    "purge": Kind(lambda number: request("PURGE", f"/many/{number}"), contains=b"", requests=1000,
                  stored=get("/many/{}")),
    "invalidate-url": Kind(invalidate("urls", "http://localhost/many/{}"), contains=b"", requests=500, port="admin"),
    "invalidate-tag": Kind(invalidate("tags", "tag-{}"), contains=b"", requests=500, port="admin"),
}
