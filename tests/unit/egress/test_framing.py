"""Where an answer ends, from raw bytes: any doubt is refused, and a connection in doubt serves nobody else."""

from __future__ import annotations

import asyncio
import threading

import pytest

from switchover.clock import SystemClock
from switchover.egress import Client
from switchover.egress.client import KEEP_IDLE_S
from switchover.egress.connection import MAX_HEADER_BYTES, MAX_INFORMATIONAL, Connection
from switchover.errors import Malformed, Reset
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import CLOSE, HANG, RESET, ScriptedServer, reply

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = b"content-length: 5\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
IN_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
HINT = b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"

REFUSED = {
    "a length and chunks": OK + FIVE + CHUNKED + b"\r\n" + IN_CHUNKS,
    "chunks and a length": OK + CHUNKED + FIVE + b"\r\n" + IN_CHUNKS,
    "two lengths that agree": OK + FIVE + FIVE + b"\r\nhello",
    "two lengths": OK + FIVE + b"content-length: 6\r\n\r\nhello",
    "a list of lengths": OK + b"content-length: 5, 5\r\n\r\nhello",
    "a negative length": OK + b"content-length: -5\r\n\r\nhello",
    "a signed length": OK + b"content-length: +5\r\n\r\nhello",
    "a length beyond all numbers": OK + b"content-length: 99999999999999999999999\r\n\r\nhello",
    "a chunk beyond all numbers": OK + CHUNKED + b"\r\nffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a chunk of no number": OK + CHUNKED + b"\r\nfive\r\nhello\r\n0\r\n\r\n",
    "a length in a trailer": OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\ncontent-length: 9\r\n\r\n",
    "lines without CR": b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello",
    "a folded line": OK + b"x: a\r\n b\r\n" + FIVE + b"\r\nhello",
    "a space before the colon": OK + b"content-length : 5\r\n\r\nhello",
    "a NUL": OK + b"x: a\0b\r\n" + FIVE + b"\r\nhello",
    "an empty line before the head": b"\r\n" + OK + FIVE + b"\r\nhello",
    "another version": b"HTTP/2.0 200 OK\r\n" + FIVE + b"\r\nhello",
    "no status": b"HTTP/1.1 OK\r\n" + FIVE + b"\r\nhello",
    "a status below all": b"HTTP/1.1 000 Zero\r\n" + FIVE + b"\r\nhello",
    "a status beyond all": b"HTTP/1.1 600 More\r\n" + FIVE + b"\r\nhello",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nhello",
    "no end of hints": HINT * (MAX_INFORMATIONAL + 1) + OK + FIVE + b"\r\nhello",
    "a page": b"<html><body>hello</body></html>",
    "a head without end": OK + b"x: " + b"y" * (MAX_HEADER_BYTES + 1),
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
}
ACCEPTED = {
    "a trailer": (OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\nx-checksum: y\r\n\r\n", 200, True),
    "a chunk's extension": (OK + CHUNKED + b"\r\n5;a=b\r\nhello\r\n0\r\n\r\n", 200, True),
    "no reason": (b"HTTP/1.1 200\r\n" + FIVE + b"\r\nhello", 200, True),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + FIVE + b"\r\nhello", 200, True),
    "hints": (HINT * MAX_INFORMATIONAL + OK + FIVE + b"\r\nhello", 200, True),
    "an offer to upgrade": (OK + b"connection: upgrade\r\nupgrade: h2c\r\n" + FIVE + b"\r\nhello", 200, True),
    "close": (OK + b"connection: close\r\n" + FIVE + b"\r\nhello", 200, False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + FIVE + b"\r\nhello", 200, False),
    "HTTP/1.0 kept alive": (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n" + FIVE + b"\r\nhello", 200, True),
    "no content": (b"HTTP/1.1 204 No Content\r\n" + FIVE + b"\r\n", 204, True),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\n" + FIVE + b"\r\n", 304, True),
}


def played(script, work, clock=None):
    async def main(server):
        client = Client(clock or SystemClock())
        try:
            return await asyncio.wait_for(work(client, server), 60)
        finally:
            await client.close()

    with ScriptedServer(script) as server:
        return asyncio.run(main(server))


async def ask(client, server):
    answer = await client.request("POST", server.url, {}, b"{}")
    return answer.status, await answer.whole(100_000)


@pytest.mark.parametrize("parts", [1, 40])
@pytest.mark.parametrize("case", REFUSED)
def test_an_answer_whose_end_or_meaning_is_in_doubt_is_refused(case, parts):
    data = REFUSED[case]
    size = len(data) // parts + 1

    async def work(client, server):
        with pytest.raises(Malformed):
            await ask(client, server)
        assert not any(client._idle.values())

    played([*(data[at : at + size] for at in range(0, len(data), size)), CLOSE], work)


@pytest.mark.parametrize("case", ACCEPTED)
def test_an_unusual_answer_is_read_and_its_connection_kept_only_where_the_upstream_lets_it(case):
    data, status, kept = ACCEPTED[case]

    async def work(client, server):
        seen = [await ask(client, server) for _ in range(2)]
        return seen, server.connections

    seen, connections = played([data], work)
    assert seen == [(status, b"" if status in (204, 304) else b"hello")] * 2
    assert connections == (1 if kept else 2)


def scripted(*scripts):
    """One script for each request in turn."""
    return lambda number, seen: scripts[number]


@pytest.mark.parametrize("end", [RESET, CLOSE])
def test_a_kept_connection_that_goes_as_the_request_comes_is_replaced_once(end):
    async def work(client, server):
        return [await ask(client, server) for _ in range(2)], server.connections

    hello = [reply(b"hello")]
    assert played(scripted(hello, [end], hello), work) == ([(200, b"hello")] * 2, 2)


def test_a_second_connection_that_goes_too_is_an_error():
    async def work(client, server):
        await ask(client, server)
        with pytest.raises(Reset):
            await ask(client, server)
        return len(server.seen)

    assert played(scripted([reply(b"hello")], [RESET], [RESET], [reply(b"never")]), work) == 3


@pytest.mark.parametrize("began", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", OK + FIVE])
def test_a_kept_connection_that_goes_after_any_byte_is_an_error(began, monkeypatch):
    arrived, received = threading.Event(), Connection.data_received

    def data_received(self, data):
        received(self, data)
        arrived.set()

    monkeypatch.setattr(Connection, "data_received", data_received)

    async def work(client, server):
        await ask(client, server)
        arrived.clear()
        with pytest.raises(Reset):
            await ask(client, server)
        return len(server.seen)

    assert played(scripted([reply(b"hello")], [began, arrived.is_set, RESET], [reply(b"never")]), work) == 2


async def kept_no_more(client):
    """Waits until what was kept has noticed that it is of no use."""
    while not all(one.closed for kept in client._idle.values() for one in kept):  # noqa: ASYNC110  # nobody is told
        await asyncio.sleep(0.005)


def test_a_kept_connection_that_the_upstream_closed_meanwhile_is_not_used():
    async def work(client, server):
        first = await ask(client, server)
        await kept_no_more(client)
        return first, await ask(client, server), server.connections, len(server.seen)

    assert played([reply(b"hello"), CLOSE], work) == ((200, b"hello"), (200, b"hello"), 2, 2)


def test_a_kept_connection_on_which_bytes_came_unasked_is_not_used():
    async def work(client, server):
        first = await ask(client, server)
        await kept_no_more(client)
        return first, await ask(client, server), server.connections

    script = [reply(b"hello"), 0.02, OK + b"content-length: 4\r\n\r\nevil", HANG]
    assert played(script, work) == ((200, b"hello"), (200, b"hello"), 2)


def test_a_connection_idle_for_too_long_is_not_used():
    clock = ManualClock()

    async def work(client, server):
        await ask(client, server)
        clock.advance(KEEP_IDLE_S + 1)
        await ask(client, server)
        return server.connections

    assert played([reply(b"hello")], work, clock) == 2
