"""One request through a real server on loopback: who leaves, what is drilled, what is refused at the door."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import replace

import pytest

from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

CHUNK = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
ANSWER = json.dumps({"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}).encode()  # fmt: skip
PATH = "/v1/chat/completions"


def body(**more):
    return json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}], **more})


def gateway(vendor, own=None, **more):
    upstreams = [spec("vendor", vendor.url), *([spec("own", own.url)] if own else [])]
    process = Process(
        name="p",
        owner="o",
        criticality=Criticality.CRITICAL,
        data=DataClass.INTERNAL,
        baseline="vendor",
        fallbacks=("own",) if own else (),
    )
    snapshot, token = register(process, upstreams, proven=("own",) if own else ())
    return ServedGateway(replace(snapshot, **more)), token


def ask(served, token, method="POST", path=PATH, text=None, **headers):
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    connection.request(method, path, text or body(), {"authorization": f"Bearer {token}", **headers})
    response = connection.getresponse()
    got = response.status, response.read(), response.headers
    connection.close()
    return got


@pytest.mark.parametrize("script", [["hang"], [*stream(CHUNK, end=False), "hang"]])
def test_a_caller_who_leaves_stops_the_upstream_within_a_tenth_of_a_second(script):
    def left():
        """Asks and leaves; how long it took until the upstream was left, too."""
        vendor.seen.clear()
        vendor.departed.clear()
        text = body(stream=True)
        with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as caller:
            head = f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
            caller.sendall(f"{head}content-length: {len(text)}\r\n\r\n{text}".encode())
            while not vendor.seen:
                time.sleep(0.005)
            time.sleep(0.1)
            begun = time.monotonic()
        assert vendor.departed.wait(60)
        return time.monotonic() - begun

    with ScriptedServer(script) as vendor:
        served, token = gateway(vendor)
        with served:
            # A machine that stands still makes it longer, never shorter: the shortest of some counts.
            tries = [left()]
            while min(tries) >= 0.1 and len(tries) < 20:
                tries.append(left())
    assert min(tries) < 0.1
    assert [e.outcome for e in served.spool.exchanges] == [Outcome.ABANDONED] * len(tries)


def drilled(share=1.0):
    return CutOff(
        id="cut-1", target=Target(TargetKind.UPSTREAM, "vendor"), reason="drill", by="op", placed_at=0.0,
        expires_at=4e9, fault="denied", drill="d", share=share,
    )  # fmt: skip


def test_a_drilled_cut_off_fails_over_and_lifting_it_leaves_no_trace():
    with ScriptedServer([reply(ANSWER)]) as vendor, ScriptedServer([reply(ANSWER)]) as own:
        served, token = gateway(vendor, own, cut_offs=(drilled(),))
        with served:
            during = [ask(served, token)[2]["x-switchover-upstream"] for _ in range(3)]
            served.source.current = replace(served.source.current, cut_offs=())
            after = ask(served, token)[2]["x-switchover-upstream"]
    assert (during, after) == (["own"] * 3, "vendor")
    assert served.held == []
    assert served.spool.exchanges[0].attempts[0].cut_off == "cut-1"


def test_a_drill_meets_about_its_share_of_the_traffic():
    with ScriptedServer([reply(ANSWER)]) as vendor, ScriptedServer([reply(ANSWER)]) as own:
        served, token = gateway(vendor, own, cut_offs=(drilled(0.5),))
        with served:
            upstreams = [ask(served, token)[2]["x-switchover-upstream"] for _ in range(60)]
    # One run in 10**11 falls outside by chance.
    assert 5 < upstreams.count("own") < 55


def test_the_door_refuses_what_it_must():
    with ScriptedServer([reply(ANSWER)]) as vendor:
        served, token = gateway(vendor)
        with served:
            assert ask(served, token)[0] == 200
            assert ask(served, "nobody")[0] == 401
            assert ask(served, token, **{"content-encoding": "gzip"})[0] == 415
            assert ask(served, token, host="evil.test")[0] == 421
            assert ask(served, token, **{"content-length": "99999999"})[0] == 413
            assert ask(served, token, "GET", PATH)[0] == 405
            assert ask(served, token, "GET", "/admin")[0] == 404
            assert ask(served, token, text="{")[0] == 400
            assert ask(served, token, "GET", "/livez")[:2] == (200, b"ok\n")
            assert ask(served, token, "GET", "/readyz")[0] == 200
            assert b'outcome="complete"} 1' in ask(served, token, "GET", "/metrics")[1]
        assert len(vendor.seen) == 1


def test_a_connection_that_went_stale_in_the_pool_is_replaced_once():
    with ScriptedServer(lambda number, seen: [reply(ANSWER)] if number != 1 else ["reset"]) as vendor:
        served, token = gateway(vendor)
        with served:
            assert ask(served, token)[0] == 200
            assert ask(served, token)[0] == 200
        assert len(vendor.seen) == 3
    assert len(served.spool.exchanges[1].attempts) == 1
