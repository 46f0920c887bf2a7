"""An answer that echoes another request's name is told, and an origin with a habit of its own is not accused."""

from __future__ import annotations

import asyncio

import pytest

from switchover.clock import SystemClock
from switchover.egress import Client
from switchover.egress.echo import SILENT, TRUSTED, Echoes
from switchover.errors import Crossed
from switchover.testing.scripted import ScriptedServer, reply

OURS = "01a2140da3602ea0f1fcff8f16a3-1"
ANOTHER = "01a2140da3602ea0f1fcff8f16a4-2"
ORIGIN = (True, "h", 443)


def head(value=None):
    echo = f"X-Client-Request-ID:  {value} \r\n" if value else ""
    return f"HTTP/1.1 200 OK\r\n{echo}content-type: application/json".encode()


@pytest.fixture
def echoes():
    return Echoes()


def crossed(echoes, value, name=OURS, origin=ORIGIN):
    return echoes.is_crossed(origin, name.encode(), head(value))


@pytest.mark.parametrize("value", [None, OURS])
def test_an_answer_with_no_echo_or_ours_is_ours(echoes, value):
    assert not crossed(echoes, value)


def test_the_name_of_another_of_our_requests_is_a_cross_at_once(echoes):
    assert crossed(echoes, ANOTHER)


def test_an_id_of_the_providers_own_is_none(echoes):
    for number in range(3 * TRUSTED):
        assert not crossed(echoes, f"req_{number}")


def test_a_strangers_id_is_a_cross_where_the_origin_has_always_echoed_ours(echoes):
    for _ in range(TRUSTED):
        assert not crossed(echoes, OURS)
    assert not crossed(echoes, "somebody-elses", origin=(True, "other", 443))
    assert crossed(echoes, "somebody-elses")


def test_an_origin_that_once_echoed_nonsense_is_not_trusted_later(echoes):
    crossed(echoes, "req_1")
    for _ in range(2 * TRUSTED):
        crossed(echoes, OURS)
    assert not crossed(echoes, "req_2")


def test_an_origin_that_never_echoes_is_looked_at_no_more_and_one_that_does_stays_looked_at(echoes):
    quiet, now_and_then = (True, "quiet", 443), (True, "now-and-then", 443)
    crossed(echoes, OURS, origin=now_and_then)
    for _ in range(2 * SILENT):
        for origin in (quiet, now_and_then):
            assert not crossed(echoes, None, origin=origin)
    assert crossed(echoes, ANOTHER, origin=now_and_then)
    assert not crossed(echoes, ANOTHER, origin=quiet)


def sent(script, name):
    async def main(server):
        client = Client(SystemClock())
        endpoint = client.prepare("POST", f"{server.url}/v1", {})
        try:
            answer = await client.send(endpoint, b"{}", name=name)
            return await answer.whole(100)
        finally:
            await client.close()

    with ScriptedServer(script) as server:
        return asyncio.run(main(server)), server.seen[0].headers.get("x-client-request-id"), server.departures


def test_the_name_goes_out_and_its_echo_is_no_matter():
    script = [reply(b"hello", more=f"x-client-request-id: {OURS}\r\n")]
    assert sent(script, OURS)[:2] == (b"hello", OURS)


def test_without_a_name_nothing_goes_out():
    assert sent([reply(b"hello", more=f"x-client-request-id: {OURS}\r\n")], "")[:2] == (b"hello", None)


def test_a_crossed_answer_is_an_error_and_costs_its_connection():
    with pytest.raises(Crossed) as raised:
        sent([reply(b"hello", more=f"x-client-request-id: {ANOTHER}\r\n")], OURS)
    assert raised.value.fault == "answer-crossed"


def test_an_error_page_may_echo_what_it_likes():
    assert sent([reply(b"sorry", status=529, more=f"x-client-request-id: {ANOTHER}\r\n")], OURS)[0] == b"sorry"
