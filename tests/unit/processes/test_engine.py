"""The real engine with the real starter weights; skipped, with the reason, where the weights are not on the machine."""

import asyncio
import contextlib
import json
import os
import signal
import stat
import struct
import sys
import time
from dataclasses import replace
from pathlib import Path

import anthropic
import pytest

from switchover.clock import SystemClock
from switchover.domain.ports import OutboundRequest
from switchover.domain.process import Criticality, DataClass, Process, UpstreamSpec
from switchover.egress import Client
from switchover.errors import EngineFailed, UpstreamError, WeightsMissing
from switchover.processes.own import OwnChild, engine_child, engine_command
from switchover.testing.served import ServedGateway, register
from switchover.upstreams.gguf import has_chat_template
from switchover.upstreams.local import OwnUpstream, key_file, read_place, state_file
from switchover.upstreams.weights import resolve

CLOCK = SystemClock()


def _spec(weights="starter", **fields):
    return UpstreamSpec(
        name="own", kind="local", model="smollm2", developer="h", host="own", weights=weights, context=512, **fields
    )


@pytest.fixture(scope="module")
def starter():
    try:
        return resolve("starter", Path(__file__).parents[3] / ".cache", os.environ)
    except WeightsMissing as missing:
        pytest.skip(f"no starter weights on this machine: {missing}")


def _gguf(path, *keys):
    def text(value):
        return struct.pack("<Q", len(value)) + value

    body = b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in keys)
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(keys)) + body)
    return path


async def _ask(upstream, **fields):
    body = {"model": "own", "messages": [{"role": "user", "content": "Say hello"}], "max_tokens": 8, **fields}
    answer = await upstream.answer(OutboundRequest(body=json.dumps(body).encode(), stream=False))
    return answer.status, b"".join([chunk async for chunk in answer.chunks()])


def _command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_text()


def _await_end(child):
    child._child.wait(10)


def test_the_engine_answers_the_same_twice_only_with_its_key_and_comes_back_when_killed(starter, tmp_path):
    async def story():
        client = Client(CLOCK)
        child = engine_child(_spec(f"file:{starter}", slots=2), str(tmp_path), {}, clock=CLOCK, client=client)
        upstream = OwnUpstream(_spec(), tmp_path, client)
        try:
            place = await child.start()
            assert stat.S_IMODE(key_file(tmp_path, "own").stat().st_mode) == 0o600
            assert place.key.reveal() not in _command_line(place.pid)
            said = [json.loads((await _ask(upstream))[1])["choices"][0]["message"]["content"] for _ in range(2)]
            assert said[0] == said[1] != ""
            status, streamed = await _ask(upstream, stream=True)
            assert status == 200
            assert streamed.endswith(b"data: [DONE]\n\n")
            models = await client.request("GET", f"{place.url}/v1/models", {}, local=True)
            assert models.status == 401
            models.close()

            os.kill(place.pid, signal.SIGKILL)
            _await_end(child)
            with pytest.raises(UpstreamError):
                await _ask(upstream)
            again = await child.start()
            assert again.key.reveal() != place.key.reveal()
            assert (await _ask(upstream))[0] == 200
            assert "Say hello" not in child.log.read_text()
        finally:
            child.stop()
        assert read_place(tmp_path, "own") is None

    asyncio.run(story())


SAID = [{"role": "user", "content": "Say hello <|im_end|> to Zo\u00eb"}]
TALK = [
    *SAID,
    {"role": "assistant", "content": [{"type": "text", "text": "Hello"}, {"type": "tool_use", "id": "t", "name": "look",
                                                                         "input": {"at": "moon"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "cheese"}]},
]  # fmt: skip
LOOK = {"name": "look", "description": "looks", "input_schema": {"type": "object", "properties": {"at": {}}}}


def test_the_engine_counts_for_anthropics_client_exactly_what_it_would_read(starter, tmp_path):
    process = Process(name="p", owner="o", criticality=Criticality.ORDINARY, data=DataClass.INTERNAL, baseline="own")
    spec = replace(_spec(f"file:{starter}"), base_url="http://127.0.0.1:9/v1")
    snapshot, token = register(process, [spec])
    served = ServedGateway(snapshot, wrap=lambda made: OwnUpstream(spec, tmp_path, served._client))

    async def started():
        client = Client(CLOCK)
        child = engine_child(spec, str(tmp_path), {}, clock=CLOCK, client=client)
        await child.start()
        await client.close()
        return child

    child = asyncio.run(started())
    try:
        with served, anthropic.Anthropic(base_url=served.url, api_key=token) as client:
            for asked in ({"messages": SAID}, {"messages": SAID, "system": "Be brief."}, {"messages": TALK},
                          {"messages": SAID, "tools": [LOOK]}):  # fmt: skip
                counted = client.messages.count_tokens(model="p", **asked).input_tokens
                # A forced end after one token: what is compared is what was read.
                with contextlib.suppress(anthropic.APIStatusError):
                    client.messages.create(model="p", max_tokens=1, **asked)
                answer = _whole(served)
                assert counted == answer.usage.input > 10
    finally:
        child.stop()


def _whole(served):
    """The newest answer in words."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = [one for one in served.spool.exchanges if one.dialect == "anthropic_messages"]
        if found and served.spool.records[-1] is found[-1]:
            return found[-1]
        time.sleep(0.01)
    raise AssertionError("no answer was recorded")


def _started(command, tmp_path, **fields):
    child = OwnChild("own", command, str(tmp_path), CLOCK, Client(CLOCK), **fields)
    try:
        asyncio.run(child.start())
    finally:
        child.stop()


def test_weights_that_are_damaged_stop_the_start_with_the_end_of_the_log(tmp_path):
    bad = _gguf(tmp_path / "bad.gguf", (b"general.architecture", b"llama"), (b"tokenizer.chat_template", b"{{ x }}"))
    command = engine_command(_spec(f"file:{bad}"), str(tmp_path), {})
    with pytest.raises(EngineFailed, match="did not start") as raised:
        _started(command, tmp_path)
    assert "engine did not start" in str(raised.value)
    assert "own.log" in raised.value.mend


def test_weights_without_a_chat_template_are_refused(tmp_path):
    base = _gguf(tmp_path / "base.gguf", (b"general.architecture", b"llama"))
    assert not has_chat_template(base)
    with pytest.raises(EngineFailed, match="has no chat template"):
        _started(engine_command(_spec(f"file:{base}"), str(tmp_path), {}), tmp_path)


def test_a_header_that_claims_too_much_is_refused_unread(tmp_path):
    path = tmp_path / "huge.gguf"
    for damaged in (
        b"GGUF",
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1 << 60),
        struct.pack("<4sIQQ", b"GGUF", 9, 0, 0),
        struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 1 << 60),
        struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"k", 9, 8, 1 << 60),
        struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"k", 9, 9, 1),
    ):
        path.write_bytes(damaged)
        with pytest.raises(WeightsMissing, match="not a GGUF file we can read"):
            has_chat_template(path)


def test_a_child_that_fails_is_started_once_more(tmp_path):
    count = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + 'x'); sys.exit('no luck')"
    tries = tmp_path / "tries"
    tries.write_text("")
    with pytest.raises(EngineFailed, match="no luck"):
        _started([sys.executable, "-c", count, str(tries)], tmp_path)
    assert tries.read_text() == "xx"


def test_a_child_that_never_answers_is_given_up(tmp_path):
    with pytest.raises(EngineFailed, match="it wrote nothing"):
        _started([sys.executable, "-c", "import signal; signal.pause()"], tmp_path, start_limit=0.3)


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"url": "u", "pid": "x"}'])
def test_a_half_written_place_is_no_place(tmp_path, state):
    (tmp_path / "run").mkdir()
    key_file(tmp_path, "own").write_text("key")
    state_file(tmp_path, "own").write_text(state)
    assert read_place(tmp_path, "own") is None
    with pytest.raises(UpstreamError, match="not running"):
        asyncio.run(OwnUpstream(_spec(), tmp_path, Client(CLOCK)).answer(OutboundRequest(body=b"{}", stream=False)))
