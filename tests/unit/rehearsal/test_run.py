from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest

from switchover.domain.candidate import State
from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.process import (
    Bodies,
    Criticality,
    DataClass,
    Process,
    Recording,
    RehearsalTerms,
    SlicePredicate,
    UpstreamSpec,
)
from switchover.errors import OperatorError, Unreachable
from switchover.graders import grader
from switchover.rehearsal import Order, cell_of, rehearse
from switchover.store import Store
from switchover.store.facts import facts
from switchover.store.indexing import save_exchanges
from switchover.store.proofs import latest_verdict, proofs
from switchover.store.trials import baseline_samples, scored_cases, waiting_cases
from switchover.testing.clock import ManualClock
from switchover.trial.cases import cases_of
from switchover.trial.replay import Reply
from switchover.trial.split import Split, split_of

LABELS = ["billing", "claim", "cancel", "travel"]
WORDS = "roof car sea phone leak post visit bank gale glass door fee yard trip dog bike tree pipe".split()  # noqa: SIM905
NOW = 1_780_000_000.0
TERMS = RehearsalTerms(
    grader="label",
    settings={"labels": LABELS, "aliases": {}},
    margin=0.10,
    slices=(SlicePredicate(name="complaints", path="metadata.kind", equals="complaint"),),
)
PROCESS = Process(
    name="messages",
    owner="head-of-service",
    criticality=Criticality.CRITICAL,
    data=DataClass.CONFIDENTIAL,
    baseline="vendor",
    fallbacks=("student",),
    rehearse=TERMS,
)
VENDOR = UpstreamSpec(name="vendor", kind="openai", model="big", developer="acme", host="acme", base_url="http://v/v1")
STUDENT = UpstreamSpec(name="student", kind="student", model="student", developer="own", host="own")
ORDER = Order(process=PROCESS, baseline=VENDOR, candidate=STUDENT, prompt_version="as-is-1")


def drawn(*parts):
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:8], 16)


def text_of(n):
    return " ".join(WORDS[drawn(n, place) % 18] for place in range(9)) + f" {'abcdefghij'[n % 10] * 5}"


def truth(text):
    return LABELS[drawn(text) % 4]


def record(count=440, ids="x", upstream="vendor"):
    return [
        Exchange(
            id=f"{ids}{drawn(ids, n):08x}{n}",
            process="messages",
            route="messages",
            dialect="openai_chat",
            stream=False,
            started_at=NOW - 86_400 + n,
            outcome=Outcome.COMPLETE,
            status=200,
            request=json.dumps({"model": "messages", "messages": [{"role": "user", "content": text_of(n)}]}).encode(),
            answer=json.dumps(
                {
                    "id": "a",
                    "object": "chat.completion",
                    "created": 1,
                    "model": "big",
                    "choices": [
                        {
                            "index": 0,
                            "message": {"role": "assistant", "content": truth(text_of(n))},
                            "finish_reason": "stop",
                        }
                    ],
                }
            ).encode(),
            upstream=upstream,
            model="big",
            metadata={"kind": "complaint" if n % 3 == 0 else "message"},
        )
        for n in range(count)
    ]


class Model:
    """Gives the truth but for a share of texts; remembers what it was asked."""

    def __init__(self, wrong=0.0, fail_after=None):
        self.wrong, self.fail_after, self.asked = wrong, fail_after, []

    async def __call__(self, request):
        text = request["messages"][-1]["content"]
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.asked.append(text)
        await asyncio.sleep(0)
        is_wrong = drawn("wrong", text) % 1000 < self.wrong * 1000
        return Reply(LABELS[(LABELS.index(truth(text)) + is_wrong) % 4], 0.01)


def unnamed(evidence):
    """Without the ids of exchanges, which differ between two recordings of one traffic."""
    worst = evidence.worst_topic
    return replace(evidence, worst_topic=worst and replace(worst, examples=()))


@pytest.fixture
def store():
    with Store.open("sqlite://") as opened:
        yield opened


def run(store, model, *, order=ORDER, baseline=None, clock=None, **more):
    return asyncio.run(
        rehearse(
            order,
            store=store,
            ask=model,
            baseline_ask=baseline or Model(),
            grader=grader(order.process.rehearse),
            clock=clock or ManualClock(NOW),
            **more,
        )
    )


def test_a_flawless_candidate_is_ready_with_a_proof_that_stands_for_a_week(store):
    save_exchanges(store, record())
    verdict = run(store, Model())
    assert verdict.state is State.READY, verdict.evidence.reasons
    assert verdict.evidence.coverage >= 0.95
    [proof] = proofs(store, "messages", now=NOW)
    assert proof.expires_at == verdict.expires_at == NOW + 7 * 86_400
    assert proof.prompt_version == "as-is-1"
    assert latest_verdict(store, verdict.cell.id) == verdict


def with_names(exchange, n):
    """As an application asks that writes its customer's name and the day into its system prompt."""
    body = json.loads(exchange.request)
    who = f"{WORDS[drawn(n, 'first') % 18]} {WORDS[drawn(n, 'last') % 18]}".title()
    said = f"You answer {who}, a customer since {1990 + n % 30}. Today is {n % 28 + 1} March 2026. Say which desk."
    body["messages"].insert(0, {"role": "system", "content": said})
    return replace(exchange, request=json.dumps(body).encode())


def test_a_candidate_asked_with_the_customers_names_and_dates_is_ready_all_the_same(store):
    save_exchanges(store, [with_names(exchange, n) for n, exchange in enumerate(record())])
    verdict = run(store, Model())
    assert verdict.state is State.READY, verdict.evidence.reasons
    assert verdict.evidence.coverage >= 0.95


def test_a_bad_candidate_is_not_ready_soon_and_its_proofs_end(store):
    save_exchanges(store, record())
    noted = []
    run(store, Model(), note=noted.append)
    clock = ManualClock(NOW + 31 * 86_400)
    save_exchanges(store, [replace(e, id=f"later{e.id}", started_at=clock.now() - 60) for e in record()])
    verdict = run(store, Model(wrong=0.6), clock=clock, note=noted.append)
    assert verdict.state is State.NOT_READY
    assert [(e["event"], e.get("before"), e.get("changed")) for e in noted] == [
        ("verdict saved", None, None), ("proof given", None, None),
        ("verdict saved", "READY", True), ("proof revoked", None, None),
    ]  # fmt: skip
    rows = {(fact.kind, fact.id): fact for fact in facts(store)}
    assert [rows["verdict", e["id"]].sha256 for e in noted[::2]] == [e["sha256"] for e in noted[::2]]
    assert rows["proof", noted[1]["id"]].sha256 == noted[1]["sha256"]
    assert rows["proof", noted[1]["id"]].end_sha256 == noted[3]["sha256"]
    assert verdict.calls < 100
    assert not proofs(store, "messages")


def test_only_the_verdict_half_is_replayed_and_only_what_the_baseline_answered(store):
    save_exchanges(store, [*record(200), *record(400, "y", "student")[200:]])
    model = Model()
    run(store, model)
    keys = {case.text: case.key for case in cases_of(record(400))}
    assert {split_of(keys[text], "messages") for text in model.asked} == {Split.VERDICT}
    assert set(model.asked) <= {text_of(n) for n in range(200)}
    assert len(set(model.asked)) == len(model.asked)


def test_the_same_seed_and_answers_give_the_same_verdict_whatever_the_ids_and_the_concurrency():
    seen = []
    for ids, concurrency in (("a", 1), ("b", 8)):
        with Store.open("sqlite://") as store:
            save_exchanges(store, record(240, ids))
            model = Model(wrong=0.05)
            verdict = run(store, model, order=replace(ORDER, concurrency=concurrency))
            seen.append((verdict.state, verdict.calls, unnamed(verdict.evidence), sorted(model.asked)))
    assert seen[0] == seen[1]


def test_an_interrupted_rehearsal_loses_nothing_and_ends_as_if_it_had_not_been(tmp_path):
    with Store.open("sqlite://") as store:
        save_exchanges(store, record(240))
        whole = run(store, Model(wrong=0.05))
    with Store.open(f"sqlite:///{tmp_path / 'parts'}.sqlite") as store:
        save_exchanges(store, record(240))
        first, second, baseline = Model(wrong=0.05, fail_after=37), Model(wrong=0.05), Model()
        with pytest.raises(KeyboardInterrupt):
            run(store, first, baseline=baseline)
        cell = cell_of(ORDER).id
        kept = [*scored_cases(store, cell), *waiting_cases(store, cell).values()]
        # Whatever was under way is lost: twice as many cases as run at once.
        assert len(kept) >= 37 - 2 * ORDER.concurrency
        verdict = run(store, second, baseline=baseline)
        graded_first = {row.exchange_id for row in kept}
        texts = {e.id: text_of(n) for n, e in enumerate(record(240))}
        assert not {texts[name] for name in graded_first} & set(second.asked)
        assert len(baseline.asked) - len(set(baseline.asked)) <= 2 * ORDER.concurrency
    assert (verdict.state, verdict.evidence) == (whole.state, whole.evidence)


def test_a_cancelled_rehearsal_saves_its_verdict_as_it_stands(store):
    save_exchanges(store, record())
    told = []

    async def cancelled():
        model = Model()

        async def slow(request):
            if len(model.asked) >= 20:
                task.cancel()
            return await model(request)

        task = asyncio.ensure_future(
            rehearse(
                ORDER,
                store=store,
                ask=slow,
                baseline_ask=Model(),
                grader=grader(TERMS),
                clock=ManualClock(NOW),
                progress=told.append,
            )
        )
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    verdict = latest_verdict(store, cell_of(ORDER).id)
    assert verdict is not None
    assert verdict.state is State.UNPROVEN
    assert len(scored_cases(store, verdict.cell.id)) >= 16
    # What an unfinished round cost is told as well.
    assert told[-1].calls == verdict.calls > len(scored_cases(store, verdict.cell.id))


def test_a_finished_rehearsal_asks_nothing_more(store):
    save_exchanges(store, record())
    run(store, Model())
    again = Model()
    assert run(store, again).state is State.READY
    assert not again.asked


def test_second_baseline_samples_are_drawn_once_and_shared_by_candidates(store):
    save_exchanges(store, record())
    baseline = Model()
    run(store, Model(), baseline=baseline)
    before = len(baseline.asked)
    other = replace(ORDER, prompt_version="student-2")
    run(store, Model(), order=other, baseline=baseline)
    assert before == len(set(baseline.asked)) == len(baseline_samples(store, "messages", cell_of(ORDER).epoch))
    assert cell_of(other).id != cell_of(ORDER).id


def test_an_equal_candidate_of_a_noisy_baseline_is_not_blamed_for_the_noise(store):
    save_exchanges(store, record())
    plain = replace(ORDER, process=replace(PROCESS, rehearse=replace(TERMS, slices=())))
    verdict = run(store, Model(wrong=0.15), baseline=Model(wrong=0.15), order=plain)
    assert verdict.state is State.READY
    assert verdict.evidence.baseline_self_agreement == pytest.approx(0.85, abs=0.08)


def test_the_budget_ends_it_unproven_with_an_estimate(store):
    save_exchanges(store, record())
    verdict = run(store, Model(), order=replace(ORDER, budget_calls=20))
    assert verdict.calls == 20
    assert verdict.state is State.UNPROVEN
    assert verdict.evidence.still_needed is not None
    assert verdict.evidence.still_needed > 0


def test_an_unreachable_candidate_scores_nothing_and_an_unreachable_baseline_leaves_cases_ungraded(store):
    async def gone(request):
        raise Unreachable("no connection")

    save_exchanges(store, record(120))
    ungraded = run(store, Model(), baseline=gone)
    assert ungraded.state is State.UNPROVEN
    assert ungraded.calls == 0
    assert ungraded.evidence.ungraded > 0
    other = replace(ORDER, prompt_version="other")
    assert run(store, gone, order=other).state is State.NOT_READY


def test_a_reply_that_takes_too_long_scores_nothing(store):
    async def never(request):
        await asyncio.Event().wait()

    save_exchanges(store, record(60))
    verdict = run(store, never, order=replace(ORDER, timeout=0.01, budget_calls=8))
    assert verdict.evidence.candidate_score == 0.0


def test_the_anchor_is_scored_beside_and_decides_nothing(store):
    save_exchanges(store, record())
    verdict = run(store, Model(), anchor=lambda exchange: "billing")
    assert verdict.state is State.READY
    assert 0.1 < verdict.evidence.anchor_score < 0.45


def test_progress_is_told_after_every_round(store):
    save_exchanges(store, record())
    told = []
    verdict = run(store, Model(), progress=told.append)
    assert [p.calls for p in told] == sorted(p.calls for p in told)
    assert told[-1].calls == verdict.calls
    assert told[-1].decision.state is State.READY


def test_a_process_without_terms_is_refused_with_what_to_do(store):
    with pytest.raises(OperatorError, match="rehearse"):
        cell_of(replace(ORDER, process=replace(PROCESS, rehearse=None)))


@pytest.mark.parametrize("bodies", [Bodies.METADATA, Bodies.NONE])
def test_a_process_that_keeps_no_words_says_that_nothing_can_be_asked_again(bodies):
    unkept = replace(ORDER, process=replace(PROCESS, recording=Recording(bodies=bodies)))
    with Store.open("sqlite://") as empty:
        save_exchanges(empty, [replace(one, request=b"", answer=b"", bodies=bodies) for one in record(3)])
        with pytest.raises(OperatorError, match=f"recording: {bodies}`.*\\n.*redacted"):
            asyncio.run(
                rehearse(unkept, store=empty, ask=never, baseline_ask=never, grader=grader(TERMS), clock=ManualClock())
            )


async def never(request):
    raise AssertionError("nobody may be asked")
