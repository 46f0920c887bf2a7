"""A credential that was asked to wait, through a real server on loopback, with a clock that is moved by hand."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import replace

import pytest

from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.process import Criticality, DataClass, Process
from switchover.planning import Pause
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import ServedGateway, register, spec

ANSWER = json.dumps({"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}).encode()  # fmt: skip
FINE = [reply(ANSWER)]
KEY = {"host": "acme", "key": "env:SHARED"}


def busy(seconds):
    return [reply(b'{"error":{"message":"slow down"}}', status=429, more=f"retry-after: {seconds}\r\n")]


def serve(upstreams, clock, proven=(), **more):
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=tuple(one.name for one in upstreams[1:]), **more,
    )  # fmt: skip
    snapshot, token = register(process, upstreams, proven=proven)
    return ServedGateway(snapshot, clock=clock), token


def call(served, token, method="POST", path="/v1/chat/completions", **headers):
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    text = json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}]}) if method == "POST" else None
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, text, {"authorization": f"Bearer {token}", **named})
    response = connection.getresponse()
    got = response.status, response.read(), response.headers
    connection.close()
    return got


def until(true):
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_shares_the_credential_is_not_asked_until_the_time_given():
    clock = ManualClock()
    with (
        ScriptedServer(lambda number, seen: FINE if number else busy(7)) as vendor,
        ScriptedServer(FINE) as twin,
        ScriptedServer(FINE) as own,
    ):
        upstreams = [spec("vendor", vendor.url, **KEY), spec("twin", twin.url, **KEY), spec("own", own.url)]
        served, token = serve(upstreams, clock, proven=("twin", "own"))
        with served:
            tried = [call(served, token)[2]["x-switchover-attempts"] for _ in range(3)]
            clock.advance(6.9)
            tried.append(call(served, token)[2]["x-switchover-attempts"])
            clock.advance(0.2)
            tried.append(call(served, token)[2]["x-switchover-attempts"])
    assert tried == ["vendor:rate-limited, own:ok", "own:ok", "own:ok", "own:ok", "vendor:ok"]
    assert (len(vendor.seen), len(twin.seen), len(own.seen)) == (2, 0, 4)


@pytest.mark.parametrize("said", ["soon", "-3", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_time_that_says_nothing_leaves_nobody_alone(said):
    with ScriptedServer(busy(said)) as vendor, ScriptedServer(FINE) as own:
        served, token = serve([spec("vendor", vendor.url), spec("own", own.url)], ManualClock(), proven=("own",))
        with served:
            assert [call(served, token)[0] for _ in range(2)] == [200, 200]
    assert len(vendor.seen) == 2


def test_a_caller_with_nobody_else_waits_for_the_end_of_a_pause_it_did_not_cause():
    clock = ManualClock()

    def waited():
        return max((when - clock.now() for when, *_ in clock._sleepers), default=0.0)

    with ScriptedServer(lambda number, seen: FINE if number else busy(20)) as vendor:
        served, token = serve([spec("vendor", vendor.url)], clock)
        with served:
            assert call(served, token, x_switchover_deadline="5")[0] == 429
            clock.advance(8)
            got = []
            asking = threading.Thread(target=lambda: got.append(call(served, token)))
            asking.start()
            # The gateway's own pulse sleeps too, for a quarter of a second at a time.
            until(lambda: waited() > 1)
            assert 12.0 <= waited() <= 12.2
            served._server.servers[0].get_loop().call_soon_threadsafe(clock.advance, 12.3)
            asking.join(60)
    assert got[0][0] == 200
    assert got[0][2]["x-switchover-attempts"] == "vendor:ok"
    assert len(vendor.seen) == 2


def test_a_caller_who_can_not_wait_is_told_how_much_is_left():
    clock = ManualClock()
    with ScriptedServer(busy(20)) as vendor:
        served, token = serve([spec("vendor", vendor.url)], clock)
        with served:
            call(served, token, x_switchover_deadline="5")
            clock.advance(8)
            status, body, headers = call(served, token, x_switchover_deadline="5")
    assert (status, headers["retry-after"], headers["x-should-retry"]) == (429, "12", "true")
    assert json.loads(body)["error"]["code"] == "rate_limited"
    assert "its credential is asked to wait until" in json.loads(body)["error"]["message"]
    assert len(vendor.seen) == 1


def test_when_all_share_the_credential_the_caller_is_told_to_wait():
    with ScriptedServer(busy(20)) as vendor, ScriptedServer(FINE) as twin:
        upstreams = [spec("vendor", vendor.url, **KEY), spec("twin", twin.url, **KEY)]
        served, token = serve(upstreams, ManualClock(), proven=("twin",))
        with served:
            status, _, headers = call(served, token, x_switchover_deadline="5")
    assert (status, headers["retry-after"], headers["x-should-retry"]) == (429, "20", "true")
    assert (len(vendor.seen), len(twin.seen)) == (1, 0)


def test_an_absurd_time_is_never_waited_for_and_never_told_in_full():
    clock = ManualClock()
    with ScriptedServer(busy(3600)) as vendor:
        served, token = serve([spec("vendor", vendor.url)], clock)
        with served:
            first = call(served, token)
            clock.advance(10)
            second = call(served, token)
            clock.advance(50.1)
            third = call(served, token)
    assert [one[0] for one in (first, second, third)] == [429] * 3
    assert [one[2]["retry-after"] for one in (first, second, third)] == ["60", "50", "60"]
    assert len(vendor.seen) == 2


def test_a_pause_is_shown_while_it_lasts():
    clock = ManualClock()
    with ScriptedServer(busy(20)) as vendor, ScriptedServer(FINE) as own:
        served, token = serve([spec("vendor", vendor.url), spec("own", own.url)], clock, proven=("own",))
        with served:
            call(served, token)
            ready = json.loads(call(served, token, "GET", "/readyz")[1])["degraded"]
            page = call(served, token, "GET", "/metrics")[1].decode()
            clock.advance(20)
            later = json.loads(call(served, token, "GET", "/readyz")[1])["degraded"]
    moment = Pause(ManualClock().now() + 20)
    assert ready == [f"vendor: {moment}"]
    line = f'switchover_credential_paused_until_seconds{{worker="worker-0",upstream="vendor"}} {moment.until}'
    assert line in page.splitlines()
    assert later == []


def test_a_drill_leaves_no_pause_behind():
    clock = ManualClock()
    cut = CutOff(
        id="cut-1", target=Target(TargetKind.UPSTREAM, "vendor"), reason="drill", by="op", placed_at=0.0,
        expires_at=4e9, fault="slow", settings={"seconds": 0.0}, drill="d",
    )  # fmt: skip
    with ScriptedServer(busy(20)) as vendor, ScriptedServer(FINE) as own:
        served, token = serve([spec("vendor", vendor.url), spec("own", own.url)], clock, proven=("own",))
        live = served.source.current
        served.source.current = replace(live, cut_offs=(cut,))
        with served:
            drilled = [call(served, token)[2]["x-switchover-attempts"] for _ in range(2)]
            assert json.loads(call(served, token, "GET", "/readyz")[1])["degraded"] == []
            served.source.current = live
            after = call(served, token)[2]["x-switchover-attempts"]
    assert drilled == ["vendor:rate-limited, own:ok", "own:ok"]
    assert after == "vendor:rate-limited, own:ok"
    assert len(vendor.seen) == 2


def test_whoever_restores_an_upstream_ends_its_pause():
    clock = ManualClock()
    with ScriptedServer(busy(20)) as vendor, ScriptedServer(FINE) as own:
        served, token = serve([spec("vendor", vendor.url), spec("own", own.url)], clock, proven=("own",))
        with served:
            call(served, token)
            served.source.current = replace(served.source.current, restored={"vendor": clock.now()})
            call(served, token)
    assert len(vendor.seen) == 2
