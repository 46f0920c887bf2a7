"""A replacement serves only with a proof of its own: made with this model and this prompt version, and in date."""

from __future__ import annotations

import time

import openai
import pytest

from switchover.domain.acceptance import Acceptance
from switchover.domain.candidate import PromptKind, PromptVersion, State, fingerprint
from switchover.store.acceptances import end_acceptances, save_acceptance
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import prompt_version
from switchover.store.proofs import revoke_proofs, save_proof
from switchover.testing.builders import make_exchange, make_proof
from switchover.testing.inbox import messages

STUDENT = "  student: {kind: student, model: student, developer: own, host: own}"
REPLACED = """\
    fallbacks: [student]
    rehearse: {grader: label, margin: 0.10, labels: [claim_status, cancellation]}
"""
LABELS = ("claim_status", "cancellation")
# Varied messages: a record of near copies would teach nothing, and says so.
RECORD = [message for desk in LABELS for message in [m for m in messages() if m.desk == desk][:120]]


@pytest.fixture(scope="module")
def running(stage):
    """Gateway and student server run; a small record is there; nothing has been proven."""
    stage.write(upstreams=STUDENT, process=REPLACED)
    now = time.time()
    record = [
        make_exchange(m.text, m.desk, process="messages", route="messages", started_at=now - 9000 + number)
        for number, m in enumerate(RECORD)
    ]
    stage.up("worker-0", "keeper", "student-server")
    with stage.store() as store:
        save_exchanges(store, record)
    stage.token = stage.key()
    stage.done("cut", "provider:acme", "--reason", "sanctions")
    return stage


@pytest.fixture(scope="module")
def taught(running):
    """The version of a student that learned from the record, as `adapt` leaves it."""
    found = running.told("adapt", "messages", "--way", "student")["versions"][0]
    with running.store() as store:
        return prompt_version(store, found["id"])


def ask(stage, **more):
    """The text and the headers of an answer."""
    with stage.client(stage.token) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="messages", messages=[{"role": "user", "content": "where is my claim now?"}], **more
        )
        parsed = raw.parse()
        if more.get("stream"):
            return "".join(c.choices[0].delta.content or "" for c in parsed if c.choices), raw.headers
        return parsed.choices[0].message.content, raw.headers


def refusals(stage, times=4):
    """What callers are told, several times over; every answer would be a fault."""
    told = []
    for _ in range(times):
        with pytest.raises(openai.APIStatusError) as refused:
            ask(stage, stream=bool(len(told) % 2))
        assert refused.value.status_code == 503
        assert refused.value.response.headers["x-should-retry"] == "false"
        told.append(refused.value.message)
    return told


def prove(stage, version, **changes):
    now = time.time()
    terms = {"made_at": now, "expires_at": now + 3600, "process": "messages", **changes}
    with stage.store() as store:
        known = stage.settings().upstreams
        save_proof(store, make_proof(known["student"], version, known["vendor"], **terms))
    stage.followed()


def unprove(stage):
    with stage.store() as store:
        revoke_proofs(store, at=time.time(), process="messages")


def test_a_replacement_that_runs_but_was_never_proven_is_not_used(running):
    running.followed()
    for told in refusals(running):
        assert "student: NOT proven: no rehearsal has shown it READY" in told
        assert "baseline vendor: cut off (provider:acme: sanctions)" in told


def test_a_replacement_that_has_learned_but_was_not_proven_is_not_used(running, taught):
    running.followed()
    assert all("student: NOT proven" in told for told in refusals(running))


def test_a_proof_made_with_another_prompt_version_or_model_does_not_serve(running, taught):
    other = PromptVersion.make(
        process="messages", upstream="student", kind=PromptKind.STUDENT, parameters={"seed": 2}, artefact="0" * 64
    )
    prove(running, other)
    assert all("made with another model or prompt version" in told for told in refusals(running))
    unprove(running)
    prove(running, taught, fingerprint="0" * 16)
    assert all("made with another model or prompt version" in told for told in refusals(running))
    unprove(running)


def test_an_expired_proof_does_not_serve(running, taught):
    prove(running, taught, made_at=time.time() - 7200, expires_at=time.time() - 3600)
    assert all("its proof has expired" in told for told in refusals(running))
    unprove(running)


def test_what_the_owner_accepts_serves_until_that_ends(running, taught):
    unprove(running)
    spec, now = running.settings().upstreams["student"], time.time()
    accepted = Acceptance(
        id="ac-live", process="messages", upstream="student", fingerprint=fingerprint(spec), prompt_version=taught.id,
        state=State.UNPROVEN, verdict=None, reason="the vendor is gone", made_at=now, made_by="p-1",
        expires_at=now + 3600,
    )  # fmt: skip

    with running.store() as store:
        save_acceptance(store, accepted)
        running.followed()
        assert ask(running)[0] in LABELS
        end_acceptances(store, "messages", "student", at=time.time(), by="p-1")
    running.followed()
    assert all("student: NOT proven" in told for told in refusals(running))


@pytest.fixture(scope="module")
def proven(running, taught):
    unprove(running)
    prove(running, taught)
    return running


@pytest.mark.parametrize("stream", [False, True])
def test_with_a_proof_in_date_the_replacement_answers_and_the_headers_say_so(proven, taught, helpers, stream):
    text, headers = ask(proven, stream=stream)
    assert text in LABELS
    assert headers["x-switchover-upstream"] == "student"
    assert headers["x-switchover-switched"] == "true"
    assert headers["x-switchover-attempts"] == "student:ok"
    name = headers["x-switchover-exchange"]
    helpers.wait_until(lambda: name in {e.id for e in proven.recorded()})
    found = next(e for e in proven.recorded() if e.id == name)
    assert [a.prompt_version for a in found.attempts] == [taught.id]


@pytest.mark.parametrize("stream", [False, True])
def test_when_the_baseline_turns_us_away_the_same_call_goes_on_with_the_replacement(proven, helpers, stream):
    proven.vendor.control("normal")
    proven.done("restore", "all")
    helpers.wait_until(lambda: ask(proven)[1]["x-switchover-upstream"] == "vendor")
    proven.vendor.control("denied")
    text, headers = ask(proven, stream=stream)
    assert text in LABELS
    assert headers["x-switchover-attempts"] == "vendor:key-revoked, student:ok"
    assert headers["x-switchover-switched"] == "true"
    # Held from now on: the next call does not try it.
    assert ask(proven, stream=stream)[1]["x-switchover-attempts"] == "student:ok"


def test_once_the_proof_is_revoked_the_replacement_is_not_used_any_more(proven):
    unprove(proven)
    proven.followed()
    assert all("student: NOT proven" in told for told in refusals(proven))
    with proven.store() as store:
        assert revoke_proofs(store, at=time.time(), process="messages") == 0
