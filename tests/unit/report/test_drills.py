"""The ledger of drills: which count today, what was never tried, and the command that would try it."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from switchover.domain.candidate import State
from switchover.domain.cut_off import Target
from switchover.domain.process import Provider
from switchover.drill import DrillOrder
from switchover.report.drills import events_of, leads_to, untested, validity
from switchover.report.timeline import Moment, Stretch, timeline
from switchover.testing.builders import NOW, make_proof, make_upstream, make_upstreams
from switchover.testing.sample_organisation import DAY, sample_drill, sample_settings

SETTINGS = sample_settings()
SPECS = SETTINGS.upstreams
PROOF = make_proof(SPECS["student"], process="claims", upstream="student", expires_at=NOW + 10 * DAY)
LETTERS = make_proof(SPECS["other"], process="letters", upstream="other", expires_at=NOW + 10 * DAY)


def drill(name="drill-1", *, ago=1.0, proof=PROOF, **changes):
    return sample_drill(proof, name=name, begun_at=NOW - ago * DAY, **changes)


def counts(one, drills=(), proofs=(PROOF,), settings=SETTINGS, now=NOW):
    return validity(one, (one, *drills), proofs, settings, now)


def test_a_drill_counts_for_a_year():
    one = drill()
    found = counts(one)
    assert (found.kind, found.until) == ("holds", one.begun_at + 365 * DAY)
    assert counts(one, now=found.until).kind == "holds"
    assert counts(one, now=found.until + 1).kind == "lapsed"


def test_a_later_drill_that_decided_overrules_it_and_one_that_did_not_does_not():
    one = drill(ago=3)
    assert counts(one, [drill("later", ago=1, result="failed")]).other == "later"
    assert counts(one, [drill("later", ago=1, result="stopped")]).kind == "holds"
    assert counts(one, [drill("before", ago=9, result="failed")]).kind == "holds"


@pytest.mark.parametrize("result", ["stopped", "not exercised"])
def test_a_drill_that_decided_nothing_counts_neither_way(result):
    assert counts(drill(result=result)).kind == "nothing"


def test_a_drill_of_another_model_or_process_than_is_configured_has_lapsed():
    one, other = drill(), replace(SPECS["student"], model="other")
    assert "another model" in counts(one, settings=replace(SETTINGS, upstreams={**SPECS, "student": other})).said
    assert "not configured" in counts(one, settings=replace(SETTINGS, processes={})).said
    assert "not there" in counts(one, proofs=()).said


def test_a_drill_under_way_is_open():
    assert counts(replace(drill(), state="running", outcome=None)).kind == "open"


def never(proofs, drills=(), settings=SETTINGS):
    return {(one.process, one.upstream): one for one in untested(settings, proofs, drills, NOW)}


def test_a_proof_that_no_drill_in_date_has_tried_is_untested():
    assert ("claims", "student") in never([PROOF])
    assert ("claims", "student") not in never([PROOF], [drill()])
    assert ("claims", "student") in never([PROOF], [drill(result="stopped")])
    lapsed = never([PROOF], [drill(ago=366)])["claims", "student"]
    assert lapsed.why == "its last drill is more than a year old"


def test_a_process_without_a_proof_has_nothing_to_drill_yet_and_its_command_rehearses():
    found = never([])
    assert found["claims", "student"].command == "switchover rehearse claims --candidate student"
    assert found["notes", ""].command is None
    expired = replace(PROOF, expires_at=NOW)
    assert found["claims", "student"] == never([expired])["claims", "student"]


def test_a_provisional_proof_counts_where_the_process_accepts_it():
    provisional = replace(PROOF, state=State.PROVISIONAL)
    assert never([provisional])["claims", "student"].proof is None
    accepting = replace(SETTINGS.processes["claims"], accept_provisional=True)
    settings = replace(SETTINGS, processes={"claims": accepting})
    assert never([provisional], settings=settings)["claims", "student"].proof == provisional.id


def order_of(command, settings=SETTINGS):
    """The order that a command of ours stands for."""
    words = shlex.split(command)
    assert words[:2] == ["switchover", "drill"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    process = settings.processes[words[2]]
    target = Target.parse(given.get("--target", f"upstream:{process.baseline}"))
    return DrillOrder.of(
        settings, words[2], target=target, fault=given["--fault"], approver=given.get("--approver", ""),
        operator="x", share=float(given["--share"]), duration=300.0,
    )  # fmt: skip


def test_the_command_would_drill_exactly_that():
    found = order_of(never([PROOF])["claims", "student"].command)
    assert (found.process.name, found.lost, found.approver) == ("claims", {"vendor"}, "head-of-claims")
    spaced = sample_settings(owner="head of claims")
    assert order_of(never([PROOF], settings=spaced)["claims", "student"].command, spaced).approver == "head of claims"


def test_a_second_replacement_is_reached_by_what_takes_the_first_one_too():
    claims = replace(SETTINGS.processes["claims"], fallbacks=("sibling", "other"))
    settings = replace(
        SETTINGS,
        upstreams={**SPECS, "sibling": replace(SPECS["vendor"], name="sibling", model="big-2")},
        processes={"claims": claims},
    )
    first = make_proof(settings.upstreams["sibling"], process="claims", upstream="sibling", expires_at=NOW + DAY)
    second = make_proof(settings.upstreams["other"], process="claims", upstream="other", expires_at=NOW + DAY)
    found = never([first, second], settings=settings)
    assert "--target" not in found["claims", "sibling"].command
    assert "--target provider:acme" in found["claims", "other"].command
    # Two people: the second one's approval names them.
    assert "--approver" not in found["claims", "other"].command
    assert order_of(found["claims", "other"].command, settings).lost == {"vendor", "sibling"}


def test_where_nothing_that_can_be_lost_leads_there_no_command_is_made_up():
    claims = replace(SETTINGS.processes["claims"], fallbacks=("student", "other"))
    settings = replace(SETTINGS, processes={"claims": claims})
    second = make_proof(SPECS["other"], process="claims", upstream="other", expires_at=NOW + DAY)
    found = never([PROOF, second], settings=settings)["claims", "other"]
    assert found.command is None
    assert "comes first" in found.why


def test_a_parent_or_its_jurisdiction_may_be_what_leads_there():
    providers = {
        "acme": Provider(name="acme", home="NL", parent="owner", parent_home="US"),
        "lab": Provider(name="lab", home="DE", parent="owner", parent_home="US"),
        "own": Provider(name="own", home="NL"),
    }
    upstreams = {**make_upstreams(), "lab": make_upstream("lab", host="lab", model="mid-1")}
    claims = replace(SETTINGS.processes["claims"], fallbacks=("lab", "student"))
    settings = replace(SETTINGS, providers=providers, upstreams=upstreams)
    assert str(leads_to(claims, "lab", {"lab", "student"}, settings)) == "upstream:vendor"
    assert str(leads_to(claims, "student", {"lab", "student"}, settings)) == "provider:owner"
    assert str(leads_to(claims, "student", {"student"}, settings)) == "upstream:vendor"


def test_a_scenario_is_the_real_event_of_its_id_or_those_of_its_shape():
    assert [event["id"] for event in events_of("fable5-export-directive")] == ["fable5-export-directive"]
    assert "fable5-export-directive" in [event["id"] for event in events_of("model_vanishes_404")]
    assert events_of("no such thing") == events_of(None) == []


def test_moments_stand_on_one_axis_and_one_that_never_came_is_said():
    drawn = timeline(
        [Moment("Cut <off>", 0.0), Moment("Steady", None), Moment("Given back", 200.0)],
        [Stretch("Cut <off>", 0.0, 100.0, "good")],
        "When",
    )
    assert "Cut &lt;off&gt;" in drawn
    assert drawn.count("<circle") == 2
    assert ">never<" in drawn
    assert ">+3 min 20 s<" in drawn
    assert 'x1="1.50%" x2="50.00%"' in drawn
    assert ">not yet<" in timeline([Moment("a", 0.0), Moment("b", None)], [], "When", missing="not yet")
    assert timeline([], [], "When") == ""
