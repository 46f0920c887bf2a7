"""TLS to an upstream: whom we trust, what we refuse, and that a connection serves again."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from switchover.clock import SystemClock
from switchover.egress import Client, trusting
from switchover.errors import Unreachable, Untrusted
from switchover.testing.scripted import CLOSE, RESET, ScriptedServer, reply, stream

HOST = "api.example"
HELLO = [reply(b"hello")]


async def asked(client, port, times=1, name=HOST):
    said = []
    try:
        for _ in range(times):
            answer = await client.request("POST", f"https://{name}:{port}/v1", {}, b"{}", local=True)
            said.append(await answer.whole(1_000_000))
    finally:
        await client.close()
    return said


def to_here(table, tls=None):
    return Client(SystemClock(), tls=tls, lookup=table({HOST: ["127.0.0.1"]}))


def test_one_connection_carries_many_requests_for_the_name_it_was_opened_for(run, table, authority):
    names, server_side = [], authority.server(HOST)
    server_side.sni_callback = lambda socket, name, context: names.append(name)
    with ScriptedServer(HELLO, tls=server_side) as server:
        assert run(asked(to_here(table, authority.trusted()), server.port, 3)) == [b"hello"] * 3
        assert server.connections == 1
        assert names == [HOST]
        assert server.seen[0].headers["host"] == f"{HOST}:{server.port}"


@pytest.mark.parametrize(
    ("cut", "whole"),
    [(stream(b"hel", 0.02, b"lo" * 200_000), b"hel" + b"lo" * 200_000), ([*HELLO[:1], CLOSE], b"hello")],
    ids=["large chunks", "then closed"],
)
def test_bodies_come_whole_over_tls(run, table, authority, cut, whole):
    with ScriptedServer(cut, tls=authority.server(HOST)) as server:
        assert run(asked(to_here(table, authority.trusted()), server.port)) == [whole]


def test_a_kept_connection_that_goes_as_the_request_comes_is_replaced_once(run, table, authority):
    scripts = [HELLO, [RESET], HELLO]
    with ScriptedServer(lambda number, seen: scripts[number], tls=authority.server(HOST)) as server:
        assert run(asked(to_here(table, authority.trusted()), server.port, 2)) == [b"hello"] * 2
        assert server.connections == 2


def test_an_address_is_verified_as_an_address(run, authority):
    with ScriptedServer(HELLO, tls=authority.server("127.0.0.1")) as server:
        client = Client(SystemClock(), tls=authority.trusted())
        assert run(asked(client, server.port, name="127.0.0.1")) == [b"hello"]


@pytest.mark.parametrize(
    ("certificate", "known", "why"),
    [
        ({"names": [HOST], "expired": True}, True, "certificate has expired"),
        ({"names": ["other.example"]}, True, f"not valid for '{HOST}'"),
        ({"names": [HOST]}, False, "name its PEM file as egress.tls_ca"),
    ],
    ids=["expired", "wrong host", "unknown issuer"],
)
def test_a_certificate_that_nobody_can_trust_is_refused_with_the_reason(run, table, authority, certificate, known, why):
    given = dict(certificate)
    server_side = authority.server(*given.pop("names"), **given)
    with ScriptedServer(HELLO, tls=server_side) as server:
        with pytest.raises(Untrusted, match=why) as error:
            run(asked(to_here(table, authority.trusted() if known else None), server.port))
        assert error.value.fault == "tls-expired"
        assert not server.seen


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_a_server_that_speaks_no_tls_of_this_decade_is_refused(run, table, authority):
    server_side = authority.server(HOST)
    server_side.set_ciphers("DEFAULT:@SECLEVEL=0")
    server_side.minimum_version = ssl.TLSVersion.TLSv1_1
    server_side.maximum_version = ssl.TLSVersion.TLSv1_1
    with ScriptedServer(HELLO, tls=server_side) as server, pytest.raises(Unreachable):
        run(asked(to_here(table, authority.trusted()), server.port))
    assert authority.trusted().minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_server_that_speaks_plain_http_on_that_port_is_refused(run, table, authority):
    with ScriptedServer(HELLO) as server, pytest.raises(Unreachable):
        run(asked(to_here(table, authority.trusted()), server.port))


def test_who_does_not_take_stops_an_upstream_that_speaks_tls(run, table, authority):
    size = 8_000_000

    async def work(port):
        client = to_here(table, authority.trusted())
        answer = await client.request("POST", f"https://{HOST}:{port}/", {}, b"{}", local=True)
        await asyncio.sleep(0.3)
        held = answer.total
        got = await answer.whole(size)
        await client.close()
        return held, len(got)

    body = [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, *[bytes(500_000)] * 16]
    with ScriptedServer(body, tls=authority.server(HOST)) as server:
        held, got = run(work(server.port))
    assert got == size
    assert held < 2_000_000


def test_a_bundle_is_trusted_beside_the_systems_authorities(authority):
    alone, beside = trusting().cert_store_stats(), trusting(authority.bundle).cert_store_stats()
    assert beside["x509_ca"] == alone["x509_ca"] + 1


def test_a_bundle_that_is_none_says_so(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        trusting(str(tmp_path / "missing.pem"))
    for text in (b"", b"not a certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        (tmp_path / "bundle.pem").write_bytes(text)
        with pytest.raises(ValueError, match="no certificate"):
            trusting(str(tmp_path / "bundle.pem"))
