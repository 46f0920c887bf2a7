"""An answer that calls tools is the same text in every dialect, streamed or whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from switchover.dialects.across import text_of_answer
from switchover.domain.answer import ToolCall, as_text, read_text

RECORDINGS = Path(__file__).parents[2] / "recordings"
POLICY = ("find_policy", '{"number":"P-1"}')
STREAMS = {
    "openai_chat": ("openai_tools", None, [POLICY, ("find_claim", '{"year": 2026}')]),
    "anthropic_messages": ("anthropic_tools", "Let me look.", [POLICY, ("list_claims", "")]),
    "openai_responses": ("openai_responses_tools", None, [POLICY, ("find_claim", '{"number":"Š-2 🙂"}')]),
}
WHOLE = {
    "openai_chat": {
        "choices": [
            {
                "message": {
                    "content": "Let me look.",
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": POLICY[0], "arguments": POLICY[1]}}
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ]
    },
    "anthropic_messages": {
        "content": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "c1", "name": POLICY[0], "input": {"number": "P-1"}},
        ],
        "stop_reason": "tool_use",
    },
    "openai_responses": {
        "status": "completed",
        "output": [
            {"type": "message", "content": [{"type": "output_text", "text": "Let me look."}]},
            {"type": "function_call", "call_id": "c1", "name": POLICY[0], "arguments": POLICY[1]},
        ],
    },
}


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_recorded_stream_is_told_with_its_calls(dialect: str) -> None:
    file, words, calls = STREAMS[dialect]
    body = (RECORDINGS / f"{file}.sse").read_bytes()
    assert text_of_answer(dialect, True, body) == as_text(words, calls)


def test_a_whole_answer_is_the_same_text_in_every_dialect() -> None:
    told = {text_of_answer(dialect, False, json.dumps(body).encode()) for dialect, body in WHOLE.items()}
    assert told == {as_text("Let me look.", [POLICY])}


def test_a_tool_that_takes_free_text_keeps_it_streamed_or_whole() -> None:
    item = {"type": "custom_tool_call", "id": "i", "call_id": "c", "name": "run", "input": "print(1)"}
    response = {"id": "r", "status": "completed", "output": [item]}
    done = {"type": "response.completed", "sequence_number": 1, "response": response}
    stream = b"event: response.completed\ndata: " + json.dumps(done).encode() + b"\n\n"
    cut = (
        b"data: " + json.dumps({**done, "type": "response.output_item.done", "output_index": 0, "item": item}).encode()
    )
    for is_stream, body in ((False, json.dumps(response).encode()), (True, stream), (True, cut + b"\n\n")):
        told = text_of_answer("openai_responses", is_stream, body)
        assert told is not None
        assert read_text(told) == ("", (ToolCall("run", "print(1)"),))


@pytest.mark.parametrize("file", ["openai_text", "anthropic_text", "openai_responses_text"])
def test_a_stream_of_words_stays_words(file: str) -> None:
    dialect = {"o": "openai_chat", "a": "anthropic_messages"}[file[0]]
    dialect = "openai_responses" if "responses" in file else dialect
    told = text_of_answer(dialect, True, (RECORDINGS / f"{file}.sse").read_bytes())
    assert told is not None
    assert not told.startswith("{")


def test_the_first_choice_is_told_whichever_comes_first() -> None:
    def chunk(index: int, name: str) -> bytes:
        call = {"index": 0, "id": name, "function": {"name": name, "arguments": "{}"}}
        return (
            b"data: " + json.dumps({"choices": [{"index": index, "delta": {"tool_calls": [call]}}]}).encode() + b"\n\n"
        )

    told = text_of_answer("openai_chat", True, chunk(1, "second") + chunk(0, "first") + b"data: [DONE]\n\n")
    assert told == as_text(None, [("first", "{}")])


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_stream_cut_anywhere_is_told_as_far_as_it_came(dialect: str) -> None:
    file, _, calls = STREAMS[dialect]
    frames = (RECORDINGS / f"{file}.sse").read_bytes().split(b"\n\n")
    for count in range(len(frames)):
        told = text_of_answer(dialect, True, b"\n\n".join(frames[:count]) + b"\n\n")
        names = [call.name for call in read_text(told or "")[1]]
        assert names == [name for name, _ in calls][: len(names)]
