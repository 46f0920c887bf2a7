"""Whom people look at is settled beforehand, and what they have not looked at yet brings nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.domain.candidate import ScoredCase
from switchover.domain.label import Label
from switchover.domain.process import RehearsalTerms
from switchover.graders.human import WAITING
from switchover.trial.book import Book
from switchover.trial.grade import IDENTICAL
from switchover.trial.labelling import (
    TWICE,
    Drawing,
    agreement,
    candidate_left,
    first_labels,
    krippendorff,
    queue,
)
from switchover.trial.looked import Looked


def case(number, *, candidate=1.0, baseline=1.0, reason="", cell="c", judge_calls=0):
    return ScoredCase(
        cell_id=cell,
        exchange_id=f"x{number}",
        graded_at=1_000.0 + number,
        candidate=candidate,
        baseline=baseline,
        reason=reason,
        judge_calls=judge_calls,
    )


def labelled(row, candidate=1.0, baseline=1.0, *, person="ann", at=5_000.0, case_at=None):
    return Label(
        cell_id=row.cell_id, exchange_id=row.exchange_id, person=person, at=at,
        case_at=row.graded_at if case_at is None else case_at, candidate=candidate, baseline=baseline,
        candidate_left=True, source="terminal",
    )  # fmt: skip


def counted(drawing, rows, labels):
    """What the people's book holds, in order."""
    books = []

    def open_book(value):
        terms = RehearsalTerms(grader="rubric", labels_share=drawing.share)
        books.append(
            Book(terms, kinds={}, traffic=[], examples={}, calibrated=True, was_ready=False, value=value, reach=3.0)
        )
        return books[0]

    looked = Looked(drawing, list(labels.values()), rows, open_book)
    looked.decide(5_000.0)
    assert looked.counted == len(books[0].rows)
    return books[0].rows


def drawing(rows, share=0.5, cell="c"):
    return Drawing(cell, share, {row.exchange_id: f"key of {row.exchange_id}" for row in rows})


ROWS = [case(n) for n in range(400)]
FEW = ROWS[:48]


def test_a_share_is_drawn_by_cell_and_request_whatever_the_scores_say():
    half = drawing(ROWS)
    names = [row.exchange_id for row in ROWS if half.is_drawn(row)]
    assert 160 < len(names) < 240
    assert names == [n.exchange_id for n in ROWS if half.is_drawn(case(int(n.exchange_id[1:]), candidate=0.0))]
    assert names != [row.exchange_id for row in ROWS if drawing(ROWS, cell="d").is_drawn(row)]
    assert all(drawing(ROWS, 1.0).is_drawn(row) for row in ROWS)
    # Who wants more looked at draws the same ones and others.
    assert set(names) < {row.exchange_id for row in ROWS if drawing(ROWS, 0.8).is_drawn(row)}


def test_nobody_looks_at_answers_that_are_the_same_or_that_the_judge_could_not_grade():
    every = drawing(ROWS, 1.0)
    assert not every.is_shown(case(1, reason=IDENTICAL))
    assert not every.is_shown(case(1, candidate=None, reason="the judge: no reply"))
    assert every.is_shown(case(1, candidate=None, baseline=None, reason=WAITING))


@pytest.mark.parametrize("said", [IDENTICAL, WAITING])
def test_a_judge_that_says_what_we_say_of_a_case_keeps_nobody_from_looking(said):
    every, row = drawing(ROWS[:1], 1.0), case(0, reason=said, judge_calls=2)
    assert every.is_shown(row)
    assert counted(every, [row], {}) == []
    label = labelled(row, 0.0, 1.0)
    assert counted(every, [row], {"x0": label}) == [row]


def test_a_case_counts_only_once_all_before_it_that_were_drawn_have_their_label():
    half = drawing(ROWS)
    order = half.in_order(ROWS)
    assert sorted(order, key=lambda row: row.graded_at) == ROWS
    assert [row.exchange_id for row in order[:8]] != [row.exchange_id for row in ROWS[:8]]
    assert {row.exchange_id for row in order[:8]} == {row.exchange_id for row in ROWS[:8]}
    first = next(at for at, row in enumerate(order) if half.is_drawn(row))
    assert counted(half, ROWS, {}) == order[:first]
    others = {row.exchange_id: labelled(row) for row in order[first + 1 :]}
    assert counted(half, ROWS, others) == order[:first]
    assert counted(half, ROWS, {row.exchange_id: labelled(row) for row in ROWS}) == order


@given(st.sets(st.integers(0, 47)), st.sets(st.integers(0, 47)))
def test_more_labels_never_take_a_case_away(some, more):
    half = drawing(FEW)
    fewer = {f"x{n}": labelled(ROWS[n]) for n in some}
    all_ = fewer | {f"x{n}": labelled(ROWS[n]) for n in more}
    found = counted(half, FEW, fewer)
    assert counted(half, FEW, all_)[: len(found)] == found


def test_what_is_not_on_record_any_more_counts_in_no_way_drawn_or_not():
    half = drawing(ROWS)
    gone = Drawing("c", 0.5, {name: key for name, key in half.keys.items() if name not in ("x3", "x9", "x20")})
    kept = {row.exchange_id for row in gone.in_order(ROWS)}
    assert kept == {row.exchange_id for row in ROWS} - {"x3", "x9", "x20"}


def test_the_first_label_of_the_answers_as_they_are_counts():
    row = ROWS[3]
    early, late = labelled(row, 0.0, at=1.0), labelled(row, 1.0, at=2.0, person="bob")
    of_old = labelled(row, 0.5, at=0.5, case_at=7.0)
    assert first_labels([late, early, of_old], ROWS) == {"x3": early}
    assert first_labels([of_old], ROWS) == {}


def test_the_queue_goes_block_by_block_in_an_order_of_each_persons_own():
    half = drawing(ROWS)
    anns, bobs = queue(half, ROWS, [], "ann"), queue(half, ROWS, [], "bob")
    assert anns != bobs
    assert set(map(id, anns)) == set(map(id, bobs)) == {id(row) for row in ROWS if half.is_drawn(row)}
    assert {row.exchange_id for row in anns[:8]} == {row.exchange_id for row in bobs[:8]}
    assert anns[:8] != sorted(anns[:8], key=lambda row: row.graded_at)


def test_a_second_person_gets_a_share_of_what_the_first_one_labelled_and_nobody_a_pair_twice():
    half = drawing(ROWS)
    done = [labelled(row) for row in queue(half, ROWS, [], "ann")]
    assert queue(half, ROWS, done, "ann") == []
    again = queue(half, ROWS, done, "bob")
    assert abs(len(again) / len(done) - TWICE) < 0.1
    seconds = [labelled(row, person="bob", at=6_000.0) for row in again]
    assert queue(half, ROWS, [*done, *seconds], "bob") == []
    assert queue(half, ROWS, [*done, *seconds], "eve") == []


def test_left_and_right_are_drawn_by_case_and_person():
    sides = [candidate_left("c", row.exchange_id, "ann") for row in ROWS]
    assert 160 < sum(sides) < 240
    assert sides != [candidate_left("c", row.exchange_id, "bob") for row in ROWS]


def test_agreement_is_told_of_pairs_that_two_people_marked():
    one, other, third = ROWS[:3]
    given_ = [
        labelled(one, 1.0, 0.0), labelled(one, 1.0, 0.5, person="bob"),
        labelled(other, 0.0, 0.0), labelled(other, 0.0, 0.0, person="bob"),
        labelled(third, 1.0, 1.0), labelled(third, None, None, person="bob"),
    ]  # fmt: skip
    found = agreement(given_)
    assert found is not None
    assert (found.pairs, found.same) == (2, 0.75)
    assert found.alpha == pytest.approx(1 - 0.25 * 2 / (2 * (8 * 2.25 - 2.5**2) / 7))
    assert agreement([labelled(one)]) is None


def test_alpha_is_that_of_krippendorffs_example():
    """Four observers, twelve units, interval metric: alpha = .849 (Krippendorff, Computing Alpha-Reliability, 2011)."""
    a = [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None]
    b = [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3]
    c = [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None]
    d = [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None]
    units = [[v for v in unit if v is not None] for unit in zip(a, b, c, d, strict=True)]
    assert krippendorff(units) == pytest.approx(0.849, abs=5e-4)


def test_alpha_is_one_for_full_agreement_about_none_for_chance_and_not_known_without_variety():
    rng = random.Random(1)
    assert krippendorff([[0, 0], [1, 1]]) == 1.0
    assert abs(krippendorff([[rng.choice([0, 1]), rng.choice([0, 1])] for _ in range(2_000)])) < 0.1
    assert krippendorff([[0.5, 0.5], [0.5, 0.5]]) is None
    assert krippendorff([]) is None
