from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from switchover.domain.candidate import ScoredCase, State
from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.ports import Question, Score
from switchover.domain.process import RehearsalTerms, SlicePredicate
from switchover.graders import grader as grader_of
from switchover.trial.cases import cases_of
from switchover.trial.copies import copy_groups
from switchover.trial.decide import Facts, decide
from switchover.trial.grade import grade
from switchover.trial.replay import Reply
from switchover.trial.sample import coverage, natural_mix, plan_cases
from switchover.trial.split import Split, group_copies, split
from switchover.trial.topics import fit

DAY = 86_400.0
NOW = 20_600 * DAY + 40_000.0
COMPLAINTS = (SlicePredicate(name="complaints", path="metadata.kind", equals="complaint"),)
WORDS = "roof car sea phone leak post visit bank gale glass door fee yard trip dog bike tree pipe".split()  # noqa: SIM905


def text_of(n):
    return f"{WORDS[n % 18]} {WORDS[n // 18 % 18]} about {WORDS[n * 7 % 18]} case {'abcdefghij'[n % 10] * 6} {n:b}"


def exchange(n, *, text=None, answer="billing", kind="message", at=None, name=None, stream=False):
    body = {
        "model": "messages",
        "messages": [{"role": "user", "content": text or text_of(n)}],
        "metadata": {"kind": kind},
    }
    reply = {"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}]}
    return Exchange(
        id=name or f"x{n}",
        process="messages",
        route="messages",
        dialect="openai_chat",
        stream=stream,
        started_at=NOW - DAY + n if at is None else at,
        outcome=Outcome.COMPLETE,
        status=200,
        request=json.dumps(body).encode(),
        answer=json.dumps({"id": "a", "object": "chat.completion", "model": "big", **reply}).encode(),
        upstream="vendor",
        model="big",
        metadata={"kind": kind},
    )


def row(n, d=0.0, *, at=NOW, slices=(), topic=0, graded=True):
    return ScoredCase(
        cell_id="c",
        exchange_id=f"x{n}",
        graded_at=at,
        candidate=1.0 + min(d, 0.0) if graded else None,
        baseline=1.0 - max(d, 0.0) if graded else None,
        slices=slices,
        topic=topic,
    )


def facts(rows, *, traffic=None, **more):
    return Facts(rows=rows, mix=rows, topics={}, traffic=traffic or [(NOW - DAY, 0)], **more)


def test_texts_that_differ_in_numbers_case_or_a_word_are_copies_and_others_are_not():
    long = "My washing machine flooded the kitchen on 3 March and the floor has lifted along every join near the door"
    texts = [long, long.upper().replace("3", "9") + "!", long + " please", "When is my premium due this year?", ""]
    assert copy_groups(texts) == [0, 0, 0, 3, 4]


def test_copies_of_copies_belong_to_the_first():
    base = [f"{word} {word[::-1]} {place}" for place, word in enumerate(WORDS)]
    chain = [" ".join(base[n : n + 16]) for n in range(3)]
    assert copy_groups(chain) == [0, 0, 0]


def test_a_case_stays_in_its_split_as_the_record_grows_and_copies_never_straddle():
    few = {
        c.exchange.id: part
        for part, gs in split(cases_of(map(exchange, range(300))), "p").items()
        for g in gs
        for c in g.cases
    }
    grown = [exchange(n) for n in range(600)] + [exchange(n, name=f"again{n}", at=NOW) for n in range(100)]
    many = {c.exchange.id: part for part, gs in split(cases_of(grown), "p").items() for g in gs for c in g.cases}
    assert all(many[name] is part for name, part in few.items())
    assert all(many[f"again{n}"] is many[f"x{n}"] for n in range(100))


def test_splits_are_40_10_50():
    sizes = {part: len(groups) for part, groups in split(cases_of(map(exchange, range(1500))), "p").items()}
    total = sum(sizes.values())
    assert sizes[Split.ADAPTATION] / total == pytest.approx(0.4, abs=0.06)
    assert sizes[Split.SELECTION] / total == pytest.approx(0.1, abs=0.04)
    assert sizes[Split.VERDICT] / total == pytest.approx(0.5, abs=0.06)


def test_the_plan_depends_on_the_record_and_the_seed_and_not_on_ids():
    def plan(seed, prefix):
        cases = cases_of([exchange(n, name=f"{prefix}{n}") for n in range(120)])
        return [p.case.order for p in plan_cases(group_copies(cases), seed)]

    assert plan(1, "a") == plan(1, "b")
    assert plan(1, "a") != plan(2, "a")


def test_critical_slices_make_up_30_percent_while_they_last_and_every_group_comes_once():
    cases = cases_of([exchange(n, kind="complaint" if n % 10 == 0 else "message") for n in range(300)], COMPLAINTS)
    groups = group_copies(cases)
    planned = plan_cases(groups, 1)
    assert sum(bool(p.case.slices) for p in planned[:60]) == 18
    assert Counter(p.group.key for p in planned) == Counter(g.key for g in groups)


def test_the_overall_ledger_keeps_the_natural_mix_whatever_the_scores():
    rows = [row(n, slices=("complaints",)) for n in range(30)] + [row(n) for n in range(30, 100)]
    keys = {f"x{n}": f"k{n}" for n in range(100)}
    mixed = natural_mix(rows, keys, 0.1, 1)
    assert sum(bool(r.slices) for r in mixed) == 7
    worse = [row(n, -1.0, slices=("complaints",)) for n in range(30)] + rows[30:]
    assert {r.exchange_id for r in natural_mix(worse, keys, 0.1, 1)} == {r.exchange_id for r in mixed}


def test_topics_tell_kinds_of_requests_apart_and_know_what_is_new():
    car = [f"the car engine and the tyres were repaired at garage {w}" for w in WORDS] * 4
    pay = [f"invoice payment premium and direct debit of {w} is unclear" for w in WORDS] * 4
    texts = [f"{text} {'xyzuvw'[n % 6] * (n % 5)}" for n, text in enumerate(car + pay)]
    found = fit(texts)
    topics = found.of(texts)
    assert not set(topics[:72]) & set(topics[72:]) - {-1}
    assert found.of(["Ωμέγα βήτα γάμμα δέλτα"]) == [-1]
    assert fit(texts).of(texts) == topics


def test_coverage_counts_traffic_in_topics_with_five_graded_replays():
    assert coverage([0, 0, 0, 1, -1], [0] * 5 + [1] * 4 + [-1] * 9) == pytest.approx(0.6)
    assert coverage([], []) == 1.0


class Fixed:
    name = "fixed"
    by_merit = False

    def __init__(self, **scores):
        self.scores = scores

    async def score(self, answer, question):
        if answer == "poison":
            raise RuntimeError("boom")
        return Score(self.scores.get(answer or "none", 0.0), "why")


def test_no_answer_scores_nothing_and_a_grader_that_fails_on_it_counts_as_the_worst():
    grader = Fixed(second=0.8, good=1.0)
    lost = asyncio.run(grade(grader, Reply(None, 1.0, "no answer within 60 s"), "second", Question("ref")))
    assert (lost.candidate, lost.baseline, lost.reason) == (0.0, 0.8, "no answer within 60 s")
    poisoned = asyncio.run(grade(grader, Reply("poison"), "second", Question("ref")))
    assert (poisoned.candidate, poisoned.baseline) == (0.0, 1.0)


class Costly:
    """A grader that is not deterministic and counts what it is asked."""

    name = "hook"

    def __init__(self, by_merit, scores):
        self.by_merit, self.scores, self.asked = by_merit, scores, []

    async def score(self, answer, question):
        self.asked.append(answer)
        return Score(self.scores[answer])


@pytest.mark.parametrize(
    ("by_merit", "answer", "second", "asked", "scores"),
    [
        # The baseline's own answer over again: a difference of nothing, whatever it is worth.
        (True, "recorded", None, [], (1.0, 1.0)),
        (False, "second", "second", [], (1.0, 1.0)),
        # The recorded answer agrees with itself; only the other one is asked about.
        (False, "recorded", "second", ["second"], (1.0, 0.5)),
        (False, "other", "recorded", ["other"], (0.25, 1.0)),
        (True, "other", None, ["recorded", "other"], (0.25, 0.75)),
        (False, "other", "second", ["second", "other"], (0.25, 0.5)),
    ],
)
def test_a_costly_grader_is_not_asked_about_identical_answers(by_merit, answer, second, asked, scores):
    grader = Costly(by_merit, {"recorded": 0.75, "second": 0.5, "other": 0.25})
    found = asyncio.run(grade(grader, Reply(answer), second, Question("recorded")))
    assert (found.candidate, found.baseline, grader.asked) == (*scores, asked)


def test_a_deterministic_grader_is_asked_and_may_find_that_identical_answers_are_worth_nothing():
    terms = RehearsalTerms(grader="exact", settings={"checks": {"no_refusal": True}})
    refusal = "I can't help with that."
    found = asyncio.run(grade(grader_of(terms), Reply(refusal), refusal, Question("yes")))
    assert (found.candidate, found.baseline, found.reason) == (0.0, 0.0, "refuses")
    merit = RehearsalTerms(grader="checks", settings={"checks": {"no_refusal": True}})
    found = asyncio.run(grade(grader_of(merit), Reply("yes"), None, Question(refusal)))
    assert (found.candidate, found.baseline) == (1.0, 0.0)


@pytest.mark.parametrize(("second", "reference"), [(None, "ref"), ("second", None), ("unreadable", "ref")])
def test_what_the_baseline_or_the_grader_could_not_do_is_ungraded_with_a_reason(second, reference):
    graded = asyncio.run(grade(Fixed(second=1.0, unreadable=None), Reply("good"), second, Question(reference)))
    assert graded.candidate is None
    assert graded.reason


TERMS = RehearsalTerms(grader="label")


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (facts([row(n) for n in range(120)]), State.READY),
        (facts([row(n) for n in range(120)], calibrated=False), State.PROVISIONAL),
        (facts([row(n, -1.0) for n in range(40)], was_ready=True), State.NOT_READY),
        (facts([row(n) for n in range(40)]), State.UNPROVEN),
        (facts([row(n) for n in range(40)], was_ready=True), State.EXPIRED),
        (facts([row(n, at=NOW - 8 * DAY) for n in range(300)], was_ready=True), State.EXPIRED),
        (facts([row(n) for n in range(120)], traffic=[(NOW, 0)] * 9 + [(NOW, 1)]), State.UNPROVEN),
        (facts([row(n, graded=n > 9) for n in range(150)]), State.UNPROVEN),
        (facts([]), State.UNPROVEN),
    ],
)
def test_states_follow_the_table(facts, state):
    decision = decide(facts, TERMS, NOW)
    assert decision.state is state
    assert (decision.expires_at is not None) == (state in (State.READY, State.PROVISIONAL))
    assert bool(decision.evidence.reasons) == (state is not State.READY)


def test_a_critical_slice_must_pass_on_its_own_and_can_fail_on_its_own():
    terms = RehearsalTerms(grader="label", slices=COMPLAINTS)
    good = [row(n) for n in range(300)]
    thin = decide(facts([*good, *(row(900 + n, slices=("complaints",)) for n in range(10))]), terms, NOW)
    assert thin.state is State.UNPROVEN
    assert any("complaints" in reason for reason in thin.evidence.reasons)
    bad = [row(900 + n, -1.0 if n % 2 else 0.0, slices=("complaints",)) for n in range(20)]
    assert decide(facts([*good, *bad]), terms, NOW).state is State.NOT_READY


def test_a_proof_ends_at_the_first_condition_to_fail():
    fresh = decide(facts([row(n) for n in range(400)]), TERMS, NOW)
    assert fresh.expires_at == NOW + 7 * DAY
    assert fresh.lasts
    thin = decide(facts([row(n) for n in range(80)]), TERMS, NOW)
    assert thin.state is State.READY
    assert thin.expires_at < NOW + 7 * DAY
    assert not thin.lasts


def test_a_proof_ends_when_the_traffic_that_it_covers_has_left_the_window():
    traffic = [(NOW - 28 * DAY, 0)] * 95 + [(NOW, 1)] * 5
    decision = decide(facts([row(n) for n in range(400)], traffic=traffic), TERMS, NOW)
    assert decision.state is State.READY
    assert decision.expires_at == pytest.approx(NOW + 2 * DAY)
    after = decide(facts([row(n) for n in range(400)], traffic=traffic), TERMS, decision.expires_at + 1)
    assert after.state is State.UNPROVEN
