"""A gateway's figures after real requests on loopback, and what it says is degraded."""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
import time
from dataclasses import replace

import pytest

from switchover.domain.process import Criticality, DataClass, Process
from switchover.domain.register import Suspension
from switchover.gateway import figures
from switchover.gateway.neighbours import FORGET_S, STALE_AFTER_S, Neighbours
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

ANSWER = json.dumps({"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}).encode()  # fmt: skip
CHUNKS = [
    b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n',
    b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
]
DENIED = reply(b'{"error":{"message":"no"}}', status=401)


def gateway(vendor, own):
    upstreams = [spec("vendor", vendor.url), spec("own", own.url)]
    process = Process(
        name="p",
        owner="o",
        criticality=Criticality.CRITICAL,
        data=DataClass.INTERNAL,
        baseline="vendor",
        fallbacks=("own",),
    )
    snapshot, token = register(process, upstreams, proven=("own",))
    return ServedGateway(snapshot), token


def ask(served, token, **more):
    text = json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}], **more})
    return call(served, "POST", "/v1/chat/completions", text, {"authorization": f"Bearer {token}"})


def call(served, method, path, text=None, headers=None):
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    connection.request(method, path, text, headers or {})
    response = connection.getresponse()
    got = response.status, response.read().decode()
    connection.close()
    return got


def streamed_in_two(served, token, vendor):
    """A streamed answer whose rest is sent a moment after its beginning has come."""
    came = threading.Event()
    vendor.play(stream(CHUNKS[0], came.is_set, CHUNKS[0], CHUNKS[1]))
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    text = json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}], "stream": True})
    connection.request("POST", "/v1/chat/completions", text, {"authorization": f"Bearer {token}"})
    response = connection.getresponse()
    assert response.read(len(CHUNKS[0])) == CHUNKS[0]
    time.sleep(0.05)
    came.set()
    assert response.read() == CHUNKS[0] + CHUNKS[1]
    connection.close()


def scrape(served):
    """{(name, every label's value but the worker's, in order): value}"""
    status, text = call(served, "GET", "/metrics")
    assert status == 200
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line).groups()
            found[(name, *re.findall(r'="([^"]*)"', labels)[1:])] = float(value)
    return found


def until(check, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (got := check()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return got


def test_the_figures_say_what_happened():
    """One complete, one streamed, one refused, one failed over, one failed."""
    with ScriptedServer([reply(ANSWER)]) as vendor, ScriptedServer([reply(ANSWER)]) as own:
        served, token = gateway(vendor, own)
        with served:
            assert ask(served, token)[0] == 200
            streamed_in_two(served, token, vendor)
            assert ask(served, "nobody")[0] == 401
            vendor.play([DENIED])
            assert ask(served, token)[0] == 200
            own.play([DENIED])
            assert ask(served, token)[0] == 503
            got = until(lambda: (have := scrape(served))[("switchover_open_requests",)] == 0 and have)

    def of(name, *labels):
        return got.get((f"switchover_{name}", *labels))

    vendors, ours, none = [("p", name, "openai_chat") for name in ("vendor", "own", "")]
    requests = {key[1:]: value for key, value in got.items() if key[0] == "switchover_requests_total"}
    assert requests == {
        (*vendors, "complete"): 2,
        (*ours, "complete"): 1,
        (*none, "failed"): 1,
        ("", "", "openai_chat", "rejected"): 1,
    }
    assert (of("attempts_total", *vendors), of("attempts_total", *ours)) == (3, 2)
    assert of("errors_total", *vendors, "key-revoked", "false") == 1
    assert of("errors_total", *ours, "key-revoked", "false") == 1
    assert (of("failovers_total", *vendors), of("failovers_total", *ours)) == (0, 1)
    assert of("retries_total", *vendors) == 0
    assert of("request_duration_seconds_count", *vendors) == 2
    assert of("first_content_seconds_count", *vendors) == 1
    assert of("first_content_seconds_sum", *vendors) < of("request_duration_seconds_sum", *vendors)
    assert of("chunk_gap_seconds_count", *vendors) == 1
    assert of("chunk_gap_seconds_sum", *vendors) >= 0.04
    assert of("attempt_duration_seconds_count", *vendors) == 3
    assert of("open_streams") == 0
    assert of("recording_lag_seconds") == 0
    assert of("breaker_state", "vendor", "credential", "answers") == 3
    assert of("breaker_state", "vendor", "provider", "answers") == 0
    assert of("breaker_reason", "vendor", "credential", "answers", "key-revoked") == 1
    assert (of("recording_lag_records"), of("recording_healthy"), of("recording_gaps_total")) == (0, 1, 0)
    assert of("snapshot_version") == 1


def test_a_request_in_progress_is_open():
    with ScriptedServer([*stream(CHUNKS[0], end=False), "hang"]) as vendor, ScriptedServer([reply(ANSWER)]) as own:
        served, token = gateway(vendor, own)
        with served:
            connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
            text = json.dumps({"model": "p", "stream": True, "messages": [{"role": "user", "content": "?"}]})
            connection.request("POST", "/v1/chat/completions", text, {"authorization": f"Bearer {token}"})
            assert connection.getresponse().status == 200
            assert scrape(served)[("switchover_open_requests",)] == 1
            connection.close()
            assert until(lambda: scrape(served)[("switchover_open_requests",)] == 0)
            key = ("switchover_requests_total", "p", "vendor", "openai_chat", "abandoned")
            assert until(lambda: scrape(served).get(key)) == 1


def test_what_is_degraded_is_said():
    with ScriptedServer([DENIED]) as vendor, ScriptedServer([reply(ANSWER)]) as own:
        served, token = gateway(vendor, own)
        with served:
            assert json.loads(call(served, "GET", "/readyz")[1])["degraded"] == []
            assert ask(served, token)[0] == 200
            served.spool.healthy, served.spool.gaps = False, 2
            said = json.loads(call(served, "GET", "/readyz")[1])
            doubted = Suspension(at=1.0, why="answered as 'b'")
            served.source.current = replace(served.source.current, suspended={"own": doubted})
            then = json.loads(call(served, "GET", "/readyz")[1])
            assert scrape(served)["switchover_proofs_suspended", "own"] == 1
    assert [one for one in then["degraded"] if one not in said["degraded"]] == [
        "own: its proofs are suspended: answered as 'b'"
    ]
    assert said["ready"] is True
    assert said["degraded"] == [
        "recording: what comes waits in memory: no disk",
        "recording: 2 records lost since this worker began",
        "vendor: its breaker is held (key-revoked)",
    ]


def test_records_that_are_not_durable_yet_are_the_lag():
    with ScriptedServer([reply(ANSWER)]) as vendor, ScriptedServer([reply(ANSWER)]) as own:
        served, token = gateway(vendor, own)
        with served:
            served.spool.durable = 1
            assert ask(served, token)[0] == 200
            assert until(lambda: scrape(served)[("switchover_recording_lag_records",)] == 1)


def neighbours(folder, name="worker-0", clock=None):
    return Neighbours(name, folder, clock or ManualClock())


def test_whoever_is_asked_gives_the_figures_of_all(tmp_path):
    with ScriptedServer([reply(ANSWER)]) as vendor, ScriptedServer([reply(ANSWER)]) as own:
        served, token = gateway(vendor, own)
        served.gateway.neighbours = neighbours(tmp_path, "worker-1", served.gateway.clock)
        with served:
            assert until(tmp_path.joinpath("metrics", "worker-1.prom").exists)
            assert ask(served, token)[0] == 200
            counted = ("switchover_requests_total", "p", "vendor", "openai_chat", "complete")
            assert until(lambda: scrape(served).get(counted)) == 1
            beside = neighbours(tmp_path, "worker-0", served.gateway.clock)
            beside.write(figures.own_page(served.gateway).replace("worker-1", "worker-0"))
            text = call(served, "GET", "/metrics")[1]
        assert not tmp_path.joinpath("metrics", "worker-1.prom").exists()
    for worker in ("worker-0", "worker-1"):
        line = f'switchover_requests_total{{worker="{worker}",process="p",upstream="vendor",dialect="openai_chat",'
        assert f'{line}outcome="complete"}} 1\n' in text
        assert f'switchover_figures_age_seconds{{worker="{worker}"}} ' in text
    assert text.count("# TYPE switchover_requests_total counter") == 1


def test_a_worker_that_stopped_writing_is_left_out_in_time(tmp_path):
    clock = ManualClock()
    neighbours(tmp_path, "worker-1").write("x\n")
    os.utime(tmp_path / "metrics" / "worker-1.prom", (clock.now(), clock.now()))
    asking = neighbours(tmp_path, "worker-0", clock)
    clock.advance(FORGET_S - 1)
    assert list(asking.others()) == [("worker-1", FORGET_S - 1, "x\n")]
    clock.advance(1)
    assert list(asking.others()) == []


GOOD = {"pid": os.getpid(), "store": "ok", "configuration": "ok", "snapshot_version": 3, "indexed": 1}


@pytest.mark.parametrize(
    ("keeper", "reason"),
    [
        ({**GOOD, "store": "can't be opened: /secret/place"}, "can't use the store"),
        ({**GOOD, "configuration": "line 3"}, "the configuration is refused"),
        ({**GOOD, "snapshot_version": 4}, "goes by snapshot 3, the keeper has written 4"),
        ({**GOOD, "pid": 2**22 + 1}, "is not running"),
        ({**GOOD, "pid": 2**70}, "can't be read"),
        (None, "is not running"),
        ({}, "can't be read"),
    ],
)
def test_a_register_that_is_not_refreshed_is_said_after_ten_seconds(tmp_path, keeper, reason):
    clock = ManualClock()
    asking = neighbours(tmp_path, clock=clock)
    if keeper is not None:
        tmp_path.joinpath("keeper.json").write_text(json.dumps(keeper))
    asking.look(3)
    clock.advance(STALE_AFTER_S - 1)
    asking.look(3)
    assert asking.trouble == ""
    clock.advance(1)
    assert reason in asking.trouble
    assert "secret" not in asking.trouble
    assert asking.stale_for == STALE_AFTER_S
    tmp_path.joinpath("keeper.json").write_text(json.dumps(GOOD))
    asking.look(3)
    assert (asking.trouble, asking.stale_for) == ("", 0.0)
