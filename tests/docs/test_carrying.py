"""The page of what is carried across dialects says what happens, and nothing is lost without a name."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from switchover.dialects import DIALECTS
from switchover.dialects.across import StreamTranslator, translate_answer
from switchover.domain.exchange import Usage
from switchover.domain.ports import Finished

sys.path.insert(0, str(Path(__file__).parent))

from carrying import (
    CHAT,
    ENDS,
    FEATURES,
    MESSAGES,
    RESPONSES,
    TITLES,
    WAYS,
    chat_answer,
    ended,
    ends_table,
    messages_answer,
    requests_table,
    responses_answer,
    tried,
)

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "translation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [requests_table, ends_table], ids=["requests", "ends"])
def test_the_tables_on_the_page_are_what_happens(table):
    assert "\n".join(table()) in PAGE, "put what `python tests/docs/carrying.py` prints on the page"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{TITLES[way[0]]}-{TITLES[way[1]]}")
def test_nothing_is_lost_without_a_name(way):
    assert [feature for feature in FEATURES if tried(feature, *way) == "LOST"] == []


def test_a_loss_without_a_name_would_be_seen(monkeypatch):
    monkeypatch.setitem(FEATURES, "planted", {CHAT: ({}, ("nowhere",))})
    assert tried("planted", CHAT, MESSAGES) == "LOST"


USAGE = {
    CHAT: {
        "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
    MESSAGES: {
        "input_tokens": 60, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10, "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
    },
    RESPONSES: {
        "input_tokens": 100, "output_tokens": 20, "total_tokens": 120,
        "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
        "output_tokens_details": {"reasoning_tokens": 5},
    },
}  # fmt: skip
WHOLE = {CHAT: chat_answer("stop"), MESSAGES: messages_answer("end_turn"), RESPONSES: responses_answer("completed")}
COUNTED = Usage(input=100, output=20, cached_input=30, written_input=10, reasoning=5)


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_every_token_is_counted_where_the_other_side_counts_it(source, target):
    body = msgspec.json.encode({**WHOLE[source], "usage": USAGE[source]})
    there = translate_answer(body, source, target, model="m")
    assert DIALECTS[source].read_answer(body).usage == COUNTED
    assert DIALECTS[target].read_answer(there).usage == COUNTED
    assert msgspec.json.decode(there)["usage"] == USAGE[target]
    stream = told_as_stream(source, target, {**WHOLE[source], "usage": USAGE[source]})
    assert stream.usage == COUNTED


def streamed(dialect, answer):
    """The events of a whole answer."""
    if dialect == CHAT:
        (choice,) = answer["choices"]
        said = dict(choice["message"])
        said["tool_calls"] = [{**call, "index": n} for n, call in enumerate(said.get("tool_calls", ()))] or None
        chunks = [{**answer, "choices": [{"index": 0, "delta": said, "finish_reason": None}], "usage": None}]
        chunks.append({**answer, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
        return b"".join(frame(None, chunk) for chunk in chunks) + b"data: [DONE]\n\n"
    if dialect == MESSAGES:
        out = frame("message_start", {"message": {**answer, "content": [], "stop_reason": None}})
        for n, block in enumerate(answer["content"]):
            is_text = block["type"] == "text"
            opened = {**block, "text": ""} if is_text else block
            out += frame("content_block_start", {"index": n, "content_block": opened})
            if is_text:
                delta = {"type": "text_delta", "text": block["text"]}
                out += frame("content_block_delta", {"index": n, "delta": delta})
            out += frame("content_block_stop", {"index": n})
        ended_ = {"delta": {"stop_reason": answer["stop_reason"]}, "usage": answer.get("usage", {"output_tokens": 1})}
        return out + frame("message_delta", ended_) + frame("message_stop", {})
    out = frame("response.created", {"response": {**answer, "status": "in_progress", "output": []}})
    for n, item in enumerate(answer["output"]):
        out += frame("response.output_item.added", {"output_index": n, "item": {**item, "content": []}})
        for part in item.get("content", ()):
            kind = part["type"]
            piece = {"output_index": n, "delta": part.get("text") or part.get("refusal")}
            out += frame(f"response.{kind}.delta", piece)
        out += frame("response.output_item.done", {"output_index": n, "item": item})
    return out + frame(f"response.{answer['status']}", {"response": answer})


def frame(kind, fields):
    head = f"event: {kind}\n".encode() if kind else b""
    told = {"type": kind, **fields} if kind else fields
    return head + b"data: " + msgspec.json.encode(told) + b"\n\n"


def told_as_stream(source, target, answer):
    """The decoder of the target that has read the translated stream."""
    body = streamed(source, answer)
    first, translator = DIALECTS[source].decoder(), StreamTranslator(source, target, "m", include_usage=True)
    out = translator.feed(first.feed(body))
    assert isinstance(first.close(), Finished), first.failure
    decoder = DIALECTS[target].decoder()
    decoder.feed(out + translator.close())
    assert isinstance(decoder.close(), Finished), decoder.failure
    return decoder


@pytest.mark.parametrize(("source", "name"), ENDS, ids=lambda one: one)
def test_a_streamed_answer_ends_as_a_whole_one_does(source, name):
    for target in TITLES:
        if target == source:
            continue
        body = translate_answer(msgspec.json.encode(ENDS[source, name]), source, target, model="m")
        whole = ended(target, body).replace(", with `refusal`", "").replace("`", "")
        assert told_as_stream(source, target, ENDS[source, name]).reason == whole.split(", ")[0].split(": ")[-1]
