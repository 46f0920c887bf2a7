"""How long is waited: learned timers, Retry-After, the caller's deadline; through a real server on loopback."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import replace

import pytest

from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.gateway import retries
from switchover.planning import BreakerState, timers
from switchover.planning.timers import Law
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

CHUNK = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
STOP = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ANSWER = json.dumps({"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}).encode()  # fmt: skip
FINE = [reply(ANSWER)]
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
QUICK = Law(one_in=100, times=2.0, least=0.2, most=60.0, fewest=3)


def busy(seconds):
    return [reply(b'{"error":{"message":"slow down"}}', status=429, more=f"retry-after: {seconds}\r\n")]


def serve(vendor, own=None, clock=None, **more):
    upstreams = [spec("vendor", vendor.url), *([spec("own", own.url)] if own else [])]
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=("own",) if own else (), **more,
    )  # fmt: skip
    snapshot, token = register(process, upstreams, proven=("own",) if own else ())
    return ServedGateway(snapshot, clock=clock), token


def ask(served, token, path=PATHS["openai"], streamed=False, **headers):
    """Status, body, headers and how long it took."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    text = json.dumps({"model": "p", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}],
                       "stream": streamed})  # fmt: skip
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, text, {"authorization": f"Bearer {token}", **named})
    response = connection.getresponse()
    got = response.status, response.read(), response.headers
    connection.close()
    return *got, time.monotonic() - begun


def until(true):
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_learned_timer_leaves_a_silent_upstream_which_is_asked_once(monkeypatch):
    monkeypatch.setattr(timers, "FIRST", QUICK)
    with ScriptedServer(lambda number, seen: FINE if number < 3 else ["hang"]) as vendor, ScriptedServer(FINE) as own:
        served, token = serve(vendor, own)
        with served:
            assert [ask(served, token)[2]["x-switchover-upstream"] for _ in range(3)] == ["vendor"] * 3
            status, _, headers, took = ask(served, token)
    assert (status, headers["x-switchover-attempts"]) == (200, "vendor:slow-first-token, own:ok")
    assert 0.15 < took < 20  # 30 if it were the configured one
    assert len(vendor.seen) == 4


def test_the_configured_timer_holds_until_learned_and_caps_what_is_learned(monkeypatch):
    monkeypatch.setattr(timers, "FIRST", replace(QUICK, least=50.0, fewest=2))
    with ScriptedServer(["hang"]) as vendor, ScriptedServer(FINE) as own:
        served, token = serve(vendor, own, first_content_timeout=0.2)
        with served:
            took = [ask(served, token)[3] for _ in range(4)]
            learned = served.gateway.failover.timers.first(spec("vendor", vendor.url), 100, whole=True)
    assert learned == 50.0
    assert all(0.15 < one < 20 for one in took)


def test_the_last_attempt_is_not_ended_by_a_learned_timer(monkeypatch):
    monkeypatch.setattr(timers, "FIRST", QUICK)
    with ScriptedServer(lambda number, seen: FINE if number < 3 else [0.6, *FINE]) as vendor:
        served, token = serve(vendor)
        with served:
            assert [ask(served, token)[0] for _ in range(4)] == [200] * 4


def test_a_learned_idle_timer_ends_a_stream_that_only_pings(monkeypatch):
    monkeypatch.setattr(timers, "IDLE", replace(QUICK, least=0.3, fewest=2))
    pings = [step for _ in range(1000) for step in (b": ping\n\n", 0.05)]
    scripts = [stream(CHUNK, 0.1, CHUNK, STOP), stream(CHUNK, 0.1, CHUNK, STOP), stream(CHUNK, *pings, STOP)]
    with ScriptedServer(lambda number, seen: scripts[number]) as vendor:
        served, token = serve(vendor)
        with served:
            for count in (1, 2):
                assert b"[DONE]" in ask(served, token, streamed=True)[1]
                until(lambda count=count: len(served.spool.exchanges) == count)
            _, body, _, took = ask(served, token, streamed=True)
    assert b"stall-midway" in body
    assert b"[DONE]" not in body
    assert took < 30  # 45 if it were the one that holds until learned


def test_what_is_learned_of_a_stream_is_its_longest_silence(monkeypatch):
    monkeypatch.setattr(timers, "IDLE", Law(one_in=2, times=1.0, least=0.0, most=45.0, fewest=1))
    script = stream(CHUNK, 0.1, CHUNK, 0.5, b": ping\n\n", CHUNK, 0.3, CHUNK, STOP)

    def learned():
        with ScriptedServer(script) as vendor:
            served, token = serve(vendor)
            with served:
                ask(served, token, streamed=True)
                one = spec("vendor", vendor.url)
                until(lambda: served.gateway.failover.timers.idle(one, 100) is not None)
                return served.gateway.failover.timers.idle(one, 100)

    # A machine that stands still makes silences longer, never shorter: the shortest of some counts.
    tries = [learned()]
    while min(tries) >= 0.75 and len(tries) < 10:
        tries.append(learned())
    assert 0.4 < min(tries) < 0.75


def test_a_drill_teaches_no_timer():
    cut = CutOff(
        id="cut-1", target=Target(TargetKind.UPSTREAM, "vendor"), reason="drill", by="op", placed_at=0.0,
        expires_at=4e9, fault="slow", settings={"seconds": 5.0}, drill="d",
    )  # fmt: skip
    with ScriptedServer(FINE) as vendor, ScriptedServer(FINE) as own:
        served, token = serve(vendor, own, first_content_timeout=0.2)
        served.source.current = replace(served.source.current, cut_offs=(cut,))
        with served:
            # Its own time may be up as well on a machine that stands still.
            until(lambda: ask(served, token)[2]["x-switchover-attempts"] == "vendor:slow-first-token, own:ok")
            assert not served.gateway.failover.timers._kept["vendor"].timers
            assert served.gateway.failover.timers._kept["own"].timers


def test_retry_after_is_waited_for_when_nothing_else_is_left():
    with ScriptedServer(lambda number, seen: FINE if number else busy(0.4)) as vendor:
        served, token = serve(vendor)
        with served:
            status, _, headers, took = ask(served, token)
    assert (status, headers["x-switchover-attempts"]) == (200, "vendor:rate-limited, vendor:ok")
    assert took >= 0.4


def test_retry_after_is_not_waited_for_while_a_replacement_is_left():
    with ScriptedServer(busy(50)) as vendor, ScriptedServer(FINE) as own:
        served, token = serve(vendor, own)
        with served:
            status, _, headers, took = ask(served, token)
    assert (status, headers["x-switchover-attempts"]) == (200, "vendor:rate-limited, own:ok")
    assert took < 30


@pytest.mark.parametrize(("seconds", "headers"), [(3600, {}), (50, {"x_switchover_deadline": "45"})])
def test_retry_after_that_is_too_long_is_passed_to_the_caller(seconds, headers):
    with ScriptedServer(busy(seconds)) as vendor:
        served, token = serve(vendor)
        with served:
            status, _, told, took = ask(served, token, **headers)
        assert len(vendor.seen) == 1
    assert (status, told["x-should-retry"]) == (429, "true")
    assert min(seconds, 60) - took <= int(told["retry-after"]) <= min(seconds, 60)
    assert took < 30


def test_retry_after_is_waited_for_once():
    with ScriptedServer(busy(0.1)) as vendor:
        served, token = serve(vendor)
        with served:
            assert ask(served, token)[0] == 429
        assert len(vendor.seen) == 2


def test_a_wait_counts_among_the_retries(monkeypatch):
    monkeypatch.setattr(retries, "AT_ONCE", 0)
    with ScriptedServer(busy(0)) as vendor:
        served, token = serve(vendor)
        with served:
            assert [ask(served, token)[0] for _ in range(2)] == [429, 429]
        assert len(vendor.seen) == 3


def test_a_wait_does_not_make_a_fourth_attempt():
    scripts = [busy(0.1), [reply(b"{}", status=500)], [reply(b"{}", status=500)]]
    with ScriptedServer(scripts[0]) as vendor, ScriptedServer(scripts[1]) as own:
        served, token = serve(vendor, own)
        with served:
            _, _, headers, _ = ask(served, token)
    assert headers["x-switchover-attempts"] == "vendor:rate-limited, own:server-error, own:server-error"


def test_a_caller_who_leaves_during_the_wait_ends_it():
    with ScriptedServer(busy(25)) as vendor:
        served, token = serve(vendor)
        with served:
            connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
            text = json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}]})
            connection.request("POST", PATHS["openai"], text, {"authorization": f"Bearer {token}"})
            until(lambda: served.gateway.failover.retries._retrying.get("vendor") == 1)
            connection.close()
            until(lambda: served.gateway.failover.retries._retrying.get("vendor") == 0)
            until(lambda: served.spool.exchanges)
        assert len(vendor.seen) == 1
    assert served.spool.exchanges[0].outcome is Outcome.ABANDONED


def test_an_upstream_cut_off_during_the_wait_is_not_asked():
    cut = CutOff(
        id="cut-1", target=Target(TargetKind.UPSTREAM, "vendor"), reason="gone", by="op", placed_at=0.0,
    )  # fmt: skip
    clock = ManualClock()
    with ScriptedServer(busy(5)) as vendor:
        served, token = serve(vendor, clock=clock)
        with served:
            got = []
            asking = threading.Thread(target=lambda: got.append(ask(served, token)))
            asking.start()
            until(lambda: served.gateway.failover.retries._retrying.get("vendor") == 1)
            served.source.current = replace(served.source.current, cut_offs=(cut,))
            until(lambda: max((when - clock.now() for when, *_ in clock._sleepers), default=0.0) > 1)
            served._server.servers[0].get_loop().call_soon_threadsafe(clock.advance, 6)
            asking.join(60)
        assert len(vendor.seen) == 1
    assert got[0][0] == 429


@pytest.mark.parametrize(("dialect", "streamed"), [("openai", False), ("openai", True), ("anthropic", True)])
def test_a_caller_whose_deadline_passes_is_told_in_its_dialect(dialect, streamed):
    with ScriptedServer(["hang"]) as vendor, ScriptedServer(FINE) as own:
        served, token = serve(vendor, own)
        with served:
            status, body, headers, took = ask(served, token, PATHS[dialect], streamed, x_switchover_deadline="0.5")
        # On a machine that stands still it may pass before anybody is asked.
        assert not vendor.seen or vendor.departed.wait(60)
        assert not own.seen
    error = json.loads(body)["error"]
    assert status == 504
    assert "deadline_exceeded" in str(json.loads(body))
    assert "0.5 s" in error["message"]
    assert headers["x-should-retry"] == "false"
    assert took < 20
    assert served.spool.exchanges[0].outcome is Outcome.FAILED


@pytest.mark.parametrize(("patience", "state"), [(30.0, BreakerState.CLOSED), (0.1, BreakerState.OPEN)])
def test_haste_is_held_against_an_upstream_only_once_its_own_time_is_up(patience, state):
    with ScriptedServer(["hang"]) as vendor:
        served, token = serve(vendor, first_content_timeout=patience)
        with served:
            assert {ask(served, token, x_switchover_deadline="0.25")[0] for _ in range(10)} == {504}
            assert served.gateway.failover.board.state(spec("vendor", vendor.url), time.monotonic()) is state


def test_a_stream_that_began_in_time_is_not_ended_by_the_deadline():
    with ScriptedServer([]) as vendor:
        served, token = serve(vendor)
        with served:
            # On a machine that stands still a short one may pass before it begins.
            for seconds in (0.4, 1.6, 6.4):
                vendor.play(stream(CHUNK, seconds + 0.3, CHUNK, STOP))
                status, body, _, _ = ask(served, token, streamed=True, x_switchover_deadline=str(seconds))
                if status != 504:
                    break
    assert status == 200
    assert body.endswith(STOP)


@pytest.mark.parametrize(("value", "status"), [("soon", 400), ("inf", 400), ("nan", 400), ("-1", 504), ("0", 504)])
def test_a_deadline_is_a_number_of_seconds_and_a_past_one_asks_nobody(value, status):
    with ScriptedServer(FINE) as vendor:
        served, token = serve(vendor)
        with served:
            assert ask(served, token, x_switchover_deadline=value)[0] == status
        assert not vendor.seen


@pytest.mark.parametrize("value", ["None", "NOT_GIVEN", "0", "inf"])
def test_an_sdk_that_says_no_timeout_has_none(value):
    with ScriptedServer([0.1, *FINE]) as vendor:
        served, token = serve(vendor)
        with served:
            assert ask(served, token, x_stainless_timeout=value)[0] == 200
