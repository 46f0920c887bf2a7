"""Embeddings and counts of tokens through a real gateway, asked by the official clients."""

from __future__ import annotations

import base64
import json
import struct
import time
import urllib.request
from dataclasses import replace

import anthropic
import openai
import pytest

from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.fake_side import vector
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import ServedGateway, register, spec

KEY = "upstream-secret"
EMBEDDER = {"model": "embed-3", "developer": "acme"}
TEXTS = ["a roof that leaks", "a stolen bike"]
SAY = [{"role": "user", "content": "how many tokens is this?"}]
ANSWER = json.dumps({
    "id": "c1", "object": "chat.completion", "created": 1, "model": "real-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
}).encode()  # fmt: skip


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor({}, key=KEY) as running:
        yield running


@pytest.fixture
def other():
    with FakeVendor({}, key=KEY) as running:
        yield running


def process(**more):
    fields = {"name": "claims", "owner": "o", "criticality": Criticality.CRITICAL, "data": DataClass.INTERNAL,
              "baseline": "vendor"}  # fmt: skip
    return Process(**{**fields, **more})


def serve(upstreams, *, proven=(), cut_offs=(), **more):
    snapshot, token = register(process(**more), upstreams, proven=proven)
    return ServedGateway(replace(snapshot, cut_offs=tuple(cut_offs))), token


def openai_of(served, token):
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=token)


def anthropic_of(served, token):
    return anthropic.Anthropic(base_url=served.url, api_key=token)


def recorded(served, number=1):
    """The exchanges, which are recorded just after their answers were sent."""
    until = time.monotonic() + 60
    while len(served.spool.exchanges) < number and time.monotonic() < until:
        time.sleep(0.01)
    return served.spool.exchanges


@pytest.mark.parametrize("form", [None, "float", "base64"])
def test_vectors_reach_the_client_as_they_are_in_either_form(vendor, form):
    served, token = serve([spec("vendor", vendor.url, **EMBEDDER)])
    more = {} if form is None else {"encoding_format": form}
    with served, openai_of(served, token) as client:
        raw = client.embeddings.with_raw_response.create(model="claims", input=TEXTS, dimensions=6, **more)
        sent = recorded(served)[0]
    answer = raw.parse()
    wanted = [vector("embed-3", text, 6) for text in TEXTS]
    got = [one.embedding for one in answer.data]
    if form == "base64":
        got = [list(struct.unpack("<6f", base64.b64decode(one))) for one in got]
    assert got == wanted
    assert (answer.model, answer.usage.prompt_tokens) == ("embed-3", sent.usage.input)
    assert raw.headers["x-switchover-upstream"] == "vendor"
    assert raw.headers["x-switchover-attempts"] == "vendor:ok"
    assert raw.headers["x-switchover-switched"] == "false"
    assert raw.headers["x-switchover-exchange"] == sent.id
    assert (sent.dialect, sent.outcome, sent.stream, sent.model) == (
        "openai_embeddings", Outcome.COMPLETE, False, "embed-3",
    )  # fmt: skip
    assert sent.answer == raw.content
    # The official Python client asks for base64 where its caller says nothing.
    assert json.loads(sent.request)["encoding_format"] == (form or "base64")


def test_nothing_of_a_request_changes_but_its_model_and_its_key():
    body = json.dumps({"data": [{"embedding": [0.5], "index": 0, "extra": 1}], "model": "embed-3"}).encode()
    asked = b'{"model" : "embed-3", "input":"caf\\u00e9 \xc3\xa9", "user":"u", "future":  [1, 2]}'
    with ScriptedServer([reply(body)]) as scripted:
        served, token = serve([spec("vendor", scripted.url, **EMBEDDER)])
        with served, openai_of(served, token) as client:
            got = client._client.post(
                f"{served.url}/v1/embeddings",
                content=asked.replace(b"embed-3", b"claims"),
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            )
    assert got.content == body
    (seen,) = scripted.seen
    assert seen.line.startswith("POST /v1/embeddings ")
    assert seen.body == asked.replace(b'"model" : ', b'"model":')
    assert seen.headers["authorization"] == f"Bearer {KEY}"


def test_only_an_upstream_with_the_same_model_stands_in(vendor, other):
    broken = json.dumps({"error": {"message": "down"}}).encode()
    with ScriptedServer([reply(broken, status=503)]) as scripted:
        upstreams = [
            spec("vendor", scripted.url, **EMBEDDER),
            spec("else", vendor.url, model="embed-4", developer="acme"),
            spec("namesake", vendor.url, model="embed-3", developer="somebody"),
            spec("twin", other.url, **EMBEDDER),
        ]
        names = ("else", "namesake", "twin")
        served, token = serve(upstreams, proven=("else", "namesake"), fallbacks=names)
        with served, openai_of(served, token) as client:
            raw = client.embeddings.with_raw_response.create(model="claims", input=TEXTS[0])
    assert raw.parse().data[0].embedding == vector("embed-3", TEXTS[0])
    assert raw.headers["x-switchover-attempts"] == "vendor:edge-error, twin:ok"
    assert raw.headers["x-switchover-switched"] == "true"


def test_with_no_other_that_serves_the_model_the_error_says_why(vendor):
    cut = CutOff(
        id="c", target=Target(TargetKind.UPSTREAM, "vendor"), reason="letter", by="t", placed_at=1.0, processes=()
    )
    upstreams = [spec("vendor", vendor.url, **EMBEDDER), spec("else", vendor.url, model="embed-4", developer="acme")]
    served, token = serve(upstreams, proven=("else",), fallbacks=("else",), cut_offs=[cut])
    with served, openai_of(served, token) as client, pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model="claims", input="x")
    assert (caught.value.status_code, caught.value.code) == (503, "no_upstream")
    said = "its vectors can't be compared with those of embed-3 (acme): it has embed-4 (acme)"
    assert f"no upstream with the same model may serve (else: {said})" in caught.value.message
    assert "proof" not in caught.value.message


def test_a_process_may_name_who_makes_its_embeddings(vendor, other):
    upstreams = [spec("vendor", vendor.url, "anthropic"), spec("vectors", other.url, **EMBEDDER)]
    served, token = serve(upstreams, embeddings=("vectors",))
    with served, openai_of(served, token) as client, anthropic_of(served, token) as talker:
        raw = client.embeddings.with_raw_response.create(model="claims", input="x")
        said = talker.messages.create(model="claims", max_tokens=9, messages=SAY)
    assert raw.headers["x-switchover-upstream"] == "vectors"
    assert raw.headers["x-switchover-switched"] == "false"
    assert said.model == "vendor-model"


@pytest.mark.parametrize("kind", ["anthropic", "local", "student"])
def test_whoever_makes_no_embeddings_is_named_with_what_to_do(vendor, kind):
    served, token = serve([spec("vendor", vendor.url, kind)])
    with served, openai_of(served, token) as client, pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="claims", input="x")
    assert caught.value.code == "embeddings_unsupported"
    assert "processes.claims.embeddings" in caught.value.message
    assert "embeddings" in caught.value.message.split("vendor: ")[1]


def test_a_model_that_makes_no_embeddings_is_not_lost_for_answers():
    no = json.dumps({"error": {"message": "You are not allowed to generate embeddings from this model"}}).encode()

    def choose(number, seen):
        return [reply(ANSWER)] if "chat" in seen.line else [reply(no, status=403)]

    with ScriptedServer(choose) as scripted:
        served, token = serve([spec("vendor", scripted.url)])
        with served, openai_of(served, token) as client:
            for _ in range(12):
                with pytest.raises(openai.APIStatusError):
                    client.embeddings.create(model="claims", input="x")
            assert client.chat.completions.create(model="claims", messages=SAY).choices[0].message.content == "yes"
            with urllib.request.urlopen(f"{served.url}/readyz") as ready:
                degraded = json.loads(ready.read())["degraded"]
            assert degraded == ["vendor: not asked for embeddings (permission-denied)"]
            # Nobody is told that the baseline is lost, and what turned us away for embeddings is asked once.
            assert served.held == []
            assert sum("embeddings" in seen.line for seen in scripted.seen) == 1


def embedded(model, tokens=9):
    body = {"data": [{"embedding": [0.5], "index": 0}], "model": model, "usage": {"prompt_tokens": tokens}}
    return reply(json.dumps(body).encode())


@pytest.mark.parametrize("allowed", [False, True])
def test_vectors_of_another_model_are_discarded_and_cast_no_doubt_on_answers(vendor, allowed):
    alike = {"model": "text-embed-3-small", "developer": "acme"}
    more = {"fallbacks": ("twin",), "provider_fallback": allowed}
    asked = {"model": "claims", "input": "x", "extra_body": {"models": ["text-embed-3-large"]}}
    with ScriptedServer([embedded("text-embed-3-large")]) as scripted:
        served, token = serve([spec("vendor", scripted.url, **alike), spec("twin", vendor.url, **alike)], **more)
        with served, openai_of(served, token) as client:
            raw = client.embeddings.with_raw_response.create(**asked)
            [sent] = recorded(served)
            with urllib.request.urlopen(f"{served.url}/metrics") as page:
                figures = page.read().decode()
    assert raw.headers["x-switchover-attempts"] == "vendor:model-swapped, twin:ok"
    assert raw.headers["x-switchover-dropped"] == "models"
    assert "x-switchover-unproven" not in raw.headers
    assert sent.model == "text-embed-3-small"
    assert b"models" not in scripted.seen[0].body
    assert served.suspended == []
    assert "switchover_alarms_total{" in figures


def test_a_server_of_ones_own_is_not_asked_whether_all_texts_together_fit_and_must_have_read_each(other):
    own = {"host": "own", "context": 64, **EMBEDDER}
    long = ["word " * 50] * 8
    read = [embedded("embed-3", 400), embedded("embed-3", 32)]
    with ScriptedServer(lambda number, seen: [read[number]]) as scripted:
        upstreams = [spec("vendor", scripted.url, **own), spec("twin", other.url, **EMBEDDER)]
        served, token = serve(upstreams, fallbacks=("twin",))
        with served, openai_of(served, token) as client:
            for said in ("vendor:ok", "vendor:local-silent-truncation, twin:ok"):
                raw = client.embeddings.with_raw_response.create(model="claims", input=long)
                assert raw.headers["x-switchover-attempts"] == said


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"input": ""}, "`input` is empty"),
        ({"input": []}, "`input` is empty"),
        ({}, "input"),
        ({"input": {"text": "x"}}, "input"),
    ],
)
def test_a_request_without_an_input_is_refused_before_anybody_is_asked(vendor, body, words):
    served, token = serve([spec("vendor", vendor.url, **EMBEDDER)])
    with served, openai_of(served, token) as client, pytest.raises(openai.BadRequestError) as caught:
        client.post("/embeddings", body={"model": "claims", **body}, cast_to=object)
    assert words in caught.value.message


def test_an_answer_without_vectors_is_no_answer():
    with ScriptedServer([reply(b'{"object":"list","data":[],"model":"embed-3"}')]) as scripted:
        served, token = serve([spec("vendor", scripted.url, **EMBEDDER)])
        with served, openai_of(served, token) as client, pytest.raises(openai.APIStatusError) as caught:
            client.embeddings.create(model="claims", input="x")
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_malformed")


def test_tokens_are_counted_by_whoever_would_answer(vendor):
    served, token = serve([spec("vendor", vendor.url, "anthropic")])
    look = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
    asked = {"messages": SAY, "system": "Be brief.", "tools": [look]}
    with served, anthropic_of(served, token) as client:
        raw = client.messages.with_raw_response.count_tokens(model="claims", **asked)
        answer = client.messages.create(model="claims", max_tokens=9, **asked)
        counted, _ = recorded(served, 2)
    assert raw.parse().input_tokens == answer.usage.input_tokens > 1
    assert raw.headers["x-switchover-upstream"] == "vendor"
    assert (counted.dialect, counted.outcome, counted.usage) == ("anthropic_count_tokens", Outcome.COMPLETE, None)


def test_an_upstream_that_counts_no_tokens_is_not_asked(vendor):
    served, token = serve([spec("vendor", vendor.url)])
    with served, anthropic_of(served, token) as client, pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.count_tokens(model="claims", messages=SAY)
    error = caught.value.body["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "count_tokens_unsupported")
    assert "vendor: it speaks no Anthropic messages" in error["message"]
    assert "Leave the count out, or estimate it" in error["message"]
    assert recorded(served)[0].outcome is Outcome.REJECTED


def test_a_host_without_a_count_is_not_lost_for_answers(vendor):
    def choose(number, seen):
        if "count_tokens" in seen.line:
            return [reply(b'{"type":"error","error":{"type":"not_found_error","message":"Not Found"}}', status=404)]
        said = {"id": "m", "type": "message", "role": "assistant", "model": "x", "stop_reason": "end_turn",
                "stop_sequence": None, "content": [{"type": "text", "text": "yes"}],
                "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
        return [reply(json.dumps(said).encode())]

    with ScriptedServer(choose) as scripted:
        served, token = serve([spec("vendor", scripted.url, "anthropic")])
        with served, anthropic_of(served, token) as client:
            with pytest.raises(anthropic.APIStatusError) as caught:
                client.messages.count_tokens(model="claims", messages=SAY)
            assert client.messages.create(model="claims", messages=SAY, max_tokens=9).content[0].text == "yes"
    assert caught.value.status_code == 503
    assert served.held == []


def test_a_count_of_another_model_is_not_given(vendor, other):
    upstreams = [spec("vendor", "http://127.0.0.1:9", "anthropic"), spec("own", other.url, "anthropic")]
    served, token = serve(upstreams, proven=("own",), fallbacks=("own",))
    with served, anthropic_of(served, token) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            client.messages.count_tokens(model="claims", messages=SAY)
        assert client.messages.create(model="claims", messages=SAY, max_tokens=9).model == "own-model"
    assert caught.value.status_code == 503
    assert "own: it counts otherwise than vendor, which answers" in caught.value.body["error"]["message"]


def test_what_is_held_for_embeddings_is_lifted_when_it_is_restored(vendor):
    def choose(number, seen):
        return [reply(b"{}", status=401)] if number == 0 else [reply(VECTORS)]

    VECTORS = json.dumps({"data": [{"embedding": [0.5], "index": 0}], "model": "embed-3"}).encode()
    with ScriptedServer(choose) as scripted:
        served, token = serve([spec("vendor", scripted.url, **EMBEDDER)])
        with served, openai_of(served, token) as client:
            for words in ("refuses our key", "held until someone restores it"):
                with pytest.raises(openai.APIStatusError, match=words):
                    client.embeddings.create(model="claims", input="x")
            restored = replace(served.source.current, version=2, restored={"vendor": 9e9})
            served.source.current = restored
            assert client.embeddings.create(model="claims", input="x", encoding_format="float").data[0].embedding == [
                0.5
            ]


def test_a_drill_that_takes_the_upstream_away_moves_embeddings_to_the_same_model(vendor, other):
    drill = CutOff(
        id="d", target=Target(TargetKind.UPSTREAM, "vendor"), reason="drill", by="t", placed_at=1.0, fault="denied",
        processes=("claims",), expires_at=9e9,
    )  # fmt: skip
    upstreams = [spec("vendor", vendor.url, **EMBEDDER), spec("twin", other.url, **EMBEDDER)]
    served, token = serve(upstreams, fallbacks=("twin",), cut_offs=[drill])
    with served, openai_of(served, token) as client:
        raw = client.embeddings.with_raw_response.create(model="claims", input="x")
        met = recorded(served)[0]
    assert raw.headers["x-switchover-attempts"] == "vendor:key-revoked, twin:ok"
    assert met.attempts[0].cut_off == "d"
