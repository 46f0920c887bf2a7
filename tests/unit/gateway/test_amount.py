"""What counts as too much and as too slow, by itself; and through a real server on loopback, in every dialect."""

from __future__ import annotations

import itertools
import json
import math
import time
from types import SimpleNamespace

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.dialects import DIALECTS
from switchover.domain.exchange import Outcome, Usage
from switchover.domain.process import Criticality, DataClass, Process
from switchover.errors import RunawayOutput
from switchover.gateway import guard, pace
from switchover.gateway.amount import LONGEST_MEAN, LONGEST_TOKEN, Amount, is_over, most_tokens
from switchover.planning import BreakerState
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

CHAT = DIALECTS["openai_chat"]
SAY = [{"role": "user", "content": "?"}]
VENDOR = spec("vendor", "http://v.test")


def chunk(text, **more):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, **more}
    return b"data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                                   "choices": [choice]}).encode() + b"\n\n"  # fmt: skip


def event(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def asked(limit=None, n=1):
    return SimpleNamespace(peek=SimpleNamespace(limit=limit, n=n), dialect=CHAT, body=b"x" * 40)


def measured(limit, texts, *, every=1):
    """What a stream of these texts is taken for, looked at after every so many."""
    decoder, parts, answer = CHAT.decoder(), [], SimpleNamespace(total=0)
    amount = Amount(asked(limit), VENDOR, answer, decoder, parts, CHAT.name)
    for number, text in enumerate(texts, 1):
        frame = chunk(text)
        answer.total += len(frame)
        parts.append(decoder.feed(frame))
        if number % every == 0:
            amount.check()
    return amount


tokens = st.lists(st.text(st.sampled_from("ab é漢😀"), min_size=1, max_size=8), min_size=1, max_size=60)


@given(tokens, st.integers(1, 70), st.integers(1, 5))
def test_a_model_that_keeps_to_its_limit_is_never_stopped_however_its_tokens_are_sent(said, chars, every):
    """A token has 8 characters and 32 bytes at most here, and no more than 16 bytes on average."""
    while sum(len(one.encode()) for one in said) > LONGEST_MEAN * len(said):
        said.append("a")
    text = "".join(said)
    measured(len(said), said, every=every)
    measured(len(said), [text[at : at + chars] for at in range(0, len(text), chars)], every=every)


def test_the_longest_tokens_there_are_pass_one_by_one_and_all_together():
    measured(50, [" " * LONGEST_TOKEN] * 50)
    measured(50, [" " * LONGEST_TOKEN * 50])


def test_what_a_stopped_stream_used_keeps_what_was_read_from_a_cache_and_written_to_one():
    amount = measured(None, ["four"] * 10)
    amount._decoder.usage = Usage(input=900, cached_input=300, written_input=500, output=1)
    assert amount.usage() == Usage(input=900, cached_input=300, written_input=500, output=10, estimated=True)
    amount._decoder.usage = Usage()
    assert amount.usage() == Usage(input=10, output=10, estimated=True)


@pytest.mark.parametrize(
    ("limit", "texts"), [(10, ["again "] * 40), (10, ["again and again " * 20] * 5), (50, ["a"] * 900)]
)
def test_more_than_the_limit_can_hold_is_too_much(limit, texts):
    with pytest.raises(RunawayOutput, match=f"past the {limit} tokens"):
        measured(limit, texts)


def test_a_stream_is_read_only_where_its_bytes_might_be_too_many(monkeypatch):
    read = []
    monkeypatch.setattr("switchover.gateway.amount.said", lambda dialect, frames: read.append(len(frames)) or 0)
    measured(10_000, ["four"] * 5_000)
    assert len(read) <= 2, "1.2 MB of frames, of which up to 1.28 MB could be said"


def test_what_was_used_is_estimated_from_what_was_said():
    usage = measured(100, ["four"] * 20).usage()
    assert usage == Usage(input=10, output=20, estimated=True)


def test_the_most_is_what_was_asked_for_else_what_the_engine_holds_else_a_cap():
    assert most_tokens(asked(7), VENDOR) == 7
    assert most_tokens(asked(7, n=3), VENDOR) == 21
    assert most_tokens(asked(), spec("own", "http://o.test", "local", context=2048)) == 2048
    assert most_tokens(asked(), spec("claude", "http://c.test", "anthropic")) == 4096
    assert most_tokens(asked(), VENDOR) == 262_144


@pytest.mark.parametrize(("output", "over"), [(100, False), (118, False), (119, True)])
def test_a_provider_may_count_a_little_otherwise(output, over):
    assert is_over(asked(100), Usage(output=output)) is over
    assert not is_over(asked(), Usage(output=output))
    assert not is_over(asked(100), None)


@pytest.mark.parametrize(
    ("body", "limit"),
    [({}, None), ({"max_tokens": 5}, 5), ({"max_tokens": 5, "max_completion_tokens": 6}, 6), ({"max_tokens": -1}, None),
     ({"max_tokens": None}, None), ({"max_tokens": "many"}, None)],
)  # fmt: skip
def test_the_limit_is_read_from_the_request_and_what_is_none_is_left_to_the_provider(body, limit):
    assert CHAT.peek(json.dumps({"model": "p", "messages": SAY, **body}).encode()).limit == limit


def dripping(texts, *, full=()):
    """At which looks a stream drips of which one of these texts comes before each look."""
    decoder, parts, found = CHAT.decoder(), [], []
    measure = pace.Pace(decoder, CHAT.name, parts)
    for look, text in enumerate(texts):
        if text:
            parts.append(decoder.feed(text if isinstance(text, bytes) else chunk(text)))
        if look in full:
            measure.forget()
        elif measure.is_dripping():
            found.append(look)
    return found


def test_twenty_seconds_with_too_little_drip_and_fewer_do_not():
    assert dripping(["a"] * 20) == []
    assert dripping(["a"] * 21) == [20]
    assert dripping(["a" * 20] * 10 + ["a"] * 25)[0] in range(20, 35)


def test_many_tokens_in_an_event_or_many_events_are_no_drip():
    assert dripping(["eight letters"] * 60) == []
    assert dripping([chunk("a") * 2] * 60) == []


def test_pings_are_no_tokens():
    assert dripping([chunk("a") + b": ping\n\n" * 50] * 21) == [20]


def test_a_caller_who_does_not_keep_up_begins_the_twenty_seconds_anew():
    assert dripping(["a"] * 60, full=range(15, 60, 15)) == []
    assert dripping(["a"] * 60, full=[30]) == [*range(20, 30), *range(51, 60)]


# -- through a real server


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A look every 50 ms instead of every second."""
    monkeypatch.setattr(guard, "LOOK_EVERY", 1)


def serve(vendor, kind="openai", speaks="chat", **more):
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor", **more
    )
    snapshot, token = register(process, [spec("vendor", vendor.url, kind, speaks=speaks)])
    return ServedGateway(snapshot), token


def until(true):
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


MESSAGE = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
           "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 1}}  # fmt: skip
RESPONSE = {"id": "r1", "object": "response", "created_at": 1, "status": "in_progress", "model": "m", "output": [],
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}  # fmt: skip
ITEM = {"id": "i1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
PART = {"type": "output_text", "text": "", "annotations": []}


def runaway(kind):
    """An upstream that repeats itself without end."""
    if kind == "chat":
        begun, frames = [chunk("Well, ")], itertools.repeat(chunk("again and again "))
    elif kind == "anthropic":
        begun = [event("message_start", message=MESSAGE),
                 event("content_block_start", index=0, content_block={"type": "text", "text": ""})]  # fmt: skip
        delta = {"type": "text_delta", "text": "again and again "}
        frames = itertools.repeat(event("content_block_delta", index=0, delta=delta))
    else:
        at = {"item_id": "i1", "output_index": 0, "content_index": 0}
        begun = [event("response.created", sequence_number=0, response=RESPONSE),
                 event("response.output_item.added", sequence_number=1, output_index=0, item=ITEM),
                 event("response.content_part.added", sequence_number=2, **at, part=PART)]  # fmt: skip
        frames = (
            event("response.output_text.delta", sequence_number=number, **at, delta="again and again ", logprobs=[])
            for number in itertools.count(3)
        )
    return stream(*begun, *itertools.islice(frames, 40), "hang")


UPSTREAMS = {"chat": ("openai", "chat"), "anthropic": ("anthropic", "chat"), "responses": ("openai", "responses")}


def asked_by(caller, served, token, limit):
    """How the official client sees it end, and the text it got."""
    if caller == "messages":
        with anthropic.Anthropic(base_url=served.url, api_key=token, max_retries=0) as client:
            with client.messages.stream(model="p", messages=SAY, max_tokens=limit) as told:
                message = told.get_final_message()
            return message.stop_reason, message.content[0].text
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client:
        if caller == "chat":
            told = list(client.chat.completions.create(model="p", messages=SAY, max_tokens=limit, stream=True))
            text = "".join(one.delta.content or "" for event in told for one in event.choices)
            return told[-1].choices[0].finish_reason, text
        *_, last = client.responses.create(model="p", input="?", max_output_tokens=limit, stream=True)
        return last.response.incomplete_details.reason, last.response.output_text


@pytest.mark.parametrize("kind", UPSTREAMS)
@pytest.mark.parametrize(
    ("caller", "reason"), [("chat", "length"), ("messages", "max_tokens"), ("responses", "max_output_tokens")]
)
def test_an_answer_without_end_ends_at_its_limit_and_its_upstream_is_stopped(kind, caller, reason):
    with ScriptedServer(runaway(kind)) as vendor:
        served, token = serve(vendor, *UPSTREAMS[kind])
        with served:
            ended, text = asked_by(caller, served, token, 4)
            assert vendor.departed.wait(5)
            until(lambda: served.spool.exchanges)
            states = {state for _, state, _ in served.gateway.failover.board.breakers(VENDOR, 0.0)}
    assert ended == reason
    assert text.endswith("again and again ")
    assert text.count("again and again") >= 4
    (kept,) = served.spool.exchanges
    assert [one.fault for one in kept.attempts] == ["runaway-output"]
    assert (kept.outcome, kept.error_code) == (Outcome.TRUNCATED, "upstream_runaway")
    assert kept.usage.estimated
    assert kept.usage.output == math.floor(len(text) / 4)
    assert states == {BreakerState.CLOSED}


def test_an_answer_that_is_held_back_ends_at_its_limit_too():
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
    with ScriptedServer(stream(*[chunk("again and again ") * 10] * 64, "hang")) as vendor:
        served, token = serve(vendor)
        with served, openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client:
            told = list(client.chat.completions.create(model="p", messages=SAY, max_tokens=4, stream=True, tools=tools))
            assert vendor.departed.wait(5)
            until(lambda: served.spool.exchanges)
    assert told[-1].choices[0].finish_reason == "length"
    assert [one.fault for one in served.spool.exchanges[0].attempts] == ["runaway-output"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_whole_answer_with_more_than_was_asked_for_is_left_as_it_is_and_marked(streamed):
    usage = {"prompt_tokens": 9, "completion_tokens": 40, "total_tokens": 49}
    message = {"role": "assistant", "content": "all of it"}
    body = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
                       "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()  # fmt: skip
    last = b"data: " + json.dumps({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                                   "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n"  # fmt: skip
    sent = chunk("all of it"), last
    with ScriptedServer(stream(*sent) if streamed else [reply(body)]) as vendor:
        served, token = serve(vendor)
        with served, openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client:
            raw = client.chat.completions.with_raw_response.create(
                model="p", messages=SAY, max_tokens=4, stream=streamed
            )
            assert raw.http_response.read() == (b"".join(sent) if streamed else body)
            until(lambda: served.spool.exchanges)
    (kept,) = served.spool.exchanges
    assert kept.outcome is Outcome.COMPLETE
    assert [one.fault for one in kept.attempts] == ["runaway-output"]


def drips(texts, pause=0.05):
    return stream(*[step for text in texts for step in (chunk(text), pause)],
                  chunk("", finish_reason="stop"), b"data: [DONE]\n\n")  # fmt: skip


def test_a_drip_is_served_to_its_end_and_counted_once_as_slow_while_it_goes_on(monkeypatch):
    monkeypatch.setattr(pace, "LOOKS", 4)
    with ScriptedServer([*drips("ab" * 10)[:-3], 0.2, *drips("z")[1:]]) as vendor:
        served, token = serve(vendor)
        with served, openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client:
            board = served.gateway.failover.board
            for number in range(5):
                told = client.chat.completions.create(model="p", messages=SAY, stream=True)
                if number < 4:
                    assert "".join(one.choices[0].delta.content or "" for one in told) == "ab" * 10 + "z"
            until(lambda: board.state(served.source.current.upstreams["vendor"], time.monotonic()) is BreakerState.OPEN)
            assert len(served.spool.exchanges) == 4, "it is counted before it is over"
            assert "".join(one.choices[0].delta.content or "" for one in told) == "ab" * 10 + "z"
            until(lambda: len(served.spool.exchanges) == 5)
    assert {(one.outcome, one.attempts[0].fault) for one in served.spool.exchanges} == {(Outcome.COMPLETE, "slow-drip")}


def test_a_slow_reader_is_not_held_against_the_upstream(monkeypatch):
    monkeypatch.setattr(pace, "LOOKS", 4)
    big = chunk("x" * 60_000)
    with ScriptedServer(stream(*[big] * 120, chunk("", finish_reason="stop"), b"data: [DONE]\n\n")) as vendor:
        served, token = serve(vendor)
        with served, openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client:
            told = client.chat.completions.create(model="p", messages=SAY, stream=True)
            next(iter(told))
            time.sleep(0.6)
            assert len(list(told)) == 120
            until(lambda: served.spool.exchanges)
    assert served.spool.exchanges[0].attempts[0].fault is None
