"""A judge's word is PROVISIONAL; people's is READY or NOT READY, and theirs is what their labels say and no more."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

import pytest

from switchover.domain.candidate import ScoredCase, State
from switchover.domain.label import Label
from switchover.domain.process import RehearsalTerms
from switchover.graders.human import WAITING
from switchover.trial.book import Book
from switchover.trial.coverage import Kind
from switchover.trial.grade import IDENTICAL
from switchover.trial.labelling import Drawing
from switchover.trial.looked import UNCLEAR
from switchover.trial.rectified import RectifiedBook

NOW = 1_780_000_000.0
TERMS = RehearsalTerms(grader="rubric", margin=0.10, labels_share=0.5, label_budget=40)
SEEDS = range(20)


class Trial:
    """Cases whose answers people find right or wrong; a judge that finds the candidate's right always."""

    def __init__(self, seed, quality, count=480, *, terms=TERMS, judge=lambda right: 1.0, was_ready=False):
        rng, self.seen, rows = random.Random(seed), {}, []
        for number in range(count):
            name = f"x{number}"
            base = rng.random() < 0.9
            right = base if rng.random() < 0.5 else rng.random() < quality
            if right == base and rng.random() < 0.6:
                rows.append(self.case(name, number, 1.0, 1.0, IDENTICAL))
                continue
            self.seen[name] = (float(right), float(base))
            if terms.grader == "human":
                rows.append(self.case(name, number, None, None, WAITING))
            else:
                rows.append(self.case(name, number, judge(right), float(base), ""))
        keys = {row.exchange_id: row.exchange_id for row in rows}
        drawing = Drawing("cell", terms.labels_share, keys)
        kind = Kind(0, "")
        open_book = partial(
            Book, terms, kinds=dict.fromkeys(keys, kind), traffic=[(NOW, kind)], examples={}, was_ready=was_ready
        )
        self.book = RectifiedBook(terms, rows, [], drawing=drawing, open_book=open_book)

    @staticmethod
    def case(name, number, candidate, baseline, reason):
        return ScoredCase(
            cell_id="cell", exchange_id=name, graded_at=NOW - 5_000 + number, candidate=candidate, baseline=baseline,
            reason=reason, judge_calls=0 if reason else 2, judge_nusd=None if reason else 10,
        )  # fmt: skip

    def label(self, row, marks=None, person="ann"):
        candidate, baseline = self.seen[row.exchange_id] if marks is None else marks
        return Label(
            cell_id="cell", exchange_id=row.exchange_id, person=person, at=NOW, case_at=row.graded_at,
            candidate=candidate, baseline=baseline, candidate_left=True, source="file",
        )  # fmt: skip

    @property
    def shown(self):
        return [row for row in self.book.drawing.in_order(self.book.rows) if self.book.drawing.is_shown(row)]

    def label_all(self):
        self.book.labels = [self.label(row) for row in self.shown]


@pytest.mark.parametrize(("quality", "wanted"), [(0.30, State.NOT_READY), (0.94, State.READY)])
def test_a_judge_that_favours_the_candidate_makes_nobody_ready_over_twenty_seeds_and_labels_set_it_right(
    quality, wanted
):
    alone, seen = [], []
    for seed in SEEDS:
        trial = Trial(seed, quality)
        alone.append(trial.book.decide(NOW).state)
        trial.label_all()
        seen.append(trial.book.decide(NOW).state)
    assert set(alone) == {State.PROVISIONAL}
    assert seen.count(wanted) >= 19
    assert set(seen) <= {wanted, State.PROVISIONAL, State.UNPROVEN}


def test_cases_that_were_not_drawn_bring_nothing_before_their_drawn_neighbours_are_labelled():
    """All the labels but the first: hundreds of cases with the judge's word alone would say READY."""
    trial = Trial(1, 0.30)
    trial.book.labels = [trial.label(row) for row in trial.shown[1:]]
    decision = trial.book.decide(NOW)
    assert decision.state is State.PROVISIONAL
    people = decision.evidence.people
    assert people.waiting == 1
    assert people.counted < 20
    trial.label_all()
    assert trial.book.decide(NOW).state is State.NOT_READY


def test_answers_that_are_the_same_need_no_label_and_count_as_no_difference():
    trial = Trial(3, 0.90)
    assert all(row.reason != IDENTICAL for row in trial.shown)
    trial.label_all()
    people = trial.book.decide(NOW).evidence.people
    assert people.counted == len(trial.book.rows)
    assert people.drawn == people.labelled < 0.3 * people.counted


def test_labels_that_nobody_can_give_leave_their_cases_ungraded_and_many_keep_ready_back():
    trial = Trial(4, 0.94)
    trial.label_all()
    assert trial.book.decide(NOW).state is State.READY
    labels = trial.book.labels
    trial.book.labels = [
        replace(one, candidate=None, baseline=None) if at % 10 == 0 else one for at, one in enumerate(labels)
    ]
    decision = trial.book.decide(NOW)
    assert decision.state is State.PROVISIONAL
    assert any(f"as people see it: {UNCLEAR} in" in reason for reason in decision.evidence.reasons)
    assert decision.evidence.people.unclear == len(labels[::10])


def test_a_book_that_cases_come_to_says_what_one_says_that_has_them_all():
    trial = Trial(9, 0.80, 120)
    rows, everything = trial.book.rows, [trial.label(row) for row in trial.shown]

    def opened(some):
        return RectifiedBook(TERMS, some, labels, drawing=trial.book.drawing, open_book=trial.book._open)

    labels = everything[:9]
    growing = opened([])
    for at, row in enumerate(rows, 1):
        growing.add(row)
        if at == 60:
            growing.labels = labels = everything
        if at % 5 == 0:
            assert growing.decide(NOW) == opened(rows[:at]).decide(NOW)
    again = replace(rows[70], graded_at=NOW - 10, candidate=0.0)
    growing.add(again)
    whole = [row for row in rows if row.exchange_id != again.exchange_id]
    assert growing.decide(NOW) == opened([*whole, again]).decide(NOW)


def test_once_people_have_begun_the_judge_alone_ends_nothing():
    hostile = Trial(5, 0.92, judge=lambda right: 0.0)
    assert hostile.book.decide(NOW).state is State.NOT_READY
    hostile.book.labels = [hostile.label(row) for row in hostile.shown[:3]]
    assert hostile.book.decide(NOW).state is State.UNPROVEN
    hostile.label_all()
    assert hostile.book.decide(NOW).state is not State.NOT_READY


def test_a_rehearsal_goes_on_until_as_many_cases_wait_as_people_may_be_asked_about():
    few, enough = Trial(6, 0.90, 120), Trial(6, 0.90)
    assert len(few.shown) < 40 <= len(enough.shown)
    assert not few.book.decide(NOW).lasts
    assert enough.book.decide(NOW).lasts


def test_a_judge_is_not_believed_where_people_have_seen_worse_so_far():
    trial = Trial(1, 0.90)
    trial.book.labels = [trial.label(row, (0.0, 1.0)) for row in trial.shown[:2]]
    decision = trial.book.decide(NOW)
    assert decision.evidence.overall.mean_difference < -0.10
    assert decision.state is State.UNPROVEN


def test_where_people_doubt_what_a_judge_had_called_provisional_nothing_is_out_of_date():
    trial = Trial(1, 0.90, was_ready=True)
    assert trial.book.decide(NOW).state is State.PROVISIONAL
    trial.book.labels = [trial.label(row, (0.0, 1.0)) for row in trial.shown[:2]]
    decision = trial.book.decide(NOW)
    assert (decision.state, decision.holds_until) == (State.UNPROVEN, NOW)


def test_labels_that_are_still_to_come_take_nothing_from_an_earlier_proof():
    trial = Trial(4, 0.94)
    trial.label_all()
    assert trial.book.decide(NOW).state is State.READY
    trial.book.labels = trial.book.labels[:4]
    assert trial.book.decide(NOW).holds_until is None


def test_labels_still_needed_are_estimated_from_those_so_far():
    trial = Trial(7, 0.98)
    trial.book.labels = [trial.label(row, (1.0, 1.0)) for row in trial.shown[:3]]
    some = trial.book.decide(NOW).evidence.people
    assert 1 < some.needed < 120
    trial.label_all()
    assert trial.book.decide(NOW).evidence.people.needed == 0


def test_where_people_are_the_grader_a_case_counts_as_they_mark_it_and_no_judge_is_heard():
    human = RehearsalTerms(grader="human", margin=0.10, labels_share=1.0)
    trial = Trial(8, 0.92, terms=human)
    waiting = trial.book.decide(NOW)
    assert waiting.state is State.UNPROVEN
    assert waiting.evidence.ungraded == 0
    trial.label_all()
    decision = trial.book.decide(NOW)
    assert decision.state is State.READY
    right = [seen[0] for seen in trial.seen.values()]
    same = len(trial.book.rows) - len(right)
    assert decision.evidence.candidate_score == pytest.approx((sum(right) + same) / len(trial.book.rows))
    bad = Trial(8, 0.30, terms=human)
    bad.label_all()
    assert bad.book.decide(NOW).state is State.NOT_READY


def test_what_the_judge_cost_is_told_of_every_case_that_it_judged():
    trial = Trial(9, 0.90, 100)
    evidence = trial.book.decide(NOW).evidence
    judged = sum(row.judge_calls > 0 for row in trial.book.rows)
    assert (evidence.judge_calls, evidence.judge_unpriced) == (2 * judged, 0)
    assert evidence.judge_usd * 1_000_000_000 == 10 * judged
    trial.book.add(replace(trial.case("y", 900, 1.0, 1.0, ""), judge_nusd=None))
    assert trial.book.decide(NOW).evidence.judge_unpriced == 1
