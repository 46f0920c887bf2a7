"""Placements of the invented organisation, worked out by hand, and what becomes of a decision on one."""

from __future__ import annotations

import io
import json
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from switchover.domain.candidate import State
from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.people import Actor
from switchover.domain.placement import Impact, Place, Signed, Substitutability
from switchover.domain.process import Criticality, DataClass, Price
from switchover.errors import NotFound, OperatorError
from switchover.report.bettering import Step
from switchover.report.deciding import Wish, decide, told
from switchover.report.html import render_html
from switchover.report.placements import placements
from switchover.report.placing import RULES
from switchover.report.quarter import quarter
from switchover.report.text import render_text
from switchover.store import Store
from switchover.store.decisions import decisions
from switchover.store.drills import place_cut_off, save_drill
from switchover.store.proofs import newest_verdicts
from switchover.testing.sample_organisation import DAY, NOW, fill, prove, sample_drill, sample_settings

BOSS = Actor.local("boss")
REVIEW = "2027-02-01"
HOSTILE = "<script>alert(1)</script> \u202eevil\x07"


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """An empty store's file: to migrate it anew for each test would take most of their time."""
    path = tmp_path_factory.mktemp("blank") / "store.sqlite"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(blank, tmp_path):
    path = shutil.copy(blank, tmp_path / "store.sqlite")
    with Store.open(f"sqlite:///{path}") as opened:
        yield opened


@pytest.fixture
def placed(store):
    """The placement of a process at a moment, as the store is by then."""

    def made(process="claims", settings=None, at=NOW):
        found = settings or sample_settings()
        last = quarter(store, found, newest_verdicts(store), at)
        return placements(store, found, at, last, [process])[process]

    return made


@pytest.fixture
def take(store, placed):
    """Takes a decision; what was noted is in ``take.noted``."""

    def made(process="claims", settings=None, at=NOW, placement=None, **wish):
        found = settings or sample_settings()
        wanted = Wish(**{"place": "proposed", "reason": "it is good", "review": REVIEW} | wish)
        there = placement or placed(process, found, at)
        return decide(store, found, there, wanted, actor=BOSS, now=at, note=made.noted.append)

    made.noted = []
    return made


def changed(settings, process, **changes):
    return replace(settings, processes={**settings.processes, process: replace(settings.processes[process], **changes)})


def why(placement, rule):
    return next(one for one in placement.proposal.reasons if one.rule == rule)


def test_a_process_with_a_drilled_replacement_of_our_own_stays_and_says_why(store, placed):
    fill(store, sample_settings())
    found = placed("claims").proposal
    assert (found.place, found.serves, found.replacement, found.stays, found.kept) == (
        Place.VENDOR, "vendor", "student", True, True,
    )  # fmt: skip
    assert found.said.endswith("with student (own: our own machine) to stand in: proven and drilled.")
    # A mean of -0.01 give or take 0.06, of which 0.10 is accepted.
    assert (
        "at most 7 points of 100 worse than vendor after 300 replays, and 10 points are accepted"
        in why(placed("claims"), "proof").said
    )
    assert "recovered in 0.4 s of 300 s" in why(placed("claims"), "drill").said
    assert "should it serve, nobody proven is left to stand in" in why(placed("claims"), "stay").said
    assert "2,400 answers a minute, all of the busiest minute's 6" in why(placed("claims"), "capacity").said
    assert {str(one) for one in found.sources} >= {"verdict claims-student-1793493000", "drill drill-1"}


def test_what_was_never_drilled_is_called_untested_and_the_way_to_better_is_said(store, placed):
    fill(store, sample_settings())
    found = placed("letters").proposal
    assert (found.serves, found.replacement, found.kept) == ("vendor", "other", False)
    assert "untested" in found.said
    assert why(placed("letters"), "drill").said.startswith("untested: ")
    steps = {step.what: step.command for step in found.steps}
    assert steps["drill the switch to other"] == "switchover drill letters --fault vanished --approver NAME"
    assert "name a fallback on our own machine under processes.letters.fallbacks" in steps


def test_nobody_proven_is_said_and_named_as_the_way_out(placed):
    found = placed("notes").proposal
    assert (found.serves, found.replacement) == ("other", None)
    assert why(placed("notes"), "proof").said.startswith("untested: nobody proven is left")
    assert Step(what="name a fallback under processes.notes.fallbacks, and rehearse it") in found.steps


def test_whoever_may_not_see_the_data_goes_even_if_it_serves_today(store, placed):
    settings = changed(
        sample_settings(), "claims", fallbacks=("student", "other"), allow={DataClass.CONFIDENTIAL: ("student",)}
    )
    prove(store, settings, "claims", "student")
    prove(store, settings, "claims", "other")
    found = placed("claims", settings).proposal
    assert (found.serves, found.replacement, found.stays) == ("student", None, False)
    assert found.said.startswith("Move to student")
    assert {one.name: one.rule for one in found.passed} == {"vendor": "policy", "other": "policy"}
    allowed = changed(sample_settings(), "claims", fallbacks=(), allow={DataClass.CONFIDENTIAL: ("nobody",)})
    assert placed("claims", allowed).proposal.said.startswith("Nobody may serve it")


def test_who_is_cut_off_really_neither_serves_nor_stands_in(store, placed):
    fill(store, sample_settings())
    gone = CutOff(
        id="c1", target=Target(TargetKind.PROVIDER, "acme"), reason="ordered to stop", by="x", placed_at=NOW - 1
    )
    place_cut_off(store, gone)
    found = placed("claims").proposal
    assert (found.serves, found.replacement) == ("student", None)
    assert [(one.name, one.rule) for one in found.passed] == [("vendor", "cut-off")]


@pytest.mark.parametrize(("price", "serves"), [("0.001", "other"), ("900", "vendor")])
def test_another_serves_only_if_all_is_shown_a_stand_in_is_left_and_it_costs_less(store, placed, price, serves):
    settings = changed(sample_settings(), "claims", fallbacks=("student", "other"))
    cheap = replace(
        settings.upstreams["other"], price=Price(input_mtok=price, output_mtok=price, source="x", checked="2026-11-01")
    )
    settings = replace(settings, upstreams={**settings.upstreams, "other": cheap})
    fill(store, settings)
    proof = prove(store, settings, "claims", "other", seconds=0.1)
    save_drill(store, sample_drill(proof, name="drill-2", share=1.0))
    found = placed("claims", settings).proposal
    assert (found.serves, found.replacement) == (serves, "student")
    if serves == "vendor":
        assert "does not cost less" in why(placed("claims", settings), "stay").said


def test_a_machine_that_is_too_small_says_how_many_would_do(store, placed):
    settings = sample_settings()
    fill(store, settings)
    # 30 s an answer, two at once: 4 a minute, against 6 in the busiest one.
    proof = prove(store, settings, "claims", "student", seconds=30.0, made_at=NOW - 60)
    save_drill(store, sample_drill(proof, name="drill-2"))
    found = placed("claims").proposal
    assert "4 answers a minute, 67 % of the busiest minute's 6" in why(placed("claims"), "capacity").said
    assert any(
        step.what == "get 1 more machine like that of student: 2 carry the busiest minute, 3 with one to spare"
        for step in found.steps
    )


def test_a_stand_in_that_is_lost_with_who_serves_comes_after_one_that_is_not(store, placed):
    settings = changed(sample_settings(), "claims", fallbacks=("twin", "other"))
    twin = replace(
        settings.upstreams["other"], name="twin", host="acme", developer="acme", base_url="https://t.invalid"
    )
    settings = replace(settings, upstreams={**settings.upstreams, "twin": twin})
    proof = prove(store, settings, "claims", "twin")
    save_drill(store, sample_drill(proof, share=1.0))
    prove(store, settings, "claims", "other")
    found = placed("claims", settings).proposal
    assert found.replacement == "other"
    assert [(one.name, one.rule, one.why) for one in found.passed] == [
        ("twin", "control", "acme can take both it and vendor away")
    ]


def test_what_it_costs_is_the_projections_middle_case_or_the_records(store, placed):
    fill(store, sample_settings())
    # As worked out in test_four_answers: 60 calls of $0.00044 within ten minutes, growing by 2 % a month for 24.
    monthly = 60 * 0.00044 * 2_629_800 / 600
    cost = placed("claims").choices[0].cost
    assert cost == pytest.approx(Decimal(monthly * (1.02**24 - 1) / 0.02), rel=Decimal("0.01"))
    assert "what it costs is not known" in next(
        one.said for one in placed("claims").proposal.reasons if one.said.startswith("student: what")
    )


def test_criticality_substitutability_and_impact_are_proposed_and_signed_by_nobody(store, placed):
    fill(store, sample_settings())
    found = {process: {one.subject: one.value for one in placed(process).assessed} for process in ("claims", "notes")}
    assert found["claims"] == {
        "criticality": Criticality.CRITICAL, "substitutability": Substitutability.EASY, "impact": Impact.MEDIUM,
    }  # fmt: skip
    assert found["notes"] == {
        "criticality": Criticality.ORDINARY, "substitutability": Substitutability.NONE, "impact": Impact.LOW,
    }  # fmt: skip
    assert placed("claims").signed == {}


def test_a_decision_is_kept_with_what_was_proposed_and_noted_without_its_reason(store, placed, take):
    fill(store, sample_settings())
    made = take(signed=Signed(impact=Impact.HIGH))
    assert (made.serves, made.replacement, made.follows, made.number) == ("vendor", "student", True, 1)
    assert decisions(store) == [made]
    assert json.loads(made.proposed)["said"] == placed("claims").proposal.said
    (event,) = take.noted
    assert (event["event"], event["proposed"]["replacement"]) == ("placement decided", "student")
    assert {"drill drill-1", "verdict claims-student-1793493000"} <= set(event["evidence"])
    assert "student: proof: in date" in event["rests_on"]
    assert event["signed"] == {"impact": "high"}
    assert "it is good" not in str(event)
    assert placed("claims").state == "decided"
    assert placed("claims").signed == {"impact": ("high", "local user boss")}


def test_the_next_decision_supersedes_and_the_one_before_stays(store, placed, take):
    fill(store, sample_settings())
    first = take(signed=Signed(impact=Impact.HIGH))
    second = take(place="student", replacement="nobody", reason="ours", at=NOW + 1)
    found = placed("claims", at=NOW + 2)
    assert found.decided.decision == second
    assert (second.follows, second.place, second.number) == (False, Place.OWN, 2)
    assert [one.decision for one in found.history] == [first]
    assert found.signed["impact"][0] == "high"
    assert not found.decided.carried_out


def test_a_review_is_overdue_the_day_after(store, placed, take):
    fill(store, sample_settings())
    take()
    last = datetime.fromisoformat(f"{REVIEW}T23:59:59+00:00").timestamp()
    assert not placed("claims", at=last).decided.overdue
    late = placed("claims", at=last + 1)
    assert (late.decided.overdue, late.state) == (True, "review overdue")


def test_a_proof_that_ran_out_shakes_the_decision(store, placed, take):
    fill(store, sample_settings())
    take()
    found = placed("claims", at=NOW + 21 * DAY)
    assert found.state == "what it rests on has changed"
    assert [str(one) for one in found.decided.changes if one.worse] == [
        "student: drill: was proven and drilled, is none",
        "student: proof: was in date, is none",
    ]


def test_a_drill_that_failed_since_shakes_it_and_one_that_passed_does_not(store, placed, take):
    settings = sample_settings()
    fill(store, settings)
    take("letters")
    take("claims")
    proof = prove(store, settings, "letters", "other")
    save_drill(store, sample_drill(proof, name="drill-2", share=1.0, begun_at=NOW + 1))
    found = placed("letters", at=NOW + 60)
    assert [(one.worse, str(one)) for one in found.decided.changes] == [
        (False, "other: drill: was proven, untested: never drilled, is proven and drilled")
    ]
    assert found.state == "decided"
    student = prove(store, settings, "claims", "student", seconds=0.05)
    save_drill(store, sample_drill(student, name="drill-3", result="failed", begun_at=NOW + 2))
    assert placed("claims", at=NOW + 60).state == "what it rests on has changed"


def test_a_retirement_that_is_announced_shakes_it_and_asks_for_what_follows(store, placed, take):
    fill(store, sample_settings())
    take()
    settings = sample_settings()
    soon = replace(settings.upstreams["vendor"], retires="2027-03-01")
    settings = replace(settings, upstreams={**settings.upstreams, "vendor": soon})
    found = placed("claims", settings, at=NOW + 1)
    assert [str(one) for one in found.decided.changes] == ["vendor: retires: was not announced, is 2027-03-01"]
    assert found.state == "what it rests on has changed"
    assert any(one.said == "vendor retires on 2027-03-01, as announced" for one in found.proposal.reasons)
    assert any(step.what.startswith("name and rehearse what follows vendor") for step in found.proposal.steps)


def test_carrying_it_out_is_no_change(store, placed, take):
    fill(store, sample_settings())
    take(place="student", replacement="nobody")
    moved = changed(sample_settings(), "claims", baseline="student", fallbacks=("vendor",))
    found = placed("claims", moved).decided
    assert (found.carried_out, found.changes) == (True, ())


REFUSED = [
    ({"reason": " \n"}, OperatorError, "for a reason"),
    ({"reason": "x" * 4_001}, OperatorError, "4,000 characters at most"),
    ({"review": ""}, OperatorError, "is no day"),
    ({"review": "soon"}, OperatorError, "is no day"),
    ({"review": "2026-11-01"}, OperatorError, "has come already"),
    ({"review": "2028-01-01"}, OperatorError, "more than a year away"),
    ({"place": "mars"}, NotFound, "no upstream of claims"),
    ({"place": "other-host"}, OperatorError, "none that may serve it"),
    ({"replacement": "other"}, NotFound, "no upstream of claims"),
    ({"replacement": "vendor"}, OperatorError, "can't stand in for itself"),
    ({"seen": "0" * 16}, OperatorError, "has changed since you looked"),
    ({"after": 3}, OperatorError, "somebody else has decided on claims meanwhile"),
]


def test_what_can_not_be_decided_is_refused_with_the_mend_and_leaves_nothing(store, placed, take):
    fill(store, sample_settings())
    there = placed("claims")
    for wish, error, said in REFUSED:
        with pytest.raises(error, match=said):
            take(placement=there, **wish)
    assert (decisions(store), take.noted) == ([], [])


def test_no_decision_sends_data_where_it_may_not_go(store, take):
    settings = changed(sample_settings(), "claims", allow={DataClass.CONFIDENTIAL: ("vendor",)})
    for wish in ({"place": "student"}, {"replacement": "student"}):
        with pytest.raises(OperatorError, match="no decision changes that"):
            take(settings=settings, **wish)


def test_a_place_is_taken_for_its_one_upstream(store, take):
    fill(store, sample_settings())
    assert take(place="own").serves == "student"


def test_of_two_who_decide_at_the_same_moment_one_is_told(store, placed):
    fill(store, sample_settings())
    seen, said, ready = placed("claims"), [], threading.Barrier(2)

    def go(name):
        wish = Wish(place="proposed", reason=name, review=REVIEW, seen=told(seen.proposal), after=0)
        ready.wait(60)
        try:
            decide(store, sample_settings(), seen, wish, actor=Actor.local(name), now=NOW, note=lambda event: None)
            said.append("decided")
        except OperatorError as error:
            said.append(str(error).partition("\n")[0])

    threads = [threading.Thread(target=go, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(said) == ["decided", "somebody else has decided on claims meanwhile"]
    assert len(decisions(store)) == 1


def test_the_report_names_what_is_placed_where_and_hostile_reasons_and_names_stay_harmless(store, answer, take):
    fill(store, sample_settings())
    take(reason=HOSTILE)
    take("letters", at=NOW + 1, place="vendor", replacement="nobody")
    report = answer(at=NOW + 2)
    by_name = {one.process: one for one in report.placements}
    assert (by_name["claims"].follows, by_name["letters"].follows, by_name["notes"].decided) == (True, False, "")
    late = answer(at=datetime(2027, 2, 2, tzinfo=UTC).timestamp())
    page = render_html(late)
    assert page.count("<strong>overdue</strong>") == 2
    assert "What it rests on has changed" in page
    assert "Handed over entirely." in page
    assert "<script>" not in page
    console = Console(file=io.StringIO(), width=80)
    render_text(late, console)
    said = " ".join(console.file.getvalue().split())
    assert "overdue; what it rests on has changed" in said
    assert "Nobody has decided." in said


def test_every_rule_is_explained_in_words_and_in_order():
    page = (Path(__file__).parents[3] / "docs/explanation/placement.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2:4] for line in page.splitlines() if line.startswith("|") and line[1].isdigit()]
    assert [(name.strip(), " ".join(said.split())) for name, said in rows] == list(RULES.items())


def test_a_provisional_verdict_or_an_acceptance_proves_nothing(store, placed):
    settings = sample_settings()
    prove(store, settings, "claims", "student", state=State.UNPROVEN)
    found = placed("claims").proposal
    assert found.replacement is None
    assert [(one.name, one.rule) for one in found.passed] == [("student", "proof")]
