from __future__ import annotations

import json
import random

import pytest

from switchover.dialects.said import READ, said, said_nearly


def chat(words):
    frames = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
    frames += [{"id": "c", "choices": [{"index": 0, "delta": {"content": word}}]} for word in words]
    frames += [{"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    return "".join(f"data: {json.dumps(one)}\n\n" for one in frames).encode() + b"data: [DONE]\n\n"


def messages(words):
    deltas = [{"type": "content_block_delta", "delta": {"type": "text_delta", "text": word}} for word in words]
    return "".join(f"event: content_block_delta\ndata: {json.dumps(one)}\n\n" for one in deltas).encode()


@pytest.mark.parametrize(("dialect", "write"), [("openai_chat", chat), ("anthropic_messages", messages)])
@pytest.mark.parametrize("count", [0, 1, READ, 200, 3_000])
def test_a_long_stream_is_told_from_some_of_its_frames_to_two_in_a_hundred(dialect, write, count):
    rng = random.Random(count)
    frames = write([rng.choice(["the ", "insurance ", "a ", "policyholder's ", "of "]) for _ in range(count)])
    exact = said(dialect, frames)
    assert said_nearly(dialect, frames) == pytest.approx(exact, rel=0.02)


def test_a_stream_that_is_no_stream_says_nothing():
    assert said_nearly("openai_chat", b"\n\n".join([b"no event"] * 500)) <= 500 * len("no event")
    assert said_nearly("openai_chat", b"") == 0
