"""Every path × method × kind of caller: what is not listed does not exist, and only a caller's key asks a model."""

from __future__ import annotations

import json
import socket
import time

import pytest

from switchover.access.keys import make_key, make_person_key
from switchover.domain.people import Role
from switchover.gateway.admit import BY_PATH
from switchover.gateway.app import OPEN
from switchover.testing.builders import make_process
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import PEPPER, ServedGateway, register, spec

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]
# Who may what, route by route. A route that is not here fails the first test below.
ASKS = dict.fromkeys(
    ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/messages/count_tokens"), "POST"
)
LISTS = dict.fromkeys(("/v1/models", "/v1/models/p"), "GET")
ANYBODY = dict.fromkeys(("/livez", "/readyz", "/metrics"), "GET")
# Next to a route lies nothing: paths are compared byte for byte.
NEAR = [
    change
    for path in (*ASKS, *ANYBODY, "/v1/models")
    for change in (f"{path}/", f"/{path}", path.upper(), path.replace("/v1", "/v1/.", 1), f"{path}%00", f"{path};x",
                   f"/x/..{path}", path.replace("e", "%65", 1), f"{path}/../models")
    if change not in {**ASKS, **ANYBODY, **LISTS} and not change.startswith("/v1/models/")
]  # fmt: skip
OTHERS = ["/", "/admin", "/keys", "/v1", "/v1/", "/v1/files", "/approve", "/store.sqlite", "/../pepper", "*"]
ANSWER = json.dumps({"id": "1", "model": "big", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}).encode()  # fmt: skip


@pytest.fixture(scope="module")
def stage():
    with ScriptedServer([reply(ANSWER)] * 50) as vendor:
        process = make_process("p", fallbacks=())
        snapshot, token = register(process, [spec("vendor", vendor.url)])
        with ServedGateway(snapshot) as served:
            yield served, keys(token), vendor


def keys(token):
    """A key of each kind: the caller's, none, a person's of each role, and some that never were."""
    now = time.time()
    people = {
        f"person ({role})": make_person_key(f"p-{role}", PEPPER, now, expires_at=None, made_by="local")[1].reveal()
        for role in Role
    }
    forged = f"sw_{next(iter(people.values()))[4:]}"
    return {"caller": token, "none": "", "stranger": make_key("p", PEPPER, now)[1].reveal(), "forged": forged, **people}


def status(served, method, path, token):
    """The status of one raw request, with a body that a model may be asked."""
    body = json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}], "input": "?", "max_tokens": 1})
    if method in ("GET", "HEAD"):
        body = ""
    key = f"authorization: Bearer {token}\r\n" if token else ""
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{key}connection: close\r\ncontent-length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=60) as caller:
        caller.sendall(f"{head}\r\n{body}".encode())
        with caller.makefile("rb") as answer:
            return int(answer.readline().split()[1])


def test_every_route_that_the_gateway_has_is_walked_below():
    assert set(BY_PATH) == set(ASKS)
    assert set(OPEN) == set(ANYBODY)


@pytest.mark.parametrize("path", [*ASKS, *LISTS, *ANYBODY])
def test_a_route_is_open_to_whom_it_is_for_and_to_nobody_else(stage, path):
    served, known, vendor = stage
    wanted = {**ASKS, **LISTS, **ANYBODY}[path]
    for who, token in known.items():
        asked = len(vendor.seen)
        for method in METHODS:
            got = status(served, method, path, token)
            if method != wanted:
                assert got in (400, 404, 405), (method, path, who)
            elif path in ANYBODY:
                assert got == 200, (path, who)
            elif who == "caller":
                assert got not in (401, 403, 404, 405), (path, who)
            else:
                assert got == 401, (path, who)
        assert who == "caller" or len(vendor.seen) == asked


def test_what_is_not_listed_does_not_exist_for_anybody(stage):
    served, known, vendor = stage
    asked = len(vendor.seen)
    for path in [*NEAR, *OTHERS]:
        for who in ("caller", "person (admin)", "none"):
            for method in ("GET", "POST"):
                assert status(served, method, path, known[who]) in (400, 404), (method, path, who)
    assert len(vendor.seen) == asked
