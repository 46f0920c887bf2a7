"""Our client against scripted bytes: what is one answer, whose it is, and how it may be taken."""

from __future__ import annotations

import asyncio
import threading

import pytest

from switchover.clock import SystemClock
from switchover.egress import Client
from switchover.egress import answer as answer_module
from switchover.egress import connection as connection_module
from switchover.errors import Cut, Malformed, Reset, UpstreamError
from switchover.testing.scripted import CLOSE, RESET, ScriptedServer, reply, stream

HEAD = b"HTTP/1.1 200 OK\r\n"


def asked(script, work):
    """What ``work(client, url, server)`` returns."""

    async def main(server):
        client = Client(SystemClock())
        try:
            return await asyncio.wait_for(work(client, server.url, server), 60)
        finally:
            await client.close()

    with ScriptedServer(script) as server:
        return asyncio.run(main(server))


async def ask(client, url, body=b"{}"):
    return await client.request("POST", url, {}, body)


def poured(answer):
    """The parts as they were handed over, and how it ended, in a future."""
    parts, over = [], asyncio.get_running_loop().create_future()
    answer.pour(parts.append, over.set_result)
    return parts, over


@pytest.mark.parametrize(
    "script",
    [
        [reply(b"hello")],
        stream(b"hel", b"lo"),
        stream(b"h", 0.02, b"ello"),
        [HEAD + b"\r\nhel", 0.02, b"lo", CLOSE],
        [b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n", reply(b"hello")],
    ],
    ids=["length", "chunks", "chunks apart", "until the end", "after a hint"],
)
@pytest.mark.parametrize("how", ["whole", "chunks", "pour"])
def test_a_body_is_the_same_however_it_is_framed_and_taken(script, how):
    async def work(client, url, server):
        answer = await ask(client, url)
        assert "link" not in answer.headers
        if how == "whole":
            return await answer.whole(100)
        if how == "chunks":
            return b"".join([part async for part in answer.chunks()])
        parts, over = poured(answer)
        assert await over is None
        return b"".join(parts)

    assert asked(script, work) == b"hello"


async def taken(answer, how):
    """What came of a body, and the error that broke it off."""
    parts = []
    if how == "pour":
        parts, over = poured(answer)
        return b"".join(parts), await over
    try:
        if how == "whole":
            parts.append(await answer.whole(100))
        else:
            async for part in answer.chunks():
                parts.append(part)
    except UpstreamError as error:
        return b"".join(parts), error
    return b"".join(parts), None


@pytest.mark.parametrize("how", ["whole", "chunks", "pour"])
@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_body_that_breaks_off_says_so_after_what_came(end, how):
    arrived = threading.Event()

    async def work(client, url, server):
        answer = await ask(client, url)
        while answer.total < 3:  # noqa: ASYNC110  # whoever takes it would be told
            await asyncio.sleep(0.005)
        arrived.set()
        return await taken(answer, how)

    # What has not been read when a connection is reset is lost.
    came, error = asked([*stream(b"hel", end=False), arrived.is_set, 0.05, end], work)
    assert isinstance(error, Cut)
    # A body of which all or nothing is wanted leaves nothing behind.
    assert came == (b"" if how == "whole" else b"hel")


def test_a_connection_serves_again_after_a_whole_answer():
    async def work(client, url, server):
        for _ in range(5):
            assert await (await ask(client, url)).whole(100) == b"hello"
        return server.connections

    assert asked(stream(b"hello"), work) == 1


def test_a_connection_with_bytes_after_its_answer_serves_nobody_else():
    async def work(client, url, server):
        for _ in range(3):
            assert await (await ask(client, url)).whole(100) == b"hello"
            await asyncio.sleep(0.02)
        return server.connections

    assert asked([reply(b"hello") + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"], work) == 3


def test_a_pooled_connection_that_closes_before_a_byte_is_replaced_once():
    async def work(client, url, server):
        assert await (await ask(client, url)).whole(100) == b"hello"
        assert await (await ask(client, url)).whole(100) == b"hello"
        return server.connections, len(server.seen)

    script = [[reply(b"hello")], [RESET], [reply(b"hello")]]
    assert asked(lambda number, seen: script[number], work) == (2, 3)


def test_a_fresh_connection_that_closes_before_a_byte_is_an_error():
    async def work(client, url, server):
        with pytest.raises(Reset):
            await ask(client, url)
        return len(server.seen)

    assert asked([RESET], work) == 1


def test_a_body_beyond_what_is_asked_for_is_none():
    async def work(client, url, server):
        answer = await ask(client, url)
        try:
            return await answer.whole(10)
        finally:
            answer.close()

    assert asked(stream(*[b"0123456789"] * 3), work) is None


def test_a_body_beyond_all_bounds_is_cut_with_its_own_fault(monkeypatch):
    monkeypatch.setattr(connection_module, "MAX_BODY_BYTES", 25)

    async def work(client, url, server):
        answer = await ask(client, url)
        _, over = poured(answer)
        return await over

    error = asked(stream(b"0123456789", 0.02, b"0123456789", 0.02, b"0123456789"), work)
    assert isinstance(error, Malformed)
    assert error.fault == "frame-too-big"


def test_headers_beyond_bounds_are_no_answer():
    async def work(client, url, server):
        with pytest.raises(UpstreamError) as refused:
            await ask(client, url)
        return refused.value.fault

    flood = b"".join(b"x-%d: y\r\n" % number for number in range(connection_module.MAX_HEADERS + 1))
    assert asked([HEAD + flood + b"\r\n"], work) == "header-flood"


def test_who_does_not_take_stops_the_upstream_until_it_takes(monkeypatch):
    monkeypatch.setattr(answer_module, "PAUSE_ABOVE", 100_000)
    size = 8_000_000

    async def work(client, url, server):
        answer = await ask(client, url)
        await asyncio.sleep(0.3)
        held = answer._size
        got = await answer.whole(size)
        return held, len(got)

    held, got = asked([b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, *[bytes(500_000)] * 16], work)
    assert got == size
    assert held < 1_000_000


def test_a_paused_pour_stands_still_and_goes_on():
    async def work(client, url, server):
        answer = await ask(client, url)
        parts, over = poured(answer)
        answer.pause()
        await asyncio.sleep(0.2)
        held = len(b"".join(parts))
        answer.resume()
        assert await over is None
        return held, len(b"".join(parts))

    size = 4_000_000
    held, got = asked([b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, *[bytes(500_000)] * 8], work)
    assert got == size
    assert held < size / 2


def test_pouring_anew_replaces_who_takes():
    anew = threading.Event()

    async def work(client, url, server):
        answer = await ask(client, url)
        first, _ = poured(answer)
        while not first:  # noqa: ASYNC110  # it is filled by whoever pours
            await asyncio.sleep(0.005)
        second, over = poured(answer)
        anew.set()
        await over
        return b"".join(first), b"".join(second)

    assert asked(stream(b"hel", anew.is_set, b"lo"), work) == (b"hel", b"lo")


def test_closing_an_unfinished_answer_tells_the_upstream():
    async def work(client, url, server):
        answer = await ask(client, url)
        answer.close()
        return await asyncio.to_thread(server.departed.wait, 60)

    assert asked([*stream(b"hel", end=False), "hang"], work)
