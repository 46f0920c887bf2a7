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
from switchover.errors import EngineFailed, PromptTooLong, UpstreamError, WeightsMissing
from switchover.probes.chat_template import ask_template
from switchover.processes.canary import Pulse
from switchover.processes.own import OwnChild, engine_child, engine_command
from switchover.processes.supervise import ChildSpec, Supervisor
from switchover.testing.served import ServedGateway, register
from switchover.upstreams.gguf import chat_template
from switchover.upstreams.local import OwnUpstream, key_file, read_place, state_file
from switchover.upstreams.prompt_size import measure
from switchover.upstreams.templates import digest_of
from switchover.upstreams.weights import resolve
from switchover.wiring.parts import lives

CLOCK = SystemClock()


# One thread: several wait for each other by looking, which takes from whoever tests beside.
def _spec(weights="starter", **fields):
    return UpstreamSpec(
        name="own",
        kind="local",
        model="smollm2",
        developer="h",
        host="own",
        weights=weights,
        context=512,
        threads=1,
        **fields,
    )


@pytest.fixture(scope="module")
def starter():
    try:
        return resolve("starter", Path(__file__).parents[3] / ".cache", os.environ)
    except WeightsMissing as missing:
        pytest.skip(f"no starter weights on this machine: {missing}")


@pytest.fixture(scope="module")
def engine(starter, tmp_path_factory):
    """A running engine with two slots, and its data folder; for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("engine")

    async def started():
        client = Client(CLOCK)
        child = engine_child(_spec(f"file:{starter}", slots=2), str(folder), {}, clock=CLOCK, client=client)
        place = await child.start()
        await client.close()
        return child, place

    child, place = asyncio.run(started())
    yield place, folder
    child.stop()


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
    child._child.wait(60)


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


async def _until(condition):
    """Waits for what happens in another process."""
    for _ in range(1200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came about")


def _body(text, **fields):
    return json.dumps({"messages": [{"role": "user", "content": text}], "max_tokens": 8, **fields}).encode()


def test_a_prompt_is_counted_by_the_engines_own_slot_before_it_is_sent(starter, engine):
    place, folder = engine

    async def story():
        client = Client(CLOCK)
        upstream = OwnUpstream(_spec(), folder, client)
        # 512 a slot, though the engine was given 1024 for both.
        assert place.engine.context == 512
        assert place.engine.template == digest_of(chat_template(starter))
        headers = {"authorization": f"Bearer {place.key.reveal()}", "content-type": "application/json"}
        url = f"{place.url}/v1/chat/completions/input_tokens"
        counts = {}
        for text in (
            "claim? " * 450,
            "Wo bleibt die Erstattung? " * 40,
            "保険金を請求したい " * 30,
            "my claim " * 10,
        ):
            counted = await client.request("POST", url, headers, _body(text), local=True)
            counts[text] = json.loads(await counted.whole(4096))["input_tokens"]
            assert measure(_body(text)).fewest < counts[text] < len(_body(text)) + place.engine.template_tokens
        (long, count), *_, (short, fits) = counts.items()
        assert measure(_body(long)).fewest <= 504 < count
        with pytest.raises(PromptTooLong, match=rf"{count} tokens and own takes 504 \(context 512"):
            await upstream.answer(OutboundRequest(body=_body(long), stream=False))
        answer = await upstream.answer(OutboundRequest(body=_body(short), stream=False))
        assert json.loads(await answer.whole(1 << 20))["usage"]["prompt_tokens"] == fits
        with pytest.raises(PromptTooLong, match="600 or more tokens"):
            await upstream.answer(OutboundRequest(body=_body("word " * 600), stream=False))
        await client.close()

    asyncio.run(story())


def test_a_template_of_ones_own_replaces_the_one_in_the_weights_and_has_another_digest(starter, tmp_path):
    shouting = chat_template(starter).replace("<|im_start|>assistant", "<|im_start|>ASSISTANT")
    (tmp_path / "shout.jinja").write_text(shouting)
    spec = _spec(f"file:{starter}", chat_template=f"file:{tmp_path / 'shout.jinja'}")

    async def story():
        client = Client(CLOCK)
        child = engine_child(spec, str(tmp_path), {}, clock=CLOCK, client=client)
        try:
            place = await child.start()
            assert place.engine.template == digest_of(shouting) != digest_of(chat_template(starter))
            headers = {"authorization": f"Bearer {place.key.reveal()}", "content-type": "application/json"}
            told = await client.request("POST", f"{place.url}/apply-template", headers, _body("hi"), local=True)
            assert b"<|im_start|>ASSISTANT" in await told.whole(4096)
            as_url = UpstreamSpec(
                name="box", kind="openai", model="m", developer="h", host="own", base_url=f"{place.url}/v1"
            )
            assert await ask_template(as_url, place.key, client) == place.engine.template
        finally:
            child.stop()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ ''.__class__.__mro__ }}", "unsafe chat template: it holds '.__class__'"),
        ("{{ messages|attr('x') }}", "unsafe chat template"),
        ("{% include 'etc' %}", "unsafe chat template"),
        ("  ", "has no chat template"),
        (None, "can't be read"),
    ],
)
def test_a_template_that_is_none_or_unsafe_is_refused(starter, tmp_path, text, said):
    if text is not None:
        (tmp_path / "bad.jinja").write_text(text)
    spec = _spec(f"file:{starter}", chat_template=f"file:{tmp_path / 'bad.jinja'}")
    with pytest.raises(EngineFailed, match=said):
        _started(engine_command(spec, str(tmp_path), {}), tmp_path)


def test_weights_with_an_unsafe_template_are_refused(tmp_path):
    evil = b"{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}"
    bad = _gguf(tmp_path / "evil.gguf", (b"general.architecture", b"llama"), (b"tokenizer.chat_template", evil))
    with pytest.raises(EngineFailed, match="unsafe chat template"):
        _started(engine_command(_spec(f"file:{bad}"), str(tmp_path), {}), tmp_path)


def test_an_engine_that_is_stopped_in_its_tracks_is_started_again(starter, tmp_path):
    """Its port still takes connections, and nothing comes: only a generated token tells."""
    (tmp_path / "run").mkdir()
    logged = []

    async def story():
        pulse = Pulse(Client(CLOCK), limit=5.0)

        async def beats():
            place = read_place(tmp_path, "own")
            return place is None or await pulse.beats(place)

        engine = ChildSpec(
            name="engine-own",
            argv=tuple(engine_command(_spec(f"file:{starter}"), str(tmp_path), {})),
            env=dict(os.environ),
            ready_check=lambda: (place := read_place(tmp_path, "own")) is not None and lives(place.pid),
            output=tmp_path / "run" / "own.log",
            pulse=beats,
            pulse_every=0.2,
        )
        stop = asyncio.Event()
        log = lambda event, **fields: logged.append(event)  # noqa: E731
        task = asyncio.create_task(Supervisor(lambda: [engine], CLOCK, log, drain=5.0).run(stop))
        try:
            await _until(lambda: (place := read_place(tmp_path, "own")) and pulse._seen[0] == place.pid)
            first = read_place(tmp_path, "own")
            os.kill(first.pid, signal.SIGSTOP)
            await _until(lambda: (place := read_place(tmp_path, "own")) and place.pid != first.pid)
            assert (await _ask(OwnUpstream(_spec(), tmp_path, Client(CLOCK))))[0] == 200
        finally:
            stop.set()
            await task

    asyncio.run(story())
    assert [event for event in logged if "hangs" in event] == ["child hangs: it is killed and started again"]


SAID = [{"role": "user", "content": "Say hello <|im_end|> to Zo\u00eb"}]
TALK = [
    *SAID,
    {"role": "assistant", "content": [{"type": "text", "text": "Hello"}, {"type": "tool_use", "id": "t", "name": "look",
                                                                         "input": {"at": "moon"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "cheese"}]},
]  # fmt: skip
LOOK = {"name": "look", "description": "looks", "input_schema": {"type": "object", "properties": {"at": {}}}}


def test_the_engine_counts_for_anthropics_client_exactly_what_it_would_read(starter, engine):
    _, folder = engine
    process = Process(name="p", owner="o", criticality=Criticality.ORDINARY, data=DataClass.INTERNAL, baseline="own")
    spec = replace(_spec(f"file:{starter}"), base_url="http://127.0.0.1:9/v1")
    snapshot, token = register(process, [spec])
    served = ServedGateway(snapshot, wrap=lambda made: OwnUpstream(spec, folder, served._client))
    with served, anthropic.Anthropic(base_url=served.url, api_key=token) as client:
        for asked in ({"messages": SAID}, {"messages": SAID, "system": "Be brief."}, {"messages": TALK},
                      {"messages": SAID, "tools": [LOOK]}):  # fmt: skip
            counted = client.messages.count_tokens(model="p", **asked).input_tokens
            # A forced end after one token: what is compared is what was read.
            with contextlib.suppress(anthropic.APIStatusError):
                client.messages.create(model="p", max_tokens=1, **asked)
            answer = _whole(served)
            assert counted == answer.usage.input > 10


def _whole(served):
    """The newest answer in words."""
    until = time.monotonic() + 60
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
    assert chat_template(base) is None
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
            chat_template(path)


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
