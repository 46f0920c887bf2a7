"""People at a desk: blinded, saved at once, taken back, shared by two; and a verdict drawn again without a replay."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace

import pytest

from switchover.domain.candidate import State
from switchover.domain.process import RehearsalTerms
from switchover.errors import NotFound, OperatorError
from switchover.graders.human import Human
from switchover.rehearsal import Desk, Order, redecide, rehearse
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.store.labels import labels_of
from switchover.store.proofs import latest_verdict, proofs
from switchover.store.trials import scored_cases
from switchover.testing.builders import make_exchange, make_process, make_upstream
from switchover.testing.clock import ManualClock
from switchover.trial.labelling import candidate_left
from switchover.trial.replay import Reply

NOW = 1_780_000_000.0
TERMS = RehearsalTerms(grader="human", margin=0.10, labels_share=1.0, label_budget=30)
PROCESS = make_process("messages", rehearse=TERMS, fallbacks=("other",))
ORDER = Order(
    process=PROCESS,
    baseline=make_upstream(),
    candidate=make_upstream("other", developer="b", host="b"),
    prompt_version="as-is-1",
)
WORDS = "roof car sea phone leak post visit bank gale glass door fee yard trip dog bike tree pipe".split()  # noqa: SIM905


def question(n):
    return " ".join(WORDS[(n * place + n // place) % 18] for place in range(1, 9)) + f" {n}"


async def candidate(request):
    n = int(request["messages"][-1]["content"].rpartition(" ")[2])
    return Reply(f"recorded {n}" if n % 3 == 0 else None if n % 10 == 1 else f"worded anew {n}", 0.01)


async def nobody(request):
    raise AssertionError("by merit no second sample is drawn")


def rehearsed(store, clock):
    return asyncio.run(rehearse(ORDER, store=store, ask=candidate, baseline_ask=nobody, grader=Human(), clock=clock))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A store in which enough cases wait."""
    file = tmp_path_factory.mktemp("prepared") / "store.sqlite"
    with Store.open(f"sqlite:///{file}") as opened:
        save_exchanges(
            opened,
            [
                make_exchange(
                    question(n), f"recorded {n}", id=f"x{n:04d}", process="messages", upstream="vendor",
                    started_at=NOW - 5_000 + n,
                )
                for n in range(140)
            ],
        )  # fmt: skip
        verdict = rehearsed(opened, ManualClock(NOW))
    return file, verdict


@pytest.fixture
def store(prepared, tmp_path):
    copy = shutil.copy(prepared[0], tmp_path / "store.sqlite")
    with Store.open(f"sqlite:///{copy}") as opened:
        yield opened


@pytest.fixture
def cell(prepared):
    return prepared[1].cell


@pytest.fixture
def clock():
    return ManualClock(NOW)


def desk(store, cell, clock, person="ann", note=lambda event: None):
    return Desk(ORDER, cell, store=store, clock=clock, person=person, source="terminal", note=note)


def test_cases_wait_for_people_and_the_rehearsal_stops_when_enough_of_them_do(prepared, store, clock):
    verdict = prepared[1]
    assert verdict.state is State.UNPROVEN
    people = verdict.evidence.people
    assert 30 <= people.waiting < 38
    assert verdict.calls < 60
    assert verdict.evidence.ungraded == 0
    # Nothing more is asked while so many wait.
    assert rehearsed(store, clock).calls == 0


def test_a_pair_is_shown_without_whose_is_which_and_the_marks_reach_the_right_ones(store, cell, clock):
    sitting = desk(store, cell, clock)
    sides = set()
    for _ in range(12):
        pair = sitting.next()
        told = json.dumps([pair.case, pair.request, pair.left, pair.right])
        assert not any(name in told for name in ("vendor", "other", "candidate", "baseline", "big-1"))
        recorded_left = pair.left.startswith("recorded")
        sides.add(recorded_left)
        label = sitting.mark(pair.case, 1.0 if recorded_left else 0.5, 0.5 if recorded_left else 1.0)
        missing = "(no answer)" in (pair.left, pair.right)
        assert (label.baseline, label.candidate) == (1.0, 0.0 if missing else 0.5)
        assert label.candidate_left is not recorded_left
    assert sides == {True, False}
    assert labels_of(store, cell.id) == sorted(sitting.given, key=lambda one: (one.at, one.exchange_id, one.person))


def test_a_label_is_taken_back_and_a_skipped_case_comes_again_at_another_sitting(store, cell, clock):
    sitting = desk(store, cell, clock)
    first = sitting.next().case
    sitting.skip(first)
    second = sitting.next().case
    assert second != first
    sitting.mark(second, 1.0, 1.0)
    assert sitting.next().case not in (first, second)
    assert sitting.undo() == second
    assert labels_of(store, cell.id) == []
    assert sitting.undo() is None
    assert desk(store, cell, clock).next().case == first


def test_labels_make_the_verdict_without_a_replay_and_it_is_noted_without_words(store, cell, clock):
    before, noted = scored_cases(store, cell.id), []
    sitting = desk(store, cell, clock, note=noted.append)
    while (pair := sitting.next()) is not None:
        sitting.mark(pair.case, 1.0, 1.0)
        if sitting.progress().needed == 0:
            break
    verdict = sitting.close()
    # A candidate that gives no answer now and then is worse there, whoever looks.
    assert verdict.evidence.people.labelled == len(sitting.given)
    assert verdict == latest_verdict(store, cell.id)
    assert scored_cases(store, cell.id) == before
    assert [event["event"] for event in noted][:2] == ["labels given", "verdict saved"]
    assert noted[0]["labels"] == len(sitting.given)
    assert "recorded" not in json.dumps(noted)
    again = redecide(ORDER, cell, store=store, clock=clock)
    assert again.evidence == verdict.evidence
    assert (verdict.state is State.READY) == bool(proofs(store, "messages", now=NOW))


def test_a_sitting_without_labels_changes_nothing(store, cell, clock):
    noted = []
    assert desk(store, cell, clock, note=noted.append).close() is None
    assert noted == []


def test_two_people_share_the_queue_and_their_agreement_is_told(store, cell, clock):
    ann = desk(store, cell, clock)
    while (pair := ann.next()) is not None:
        ann.mark(pair.case, 1.0, 0.0)
    bob = desk(store, cell, clock, "bob")
    assert 0 < len(bob.waiting()) < len(ann.given) / 2
    left = {label.exchange_id: label for label in ann.given}
    while (pair := bob.next()) is not None:
        first = left[pair.case]
        same = candidate_left(cell.id, pair.case, "bob") == first.candidate_left
        bob.mark(pair.case, *((1.0, 0.0) if same else (0.0, 1.0)))
    agreed = bob.progress().agreement
    assert agreed.pairs == len(bob.given)
    assert agreed.same == 1.0
    # The first label counts, a second one measures.
    assert bob.decide().evidence.overall == ann.decide().evidence.overall


def test_what_was_erased_or_never_drawn_is_not_shown_and_wrong_marks_are_refused(store, cell, clock):
    sitting = desk(store, cell, clock)
    case = sitting.next().case
    for marks in ((1.0, None), (2.0, 0.0)):
        with pytest.raises(OperatorError, match="two from 0 to 1"):
            sitting.mark(case, *marks)
    same = next(row.exchange_id for row in scored_cases(store, cell.id) if row.candidate == 1.0)
    for name in (same, "nothing"):
        with pytest.raises(NotFound, match="no case that people are to look at"):
            sitting.mark(name, 1.0, 1.0)


def test_people_are_not_asked_where_the_grader_needs_none(store, cell, clock):
    terms = RehearsalTerms(grader="label", settings={"labels": ["a", "b"]})
    plain = replace(ORDER, process=replace(PROCESS, rehearse=terms))
    with pytest.raises(OperatorError, match="people are not asked"):
        Desk(plain, cell, store=store, clock=clock, person="ann", source="page", note=lambda event: None)
