"""A stream stopped at its limit: after any event, what is relayed is an answer that was cut by its limit."""

from __future__ import annotations

from pathlib import Path

import anthropic
import httpx2
import openai
import openai.types.responses
import pytest
from pydantic import TypeAdapter

from switchover.dialects import DIALECTS
from switchover.dialects.across import StreamTranslator, text_of_answer
from switchover.dialects.at_limit import end_at_limit
from switchover.dialects.said import said
from switchover.dialects.sse import FrameScanner, events
from switchover.domain.answer import words_of
from switchover.domain.exchange import Usage
from switchover.domain.ports import Finished

CHAT, RESPONSES, MESSAGES = "openai_chat", "openai_responses", "anthropic_messages"
REASONS = {CHAT: "length", RESPONSES: "max_output_tokens", MESSAGES: "max_tokens"}
RECORDINGS = Path(__file__).parents[2] / "recordings"
EVENT = TypeAdapter(openai.types.responses.ResponseStreamEvent)
USAGE = Usage(input=9, output=7, estimated=True)
FROM = {"openai": CHAT, "openai_responses": RESPONSES, "anthropic": MESSAGES}
STREAMS = [
    (f"{source}_{what}", FROM[source], target) for source in FROM for what in ("text", "tools") for target in REASONS
]
ASK = [{"role": "user", "content": "?"}]


def stopped(name, source, target):
    """Each answer that is whole but for its end: what was relayed, and with its end."""
    decoder = DIALECTS[source].decoder()
    translator = StreamTranslator(source, target, "m") if source != target else None
    relayed = b""
    for frame in FrameScanner().feed((RECORDINGS / f"{name}.sse").read_bytes()):
        taken = decoder.feed(frame)
        if decoder.reason is not None or decoder.finished:
            return
        relayed += translator.feed(taken) if translator is not None and taken else taken
        if decoder.committed:
            yield relayed, relayed + end_at_limit(target, relayed, USAGE)


def client(body):
    answer = httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})
    return httpx2.Client(transport=httpx2.MockTransport(lambda request: answer))


@pytest.mark.parametrize(("name", "source", "target"), STREAMS)
def test_it_is_a_whole_answer_that_its_limit_cut(name, source, target):
    found = list(stopped(name, source, target))
    assert len(found) > 3
    for relayed, whole in found:
        decoder = DIALECTS[target].decoder()
        assert decoder.feed(whole) == whole
        assert decoder.close() == Finished(reason=REASONS[target], usage=decoder.usage)
        assert text_of_answer(target, True, whole) == text_of_answer(target, True, relayed)


@pytest.mark.parametrize(("name", "source"), [row[:2] for row in STREAMS if row[2] == CHAT])
def test_the_official_client_of_the_chat_takes_it(name, source):
    for _, whole in stopped(name, source, CHAT):
        with client(whole) as http:
            sdk = openai.OpenAI(base_url="http://x/v1", api_key="k", http_client=http)
            told = list(sdk.chat.completions.create(model="m", messages=ASK, stream=True))
        assert [one.finish_reason for chunk in told for one in chunk.choices if one.finish_reason] == ["length"]


@pytest.mark.parametrize(("name", "source"), [row[:2] for row in STREAMS if row[2] == MESSAGES])
def test_the_official_client_of_messages_takes_it_with_every_block_closed(name, source):
    for _, whole in stopped(name, source, MESSAGES):
        with client(whole) as http:
            sdk = anthropic.Anthropic(base_url="http://x", api_key="k", http_client=http)
            told = list(sdk.messages.create(model="m", messages=ASK, max_tokens=5, stream=True))
        kinds = [event.type for event in told]
        assert kinds.count("content_block_start") == kinds.count("content_block_stop")
        assert kinds[-2:] == ["message_delta", "message_stop"]
        assert (told[-2].delta.stop_reason, told[-2].usage.output_tokens) == ("max_tokens", 7)


@pytest.mark.parametrize(("name", "source"), [row[:2] for row in STREAMS if row[2] == RESPONSES])
def test_the_official_types_of_responses_take_it_with_all_that_was_said(name, source):
    for relayed, whole in stopped(name, source, RESPONSES):
        told = [EVENT.validate_json(data) for _, data in events(whole)]
        numbers = [event.sequence_number for event in told]
        assert numbers == sorted(set(numbers))
        last = told[-1].response
        assert (told[-1].type, last.status) == ("response.incomplete", "incomplete")
        assert last.incomplete_details.reason == "max_output_tokens"
        assert last.usage.output_tokens == 7
        assert (last.output_text or None) == words_of(text_of_answer(RESPONSES, True, relayed))
        kinds = [event.type for event in told]
        for begun, done in (("output_item.added", "output_item.done"), ("content_part.added", "content_part.done")):
            assert kinds.count(f"response.{begun}") == kinds.count(f"response.{done}")


def test_each_choice_that_is_not_done_ends_and_the_usage_that_was_asked_for_comes():
    frames = b"".join(
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":%d,"delta":%b,'
        b'"finish_reason":%b}]}\n\n' % row
        for row in ((0, b'{"content":"a"}', b"null"), (1, b'{"content":"b"}', b"null"), (0, b"{}", b'"stop"'))
    )
    with client(frames + end_at_limit(CHAT, frames, USAGE, include_usage=True)) as http:
        sdk = openai.OpenAI(base_url="http://x/v1", api_key="k", http_client=http)
        told = list(sdk.chat.completions.create(model="m", messages=ASK, stream=True))
    assert [(one.index, one.finish_reason) for chunk in told[3:] for one in chunk.choices] == [(1, "length")]
    assert (told[-1].choices, told[-1].usage.completion_tokens, told[-1].id) == ([], 7, "c")


@pytest.mark.parametrize(("source", "dialect"), FROM.items())
def test_what_is_said_is_the_text_without_its_frames_in_bytes(source, dialect):
    body = (RECORDINGS / f"{source}_text.sse").read_bytes()
    text = text_of_answer(dialect, True, body)
    assert said(dialect, body) == len(text.encode()) < len(body) // 4


def test_arguments_and_reasoning_count_and_what_can_not_be_read_does_not():
    frames = b"".join(
        b'data: {"choices":[{"index":0,"delta":%b}]}\n\n' % delta
        for delta in (
            b'{"reasoning_content":"four"}',
            b'{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\": 1}"}}]}',
            b'{"content":5}',
            b'{"audio":{"data":"AAAA"}}',
            b'{"content":"see![](data:image/png;base64,AAAA"}',
        )
    )
    assert said(CHAT, frames + b"data: [DONE]\n\n: ping\n\n") == 4 + 8 + len("see![](data:image/png")
    delta = b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"four"}}'
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'
    assert said(MESSAGES, b"event: content_block_delta\ndata: " + delta + b"\n\n" + ping) == 4
    audio = b'{"type":"response.audio.delta","sequence_number":1,"delta":"AAAA"}'
    assert said(RESPONSES, b"event: response.audio.delta\ndata: " + audio + b"\n\n") == 0
