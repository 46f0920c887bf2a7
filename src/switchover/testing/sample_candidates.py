"""An invented organisation with candidates at every state, and words in its record: builders for tests of the pages.

Two processes: ``messages``, whose answers a grader compares, and ``replies``, whose answers people mark.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from switchover.domain.candidate import (
    Cell,
    Evidence,
    PromptKind,
    PromptVersion,
    Proof,
    ScoredCase,
    SliceEvidence,
    State,
    Verdict,
    epoch_of,
    fingerprint,
    grader_id,
)
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome, Usage
from switchover.domain.process import RehearsalTerms, Settings
from switchover.graders.human import WAITING
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import save_proof, save_verdict
from switchover.store.trials import save_score

DAY = 86_400.0
CONFIGURATION = """\
organisation: {domicile: NL}
data: ./data
gateway: {port: 0}
pages: {port: 0}
providers: {acme: {home: US}, beta: {home: DE}}
upstreams:
  vendor: {kind: openai, base_url: "https://vendor.invalid/v1", model: big-1, developer: acme, host: acme}
  other: {kind: openai, base_url: "https://other.invalid/v1", model: mid-1, developer: beta, host: beta}
  third: {kind: openai, base_url: "https://third.invalid/v1", model: small-1, developer: beta, host: beta}
processes:
  messages:
    {owner: head-of-service, criticality: critical, data: internal, baseline: vendor, fallbacks: [other, third],
     rehearse: {grader: label, labels: [good, poor], slices: {complaints: 'metadata.kind == "complaint"'}}}
  replies:
    {owner: head-of-replies, criticality: important, data: internal, baseline: vendor, fallbacks: [other],
     rehearse: {grader: human}}
"""
# What a model might write to whoever reads it.
HOSTILE = (
    "<script>alert(1)</script><img src=https://evil.invalid/p.png onerror=alert(2)> ![x](https://evil.invalid/q.png) "
    "[here](javascript:alert(3)) \u202egnp.exe\u202c zero\u200bwidth nul\x00 bell\x07"
)
# Of these each letter has another three, so that no two are copies of one another.
OPENINGS = (
    "I have been a customer of yours for eleven years.",
    "My neighbour told me to write to this address.",
    "We moved to another town at the end of May.",
    "This is the second time that I ask.",
    "My father is ill and I look after his papers.",
    "A colleague of yours rang me yesterday evening.",
    "I could not reach anybody by telephone this week.",
)
BODIES = (
    "A pipe burst in the kitchen and the floor is ruined.",
    "Somebody scratched the left door in the car park.",
    "The bicycle was stolen from in front of the library.",
    "The invoice names a sum that we never agreed upon.",
    "Our dog bit the postman, and he wants his trousers paid.",
    "The storm took eleven tiles and half of the gutter.",
    "I should like to add my daughter as a second driver.",
    "The form asks for a number that I can't find anywhere.",
)
CLOSINGS = (
    "Could somebody come and look before Friday?",
    "Which papers do you need for that?",
    "I shall not pay until this is settled.",
    "Please answer by letter, not by mail.",
    "How long does that usually take?",
    "Is it covered at all, and up to what amount?",
    "Thank you for your trouble.",
    "I have added three photographs.",
    "May I have the repair begun already?",
)
RECORDED = (
    "Please send us the garage's estimate and two photographs. We decide within five working days.",
    "We have noted your cancellation as of the first of next month.",
    "Your claim was approved on Monday. The payment arrives within two working days.",
    "Your documents are on their way by post.",
)
WORSE = (
    "Please send us the garage's invoice. We decide within ten working days.",
    "We have noted your cancellation as of today.",
    "Your claim is being looked at. Please be patient.",
    "Your documents have to be asked for separately.",
)


def fill(store: Store, settings: Settings, now: float, *, cases: int = 40, long: int = 1_200_000) -> dict[str, Verdict]:
    """Records exchanges and what was concluded of each candidate, by "process upstream"; ``now`` is in Unix seconds.

    Exchange 3 is hostile, and the answer of exchange 7 is one line of ``long`` characters.
    """
    for process in ("messages", "replies"):
        save_exchanges(store, [_exchange(process, number, now, long) for number in range(cases)])
    ready = _judged(store, settings, now, "messages", "other", State.READY, [part("overall", 380, -0.004, 0.043, 6.2)])
    bad = _judged(
        store, settings, now, "messages", "third", State.NOT_READY, [part("overall", 140, -0.21, 0.09, -8.0, 4.0)]
    )
    waiting = _judged(store, settings, now, "replies", "other", State.UNPROVEN, [part("overall", 0, None, 1.0, 0.0)])
    for number in range(cases):
        behind = number in (3, 7, 9, 18)
        for verdict in (ready, bad):
            answer = (HOSTILE if number == 3 else "") + (WORSE if behind else RECORDED)[number % 4]
            save_score(store, _scored(verdict, "messages", number, now, 0.0 if behind else 1.0, answer))
        save_score(store, _scored(waiting, "replies", number, now, None, WORSE[number % 4]))
    return {f"{one.cell.process} {one.cell.upstream}": one for one in (ready, bad, waiting)}


def part(
    name: str, replays: int, mean: float | None, width: float, log_e: float, log_e_against: float = -2.0
) -> SliceEvidence:
    """The numbers of a ledger whose bounds lie ``width`` to both sides of its mean."""
    middle = mean or 0.0
    return SliceEvidence(
        name=name,
        replays=replays,
        margin=0.05,
        mean_difference=mean,
        lower=middle - width,
        upper=middle + width,
        log_e_ready=log_e,
        log_e_not_ready=log_e_against,
    )


def exchange_id(process: str, number: int) -> str:
    """What an exchange of the sample is called."""
    return f"x-{process}-{number:04d}"


def _judged(
    store: Store,
    settings: Settings,
    now: float,
    process: str,
    upstream: str,
    state: State,
    parts: Sequence[SliceEvidence],
) -> Verdict:
    version = PromptVersion.make(process=process, upstream=upstream, kind=PromptKind.AS_IS, made_at=now - DAY)
    found = settings.processes[process]
    cell = Cell(
        process=process,
        upstream=upstream,
        fingerprint=fingerprint(settings.upstreams[upstream]),
        prompt_version=version.id,
        grader=grader_id(found.rehearse or RehearsalTerms(grader="label")),
        epoch=epoch_of(settings.upstreams[found.baseline]),
    )
    expires_at = now + 11 * DAY if state is State.READY else None
    verdict = Verdict(
        id=f"v-{cell.id}",
        cell=cell,
        state=state,
        evidence=Evidence(
            overall=parts[0],
            slices=tuple(parts[1:]),
            ungraded=0,
            coverage=1.0,
            candidate_score=0.9 + (parts[0].mean_difference or 0.0),
            baseline_self_agreement=0.9,
            anchor_score=None,
            still_needed=None,
            reasons=() if state is State.READY else ("overall: worse than the margin allows",),
        ),
        made_at=now - 3600,
        expires_at=expires_at,
        seed=1,
        calls=2 * parts[0].replays,
        seconds_per_replay=0.4,
    )
    save_prompt_version(store, version)
    save_verdict(store, verdict)
    if expires_at is not None:
        save_proof(store, _proof_of(verdict, expires_at))
    return verdict


def _proof_of(verdict: Verdict, expires_at: float) -> Proof:
    cell, overall = verdict.cell, verdict.evidence.overall
    return Proof(
        id=f"proof-{verdict.id}",
        process=cell.process,
        upstream=cell.upstream,
        fingerprint=cell.fingerprint,
        prompt_version=cell.prompt_version,
        grader=cell.grader,
        epoch=cell.epoch,
        state=verdict.state,
        margin=overall.margin,
        lower=overall.lower,
        replays=overall.replays,
        made_at=verdict.made_at,
        expires_at=expires_at,
    )


def _exchange(process: str, number: int, now: float, long: int) -> Exchange:
    hostile = HOSTILE if number == 3 else ""
    parts = (OPENINGS[number % len(OPENINGS)], BODIES[number % len(BODIES)], CLOSINGS[number % len(CLOSINGS)])
    asked = hostile + " ".join(parts)
    answered = "x" * long if number == 7 else hostile + RECORDED[number % 4]
    request = {"model": process, "messages": [{"role": "user", "content": asked}]}
    message = {"role": "assistant", "content": answered}
    answer = {
        "id": "c",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    return Exchange(
        id=exchange_id(process, number),
        process=process,
        route=process,
        dialect="openai_chat",
        stream=False,
        started_at=now - 3 * DAY + 60.0 * number,
        outcome=Outcome.COMPLETE,
        status=200,
        request=json.dumps(request).encode(),
        answer=json.dumps(answer).encode(),
        upstream="vendor",
        model="big-1",
        attempts=(AttemptRecord(upstream="vendor", model="big-1", fault=None, status=200, elapsed_ms=410.0),),
        usage=Usage(input=90, output=40),
        metadata={"kind": "complaint" if number % 4 == 2 else "other"},
    )


def _scored(
    verdict: Verdict, process: str, number: int, now: float, candidate: float | None, answer: str
) -> ScoredCase:
    return ScoredCase(
        cell_id=verdict.cell.id,
        exchange_id=exchange_id(process, number),
        graded_at=now - 3600 + number,
        candidate=candidate,
        baseline=None if candidate is None else 1.0,
        reason=WAITING if candidate is None else "",
        topic=number % 4,
        seconds=0.4,
        answer=answer,
    )
