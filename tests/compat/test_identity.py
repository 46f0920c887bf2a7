"""Official SDKs where another model answers than was asked, or an answer is to another request."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from switchover.domain.process import Criticality, DataClass, Process
from switchover.planning import BreakerState
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

SAY = [{"role": "user", "content": "what is it?"}]
ASKED, TO = "claude-fable-5", "claude-opus-4-8"
BETA = "server-side-fallback-2026-07-01"
HOP = {"type": "fallback", "from": {"model": ASKED}, "to": {"model": TO},
       "trigger": {"type": "refusal", "category": "cyber"}}  # fmt: skip
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "moon"}}
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}
COUNTS = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "input_tokens": 3, "output_tokens": 2}
USAGE = {**COUNTS, "iterations": [{"type": "message", "model": ASKED, **COUNTS},
                                  {"type": "fallback_message", "model": TO, **COUNTS}]}  # fmt: skip


def chat(model):
    return json.dumps({
        "id": "c1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "forty-two"}, "finish_reason": "stop"}],
    }).encode()  # fmt: skip


def chunks(model):
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model}
    said = [({"role": "assistant", "content": ""}, None), ({"content": "forty-two"}, None), ({}, "stop")]
    frames = [{**head, "choices": [{"index": 0, "delta": d, "finish_reason": why}]} for d, why in said]
    return stream(*[f"data: {json.dumps(frame)}\n\n".encode() for frame in frames], b"data: [DONE]\n\n")


def message(*content, model=TO, **more):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
            "stop_sequence": None, "content": list(content), "usage": USAGE, **more}  # fmt: skip


def frames(*content):
    start = message(model=ASKED, stop_reason=None, usage=COUNTS)
    out = [{"type": "message_start", "message": start}]
    for index, block in enumerate(content):
        delta, opened = None, block
        if block["type"] == "text":
            delta, opened = {"type": "text_delta", "text": block["text"]}, {"type": "text", "text": ""}
        elif block["type"] == "tool_use":
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            opened = {**block, "input": {}}
        out.append({"type": "content_block_start", "index": index, "content_block": opened})
        out += [{"type": "content_block_delta", "index": index, "delta": delta}] if delta else []
        out.append({"type": "content_block_stop", "index": index})
    out.append({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE})
    out.append({"type": "message_stop"})
    return stream(*[f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in out])


def serve(vendor, model, kind="openai", own=None, **more):
    process = Process(name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL,
                      baseline="vendor", fallbacks=("own",) if own else (), **more)  # fmt: skip
    upstreams = [spec("vendor", vendor.url, kind, model=model), *([spec("own", own.url, kind)] if own else [])]
    snapshot, token = register(process, upstreams, proven=("own",) if own else ())
    return ServedGateway(snapshot), token


def openai_client(gateway, token):
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=token, max_retries=0)


def anthropic_client(gateway, token):
    return anthropic.Anthropic(base_url=gateway.url, api_key=token, max_retries=0)


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_by_another_model_is_served_and_says_so(streamed):
    script = chunks("gpt-5-mini") if streamed else [reply(chat("gpt-5-mini"))]
    with ScriptedServer(script) as vendor:
        gateway, token = serve(vendor, "gpt-5")
        with gateway, openai_client(gateway, token) as client:
            raw = client.chat.completions.with_raw_response.create(model="claims", messages=SAY, stream=streamed)
            parsed = raw.parse()
            models = {chunk.model for chunk in parsed} if streamed else {parsed.model}
    assert models == {"gpt-5-mini"}
    assert raw.headers["x-switchover-attempts"] == "vendor:model-swapped"
    assert raw.headers["x-switchover-model"] == "gpt-5-mini"
    exchange = gateway.spool.exchanges[0]
    assert (exchange.outcome, exchange.by_other, exchange.model) == ("complete", "model-swapped", "gpt-5-mini")
    assert gateway.suspended == [("vendor", "answered as 'gpt-5-mini', not as gpt-5")]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("backed", [False, True])
def test_on_an_exact_route_it_is_a_failed_attempt_before_anything_is_sent(streamed, backed):
    bad, good = (chunks, chunks) if streamed else (lambda m: [reply(chat(m))], lambda m: [reply(chat(m))])
    with ScriptedServer(bad("gpt-5-mini")) as vendor, ScriptedServer(good("own-model")) as own:
        gateway, token = serve(vendor, "gpt-5", own=own if backed else None, exact=True)
        with gateway, openai_client(gateway, token) as client:
            ask = client.chat.completions.with_raw_response.create
            if backed:
                raw = ask(model="claims", messages=SAY, stream=streamed)
                assert raw.headers["x-switchover-attempts"] == "vendor:model-swapped, own:ok"
            else:
                with pytest.raises(openai.InternalServerError) as refused:
                    ask(model="claims", messages=SAY, stream=streamed)
                assert (refused.value.status_code, refused.value.code) == (502, "upstream_model_swapped")


def test_the_provider_s_own_fallback_is_told_with_both_models_where_the_route_allows_it():
    with ScriptedServer([reply(json.dumps(message(HOP, {"type": "text", "text": "no"})).encode())]) as vendor:
        gateway, token = serve(vendor, ASKED, "anthropic", provider_fallback=True)
        with gateway, anthropic_client(gateway, token) as client:
            raw = client.beta.messages.with_raw_response.create(
                model="claims", messages=SAY, max_tokens=50, betas=[BETA], fallbacks=[{"model": TO}]
            )
            answer = raw.parse()
    assert answer.content[0].type == "fallback"
    assert answer.content[0].to.model == answer.model == TO
    assert raw.headers["x-switchover-unproven"] == "provider-fell-back"
    assert raw.headers["x-switchover-model"] == TO
    assert vendor.seen[0].headers["anthropic-beta"] == BETA
    exchange = gateway.spool.exchanges[0]
    assert (exchange.attempts[0].model, exchange.model, exchange.by_other) == (ASKED, TO, "provider-fell-back")
    assert gateway.suspended == []


def test_it_is_not_asked_for_elsewhere_and_the_answer_says_what_was_left_out():
    with ScriptedServer(
        [reply(json.dumps(message({"type": "text", "text": "a"}, model=ASKED, usage=COUNTS)).encode())]
    ) as vendor:
        gateway, token = serve(vendor, ASKED, "anthropic")
        with gateway, anthropic_client(gateway, token) as client:
            raw = client.beta.messages.with_raw_response.create(
                model="claims", messages=SAY, max_tokens=50, betas=[BETA, "other-2026-01-01"], fallbacks="default"
            )
    assert raw.headers["x-switchover-dropped"] == f"fallbacks, {BETA}"
    assert vendor.seen[0].headers["anthropic-beta"] == "other-2026-01-01"
    assert "fallbacks" not in json.loads(vendor.seen[0].body)


def test_a_tool_call_that_was_abandoned_does_not_reach_who_would_run_it():
    script = frames({"type": "text", "text": "Let me "}, CALL, HOP, {"type": "text", "text": "see."})
    with ScriptedServer(script) as vendor:
        gateway, token = serve(vendor, ASKED, "anthropic")
        with gateway, anthropic_client(gateway, token) as client:
            ask = client.beta.messages.stream(model="claims", messages=SAY, max_tokens=50, tools=[TOOL])
            with ask as told:
                answer = told.get_final_message()
            assert told.response.headers["x-switchover-model"] == TO
        gateway, token = serve(vendor, ASKED, "anthropic")
        with gateway, openai_client(gateway, token) as client:
            tools = [{"type": "function", "function": {"name": "look", "parameters": TOOL["input_schema"]}}]
            got = list(client.chat.completions.create(model="claims", messages=SAY, tools=tools, stream=True))
    assert [block.type for block in answer.content] == ["text", "fallback", "text"]
    assert answer.content[2].text == "see."
    assert answer.stop_reason == "end_turn"
    assert not any(choice.delta.tool_calls for chunk in got for choice in chunk.choices)
    assert "".join(choice.delta.content or "" for chunk in got for choice in chunk.choices) == "Let me see."
    assert got[-1].model == TO


def test_a_fallback_after_the_first_words_is_recorded_too():
    script = frames({"type": "text", "text": "Let me "}, HOP, {"type": "text", "text": "see."})
    with ScriptedServer(script) as vendor:
        gateway, token = serve(vendor, ASKED, "anthropic")
        with (
            gateway,
            anthropic_client(gateway, token) as client,
            client.beta.messages.stream(model="claims", messages=SAY, max_tokens=50) as told,
        ):
            assert told.get_final_message().content[1].to.model == TO
    exchange = gateway.spool.exchanges[0]
    assert (exchange.attempts[0].model, exchange.model, exchange.by_other) == (ASKED, TO, "provider-fell-back")


@pytest.mark.parametrize("backed", [False, True])
def test_an_answer_to_another_request_is_dropped_and_its_provider_held(backed):
    names = []

    def late(number, seen):
        names.append(seen.headers["x-client-request-id"])
        return [reply(chat("m"), more=f"x-client-request-id: {names[max(number - 1, 0)]}\r\n")]

    with ScriptedServer(late) as vendor, ScriptedServer([reply(chat("own-model"))]) as own:
        gateway, token = serve(vendor, "m", own=own if backed else None)
        with gateway, openai_client(gateway, token) as client:
            ask = client.chat.completions.with_raw_response.create
            assert ask(model="claims", messages=SAY).headers["x-switchover-attempts"] == "vendor:ok"
            if backed:
                raw = ask(model="claims", messages=SAY)
                assert raw.headers["x-switchover-attempts"] == "vendor:answer-crossed, own:ok"
            else:
                with pytest.raises(openai.InternalServerError) as refused:
                    ask(model="claims", messages=SAY)
                assert (refused.value.status_code, refused.value.code) == (502, "upstream_failed")
            board, upstream = gateway.gateway.failover.board, gateway.source.current.upstreams["vendor"]
            states = {scope: state for scope, state, _ in board.breakers(upstream, gateway.gateway.clock.monotonic())}
    assert states["provider"] is BreakerState.HELD
    assert gateway.held == [("provider", "vendor", "answer-crossed")]
    assert len(set(names)) == 2
