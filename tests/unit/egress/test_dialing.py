"""Connections to real sockets of both families: who listens, who refuses, who says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import pytest

from switchover.clock import SystemClock
from switchover.egress import Client, race
from switchover.errors import Unreachable
from switchover.testing.scripted import ScriptedServer, reply, stream

NAME = "engine.example"
HELLO = [reply(b"hello")]
BOTH = ["::1", "127.0.0.1"]


@contextlib.contextmanager
def silent(host, port):
    """An address at which connections are not answered: its queue is full."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(family))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket(family))
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield


async def said_by(client, port, name=NAME, *, connect_timeout=30.0):
    try:
        answer = await client.request(
            "POST", f"http://{name}:{port}/", {}, b"{}", local=True, connect_timeout=connect_timeout
        )
        return await answer.whole(100)
    finally:
        await client.close()


@pytest.mark.parametrize("host", BOTH)
@pytest.mark.parametrize("order", [BOTH, BOTH[::-1]], ids=["six first", "four first"])
def test_an_origin_that_listens_on_one_family_only_answers(run, table, host, order):
    with ScriptedServer(HELLO, host=host) as server:
        client = Client(SystemClock(), lookup=table({NAME: order}))
        assert run(said_by(client, server.port)) == b"hello"


@pytest.mark.parametrize("host", BOTH)
def test_localhost_finds_a_server_on_either_family(run, host):
    async def work(port):
        client = Client(SystemClock())
        answer = await client.request("POST", f"http://localhost:{port}/", {}, b"{}")
        said = await answer.whole(100)
        await client.close()
        return said

    with ScriptedServer(HELLO, host=host) as server:
        assert run(work(server.port)) == b"hello"


def test_an_address_written_out_is_called_as_it_stands(run):
    with ScriptedServer(HELLO, host="::1") as server:
        assert run(said_by(Client(SystemClock()), server.port, "[::1]")) == b"hello"
        assert server.seen[0].headers["host"] == f"[::1]:{server.port}"


def test_a_first_address_that_hangs_costs_the_stagger_and_no_more(run, table):
    with ScriptedServer(HELLO) as server, silent("::1", server.port):
        client = Client(SystemClock(), lookup=table({NAME: BOTH}))
        assert run(said_by(client, server.port, connect_timeout=30.0)) == b"hello"
        assert server.connections == 1


def test_where_every_address_hangs_the_connect_timeout_holds_for_all_together(run, table):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with silent("127.0.0.1", port), silent("::1", port):
        client = Client(SystemClock(), lookup=table({NAME: BOTH}))
        with pytest.raises(Unreachable, match="did not take the connection in 0\\.4 s") as error:
            run(said_by(client, port, connect_timeout=0.4))
        assert error.value.fault == "connect-timeout"


def test_a_resolver_that_says_nothing_is_told_apart_from_a_server_that_does_not(run):
    async def lookup(host, port):
        await asyncio.Event().wait()

    with pytest.raises(Unreachable) as error:
        run(said_by(Client(SystemClock(), lookup=lookup), 1, connect_timeout=0.05))
    assert error.value.fault == "dns-silent"


def raced(addresses, connect):
    dropped = []

    async def main():
        return await race.race(addresses, connect, dropped.append, stagger=30.0)

    return asyncio.run(main()), dropped


def test_the_next_address_starts_at_once_when_one_refuses():
    async def connect(address):
        if address != "c":
            raise ConnectionRefusedError
        return address

    assert raced(["a", "b", "c"], connect) == ("c", [])


def test_two_that_connect_at_once_leave_one_and_drop_the_other():
    second = asyncio.Event()

    async def connect(address):
        if address == "a":
            await second.wait()
        second.set()
        return address

    async def main():
        dropped = []
        return await race.race(["a", "b"], connect, dropped.append, stagger=0.0), dropped

    won, dropped = asyncio.run(main())
    assert sorted([won, *dropped]) == ["a", "b"]


def test_the_failure_told_is_the_one_about_a_certificate():
    async def connect(address):
        raise ssl.SSLError(1, "CERTIFICATE_VERIFY_FAILED") if address == "a" else OSError("no route")

    with pytest.raises(ssl.SSLError):
        raced(["a", "b"], connect)


def test_cancelling_a_request_closes_its_connection_within_100_ms(run):
    async def work(server):
        client = Client(SystemClock())
        server.departed.clear()
        answer = await client.request("POST", server.url, {}, b"{}")
        begun = asyncio.get_running_loop().time()
        answer.close()
        assert await asyncio.to_thread(server.departed.wait, 60)
        return asyncio.get_running_loop().time() - begun

    with ScriptedServer([*stream(b"hel", end=False), "hang"]) as server:
        # A machine that stands still makes it longer, never shorter: the shortest of some counts.
        tries = [run(work(server))]
        while min(tries) >= 0.1 and len(tries) < 20:
            tries.append(run(work(server)))
    assert min(tries) < 0.1
