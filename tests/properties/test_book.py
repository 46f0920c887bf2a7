"""A book kept in counts says what all its cases say together, and its expiry is the moment at which READY ends."""

from __future__ import annotations

import math
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.domain.candidate import ScoredCase, State
from switchover.domain.process import RehearsalTerms, SlicePredicate
from switchover.stats.noninferiority import DAY, Ledger, Terms, weigh
from switchover.trial.book import Book
from switchover.trial.coverage import Kind

NOW = 20_600 * DAY + 40_000.0
SLICES = (
    SlicePredicate(name="a", path="metadata.kind", equals="a"),
    SlicePredicate(name="b", path="metadata.kind", equals="b", margin=0.2),
    SlicePredicate(name="c", path="metadata.kind", equals="c", critical=False),
)
TERMS = RehearsalTerms(grader="label", slices=SLICES)
TOPICS = {topic: (f"t{topic}",) for topic in range(3)}
scores = st.sampled_from([0.0, 0.25, 1 / 3, 0.9, 1.0, None])
cases = st.lists(
    st.builds(
        ScoredCase,
        cell_id=st.just("c"),
        # A few cases are graded twice: the newer score counts.
        exchange_id=st.integers(0, 60).map(lambda n: f"x{n}"),
        graded_at=st.floats(NOW - 50 * DAY, NOW),
        candidate=scores,
        baseline=scores,
        slices=st.sampled_from([(), (), ("a",), ("a", "b"), ("c",)]),
        topic=st.integers(-1, 2),
        counts=st.booleans(),
        frame=st.sampled_from(["", "f"]),
    ),
    max_size=80,
)
traffic = st.lists(
    st.tuples(
        # Some share a moment.
        st.integers(0, 40).map(lambda hours: NOW - hours * 20 * 3600.0),
        st.builds(Kind, st.integers(-1, 2), st.sampled_from(["", "f"])),
    ),
    max_size=30,
)


def book_of(rows, seen, terms=TERMS):
    return Book(terms, rows, kinds={}, traffic=seen, examples=TOPICS, calibrated=True, was_ready=False)


def at(margin):
    return Terms(margin=margin, alpha=TERMS.alpha, beta=TERMS.beta, half_life=TERMS.half_life)


def naive(rows, seen, now):
    """Coverage, ledgers and topics from the rows alone, without a count kept."""
    kept = list({row.exchange_id: row for row in rows}.values())
    graded = [row for row in kept if row.candidate is not None and row.baseline is not None]

    def ledger(chosen):
        return Ledger.of((row.graded_at, row.candidate - row.baseline) for row in chosen)

    replayed = {t for t, many in Counter(row.topic for row in graded).items() if t >= 0 and many >= 5}
    frames = {row.frame for row in graded}
    recent = [kind for moment, kind in seen if moment > now - 30 * DAY]
    covered = sum(kind.topic in replayed and kind.frame in frames for kind in recent)
    return {
        "overall": weigh(ledger(row for row in graded if row.counts), now, at(0.05)),
        "a": weigh(ledger(row for row in graded if "a" in row.slices), now, at(0.10)),
        "b": weigh(ledger(row for row in graded if "b" in row.slices), now, at(0.20)),
        "c": weigh(ledger(row for row in graded if "c" in row.slices), now, at(0.10)),
        "coverage": covered / len(recent) if recent else 1.0,
        "topics": {t: weigh(ledger(row for row in graded if row.topic == t), now, at(0.10)) for t in replayed},
        "ungraded": len(kept) - len(graded),
        "cases": len(kept),
        "newest": max((row.graded_at for row in graded), default=None),
    }


@settings(max_examples=40, deadline=None)
@given(cases, traffic, st.floats(0, 20 * DAY))
def test_a_book_says_what_its_cases_say_together(rows, seen, later):
    book = book_of(rows[: len(rows) // 2], seen)
    book.decide(NOW)
    for row in rows[len(rows) // 2 :]:
        book.add(row)
        book.decide(NOW)
    decision, wanted = book.decide(NOW + later), naive(rows, seen, NOW + later)
    evidence = decision.evidence
    for told in (evidence.overall, *evidence.slices, *evidence.told):
        ledger = wanted[told.name]
        assert (told.replays, told.margin) == (ledger.replays, ledger.margin)
        for ours, theirs in (
            (told.lower, ledger.lower), (told.upper, ledger.upper), (told.log_e_ready, ledger.log_e_ready),
            (told.log_e_not_ready, ledger.log_e_not_ready), (told.mean_difference or 0.0, ledger.mean or 0.0),
        ):  # fmt: skip
            assert math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-6)
    assert math.isclose(evidence.coverage, wanted["coverage"], abs_tol=1e-12)
    assert evidence.ungraded == wanted["ungraded"]
    found = {t for t, ledger in wanted["topics"].items() if ledger.log_e_not_ready >= math.log(3 / 0.2)}
    assert {topic.topic for topic in evidence.found} == found
    failing = found or any(wanted[name].fails for name in ("overall", "a", "b"))
    assert (decision.state is State.NOT_READY) == bool(failing)
    if wanted["topics"]:
        means = {t: ledger.mean for t, ledger in wanted["topics"].items()}
        assert math.isclose(evidence.worst_topic.evidence.mean_difference, min(means.values()), abs_tol=1e-9)
    else:
        assert evidence.worst_topic is None


def good(n, moment, topic=0):
    return ScoredCase(
        cell_id="c", exchange_id=f"x{n}", graded_at=moment, candidate=1.0, baseline=1.0, slices=("a", "b"), topic=topic
    )


@settings(max_examples=40, deadline=None)
@given(
    st.integers(85, 400),
    st.floats(0, 6.9),
    st.lists(st.tuples(st.floats(0, 29.9), st.integers(0, 3)), max_size=40),
)
def test_ready_ends_at_the_moment_that_was_told_and_not_before(many, spread, seen):
    """Against brute force: judged again a moment before and a moment after, without a new replay."""
    rows = [good(n, NOW - spread * DAY * n / many, topic=n % 3) for n in range(many)]
    kinds = [(NOW - days * DAY, Kind(topic if topic < 3 else -1)) for days, topic in seen]
    covering = [(NOW - 20 * DAY, Kind(0))] * 60
    book = book_of(rows, [*kinds, *covering])
    decision = book.decide(NOW)
    if decision.state is not State.READY:
        return
    assert book.decide(decision.expires_at - 0.5).state is State.READY
    assert book.decide(decision.expires_at + 0.5).state is not State.READY
    moments = np.linspace(NOW, decision.expires_at - 0.5, 12)
    assert all(book.decide(float(moment)).state is State.READY for moment in moments)
    assert all(book.decide(float(m)).expires_at == pytest.approx(decision.expires_at) for m in moments[::4])


def test_a_look_costs_the_same_after_ten_thousand_cases_as_after_ten():
    rng, terms = np.random.default_rng(3), RehearsalTerms(grader="label", slices=SLICES)
    seen = [(NOW - DAY * float(rng.random()) * 29, Kind(int(rng.integers(24)))) for _ in range(5_000)]
    book = Book(terms, kinds={}, traffic=seen, examples=dict.fromkeys(range(24), ()), calibrated=True, was_ready=False)

    def costs(first, many):
        rows = [
            ScoredCase(
                cell_id="c", exchange_id=f"x{n}", graded_at=NOW - DAY * float(rng.random()) * 29,
                candidate=float(rng.random() > 0.1), baseline=float(rng.random() > 0.1),
                slices=("a", "b", "c")[: int(rng.integers(4))], topic=int(rng.integers(24)),
            )
            for n in range(first, first + many)
        ]  # fmt: skip
        took = []
        for row in rows:
            begun = time.process_time()
            book.add(row)
            book.decide(NOW)
            took.append(time.process_time() - begun)
        # The least of them: what else the machine and the garbage collector do adds to the others.
        return min(took)

    early = costs(0, 300)
    for n in range(300, 10_300):
        book.add(good(n, NOW - (n % 29) * DAY, topic=n % 24))
    late = costs(10_300, 300)
    # Were every case looked at again, it would be thirty times as much.
    assert late < 5 * early
