"""Candidates side by side: through a real store, with verdicts of real ledgers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from switchover.domain.candidate import (
    Cell,
    Evidence,
    ScoredCase,
    SliceEvidence,
    State,
    Verdict,
    epoch_of,
    fingerprint,
    grader_id,
)
from switchover.domain.process import Price, RehearsalTerms
from switchover.domain.register import Suspension
from switchover.errors import NotFound
from switchover.report.comparison import Comparison, compare, tightest
from switchover.stats import bets
from switchover.stats.noninferiority import Ledger, Terms, weigh
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import revoke_proofs, save_proof, save_verdict
from switchover.store.register import set_suspension
from switchover.store.trials import save_score
from switchover.testing.builders import (
    DAY_S,
    NOW,
    make_exchange,
    make_process,
    make_prompt_version,
    make_proof,
    make_settings,
    make_upstream,
    make_upstreams,
)

PROCESS = "customer-messages"
TERMS = RehearsalTerms(grader="label", settings={"labels": ["a", "b"]})


class Record:
    """A store with two candidates: the student, and another vendor that costs 2 and 8 dollars a million tokens."""

    def __init__(self, store: Store) -> None:
        self.store = store
        price = Price(input_mtok="2", output_mtok="8")
        other = make_upstream("other", model="mid-1", price=price)
        process = make_process(fallbacks=("student", "other", "third"), rehearse=TERMS)
        upstreams = {**make_upstreams(), "other": other, "third": make_upstream("third", model="mid-2")}
        self.settings = make_settings(processes={PROCESS: process}, upstreams=upstreams)

    def rehearsed(self, upstream: str, differences: list[tuple[float, int]], **changes: object) -> Verdict:
        """The verdict on a ledger of these (d, topic), saved with its cases, READY ones with their proof."""
        spec = self.settings.upstreams[upstream]
        version = make_prompt_version(PROCESS, upstream)
        save_prompt_version(self.store, version)
        cell = Cell(
            process=PROCESS,
            upstream=upstream,
            fingerprint=fingerprint(spec),
            prompt_version=version.id,
            grader=grader_id(TERMS),
            epoch=epoch_of(self.settings.upstreams["vendor"]),
        )
        asked = [f"Topic {topic} asks about number {place}" for place, (_, topic) in enumerate(differences)]
        exchanges = [make_exchange(text, "a", id=f"{upstream}-{place:04d}") for place, text in enumerate(asked)]
        save_exchanges(self.store, exchanges)
        # A flawless one's cases say nothing here: its verdict alone is saved.
        for place, (d, topic) in enumerate(differences if min(differences)[0] < 0 else []):
            row = ScoredCase(
                cell_id=cell.id,
                exchange_id=exchanges[place].id,
                graded_at=NOW + place,
                candidate=1.0 + d if d < 0 else 1.0,
                baseline=1.0 if d < 0 else 1.0 - d,
                slices=("complaints",) if topic == 1 else (),
                topic=topic,
                seconds=0.5,
                answer="a" if d >= 0 else "b",
            )
            save_score(self.store, row)
        weighed = weigh(Ledger.of((NOW, d) for d, _ in differences), NOW, Terms())
        state = State.READY if weighed.passes else State.NOT_READY if weighed.fails else State.UNPROVEN
        overall = SliceEvidence(
            name="overall",
            replays=weighed.replays,
            margin=weighed.margin,
            mean_difference=weighed.mean,
            lower=weighed.lower,
            upper=weighed.upper,
            log_e_ready=weighed.log_e_ready,
            log_e_not_ready=weighed.log_e_not_ready,
        )
        evidence = Evidence(
            overall=overall,
            slices=(),
            ungraded=0,
            coverage=1.0,
            candidate_score=None,
            baseline_self_agreement=None,
            anchor_score=None,
            still_needed=None,
            reasons=(),
        )
        verdict = Verdict(
            id=f"v-{upstream}-{len(differences)}",
            cell=cell,
            state=state,
            evidence=evidence,
            made_at=NOW,
            expires_at=NOW + 7 * DAY_S if state is State.READY else None,
            seed=1,
            calls=len(differences),
            seconds_per_replay=0.5,
        )
        verdict = replace(verdict, **changes)
        save_verdict(self.store, verdict)
        if verdict.expires_at is not None:
            save_proof(self.store, make_proof(spec, version, id=f"proof-{verdict.id}", expires_at=verdict.expires_at))
        return verdict

    def compared(self, now: float = NOW, **options: object) -> Comparison:
        return compare(self.store, self.settings, PROCESS, now, **options)


@pytest.fixture
def record(tmp_path) -> Record:
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        yield Record(opened)


FLAWLESS = [(0.0, place % 3) for place in range(100)]
WORSE = [(-1.0 if place % 4 == 0 else 0.0, 1 if place % 4 == 0 else place % 3) for place in range(40)]


def test_the_ready_one_comes_first_and_what_was_never_tried_is_named(record):
    record.rehearsed("other", WORSE)
    record.rehearsed("student", FLAWLESS)
    found = record.compared()
    assert [(one.verdict.cell.upstream, one.state) for one in found.candidates] == [
        ("student", State.READY),
        ("other", State.NOT_READY),
    ]
    assert found.untested == ("third",)
    assert (found.margin, found.grader) == (0.05, "label")


def test_the_tightest_margin_is_the_one_at_which_the_ledger_turns(record):
    record.rehearsed("student", FLAWLESS)
    margin = record.compared().candidates[0].tightest
    counts = Ledger.of((NOW, d) for d, _ in FLAWLESS).weights(NOW, 30.0)[0]
    assert 0.0 < margin < 0.05
    assert bets.log_evidence(counts, -margin) >= -bets.math.log(0.05) - 1e-9
    assert bets.log_evidence(counts, -(margin - 1e-4)) < -bets.math.log(0.05)


@pytest.mark.parametrize(("lower", "margin"), [(-0.2, 0.2), (0.03, 0.0), (-1.0, None), (-2.4, None)])
def test_a_bound_that_says_nothing_gives_no_margin(lower, margin):
    assert tightest(lower) == margin


def test_calls_are_priced_one_by_one_at_the_candidates_price_and_an_own_one_has_none(record):
    record.rehearsed("other", FLAWLESS)
    record.rehearsed("student", FLAWLESS)
    cost = {one.verdict.cell.upstream: one.cost for one in record.compared().candidates}
    # 10 tokens in and 3 out a call, see make_exchange.
    assert cost["other"].usd == Decimal(10 * 2 + 3 * 8) / 1000
    assert (cost["student"].usd, "own machine" in cost["student"].gap) == (None, True)


def test_where_it_fails_is_told_worst_first_with_a_typical_request(record):
    record.rehearsed("other", WORSE)
    spots = record.compared().candidates[0].fails_at
    assert [(spot.kind, spot.name) for spot in spots] == [("slice", "complaints"), ("topic", "1")]
    assert spots[1].example.startswith("Topic 1 asks about number")
    assert spots[1].mean_difference == pytest.approx(-0.5)
    assert spots[1].cases == 20


def test_the_worst_cases_show_request_and_both_answers_and_take_turns_between_topics(record):
    mixed = [(-1.0, 1)] * 20 + [(-1.0, 2)] * 2 + [(-0.5, 0)] * 3 + [(0.0, 0)] * 10
    record.rehearsed("other", mixed)
    worst = record.compared(worst=5).candidates[0].worst
    assert [(case.difference, case.topic) for case in worst] == [(-1.0, 2), (-1.0, 1), (-1.0, 2), (-1.0, 1), (-1.0, 1)]
    assert worst[0].asked == "Topic 2 asks about number 21"
    assert (worst[0].baseline, worst[0].candidate) == ("a", "b")


def test_without_words_nobody_reads_what_was_said(record):
    record.rehearsed("other", WORSE)
    one = record.compared(words=False).candidates[0]
    assert {(case.asked, case.baseline, case.candidate) for case in one.worst} == {(None, None, None)}
    assert {spot.example for spot in one.fails_at} == {None}
    assert one.shown == ()


def test_only_the_chosen_have_their_cases_read(record):
    record.rehearsed("other", WORSE)
    record.rehearsed("student", [*FLAWLESS[:20], *[(-1.0, 1)] * 2])
    best, other = record.compared(of=lambda place, _: place == 0).candidates
    assert len(best.worst) == 2
    assert (other.worst, other.shown) == ((), ())
    assert other.fails_at[0].mean_difference < 0


def test_a_verdict_whose_time_has_passed_is_expired(record):
    record.rehearsed("student", FLAWLESS)
    assert record.compared(NOW + 8 * DAY_S).candidates[0].state is State.EXPIRED


def test_what_todays_settings_make_of_a_verdict_is_said(record):
    record.rehearsed("student", FLAWLESS)

    def void(**changes: object) -> str | None:
        now = replace(record.settings, **changes)
        return compare(record.store, now, PROCESS, NOW).candidates[0].void

    def process(**changes: object) -> dict[str, object]:
        return {"processes": {PROCESS: replace(record.settings.processes[PROCESS], **changes)}}

    def upstream(name: str, **changes: object) -> dict[str, object]:
        return {"upstreams": record.settings.upstreams | {name: replace(record.settings.upstreams[name], **changes)}}

    assert void() is None
    assert "no fallback" in void(**process(fallbacks=("other",)))
    assert "model, weights or address" in void(**upstream("student", model="student-2"))
    assert "template" in void(**upstream("student", template="abc"))
    assert "graded in another way" in void(**process(rehearse=replace(TERMS, settings={"labels": ["a"]})))
    assert "baseline is another" in void(**upstream("vendor", model="big-2"))


def test_a_suspended_or_withdrawn_proof_makes_it_void(record):
    record.rehearsed("student", FLAWLESS)
    set_suspension(record.store, "student", Suspension(at=NOW, why="it answered as another model"))
    assert "suspended: it answered" in record.compared().candidates[0].void
    set_suspension(record.store, "student", None)
    revoke_proofs(record.store, at=NOW, process=PROCESS)
    assert record.compared().candidates[0].void == "its proof was withdrawn"


def test_a_process_that_does_not_say_how_candidates_are_judged_is_told_so(record):
    plain = make_settings(processes={PROCESS: make_process()})
    with pytest.raises(NotFound, match="does not say how candidates are judged"):
        compare(record.store, plain, PROCESS, NOW)
