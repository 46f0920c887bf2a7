"""An exchange without personal data: valid in its dialect, the same placeholder for the same value, nothing left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from switchover.dialects import DIALECTS
from switchover.dialects.across import text_of_answer
from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.personal import Privacy
from switchover.domain.process import Bodies
from switchover.errors import DetectionFailed
from switchover.privacy.detect import Patterns
from switchover.privacy.look import kinds_in
from switchover.privacy.redact import Redactor, redacted
from switchover.trial.cases import cases_of

RECORDINGS = Path(__file__).parents[2] / "recordings"
DETECTOR = Patterns(Privacy(countries=("NL",)))
MAIL, BSN, IBAN = "jan@example.com", "111222333", "NL91ABNA0417164300"
IMAGE = "data:image/png;base64," + "iVBORw0KGgo" * 20


def exchange(asking, answer, *, dialect="openai_chat", stream=False, **more):
    fields = {
        "id": "x1", "process": "p", "route": "p", "dialect": dialect, "stream": stream, "started_at": 1.0,
        "outcome": Outcome.COMPLETE, "status": 200, "request": json.dumps(asking).encode() if asking else b"",
        "answer": answer if isinstance(answer, bytes) else json.dumps(answer).encode(), "upstream": "v", "model": "m",
    }  # fmt: skip
    return Exchange(**fields | more)


def asked(*messages, **more):
    return {"model": "p", "messages": [{"role": "user", "content": one} for one in messages], **more}


def answered(text, **more):
    said = {"role": "assistant", "content": text, **more}
    return {"id": "1", "model": "m", "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}


def events(*deltas, **more):
    frames = [{"id": "1", "model": "m", "choices": [{"index": 0, "delta": delta, **more}]} for delta in deltas]
    frames[-1]["choices"][0]["finish_reason"] = "stop"
    return b"".join(f"data: {json.dumps(frame)}\n\n".encode() for frame in frames) + b"data: [DONE]\n\n"


def test_equal_values_get_equal_placeholders_in_request_and_answer():
    request = asked(f"I am {MAIL}, not ann@example.com; {MAIL.upper()} is me too.")
    kept = redacted(exchange(request, answered(f"Thank you, {MAIL}: BSN 1112.22.333 and {BSN}")), DETECTOR)
    said = json.loads(kept.request)["messages"][0]["content"]
    assert said == "I am [e-mail 1], not [e-mail 2]; [e-mail 1] is me too."
    told = json.loads(kept.answer)["choices"][0]["message"]["content"]
    assert told == "Thank you, [e-mail 1]: BSN [nl-bsn 1] and [nl-bsn 1]"
    assert kept.bodies is Bodies.REDACTED
    assert kept.dropped == ()


def test_what_holds_a_body_together_stays_as_it_is():
    schema = {"type": "object", "properties": {"mail": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "find", "parameters": schema}}]
    request = asked("hello", temperature=0.5, stream=True, max_tokens=111222333, tools=tools)
    kept = redacted(exchange(request, answered("hi")), DETECTOR)
    assert json.loads(kept.request) == request
    assert DIALECTS["openai_chat"].peek(kept.request).needs == {"tools"}


def test_json_within_a_string_is_read_as_json():
    hidden = json.dumps({"mail": "jan\u0040example.com", "bsn": 111222333, "n": 3}).replace("@", "\\u0040")
    calls = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": hidden}}]
    kept = redacted(exchange(asked("look it up"), answered(None, tool_calls=calls)), DETECTOR)
    arguments = json.loads(kept.answer)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"mail": "[e-mail 1]", "bsn": "[nl-bsn 1]", "n": 3}


def test_a_name_that_stands_twice_in_an_object_hides_nothing():
    body = b'{"model":"p","messages":[{"role":"user","content":"jan@example.com","content":"hello"}]}'
    kept = redacted(exchange(None, b"{}", request=body), DETECTOR)
    assert b"jan@" not in kept.request
    inner = '{"a": "jan@example.com", "a": "b"}'
    assert "jan@" not in Redactor(DETECTOR)._walk.value(inner)


def test_anthropics_tool_input_is_somebodys_data_numbers_and_names_too():
    content = [{"type": "tool_use", "id": "t1", "name": "find", "input": {"bsn": 111222333, MAIL: "x", "id": IBAN}}]
    answer = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": content}
    kept = redacted(exchange(asked("find"), answer, dialect="anthropic_messages"), DETECTOR)
    found = json.loads(kept.answer)["content"][0]["input"]
    assert found == {"bsn": "[nl-bsn 1]", "[e-mail 1]": "x", "id": "[iban 1]"}


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"type": "image_url", "image_url": {"url": IMAGE}}, "recorded.image"),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0x" * 20}}, "recorded.file"),
        ({"type": "input_audio", "input_audio": {"data": "UklGRgAA" * 20, "format": "wav"}}, "recorded.file"),
        ({"type": "image", "source": {"type": "base64", "media_type": "a/b", "data": "iVBO" * 40}}, "recorded.file"),
    ],
)  # fmt: skip
def test_what_nobody_can_read_is_left_out_and_named(part, what):
    kept = redacted(exchange(asked([{"type": "text", "text": "see"}, part]), answered("a cat")), DETECTOR)
    assert kept.dropped == (what,)
    assert b"base64," not in kept.request
    assert b"left out]" in kept.request
    # It can't be asked again as it was, so that no rehearsal replays it.
    assert cases_of([kept]) == []


def test_likelihoods_and_vectors_tell_the_text_again_and_are_left_out():
    tokens = {"content": [{"token": "jan", "logprob": -1, "bytes": [106], "top_logprobs": []}]}
    answer = answered("hi")
    answer["choices"][0]["logprobs"] = tokens
    kept = redacted(exchange(asked("hi", logprobs=True, top_logprobs=2), answer), DETECTOR)
    assert json.loads(kept.answer)["choices"][0]["logprobs"] is None
    assert json.loads(kept.request)["logprobs"] is True
    vectors = {"data": [{"embedding": [0.1, 0.2]}, {"embedding": "AAAA"}], "model": "m"}
    kept = redacted(exchange({"model": "p", "input": [1, 2, 3]}, vectors, dialect="openai_embeddings"), DETECTOR)
    assert json.loads(kept.answer)["data"] == [{"embedding": []}, {"embedding": "[vectors left out]"}]
    assert json.loads(kept.request)["input"] == []
    assert kept.dropped == ("recorded.tokens", "recorded.vectors")


@pytest.mark.parametrize("at", range(1, len(IBAN)))
def test_a_value_that_comes_in_two_deltas_is_found(at):
    answer = events(
        {"role": "assistant", "content": "to "}, {"content": IBAN[:at]}, {"content": IBAN[at:]}, {"content": " ok"}
    )
    kept = redacted(exchange(asked("pay", stream=True), answer, stream=True), DETECTOR)
    assert text_of_answer("openai_chat", True, kept.answer) == "to [iban 1] ok"
    assert kept.answer.endswith(b"data: [DONE]\n\n")


def test_pieces_that_only_look_like_a_value_by_themselves_are_not_replaced():
    answer = events({"content": "order 111222333"}, {"content": "4 of today"})
    kept = redacted(exchange(asked("?", stream=True), answer, stream=True), DETECTOR)
    assert text_of_answer("openai_chat", True, kept.answer) == "order 1112223334 of today"


def test_arguments_that_come_in_pieces_are_read_together():
    parts = [f'{{"mail": "{MAIL[:5]}', f'{MAIL[5:]}", "bsn": 111', "222333}"]
    deltas = [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in parts]
    kept = redacted(exchange(asked("?", stream=True), events(*deltas), stream=True), DETECTOR)
    frames = [json.loads(line[6:]) for line in kept.answer.split(b"\n\n") if line[6:7] == b"{"]
    said = [one["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] for one in frames]
    assert json.loads("".join(said)) == {"mail": "[e-mail 1]", "bsn": "[nl-bsn 1]"}


@pytest.mark.parametrize(("dialect", "file"), [
    ("openai_chat", "openai_text.sse"), ("anthropic_messages", "anthropic_text.sse"),
    ("openai_responses", "openai_responses_text.sse"), ("openai_chat", "openai_tools.sse"),
    ("anthropic_messages", "anthropic_tools.sse"), ("openai_responses", "openai_responses_tools.sse"),
])  # fmt: skip
def test_a_providers_recorded_stream_reads_the_same_after_redaction(dialect, file):
    raw = (RECORDINGS / file).read_bytes()
    kept = redacted(exchange(None, raw, dialect=dialect, stream=True), DETECTOR)
    assert text_of_answer(dialect, True, kept.answer) == text_of_answer(dialect, True, raw)
    decoder = DIALECTS[dialect].decoder()
    decoder.feed(kept.answer)
    assert decoder.finished
    assert decoder.failure is None


@pytest.mark.parametrize(("dialect", "file", "planted"), [
    ("openai_chat", "openai_text.sse", "schade"), ("anthropic_messages", "anthropic_text.sse", "Schaden"),
    ("openai_responses", "openai_responses_text.sse", "field"),
])  # fmt: skip
def test_a_stream_of_every_dialect_loses_what_is_planted_in_it(dialect, file, planted):
    raw = (RECORDINGS / file).read_bytes()
    assert planted.encode() in raw
    changed = raw.replace(planted.encode(), MAIL.encode())
    kept = redacted(exchange(None, changed, dialect=dialect, stream=True), DETECTOR)
    assert MAIL.encode() not in kept.answer
    assert "[e-mail 1]" in text_of_answer(dialect, True, kept.answer)


def test_a_body_that_cannot_be_read_is_not_kept():
    kept = redacted(exchange(None, b"\xff\xfe jan@example.com", request=b'{"a": "jan@exa'), DETECTOR)
    assert (kept.request, kept.answer) == (b"", b"")
    assert kept.dropped == ("recorded.answer", "recorded.request")


def test_a_frame_that_cannot_be_read_and_a_comment_are_left_out():
    answer = b": jan@example.com\n\ndata: {broken jan@example.com\n\n" + events({"content": "hello"})
    kept = redacted(exchange(asked("?"), answer, stream=True), DETECTOR)
    assert text_of_answer("openai_chat", True, kept.answer) == "hello"
    assert b"jan@" not in kept.answer


def test_what_is_nested_too_deep_is_not_kept():
    deep = b'{"a":' * 400 + b"1" + b"}" * 400
    kept = redacted(exchange(None, b"{}", request=deep), DETECTOR)
    assert kept.dropped == ("recorded.request",)


def test_metadata_loses_what_is_personal():
    kept = redacted(exchange(asked("?"), b"{}", metadata={"customer": MAIL, "kind": "complaint"}), DETECTOR)
    assert dict(kept.metadata) == {"customer": "[e-mail 1]", "kind": "complaint"}


def test_a_redacted_request_can_be_asked_again():
    whole = exchange(asked(f"My IBAN is {IBAN}, where is my money?"), answered("It is on its way."))
    case = cases_of([redacted(whole, DETECTOR)])[0]
    assert case.text == "My IBAN is [iban 1], where is my money?"
    assert case.reference == "It is on its way."


def test_a_detector_that_fails_keeps_nothing():
    class Broken:
        def find(self, text):
            raise RuntimeError("no model")

    with pytest.raises(RuntimeError):
        redacted(exchange(asked("?"), answered("!")), Broken())
    with pytest.raises(DetectionFailed, match="too long"):
        redacted(exchange(asked("a longer question"), answered("!")), Patterns(Privacy(), late=lambda: True))


def test_the_kinds_in_a_request_are_found_wherever_they_stand():
    body = json.dumps(
        asked([{"type": "text", "text": f"{MAIL} {BSN}"}, {"type": "image_url", "image_url": {"url": IMAGE}}])
    )
    assert kinds_in(body.encode(), DETECTOR) == {"e-mail", "nl-bsn", "unread"}
    with pytest.raises(DetectionFailed):
        kinds_in(b"no json", DETECTOR)
