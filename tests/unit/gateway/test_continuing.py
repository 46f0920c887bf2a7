"""An answer that breaks off is gone on with by a replacement that is proven to; through a real server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import replace

import anthropic
import openai
import pytest

from switchover.costs.metering import price_exchange
from switchover.domain.candidate import Continuation
from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.exchange import Outcome, Usage
from switchover.domain.process import Criticality, DataClass, Midstream, Price, Process
from switchover.testing.scripted import HANG, RESET, ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

SAY = [{"role": "user", "content": "Where is my claim?"}]


def chunk(text="", reason=None, **more):
    delta = {"content": text} if text else {}
    return (
        b"data: %b\n\n"
        % json.dumps(
            {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}
        ).encode()
    )


def told(*pieces, reason="stop", usage=(140, 7)):
    """A whole answer of the chat's, as a script."""
    counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    last = b"data: %b\n\n" % json.dumps({"id": "c1", "model": "m", "choices": [], "usage": counts}).encode()
    return stream(*[chunk(piece) for piece in pieces], chunk(reason=reason), last, b"data: [DONE]\n\n")


def broken(*pieces, hang=False):
    """Ends without its terminal, which no SDK would notice, or hangs."""
    told = stream(*[chunk(piece) for piece in pieces], end=not hang)
    return [*told, HANG] if hang else told


def serve(vendor, own, *, way=Continuation.QUOTE, mode=Midstream.CONTINUE, prices=False, cut_offs=(), kind="openai"):
    price = {"price": Price(input_mtok="1.00", output_mtok="2.00", source="test")} if prices else {}
    upstreams = [
        spec("vendor", vendor.url, **price),
        spec("own", own.url, kind, **price),
    ]
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=("own",), midstream=mode,
    )  # fmt: skip
    snapshot, token = register(process, upstreams, proven=("own",), continuation=way)
    return ServedGateway(replace(snapshot, cut_offs=cut_offs)), token


def ask(served, token, **more):
    """The text that an official client got, why it ended, and whether it raised."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client:
        text, reason, usage = "", None, None
        try:
            for one in client.chat.completions.create(
                model="p", messages=SAY, stream=True, stream_options={"include_usage": True}, **more
            ):
                usage = one.usage or usage
                for choice in one.choices:
                    text += choice.delta.content or ""
                    reason = choice.finish_reason or reason
        except openai.APIError as error:
            return text, f"raised {error.code}", usage
    return text, reason, usage


def exchange(served):
    [found] = served.spool.exchanges
    return found


def test_the_caller_gets_one_answer_and_the_record_has_both_parts():
    with ScriptedServer(broken("Your claim ", "is with")) as vendor, ScriptedServer(told(" our", " experts.")) as own:
        served, token = serve(vendor, own, prices=True)
        with served:
            text, reason, usage = ask(served, token)
        found = exchange(served)
    assert (text, reason) == ("Your claim is with our experts.", "stop")
    assert (found.outcome, found.upstream, found.model, found.error_code) == (
        Outcome.COMPLETE, "own", "m", None,
    )  # fmt: skip
    first, second = found.attempts
    assert (first.upstream, first.fault, first.usage.estimated) == ("vendor", "clean-end-too-soon", True)
    assert (second.upstream, second.fault, second.usage) == ("own", None, Usage(input=140, output=7))
    assert found.switched
    # The caller is told of the prompt once, and of all that was written.
    assert found.usage == Usage(input=first.usage.input, output=first.usage.output + 7, estimated=True)
    assert (usage.prompt_tokens, usage.completion_tokens) == (found.usage.input, found.usage.output)
    priced = price_exchange(found, served.source.current.upstreams)
    spent = sum(part.usage.input + 2 * part.usage.output for part in found.attempts)
    assert priced.amount * 1_000_000 == spent
    guessed = "a broken answer of vendor, whose usage was not reported in full, is estimated"
    assert (priced.estimated, priced.gap) == (True, guessed)


def test_the_rest_is_asked_for_as_it_was_proven():
    asked = {}
    for way in Continuation:
        with ScriptedServer(broken("Your claim ")) as vendor, ScriptedServer(told("is here.")) as own:
            served, token = serve(vendor, own, way=way)
            with served:
                assert ask(served, token, max_tokens=50)[0] == "Your claim is here."
            asked[way] = json.loads(own.seen[0].body)
    assert asked[Continuation.PREFILL]["messages"] == [*SAY, {"role": "assistant", "content": "Your claim"}]
    assert asked[Continuation.RAW]["messages"] == asked[Continuation.PREFILL]["messages"]
    assert asked[Continuation.RAW]["continue_final_message"] is True
    quoted = asked[Continuation.QUOTE]["messages"]
    assert quoted[:-1] == SAY
    assert quoted[-1]["role"] == "user"
    assert "<beginning>Your claim </beginning>" in quoted[-1]["content"]
    # Three tokens of eleven bytes are spent.
    assert {body["max_tokens"] for body in asked.values()} == {47}
    assert {body["model"] for body in asked.values()} == {"own-model"}


def test_a_stop_sequence_that_lies_across_the_seam_ends_the_answer():
    with ScriptedServer(broken("Fine.", "\nUs")) as vendor, ScriptedServer(told("er: and", " more")) as own:
        served, token = serve(vendor, own)
        with served:
            assert ask(served, token, stop=["\nUser:"])[:2] == ("Fine.\nUs", "stop")
        assert json.loads(own.seen[0].body)["stop"] == ["\nUser:"]


def test_a_rest_that_repeats_the_end_is_trimmed_and_one_that_is_empty_ends_the_answer():
    again, sent = (" is with our", " experts."), "Your claim is with our"
    for rest, whole in ((again, f"{sent} experts."), ((), sent)):
        with ScriptedServer(broken(sent)) as vendor, ScriptedServer(told(*rest)) as own:
            served, token = serve(vendor, own)
            with served:
                assert ask(served, token)[:2] == (whole, "stop")
            assert exchange(served).outcome is Outcome.COMPLETE


def test_the_rest_may_come_from_another_dialect_and_in_each_callers_own():
    whole = [
        (
            "message_start",
            {"message": {"id": "m1", "model": "claude", "usage": {"input_tokens": 130, "output_tokens": 1}}},
        ),
        ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
        ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": " experts."}}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
        ("message_stop", {}),
    ]
    frames = [f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode() for kind, more in whole]
    with ScriptedServer(broken("With our")) as vendor, ScriptedServer(stream(*frames)) as own:
        served, token = serve(vendor, own, way=Continuation.PREFILL, kind="anthropic")
        with served:
            assert ask(served, token)[:2] == ("With our experts.", "stop")
            with (
                anthropic.Anthropic(base_url=served.url, api_key=token, max_retries=0) as client,
                client.messages.stream(model="p", messages=SAY, max_tokens=50) as events,
            ):
                message = events.get_final_message()
            with (
                openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client,
                client.responses.stream(model="p", input="?") as events,
            ):
                response = events.get_final_response()
    assert [block.text for block in message.content] == ["With our experts."]
    assert (message.stop_reason, message.id, message.usage.output_tokens) == ("end_turn", "c1", 7)
    assert (response.output_text, response.status, response.usage.output_tokens) == (
        "With our experts.",
        "completed",
        7,
    )
    assert json.loads(own.seen[1].body)["messages"][-1] == {"role": "assistant", "content": "With our"}


@pytest.mark.parametrize(
    "rest",
    [
        [reply(b'{"error":{"message":"prefill is not supported"}}', status=400)],
        [reply(b"{}", status=529)],
        [RESET],
        broken(" our"),
    ],
)
def test_if_the_replacement_fails_too_the_answer_ends_in_one_error(rest):
    with ScriptedServer(broken("Your claim is with")) as vendor, ScriptedServer(rest) as own:
        served, token = serve(vendor, own)
        with served:
            text, reason, _ = ask(served, token)
        found = exchange(served)
    assert text == "Your claim is with" + (" our" if len(rest) > 1 else "")
    assert reason.startswith("raised upstream_")
    assert found.outcome is Outcome.TRUNCATED
    assert [one.upstream for one in found.attempts] == ["vendor", "own"]
    assert all(one.fault for one in found.attempts)
    assert found.answer.count(b'"error"') == 1
    assert b"[DONE]" not in found.answer


@pytest.mark.parametrize("mode", [Midstream.STOP, Midstream.CONTINUE])
def test_without_the_mode_or_the_proof_nobody_is_asked(mode):
    with ScriptedServer(broken("Your claim is with")) as vendor, ScriptedServer(told(" our")) as own:
        served, token = serve(vendor, own, mode=mode, way=None if mode is Midstream.CONTINUE else Continuation.QUOTE)
        with served:
            assert ask(served, token)[:2] == ("Your claim is with", "raised upstream_cut")
        assert not own.seen
    assert [one.fault for one in exchange(served).attempts] == ["clean-end-too-soon"]


def test_an_error_about_the_request_is_not_continued():
    frame = b'data: {"error":{"message":"no","type":"invalid_request_error"}}\n\n'
    script = stream(chunk("Your claim"), 0.05, frame)
    with ScriptedServer(script) as vendor, ScriptedServer(told(" our")) as own:
        served, token = serve(vendor, own)
        with served:
            assert ask(served, token)[1].startswith("raised")
        assert not own.seen


def test_nothing_is_continued_when_its_limit_is_used_up():
    with ScriptedServer(broken("Your claim is with")) as vendor, ScriptedServer(told(" our")) as own:
        served, token = serve(vendor, own)
        with served:
            assert ask(served, token, max_tokens=5)[1] == "raised upstream_cut"
        assert not own.seen


def test_a_caller_who_leaves_while_the_rest_is_told_stops_whoever_tells_it():
    with ScriptedServer(broken("Your claim ")) as vendor, ScriptedServer(broken("is", hang=True)) as own:
        served, token = serve(vendor, own)
        with served:
            text = json.dumps({"model": "p", "messages": SAY, "stream": True})
            with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as caller:
                head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
                caller.sendall(f"{head}content-length: {len(text)}\r\n\r\n{text}".encode())
                came = b""
                while b'"is"' not in came:
                    came += caller.recv(65536)
            assert own.departed.wait(5)
    found = exchange(served)
    assert found.outcome is Outcome.ABANDONED
    assert [(one.upstream, one.fault) for one in found.attempts] == [("vendor", "clean-end-too-soon"), ("own", None)]
    assert found.attempts[1].usage.estimated


def test_many_answers_that_break_at_once_each_get_their_own_rest():
    def choose(number, seen):
        return told(f" rest of {json.loads(seen.body)['metadata']['n']}")

    def begin(number, seen):
        return broken(f"begun {json.loads(seen.body)['metadata']['n']}")

    got = {}
    with ScriptedServer(begin) as vendor, ScriptedServer(choose) as own:
        served, token = serve(vendor, own)
        with served:
            # Breakers would take the vendor out after a few: each call is a first one.
            served.gateway.failover.failed = lambda *a: None

            def one(n):
                got[n] = ask(served, token, metadata={"n": str(n)})[0]

            threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert got == {n: f"begun {n} rest of {n}" for n in range(12)}


def test_a_drill_that_breaks_streams_is_continued_too():
    cut = CutOff(
        id="cut-1", target=Target(TargetKind.UPSTREAM, "vendor"), reason="drill", by="op", placed_at=0.0,
        expires_at=4e9, fault="broken-stream", settings={"after_bytes": 260}, drill="d",
    )  # fmt: skip
    with ScriptedServer(told("Your claim ", "is with", " us.")) as vendor, ScriptedServer(told("here.")) as own:
        served, token = serve(vendor, own, cut_offs=(cut,))
        with served:
            text, reason, _ = ask(served, token)
    assert (text, reason) == ("Your claim is withhere.", "stop")
    assert exchange(served).attempts[0].cut_off == "cut-1"
