"""A provider's own fallback inside an answer: asked for, told, and what it leaves behind."""

from __future__ import annotations

import json

import pytest

from switchover.dialects import DIALECTS
from switchover.dialects.across import StreamTranslator, translate_answer
from switchover.dialects.provider_fallback import (
    frames_without_abandoned,
    served_by,
    without_abandoned,
    without_asking,
    without_fields,
)
from switchover.dialects.sse import events

MESSAGES, CHAT = DIALECTS["anthropic_messages"], DIALECTS["openai_chat"]
ASKED, TO = "claude-fable-5", "claude-opus-4-8"
HOP = {"type": "fallback", "from": {"model": ASKED}, "to": {"model": TO}, "trigger": {"type": "refusal"}}
CALL = {"type": "tool_use", "id": "t1", "name": "find", "input": {"at": "1"}}
LATER = {"type": "tool_use", "id": "t2", "name": "find", "input": {"at": "2"}}
SERVER = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
ITERATIONS = [{"type": "message", "model": ASKED}, {"type": "fallback_message", "model": TO}]


def said(text):
    return {"type": "text", "text": text}


def whole(*content, iterations=None, model=ASKED):
    usage = {"input_tokens": 3, "output_tokens": 2, **({"iterations": iterations} if iterations else {})}
    return json.dumps({"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None,
                       "stop_reason": "end_turn", "content": list(content), "usage": usage}).encode()  # fmt: skip


def frame(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def streamed(*content, iterations=None):
    message = json.loads(whole()) | {"content": [], "stop_reason": None}
    out = [frame("message_start", message=message)]
    for index, block in enumerate(content):
        delta = None
        if block["type"] == "text":
            delta, block = {"type": "text_delta", "text": block["text"]}, {"type": "text", "text": ""}
        elif block["type"] == "tool_use":
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            block = {**block, "input": {}}
        out.append(frame("content_block_start", index=index, content_block=block))
        out += [frame("content_block_delta", index=index, delta=delta)] if delta else []
        out.append(frame("content_block_stop", index=index))
    usage = {"output_tokens": 2, **({"iterations": iterations} if iterations else {})}
    out.append(frame("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage))
    return [*out, frame("message_stop")]


def decoded(frames):
    decoder = MESSAGES.decoder()
    for one in frames:
        decoder.feed(one)
    assert decoder.failure is None
    return decoder


def read(frames):
    return [(name, json.loads(data)) for name, data in events(frames)]


@pytest.mark.parametrize(
    ("body", "served"),
    [
        (whole(said("a")), (ASKED, False)),
        (whole(HOP, said("a")), (TO, True)),
        (whole(said("a"), HOP, said("b"), iterations=ITERATIONS), (TO, True)),
        (whole(said("a"), iterations=ITERATIONS, model=TO), (TO, True)),
        (whole(said("a"), iterations=ITERATIONS[:1]), (ASKED, False)),
        (whole(said("a"), iterations=[{"type": "compaction"}, 7, None]), (ASKED, False)),
    ],
    ids=["none", "a block", "both", "usage alone", "one model", "other usage"],
)
def test_a_whole_answer_says_who_served(body, served):
    read = MESSAGES.read_answer(body)
    assert (read.model, read.fell_back) == served
    assert read.id == "msg_1"


@pytest.mark.parametrize("content", [(HOP, said("a")), (said("a"), HOP, said("b"))])
@pytest.mark.parametrize("iterations", [None, ITERATIONS])
def test_a_stream_says_who_served_from_the_block_on(content, iterations):
    frames = streamed(*content, iterations=iterations)
    assert (decoded(frames).model, decoded(frames).fell_back, decoded(frames).abandons) == (TO, True, False)
    assert not decoded(frames[:1]).fell_back


def test_a_stream_says_who_served_when_usage_alone_tells():
    decoder = decoded(streamed(said("a"), iterations=ITERATIONS))
    assert (decoder.model, decoder.fell_back) == (TO, True)


def test_the_block_alone_is_no_content_yet():
    assert not decoded(streamed(HOP)[:3]).committed
    assert decoded(streamed(HOP, said("a"))[:5]).committed


def test_a_call_that_was_begun_before_is_no_call_of_the_answer():
    body = whole(said("I"), CALL, SERVER, HOP, said("no"), LATER)
    assert [call.id for call in MESSAGES.read_answer(body).tool_calls] == ["t2"]
    assert json.loads(without_abandoned(body))["content"] == [said("I"), SERVER, HOP, said("no"), LATER]


def test_of_several_hops_the_last_one_counts():
    body = whole(CALL, HOP, LATER, HOP, said("no"))
    assert json.loads(without_abandoned(body))["content"] == [HOP, HOP, said("no")]


@pytest.mark.parametrize("body", [whole(CALL), whole(HOP, CALL), whole(said("a"), HOP, said("b"))])
def test_an_answer_in_which_nothing_was_abandoned_keeps_its_bytes(body):
    assert without_abandoned(body) is body


def test_a_stream_loses_the_call_and_its_blocks_stay_in_order():
    frames = streamed(said("I"), CALL, SERVER, HOP, said("no"), LATER, iterations=ITERATIONS)
    assert decoded(frames).abandons
    kept = frames_without_abandoned(b"".join(frames))
    wanted = b"".join(streamed(said("I"), SERVER, HOP, said("no"), LATER, iterations=ITERATIONS))
    assert read(kept) == read(wanted)
    decoder = decoded([kept])
    assert decoder.finished
    assert not decoder.abandons


def test_told_in_the_other_dialect_the_serving_model_is_named_and_the_abandoned_call_is_not():
    frames = streamed(said("I"), CALL, HOP, said("no"))
    told = StreamTranslator("anthropic_messages", "openai_chat", ASKED)
    chunks = told.feed(frames_without_abandoned(b"".join(frames))) + told.close()
    models = [json.loads(data)["model"] for _, data in events(chunks) if data != b"[DONE]"]
    assert (models[0], models[-1]) == (ASKED, TO)
    assert b"tool_calls" not in chunks
    body = translate_answer(whole(CALL, HOP, said("no")), "anthropic_messages", "openai_chat", model=ASKED)
    assert json.loads(body)["model"] == TO
    assert "tool_calls" not in json.loads(body)["choices"][0]["message"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("field", ["models", "fallbacks"])
def test_a_request_that_lets_its_provider_choose_says_so_and_can_be_had_without(dialect, field):
    inner = {"input": "hi"} if dialect == "openai_responses" else {"messages": [{"role": "user", "content": "models"}]}
    plain = {"model": "p", "max_tokens": 5, **inner, "metadata": {"models": "x"}}
    peek = DIALECTS[dialect].peek
    body = json.dumps({**plain, field: ["b"]}).encode()
    assert peek(body).substitutes == (field,)
    assert json.loads(without_fields(body, (field,))) == plain
    assert peek(json.dumps(plain).encode()).substitutes == ()
    assert peek(json.dumps({**plain, field: None}).encode()).substitutes == ()


def test_the_beta_that_asks_is_left_out_and_the_others_stay():
    headers = {"anthropic-beta": "a-1, server-side-fallback-2026-07-01,fallback-credit-2026-07-01", "openai-beta": "x"}
    kept, asking = without_asking(headers)
    assert kept == {"anthropic-beta": "a-1,fallback-credit-2026-07-01", "openai-beta": "x"}
    assert asking == ("server-side-fallback-2026-07-01",)
    assert without_asking({"anthropic-beta": "server-side-fallback-2026-06-01"}) == (
        {},
        ("server-side-fallback-2026-06-01",),
    )
    other = {"anthropic-beta": "a-1"}
    assert without_asking(other)[0] is other


@pytest.mark.parametrize("iterations", [None, "", 7, [], [{}], [{"type": "fallback_message"}],
                                        [{"type": "fallback_message", "model": 3}]])  # fmt: skip
def test_usage_of_another_shape_tells_nothing(iterations):
    assert served_by(iterations) is None
