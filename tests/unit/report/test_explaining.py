"""A verdict in plain words: true to its numbers, at every state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.domain.candidate import Cell, Evidence, State, Verdict
from switchover.domain.label import People
from switchover.domain.process import Criticality, DataClass, Process, RehearsalTerms
from switchover.report.charts import Interval
from switchover.report.explaining import explain, points, state_at
from switchover.report.intervals import interval_plot
from switchover.testing.sample_candidates import part

NOW = 1_793_500_000.0
PROCESS = Process(
    name="claims",
    owner="head",
    criticality=Criticality.CRITICAL,
    data=DataClass.INTERNAL,
    baseline="vendor",
    fallbacks=("other",),
    rehearse=RehearsalTerms(grader="label"),
)
READY = part("overall", 380, -0.004, 0.044, 3.4)


def verdict(state=State.READY, overall=READY, *slices, expires_at=NOW + 9 * 86_400, **more):
    evidence = Evidence(
        overall=overall,
        slices=slices,
        ungraded=0,
        coverage=0.97,
        candidate_score=0.9,
        baseline_self_agreement=0.91,
        anchor_score=None,
        still_needed=240,
        reasons=(),
    )
    return Verdict(
        id="v-1",
        cell=Cell(
            process="claims", upstream="other", fingerprint="f", prompt_version="as-is-1", grader="label:0", epoch="e"
        ),
        state=state,
        evidence=replace(evidence, **more),
        made_at=NOW - 3600,
        expires_at=expires_at,
        seed=1,
        calls=760,
    )


def said(found, *, void=None):
    return explain(found, PROCESS, NOW, void=void)


def test_ready_says_how_much_worse_it_is_at_most_and_how_much_is_accepted():
    told = said(verdict())
    assert told.sentence == (
        "other is good enough to stand in for vendor: its answers to 380 recorded requests are at most 4.8 points of "
        "100 worse than vendor's, and 5 points are accepted."
    )
    assert all(ground.holds is not False for ground in told.rests_on)
    assert told.command == "switchover drill claims --fault vanished --approver ROLE"


def test_not_ready_says_where_and_blames_no_ledger_that_did_not_fail():
    bad = part("overall", 140, -0.2, 0.09, -8.0, 4.0)
    assert "to 140 recorded requests are worse than vendor's, by more than the 5 points" in (
        said(verdict(State.NOT_READY, bad)).sentence
    )
    told = said(verdict(State.NOT_READY, READY, part("complaints", 60, -0.3, 0.1, -5.0, 3.0)))
    assert "on complaints its answers are worse" in told.sentence
    assert "whatever the average says" in told.sentence
    assert [ground.what for ground in told.rests_on if ground.holds is False] == ["On complaints"]


@pytest.mark.parametrize(
    ("state", "words", "command"),
    [
        (State.PROVISIONAL, "only a model has judged", "switchover label claims --candidate other"),
        (State.EXPIRED, "out of date", "switchover rehearse claims --candidate other"),
        (State.UNPROVEN, "Nobody can say yet", "switchover rehearse claims --candidate other"),
        (State.NOT_READY, "must not stand in", "switchover adapt claims"),
    ],
)
def test_each_state_has_its_sentence_and_its_next_step(state, words, command):
    told = said(verdict(state, part("overall", 100, -0.01, 0.1, 1.0, 4.0 if state is State.NOT_READY else 0.0)))
    assert words in told.sentence
    assert told.command == command


def test_only_ready_is_called_good_enough_without_a_but():
    for state in State:
        told = said(verdict(state)).sentence
        assert ("is good enough" in told) == (state is State.READY)


def test_what_ready_rests_on_is_never_said_to_stand_in_its_way():
    """Of 600 cases 25 were not graded; 380 of the others count overall, as a slice was replayed in advance."""
    grounds = {ground.what: ground.holds for ground in said(verdict(ungraded=25)).rests_on}
    assert grounds["Not compared"] is True
    grounds = {ground.what: ground.holds for ground in said(verdict(State.UNPROVEN, ungraded=40)).rests_on}
    assert grounds["Not compared"] is False


def test_a_proof_whose_time_has_passed_is_expired():
    old = verdict(expires_at=NOW - 1)
    assert state_at(old, NOW) is State.EXPIRED
    assert "out of date" in said(old).sentence
    assert next(ground for ground in said(old).rests_on if ground.what == "Date").holds is False


def test_a_void_verdict_says_so_first():
    assert said(verdict(), void="the baseline is another now").sentence == (
        "This verdict says nothing of what other would answer today: the baseline is another now."
    )


def test_what_stands_in_the_way_is_marked():
    told = said(verdict(State.UNPROVEN, part("overall", 100, -0.02, 0.1, 1.0), coverage=0.8, ungraded=30))
    lacking = {ground.what for ground in told.rests_on if ground.holds is False}
    assert lacking == {"On all requests together", "Kinds of request", "Not compared"}
    assert "about 240 more replays" in told.next_step


def test_nothing_compared_is_not_said_to_be_equal():
    told = said(verdict(State.UNPROVEN, part("overall", 0, None, 1.0, 0.0)))
    assert told.sentence.endswith("nothing was compared.")


def test_what_people_marked_is_among_what_it_rests_on():
    people = People(share=0.5, drawn=80, labelled=30, unclear=0, counted=60, needed=20, budget=120, agreement=None)
    told = next(g for g in said(verdict(people=people)).rests_on if g.what == "People's word")
    assert told.said == "People marked 30 of the 80 cases that were drawn for them; about 20 more are needed."
    assert told.holds is False


@pytest.mark.parametrize(
    ("value", "signed", "words"),
    [(0.05, False, "5 points"), (-0.047, True, "−4.7 points"), (0.01, True, "+1 point"), (0.0004, True, "0 points")],
)
def test_points_are_said_as_people_say_them(value, signed, words):
    assert points(value, signed=signed) == words


def interval(lower, upper, margin=0.05, name="other"):
    return Interval(name=name, mean=None, lower=lower, upper=upper, margin=margin, word="w", good=False)


def places(svg, kind):
    import re

    line = re.search(rf'class="[^"]*{kind}[^"]*" x1="([\d.]+)%" x2="([\d.]+)%"', svg)
    return float(line[1]), float(line[2])


def test_a_line_lies_within_the_shaded_part_exactly_when_its_bound_is_within_the_margin():
    for lower, upper in ((-0.049, 0.04), (-0.051, 0.04), (-0.3, -0.06), (0.0, 0.01), (-1.0, 1.0)):
        svg = str(interval_plot([interval(lower, upper)], "label"))
        begins, ends = places(svg, "span")
        assert 0 <= begins <= ends <= 100
        assert (begins > places(svg, "limit")[0]) == (lower > -0.05)


def test_a_plot_of_hostile_names_is_text():
    svg = str(interval_plot([interval(-0.1, 0.1, name='"><script>\u202e')], 'a"onload="x'))
    assert "<script" not in svg
    assert "\u202e" not in svg
    assert 'onload="' not in svg
