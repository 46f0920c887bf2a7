"""How much of an exchange is kept, mode by mode; and answers that end only once they are recorded."""

from __future__ import annotations

import errno
import json
import threading
import time
import urllib.request
from dataclasses import replace

import anthropic
import openai
import pytest

from switchover.clock import SystemClock
from switchover.domain.exchange import Exchange, Intent, Outcome
from switchover.domain.personal import Privacy
from switchover.domain.process import (
    Bodies,
    Criticality,
    DataClass,
    Process,
    Recording,
    RehearsalTerms,
    SlicePredicate,
)
from switchover.gateway import kept
from switchover.store.segment import Segment
from switchover.store.spool import Spool, read_spool
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import MemorySpool, ServedGateway, register, spec

MAIL = "jan@example.com"
SLICES = RehearsalTerms(grader="label", slices=(SlicePredicate(name="c", path="metadata.kind", equals="complaint"),))
ASKED = {
    "model": "p",
    "messages": [{"role": "user", "content": f"I am {MAIL}"}],
    "metadata": {"kind": "complaint", "customer": MAIL},
}
ANSWER = json.dumps({"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": f"Hello {MAIL}"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}).encode()  # fmt: skip


def process(recording, **more):
    return Process(
        name="p", owner="o", criticality=Criticality.ORDINARY, data=DataClass.INTERNAL, baseline="vendor",
        recording=recording, rehearse=SLICES, **more,
    )  # fmt: skip


def served(vendor, recording, kind="openai", **more):
    how = {"openai_responses": {"speaks": "responses"}, "anthropic": {"kind": "anthropic"}}.get(kind, {})
    snapshot, token = register(process(recording), [spec("vendor", vendor.url, **how)])
    return ServedGateway(replace(snapshot, privacy=Privacy(countries=("NL",))), **more), token


def post(gateway, token, body=ASKED):
    head = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(f"{gateway.url}/v1/chat/completions", json.dumps(body).encode(), head)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def until(found, seconds=60.0):
    end = time.monotonic() + seconds
    while not (seen := found()) and time.monotonic() < end:
        time.sleep(0.005)
    return seen


def recorded(recording, body=ASKED, **more):
    with ScriptedServer([reply(ANSWER)]) as vendor:
        gateway, token = served(vendor, recording, **more)
        with gateway:
            answer = post(gateway, token, body)
            until(lambda: gateway.spool.exchanges, 0.2 if recording.bodies is Bodies.NONE else 5.0)
            page = urllib.request.urlopen(f"{gateway.url}/metrics").read().decode()
    return answer, gateway.spool.records, page


def test_in_full_everything_is_kept_as_it_came():
    _, (intent, exchange), _ = recorded(Recording())
    assert isinstance(intent, Intent)
    assert (json.loads(exchange.request), exchange.answer, exchange.bodies) == (ASKED, ANSWER, Bodies.FULL)
    assert exchange.metadata == ASKED["metadata"]


def test_redacted_no_value_is_kept_and_the_caller_gets_it_all_the_same():
    answer, (_, exchange), _ = recorded(Recording(bodies=Bodies.REDACTED))
    assert answer == (200, ANSWER)
    assert MAIL.encode() not in exchange.request + exchange.answer
    assert json.loads(exchange.answer)["choices"][0]["message"]["content"] == "Hello [e-mail 1]"
    assert exchange.metadata == {"kind": "complaint", "customer": "[e-mail 1]"}
    assert (exchange.bodies, exchange.usage.input) == (Bodies.REDACTED, 9)


def test_as_metadata_no_body_is_kept_and_of_the_metadata_what_slices_are_told_by():
    answer, (_, exchange), _ = recorded(Recording(bodies=Bodies.METADATA))
    assert answer == (200, ANSWER)
    assert (exchange.request, exchange.answer, exchange.metadata) == (b"", b"", {"kind": "complaint"})
    assert (exchange.bodies, exchange.usage.output, exchange.outcome) == (Bodies.METADATA, 3, Outcome.COMPLETE)


def test_as_metadata_a_route_that_is_none_is_the_callers_own_words():
    (status, _), (exchange,), _ = recorded(Recording(bodies=Bodies.METADATA), {**ASKED, "model": MAIL})
    assert (status, exchange.route, exchange.outcome) == (404, "", Outcome.REJECTED)


def test_with_none_nothing_is_recorded_but_the_request_is_counted():
    answer, records, page = recorded(Recording(bodies=Bodies.NONE))
    assert (answer, records) == ((200, ANSWER), [])
    assert 'outcome="complete"' in page
    assert 'switchover_recording_lag_records{worker="worker-0"} 0\n' in page


class Broken:
    """A finder whose detectors raise."""

    keeps_time = True

    def __init__(self, privacy=None):
        pass

    def warm(self):
        pass

    def within(self, late):
        return self

    def find(self, text):
        raise RuntimeError(f"no model for {text}")


def test_what_cannot_be_redacted_is_kept_without_its_bodies_says_so_and_is_counted():
    answer, (_, exchange), page = recorded(Recording(bodies=Bodies.REDACTED), finder=Broken)
    assert answer == (200, ANSWER)
    assert (exchange.request, exchange.answer, exchange.metadata) == (b"", b"", {"kind": "complaint"})
    assert (exchange.bodies, exchange.dropped) == (Bodies.METADATA, ("recorded.request", "recorded.answer"))
    assert 'switchover_redaction_failures_total{worker="worker-0",process="p",reason="failed"} 1' in page


def test_more_than_memory_may_hold_is_kept_without_bodies(monkeypatch):
    monkeypatch.setattr(kept, "MOST_WAITING_BYTES", 100)
    _, (_, exchange), page = recorded(Recording(bodies=Bodies.REDACTED))
    assert exchange.bodies is Bodies.METADATA
    assert 'reason="busy"} 1' in page


def test_a_worker_that_ends_waits_for_what_is_being_redacted():
    free = threading.Event()

    class Slow(Broken):
        def find(self, text):
            free.wait(60)
            return []

    with ScriptedServer([reply(ANSWER)]) as vendor:
        gateway, token = served(vendor, Recording(bodies=Bodies.REDACTED), finder=Slow)
        with gateway:
            post(gateway, token)
            threading.Timer(0.2, free.set).start()
    assert [one.bodies for one in gateway.spool.exchanges] == [Bodies.REDACTED]


class Held(MemorySpool):
    """A spool that makes records durable once it is let, or not at all."""

    def __init__(self, lasts=True):
        super().__init__()
        self.lasts, self.waited, self.seen = lasts, [], None

    async def wait_durable(self, number, timeout=5.0):  # noqa: ASYNC109  # the spool's own name
        self.waited.append(self.records[number - 1])
        if self.seen is not None:
            self.seen()
        return self.lasts


CLIENTS = {
    "openai": lambda url, token: openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0),
    "openai_responses": lambda url, token: openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0),
    "anthropic": lambda url, token: anthropic.Anthropic(base_url=url, api_key=token, max_retries=0),
}


def ask(kind, client):
    """The text of a streamed answer, by the dialect's own client."""
    if kind == "openai":
        chunks = client.chat.completions.create(model="p", messages=[{"role": "user", "content": "?"}], stream=True)
        return "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    if kind == "anthropic":
        with client.messages.stream(model="p", max_tokens=9, messages=[{"role": "user", "content": "?"}]) as answer:
            return answer.get_final_text()
    with client.responses.stream(model="p", input="?") as answer:
        return answer.get_final_response().output_text


@pytest.mark.parametrize("kind", CLIENTS)
def test_the_end_of_a_stream_waits_for_its_record_and_is_an_error_without_it(kind, request):
    raw = (request.config.rootpath / "tests" / "recordings" / f"{kind}_text.sse").read_bytes()
    frames = [one + b"\n\n" for one in raw.split(b"\n\n") if one]
    for lasts in (True, False):
        with ScriptedServer([*stream(*frames)]) as vendor:
            gateway, token = served(vendor, Recording(required=True), kind, recorder=Held(lasts))
            with gateway, CLIENTS[kind](gateway.url, token) as client:
                if lasts:
                    assert ask(kind, client)
                else:
                    with pytest.raises((openai.APIError, anthropic.APIError), match="have to be recorded"):
                        ask(kind, client)
                until(lambda gateway=gateway, lasts=lasts: len(gateway.spool.exchanges) == (1 if lasts else 2))
        first, last = gateway.spool.exchanges[0], gateway.spool.exchanges[-1]
        assert gateway.spool.waited == [first]
        assert first.outcome is Outcome.COMPLETE
        if lasts:
            assert first is last
            assert first.answer == raw
        else:
            assert (last.id, last.outcome, last.error_code) == (first.id, Outcome.TRUNCATED, "recording_required")
            assert b"recording_required" in last.answer


def test_the_last_event_is_not_sent_before_the_record_is_safe():
    chunk = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
    end = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    spool, sent, came, ended = Held(), [], threading.Event(), threading.Event()

    def seen():
        # What had been sent would come in this time.
        time.sleep(0.05)
        sent.append((came.is_set(), ended.is_set()))

    with ScriptedServer(stream(chunk, came.is_set, end, b"data: [DONE]\n\n")) as vendor:
        gateway, token = served(vendor, Recording(required=True), recorder=spool)
        with gateway, CLIENTS["openai"](gateway.url, token) as client:
            spool.seen = seen
            for chunks in client.chat.completions.create(
                model="p", messages=[{"role": "user", "content": "?"}], stream=True
            ):
                if chunks.choices[0].delta.content:
                    came.set()
            ended.set()
    # The content had come, and the end had not, while the record was waited for.
    assert sent == [(True, False)]


def test_a_whole_answer_that_cannot_be_recorded_is_an_error_and_so_recorded():
    (status, body), records, page = recorded(Recording(required=True), recorder=Held(lasts=False))
    assert (status, json.loads(body)["error"]["code"]) == (503, "recording_required")
    assert MAIL.encode() not in body
    ends = [one for one in records if isinstance(one, Exchange)]
    assert [(one.outcome, one.status) for one in ends] == [(Outcome.COMPLETE, 200), (Outcome.FAILED, 503)]
    # Told once, as the caller saw it.
    assert 'outcome="failed"} 1' in page
    assert 'outcome="complete"' not in page


def test_a_spool_that_is_known_to_be_broken_refuses_before_anybody_is_asked():
    spool = Held()
    spool.healthy, spool.failing = False, True
    with ScriptedServer([reply(ANSWER)]) as vendor:
        gateway, token = served(vendor, Recording(required=True), recorder=spool)
        with gateway:
            status, body = post(gateway, token)
        assert vendor.seen == []
    assert (status, json.loads(body)["error"]["code"]) == (503, "recording_required")


def test_without_the_requirement_a_broken_spool_is_no_reason_to_refuse():
    spool = Held(lasts=False)
    spool.healthy = False
    answer, _, _ = recorded(Recording(), recorder=spool)
    assert answer == (200, ANSWER)
    assert spool.waited == []


@pytest.mark.parametrize("bodies", [Bodies.FULL, Bodies.REDACTED, Bodies.METADATA])
def test_on_a_real_disk_what_was_answered_is_on_record_and_a_failing_one_refuses(bodies, tmp_path, monkeypatch):
    # However slow this machine's disk is.
    monkeypatch.setattr(kept, "INTENT_REQUIRED_S", 30.0)
    monkeypatch.setattr(kept, "DURABLE_WAIT_S", 30.0)
    real, works = Segment.sync, threading.Event()
    works.set()

    def sync(segment):
        if not works.is_set():
            raise OSError(errno.EIO, "Input/output error")
        real(segment)

    monkeypatch.setattr(Segment, "sync", sync)
    spool = Spool(tmp_path / "worker-0", clock=SystemClock())
    spool.start()
    with ScriptedServer([reply(ANSWER)]) as vendor:
        gateway, token = served(vendor, Recording(bodies=bodies, required=True), recorder=spool)
        with gateway:
            assert post(gateway, token) == (200, ANSWER)
            on_disk = [one for _, one in read_spool(spool.directory) if isinstance(one, Exchange)]
            assert [one.bodies for one in on_disk] == [bodies]
            works.clear()
            monkeypatch.setattr(kept, "DURABLE_WAIT_S", 0.3)
            status, body = post(gateway, token)
            assert (status, json.loads(body)["error"]["code"]) == (503, "recording_required")
            until(lambda: not spool.healthy)
            asked = len(vendor.seen)
            assert post(gateway, token)[0] == 503
            assert len(vendor.seen) == asked
            works.set()
            assert until(lambda: spool.healthy)
            monkeypatch.setattr(kept, "DURABLE_WAIT_S", 30.0)
            assert post(gateway, token) == (200, ANSWER)
    spool.close()
    everything = b"".join(path.read_bytes() for path in spool.directory.glob("*"))
    assert (MAIL.encode() in everything) == (bodies is Bodies.FULL)
