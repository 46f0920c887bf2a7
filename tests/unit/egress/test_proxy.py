"""Through a forward proxy: the origin's TLS end to end, the proxy's failures told apart from the origin's."""

from __future__ import annotations

import asyncio
import socket

import pytest

from switchover.clock import SystemClock
from switchover.domain.secret import Secret
from switchover.egress import Client, Proxy
from switchover.errors import (
    AddressRefused,
    Malformed,
    ProxyDenied,
    ProxyUnreachable,
    Unreachable,
    Untrusted,
    UpstreamError,
)
from switchover.testing.forward_proxy import ForwardProxy
from switchover.testing.scripted import CLOSE, RESET, ScriptedServer, reply, stream

HOST = "api.example"
LOGIN = "worker:p4ss:w0rd"
HELLO = [reply(b"hello")]


@pytest.fixture
def through(table, authority):
    """A client whose only way out is this proxy; the origin's name is known to the proxy alone."""

    def make(port, *, login=None, secure=False, names=(), **more):
        scheme, host = ("https", "proxy.example") if secure else ("http", "127.0.0.1")
        lookup = table({"proxy.example": ["127.0.0.1"], **dict(names)})
        read = (lambda: Secret(login)) if login is not None else None
        proxy = Proxy(f"{scheme}://{host}:{port}", read)
        return Client(SystemClock(), tls=authority.trusted(), proxy=proxy, lookup=lookup, **more)

    return make


async def asked(client, port, times=1, *, url=None, connect_timeout=30.0):
    said = []
    try:
        for _ in range(times):
            url = url or f"https://{HOST}:{port}/v1"
            answer = await client.request("POST", url, {}, b"{}", connect_timeout=connect_timeout)
            said.append(await answer.whole(1_000_000))
    finally:
        await client.close()
    return said


@pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
def test_requests_share_one_tunnel_that_the_proxy_cannot_look_into(run, through, authority, secure):
    side = authority.server("proxy.example") if secure else None
    with (
        ScriptedServer(stream(b"hel", 0.02, b"lo" * 100_000), tls=authority.server(HOST)) as server,
        ForwardProxy({HOST: server.port}, login=LOGIN, tls=side) as proxy,
    ):
        said = run(asked(through(proxy.port, login=LOGIN, secure=secure), server.port, 2))
        assert said == [b"hel" + b"lo" * 100_000] * 2
        assert len(proxy.asked) == 1
        assert proxy.asked[0].startswith(f"CONNECT {HOST}:{server.port} HTTP/1.1\r\nhost: {HOST}:{server.port}\r\n")
        assert "proxy-authorization" not in server.seen[0].headers


@pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
def test_closing_an_answer_closes_the_way_to_the_origin_within_100_ms(run, through, authority, secure):
    side = authority.server("proxy.example") if secure else None

    async def work(client, port, proxy):
        proxy.closed.clear()
        answer = await client.request("POST", f"https://{HOST}:{port}/v1", {}, b"{}", connect_timeout=30.0)
        begun = asyncio.get_running_loop().time()
        answer.close()
        assert await asyncio.to_thread(proxy.closed.wait, 60)
        return asyncio.get_running_loop().time() - begun

    with (
        ScriptedServer([*stream(b"hel", end=False), "hang"], tls=authority.server(HOST)) as server,
        ForwardProxy({HOST: server.port}, tls=side) as proxy,
    ):
        # A machine that stands still makes it longer, never shorter: the shortest of some counts.
        tries = [run(work(through(proxy.port, secure=secure), server.port, proxy))]
        while min(tries) >= 0.1 and len(tries) < 20:
            tries.append(run(work(through(proxy.port, secure=secure), server.port, proxy)))
    assert min(tries) < 0.1


def test_who_does_not_take_stops_the_origin_behind_the_proxy(run, through, authority):
    size = 16_000_000

    async def work(client, port):
        answer = await client.request("POST", f"https://{HOST}:{port}/v1", {}, b"{}")
        await asyncio.sleep(0.3)
        held = answer.total
        parts, over = [], asyncio.get_running_loop().create_future()
        answer.pour(parts.append, over.set_result)
        answer.resume()
        assert await over is None
        await client.close()
        return held, len(b"".join(parts))

    body = [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, *[bytes(500_000)] * 32]
    with (
        ScriptedServer(body, tls=authority.server(HOST)) as server,
        ForwardProxy({HOST: server.port}) as proxy,
    ):
        held, got = run(work(through(proxy.port), server.port))
    assert got == size
    assert held < 2_000_000


def failed(run, client, port=443, **more):
    with pytest.raises(UpstreamError) as error:
        run(asked(client, port, **more))
    return error.value


def test_a_proxy_that_is_not_there_is_told_apart_from_an_origin_that_is_not(run, through, authority):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = failed(run, through(port))
    assert isinstance(error, ProxyUnreachable)
    assert str(error) == f"the proxy 127.0.0.1:{port} refused the connection"
    with ForwardProxy({}) as proxy:
        error = failed(run, through(proxy.port))
    assert not isinstance(error, ProxyUnreachable | ProxyDenied)
    assert str(error) == f"the proxy 127.0.0.1:{proxy.port} could not reach {HOST}:443 (502)"
    assert error.fault == "connect-refused"


def test_a_proxy_whose_name_nobody_knows_is_the_proxys_failure(run, table):
    client = Client(SystemClock(), proxy=Proxy("http://gone.example:3128"), lookup=table({}))
    error = failed(run, client)
    assert isinstance(error, ProxyUnreachable)
    assert error.fault == "dns-not-found"


@pytest.mark.parametrize("login", [None, "worker:wrong"])
def test_a_login_that_the_proxy_refuses_is_never_shown(run, through, login):
    with ForwardProxy({HOST: 1}, login=LOGIN) as proxy:
        error = failed(run, through(proxy.port, login=login))
    assert isinstance(error, ProxyDenied)
    assert error.seen_status == 407
    assert "egress.proxy_login (407)" in str(error)
    assert "wrong" not in str(error)


def test_a_proxy_that_takes_another_kind_of_login_is_told_with_the_kinds(run, through):
    offers = "proxy-authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n"
    with ScriptedServer([reply(b"", status=407, more=offers)]) as server:
        error = failed(run, through(server.port, login=LOGIN))
    assert str(error).endswith("(407; it takes Negotiate, NTLM, we send Basic)")


def test_a_tunnel_that_breaks_as_the_request_comes_is_replaced_once(run, through, authority):
    scripts = [HELLO, [RESET], HELLO]
    with (
        ScriptedServer(lambda number, seen: scripts[number], tls=authority.server(HOST)) as server,
        ForwardProxy({HOST: server.port}) as proxy,
    ):
        assert run(asked(through(proxy.port), server.port, 2)) == [b"hello"] * 2
        assert len(proxy.asked) == 2


def test_an_origin_that_the_proxy_bars_is_named(run, through):
    with ForwardProxy({HOST: 1}, barred=frozenset([HOST])) as proxy:
        error = failed(run, through(proxy.port))
    assert isinstance(error, ProxyDenied)
    assert f"does not let us through to {HOST}:443 (403)" in str(error)


def test_silence_is_told_by_where_it_was_met(run, through, authority):
    def met(port, wanted, **more):
        # On a machine that stands still a short time is up before anybody is reached.
        for seconds in (0.3, 2.0, 10.0):
            error = failed(run, through(port, **more), connect_timeout=seconds)
            if (error.fault, type(error)) == wanted:
                return
        assert (error.fault, type(error)) == wanted

    with ForwardProxy({HOST: 1}, silent=True) as proxy:
        met(proxy.port, ("connect-timeout", Unreachable))
    with socket.create_server(("127.0.0.1", 0)) as mute, ForwardProxy({HOST: mute.getsockname()[1]}) as proxy:
        met(proxy.port, ("tls-stalled", Unreachable))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        met(mute.getsockname()[1], ("tls-stalled", ProxyUnreachable), secure=True)


def test_the_origins_certificate_is_verified_behind_the_proxy(run, through, authority):
    with (
        ScriptedServer(HELLO, tls=authority.server("other.example")) as server,
        ForwardProxy({HOST: server.port}) as proxy,
    ):
        error = failed(run, through(proxy.port), server.port)
    assert isinstance(error, Untrusted)
    assert f"not valid for '{HOST}'" in str(error)
    assert not server.seen


def test_a_proxy_with_a_certificate_of_another_name_is_refused(run, through, authority):
    with ForwardProxy({HOST: 1}, tls=authority.server("other.example"), login=LOGIN) as proxy:
        error = failed(run, through(proxy.port, login=LOGIN, secure=True))
        assert isinstance(error, Untrusted)
        assert "the proxy" in str(error)
        assert not proxy.asked


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/", "https://10.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://127.1/"]
)
def test_a_private_address_is_refused_before_the_proxy_is_asked(run, authority, url):
    with ForwardProxy({}) as proxy:
        client = Client(SystemClock(), proxy=Proxy(f"http://127.0.0.1:{proxy.port}"))
        assert isinstance(failed(run, client, url=url), AddressRefused)
        assert not proxy.asked


def test_a_name_that_resolves_privately_here_is_refused_before_the_proxy_is_asked(run, through):
    with ForwardProxy({HOST: 1}) as proxy:
        client = through(proxy.port, names={HOST: ["8.8.8.8", "10.0.0.1"]})
        assert isinstance(failed(run, client), AddressRefused)
        assert not proxy.asked


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "http://localhost:{}/"])
def test_this_machine_is_never_called_through_the_proxy(run, through, url):
    with ScriptedServer(HELLO) as server, ForwardProxy({}) as proxy:
        assert run(asked(through(proxy.port), 0, url=url.format(server.port))) == [b"hello"]
        assert not proxy.asked


def test_a_host_named_direct_is_called_without_the_proxy(run, through):
    with ForwardProxy({HOST: 1}) as proxy:
        client = through(proxy.port, direct=[HOST])
        assert failed(run, client).fault == "dns-not-found"
        assert not proxy.asked


def test_the_environment_names_no_proxy(run, table, monkeypatch):
    with ForwardProxy({HOST: 1}) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert failed(run, Client(SystemClock(), lookup=table({}))).fault == "dns-not-found"
        assert not proxy.asked


def test_nothing_about_a_proxy_shows_its_login(through):
    proxy = Proxy("http://127.0.0.1:3128", lambda: Secret(LOGIN))
    proxy.head()
    assert repr(proxy) == "the proxy 127.0.0.1:3128"
    assert "Basic" not in repr(vars(proxy))


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.7\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nbytes of somebody else",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
    ],
    ids=["no http", "bytes after the head", "flood"],
)
def test_an_answer_that_no_proxy_gives_is_malformed(run, through, said):
    with ScriptedServer([said, 0.5, CLOSE]) as server:
        assert isinstance(failed(run, through(server.port)), Malformed)


@pytest.mark.parametrize("said", [[CLOSE], [b"HTTP/1.1 200", CLOSE]])
def test_a_proxy_that_leaves_before_it_answers_left_the_way_open_to_nobody(run, through, said):
    with ScriptedServer(said) as server:
        assert failed(run, through(server.port)).fault == "connect-refused"


def test_a_hint_before_the_proxys_answer_is_passed_over(run, through):
    script = [b"HTTP/1.1 100 Continue\r\n\r\n", reply(b"", status=407), CLOSE]
    with ScriptedServer(script) as server:
        error = failed(run, through(server.port))
    assert isinstance(error, ProxyDenied)
    assert str(error).endswith("egress.proxy_login (407)")
