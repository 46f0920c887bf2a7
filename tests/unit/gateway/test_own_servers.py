"""Live requests to servers of our own: what does not fit, what was not read, what runs another template."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import replace

import pytest

from switchover.dialects import DIALECTS
from switchover.domain.candidate import PromptKind, PromptVersion, fingerprint
from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.errors import PromptShortened
from switchover.gateway import figures
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec
from switchover.upstreams.classify import classify_failure

LONG = "the claim of last week " * 600
YES = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
TOO_LONG = {"error": {"code": 400, "message": "request (5000 tokens) exceeds the available context size (512 tokens)"}}


def answer(tokens=None, text="yes"):
    choice = {**YES, "message": {"role": "assistant", "content": text}}
    usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens, "completion_tokens": 1}}
    return [reply(json.dumps({"id": "1", "model": "m", "choices": [choice], **usage}).encode())]


def streamed(tokens):
    chunk = {"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": None}]}
    last = {"id": "1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"id": "1", "choices": [], "usage": {"prompt_tokens": tokens, "completion_tokens": 1}}
    return stream(*[b"data: %b\n\n" % json.dumps(one).encode() for one in (chunk, last, usage)], b"data: [DONE]\n\n")


def gateway(box, vendor, *, baseline="box", **fields):
    """The box is ours; the vendor is proven to stand in for it, or the other way round."""
    other = "vendor" if baseline == "box" else "box"
    upstreams = [spec("box", box.url, host="own", **fields), spec("vendor", vendor.url)]
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline=baseline,
        fallbacks=(other,),
    )  # fmt: skip
    snapshot, token = register(process, upstreams, proven=(other,))
    return ServedGateway(snapshot), token


def ask(served, token, text=LONG, path="/v1/chat/completions", **more):
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    sent = json.dumps({"model": "p", "messages": [{"role": "user", "content": text}], **more})
    connection.request("POST", path, sent, {"authorization": f"Bearer {token}"})
    response = connection.getresponse()
    got = response.status, response.read().decode(), response.headers
    connection.close()
    return got


def alone(served):
    """The process without its replacement."""
    now = served.source.current
    served.source.current = replace(now, processes={"p": replace(now.processes["p"], fallbacks=())})


def test_a_prompt_that_does_not_fit_goes_to_the_replacement_unsent():
    with ScriptedServer(answer()) as box, ScriptedServer(answer(text="of the vendor")) as vendor:
        served, token = gateway(box, vendor, context=512)
        with served:
            status, text, headers = ask(served, token)
            assert (status, "of the vendor" in text) == (200, True)
            assert headers["x-switchover-attempts"] == "box:local-silent-truncation, vendor:ok"
            assert not box.seen


def test_a_prompt_that_fits_nowhere_is_refused_in_words_that_say_what_to_do():
    with ScriptedServer(answer()) as box, ScriptedServer(answer()) as vendor:
        served, token = gateway(box, vendor, context=512)
        with served:
            alone(served)
            status, text, headers = ask(served, token)
            error = json.loads(text)["error"]
            assert (status, error["code"]) == (400, "context_length_exceeded")
            assert "3000 or more tokens and box takes 384 (context 512" in error["message"]
            assert headers["x-should-retry"] == "false"
            status, text, _ = ask(served, token, path="/v1/messages", max_tokens=9)
            assert (status, json.loads(text)["type"]) == (400, "error")
            assert "context" in json.loads(text)["error"]["message"]
        assert [one.outcome for one in served.spool.exchanges] == [Outcome.REJECTED] * 2
        assert not box.seen


def test_that_a_replacement_has_less_room_is_not_the_callers_affair():
    busy = reply(b'{"error":{"message":"busy"}}', status=529)
    with ScriptedServer(answer()) as box, ScriptedServer([busy]) as vendor:
        served, token = gateway(box, vendor, baseline="vendor")
        with served:
            now = served.source.current
            small = replace(now.upstreams["box"], context=512)
            proofs = tuple(replace(one, fingerprint=fingerprint(small)) for one in now.proofs)
            served.source.current = replace(now, upstreams={**now.upstreams, "box": small}, proofs=proofs)
            status, text, _ = ask(served, token)
            error = json.loads(text)["error"]
            assert (status, error["code"]) == (503, "upstream_overloaded")
            assert "box takes 384" in error["message"]


def test_what_the_server_itself_finds_too_long_goes_to_the_replacement():
    refused = reply(json.dumps(TOO_LONG).encode(), status=400)
    with ScriptedServer([refused]) as box, ScriptedServer(answer(text="of the vendor")) as vendor:
        served, token = gateway(box, vendor)
        with served:
            status, text, _ = ask(served, token)
            assert (status, "of the vendor" in text) == (200, True)


@pytest.mark.parametrize("tokens", [2048, 4])
def test_an_answer_to_part_of_the_prompt_is_discarded(tokens):
    with ScriptedServer(answer(tokens)) as box, ScriptedServer(answer(9, "of the vendor")) as vendor:
        served, token = gateway(box, vendor)
        with served:
            status, text, headers = ask(served, token)
            assert (status, "of the vendor" in text) == (200, True)
            assert headers["x-switchover-attempts"] == "box:local-silent-truncation, vendor:ok"
            alone(served)
            status, text, _ = ask(served, token)
            assert (status, json.loads(text)["error"]["code"]) == (400, "context_length_exceeded")
            assert f"box read {tokens} tokens of a prompt that has 3000 or more" in text


def test_an_answer_to_the_whole_prompt_is_the_answer():
    with ScriptedServer(answer(3700)) as box, ScriptedServer(answer()) as vendor:
        served, token = gateway(box, vendor)
        with served:
            assert ask(served, token)[0] == 200
            assert ask(served, token, text="hi")[2]["x-switchover-upstream"] == "box"


def test_a_stream_that_says_at_its_end_that_the_prompt_was_not_read_does_not_end_well():
    """In the dialect's error where its text went out already, else in the replacement's answer."""
    more = {"stream": True, "stream_options": {"include_usage": True}}
    with ScriptedServer(streamed(2048)) as box, ScriptedServer(streamed(9)) as vendor:
        served, token = gateway(box, vendor)
        with served:
            _, text, headers = ask(served, token, **more)
            if headers["x-switchover-upstream"] == "box":
                assert "[DONE]" not in text
                assert '"code":"context_length_exceeded"' in text
            else:
                assert headers["x-switchover-attempts"] == "box:local-silent-truncation, vendor:ok"
            box.play(streamed(3700))
            _, text, headers = ask(served, token, **more)
            assert headers["x-switchover-attempts"] == "box:ok"
            assert "[DONE]" in text


USED = {
    "openai_chat": [b'data: {"id":"1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\n'],
    "anthropic_messages": [
        b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":7}}}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{},"usage":{"input_tokens":7}}\n\n',
    ],
    "openai_responses": [
        b'event: response.completed\ndata: {"type":"response.completed","sequence_number":1,"response":{"id":"r",'
        b'"status":"completed","output":[],"usage":{"input_tokens":7,"output_tokens":1}}}\n\n',
    ],
}


@pytest.mark.parametrize(("dialect", "frame"), [(name, frame) for name, frames in USED.items() for frame in frames])
def test_a_usage_that_is_doubted_is_not_relayed_and_breaks_the_stream(dialect, frame):
    for doubt in (None, "it read 7 of 100"):
        decoder = DIALECTS[dialect].decoder()
        if b"message_delta" in frame:
            decoder.feed(USED[dialect][0])
        decoder.doubts = lambda usage, doubt=doubt: doubt if usage.input == 7 else pytest.fail(str(usage))
        assert decoder.feed(frame) == (frame if doubt is None else b"")
        assert decoder.failure == (doubt and ("local-silent-truncation", None, doubt))
    error = classify_failure(decoder.failure, "box")
    assert (type(error), error.http_status, str(error)) == (PromptShortened, 400, "it read 7 of 100")


def test_demonstrations_count_as_part_of_the_prompt():
    pairs = [{"ask": f"a claim about number {number}", "answer": "claim"} for number in range(40)]
    artefact = json.dumps({"pairs": pairs}).encode()
    with ScriptedServer(answer()) as box, ScriptedServer([reply(b"{}", status=529)]) as vendor:
        served, token = gateway(box, vendor, baseline="vendor")
        with served:
            now = served.source.current
            version = PromptVersion.make(
                process="p", upstream="box", kind=PromptKind.DEMONSTRATIONS, artefact="0" * 64,
                parameters={"k": 40, "tokens": 4000},
            )  # fmt: skip
            small = replace(now.upstreams["box"], context=512)
            proofs = tuple(
                replace(one, fingerprint=fingerprint(small), prompt_version=version.id) for one in now.proofs
            )
            served.gateway.failover._artefacts = lambda digest: artefact
            served.source.current = replace(
                now, upstreams={**now.upstreams, "box": small}, proofs=proofs, prompt_versions={version.id: version}
            )
            status, text, headers = ask(served, token, text="a claim about a car")
            assert headers["x-switchover-attempts"].endswith("box:local-silent-truncation"), text
            assert status == 503
            assert "box takes 384" in text
            assert "/v1/chat/completions" not in [seen.line.split()[1] for seen in box.seen]


def test_readiness_says_which_replacement_runs_another_template_and_who_has_nothing_else():
    with ScriptedServer(answer()) as box, ScriptedServer(answer()) as vendor:
        served, _ = gateway(box, vendor, baseline="vendor", template="0123456789abcdef")
        with served:
            assert figures.degraded(served.gateway) == []
            now = served.source.current
            other = replace(now.upstreams["box"], template="fedcba9876543210")
            served.source.current = replace(now, upstreams={**now.upstreams, "box": other})
            (line,) = figures.degraded(served.gateway)
            assert line.startswith("box: its chat template has changed since its proof (was 0123456789abcdef")
            assert line.endswith("no other replacement is left for p")


def test_readiness_says_that_an_engine_is_not_running():
    with ScriptedServer(answer()) as box, ScriptedServer(answer()) as vendor:
        served, _ = gateway(box, vendor, baseline="vendor", kind="local")
        with served:
            now = served.source.current
            away = replace(now.upstreams["box"], base_url=None)
            served.source.current = replace(now, upstreams={**now.upstreams, "box": away})
            assert figures.degraded(served.gateway) == [
                "box: its engine is not running (`switchover doctor` says why); no other replacement is left for p"
            ]
            served.source.current = replace(served.source.current, endpoints={"box": "http://127.0.0.1:1/v1"})
            assert figures.degraded(served.gateway) == []


@pytest.mark.parametrize("more", [{}, {"stream": True}, {"stream": True, "tools": TOOLS}])
def test_every_end_of_a_request_gives_its_place_at_the_engine_back(more):
    """Answered, failed, held, broken off or left by its caller."""
    ends = [
        streamed(3700) if more else answer(3700),
        [reply(b"{}", status=500)],
        [*streamed(3700)[:2], "close"],
        [*streamed(3700)[:1], "close"],
    ]
    with ScriptedServer(lambda number, seen: ends[number % len(ends)]) as box, ScriptedServer(answer()) as vendor:
        served, token = gateway(box, vendor, kind="local")
        with served:
            alone(served)
            for _ in range(8):
                ask(served, token, text="hi", **more)
            queues = served.gateway.failover.queues
            end = time.monotonic() + 60
            while any(queues._in_hand.values()) and time.monotonic() < end:
                time.sleep(0.01)
            assert queues._in_hand == {"box": 0}


def test_an_engine_with_its_hands_full_is_passed_over():
    with ScriptedServer(answer(9)) as box, ScriptedServer(answer(9, "of the vendor")) as vendor:
        served, token = gateway(box, vendor, kind="local")
        with served:
            served.gateway.failover.queues._in_hand["box"] = 32
            _, text, headers = ask(served, token, text="hi")
            assert "of the vendor" in text
            assert headers["x-switchover-attempts"] == "box:local-queue-full, vendor:ok"
            assert not box.seen
