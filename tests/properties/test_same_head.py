"""A head that is known again is read as the parser would have read it, whatever the caller makes of its bytes."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from switchover.gateway import same_head
from switchover.gateway.caller import Caller, CallerHead
from switchover.gateway.connection import HttpConnection
from switchover.gateway.same_head import SameHead

HEADERS = b"host: x\r\nauthorization: Bearer k\r\nuser-agent: sdk\r\nContent-Length: %d\r\naccept: */*\r\n"
PIECES = (
    b"\r\n", b"\n", b"\r", b" ", b"0", b"9", b":", b"content-length: 2\r\n", b"transfer-encoding: chunked\r\n",
    b"expect: 100-continue\r\n", b"connection: close\r\n", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x00", b"x: y\r\n",
)  # fmt: skip


def request(body: bytes) -> bytes:
    return b"POST /v1/chat/completions?a=b HTTP/1.1\r\n" + HEADERS % len(body) + b"\r\n" + body


class Wire:
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        self.said, self.closed, self.reading = b"", False, True

    def get_extra_info(self, name):
        return None

    def write(self, data):
        self.said += b"" if self.closed else data

    def close(self):
        self.closed = True

    abort = close

    def is_closing(self):
        return self.closed

    def is_reading(self):
        return self.reading

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


class Mirror:
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.connections, self.seen = set(), []

    async def answer(self, caller: Caller) -> None:
        body = await caller.body(100_000)
        if body is not None:
            head = caller.head
            self.seen.append(
                (
                    head.method,
                    head.path,
                    sorted(row for row in head.headers if row[0] != b"content-length"),
                    body,
                    caller.length,
                )
            )
            caller.answer(200, b"", repr(self.seen[-1]).encode())


async def told(parts: list[bytes]):
    """What a connection that is sent these parts, one by one, answers and closes, and what it took them for."""
    mirror, wire = Mirror(), Wire()
    state = ServerState()
    state.default_headers = []
    connection = HttpConnection(SimpleNamespace(loaded_app=mirror), state, {})
    connection.connection_made(wire)
    for part in parts:
        if not wire.closed:
            connection.data_received(part)
        for _ in range(6):
            await asyncio.sleep(0)
    answer = wire.said, wire.closed, mirror.seen
    connection.connection_lost(None)
    await asyncio.gather(*state.tasks, return_exceptions=True)
    return answer


def answers(parts: list[bytes], *, known: bool):
    kept = same_head.MOST_LEARNED
    same_head.MOST_LEARNED = kept if known else 0
    try:
        return asyncio.run(told(parts))
    finally:
        same_head.MOST_LEARNED = kept


def edited(data: bytes, edits) -> bytes:
    for place, gone, piece in edits:
        at = int(place * len(data))
        data = data[:at] + piece + data[at + gone :]
    return data


def edit(most):
    return st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES)), max_size=most)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=30), edit(1), edit(2), st.lists(st.floats(0, 1), max_size=2), st.integers(0, 2))
def test_a_known_head_is_read_as_the_parser_reads_it(body, before, edits, cuts, times):
    first, second = edited(request(b"first"), before), edited(request(body), edits)
    ends = sorted({int(cut * len(second)) for cut in cuts} | {0, len(second)})
    parts = [first, first, *[second[a:b] for a, b in pairwise(ends)], *[request(b"x")] * times]
    assert answers(parts, known=True) == answers(parts, known=False)


def test_the_head_of_a_repeated_request_is_not_parsed_again(monkeypatch):
    parsed = []
    monkeypatch.setattr(HttpConnection, "on_url", lambda self, url: parsed.append(url) or setattr(self, "_target", url))
    parts = [request(b"one"), request(b"another"), request(b""), request(b"in two")[:-3], b"two"]
    said, _, seen = answers(parts, known=True)
    assert [row[3] for row in seen] == [b"one", b"another", b"", b"in two"]
    assert said.count(b"200 OK") == 4
    assert len(parsed) == 1


def test_a_caller_whose_heads_always_differ_is_not_learned_from_for_ever():
    known = SameHead()
    for number in range(same_head.MOST_LEARNED + 1):
        raw = request(b"").replace(b"user-agent: sdk", b"user-agent: sdk%d" % number)
        known.learn(raw, CallerHead("POST", "/", [(b"content-length", b"0")] * 1 + [(b"x", b"y")] * 4))
    assert known.body_at(raw) == 0
