"""Who may go on with an answer that broke off, and why not the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.domain.candidate import Continuation
from switchover.domain.process import DataClass, Midstream
from switchover.errors import Crossed, Cut, Malformed, ModelSwapped, RequestRejected, Stalled
from switchover.planning import Broken, cannot_continue, may_go_on, plan
from switchover.testing.builders import (
    DAY_S,
    NOW,
    make_process,
    make_prompt_version,
    make_proof,
    make_snapshot,
    make_upstream,
)

ENGINE = make_upstream("engine", kind="local", model="m", weights="starter")
OTHER = make_upstream("other", host="acme", model="other-1")
VERSIONS = {name: make_prompt_version(upstream=name) for name in ("engine", "other")}
PROCESS = make_process(fallbacks=("engine", "other"), midstream=Midstream.CONTINUE)
CUT = Broken(upstream="vendor", error=Cut("vendor broke off"))


def snapshot(*, process=PROCESS, continuation=Continuation.PREFILL, until=NOW + DAY_S, **more):
    proofs = (
        make_proof(ENGINE, VERSIONS["engine"], continuation=continuation, continues_until=until),
        make_proof(OTHER, VERSIONS["other"]),
    )
    return make_snapshot(
        upstreams={"vendor": make_upstream(), "engine": ENGINE, "other": OTHER},
        processes={"customer-messages": process},
        proofs=proofs,
        prompt_versions={version.id: version for version in VERSIONS.values()},
        endpoints={"engine": "http://127.0.0.1:9200/v1"},
        **more,
    )


def decided(broken=CUT, now=NOW, **more):
    return may_go_on(plan(snapshot(**more), "customer-messages", now), broken)


def test_only_a_replacement_whose_proof_has_such_cases_goes_on():
    found = decided()
    assert [(one.upstream.name, one.continuation) for one in found.attempts] == [("engine", Continuation.PREFILL)]
    assert found.reasons == ("vendor: it broke off just now", "other: its proof has no cut-and-continue cases")


def test_without_such_cases_nobody_does():
    found = decided(continuation=None, until=None)
    assert found.attempts == ()
    assert "engine: its proof has no cut-and-continue cases" in found.reasons


def test_cases_that_are_out_of_date_do_not_serve_while_the_proof_does():
    now = NOW + DAY_S + 1
    attempt = plan(snapshot(), "customer-messages", now).attempts[1]
    assert attempt.proof is not None
    assert not attempt.held
    assert cannot_continue(attempt) == "its cut-and-continue cases are no longer in date"
    assert decided(now=now).attempts == ()


def test_the_plan_is_made_anew_when_they_lapse():
    assert plan(snapshot(), "customer-messages", NOW).until == NOW + DAY_S


def test_they_are_held_while_the_baseline_is_lost_as_the_proof_is():
    lost = {"customer-messages": NOW - 5}
    process = replace(PROCESS, rehearse=None)
    assert decided(now=NOW + DAY_S + 1, baseline_lost=lost, process=process).attempts == ()
    from switchover.domain.process import RehearsalTerms

    held = replace(PROCESS, rehearse=RehearsalTerms(grader="label", hold=30.0))
    assert len(decided(now=NOW + DAY_S + 1, baseline_lost=lost, process=held).attempts) == 1


def test_the_data_policy_holds_for_the_rest_too():
    kept = replace(PROCESS, data=DataClass.SECRET, allow={DataClass.SECRET: ("vendor",)})
    found = decided(process=kept)
    assert found.attempts == ()
    assert "engine: the data policy keeps secret data from it" in found.reasons


def test_the_baseline_never_goes_on_with_what_a_replacement_began():
    found = decided(replace(CUT, upstream="engine"))
    assert found.attempts == ()
    assert found.reasons[0] == "vendor: the baseline has no proof of continuing others' answers"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"barred": "a tool call had begun"}, "a tool call had begun"),
        ({"needs": frozenset(["json_schema"])}, "an answer was asked for that has a form"),
        ({"tokens": 0}, "nothing is left of the answer's limit"),
        ({"tries": 0}, "no attempt is left"),
        ({"seconds": 0.0}, "nothing is left of the caller's deadline"),
        ({"error": RequestRejected("no")}, "after bad-request no answer is continued"),
        ({"error": Cut("x", seen_status=429)}, "after clean-end-too-soon no answer is continued"),
        ({"error": Cut("x", fault="runaway-output")}, "after runaway-output no answer is continued"),
        ({"error": Crossed("x")}, "after answer-crossed no answer is continued"),
        ({"error": ModelSwapped("x")}, "after model-swapped no answer is continued"),
    ],
)
def test_what_bars_an_answer_from_being_continued_is_said(change, why):
    assert decided(replace(CUT, **change)) == may_go_on(
        plan(snapshot(), "customer-messages", NOW), replace(CUT, **change)
    )
    assert decided(replace(CUT, **change)).attempts == ()
    assert decided(replace(CUT, **change)).reasons == (why,)


@pytest.mark.parametrize("error", [Cut("x", seen_status=503), Stalled("x"), Malformed("x")])
def test_what_is_the_providers_own_failure_is_continued(error):
    assert len(decided(replace(CUT, error=error, tokens=1)).attempts) == 1


def test_no_more_are_asked_than_attempts_are_left():
    both = snapshot()
    both = replace(
        both,
        proofs=tuple(replace(p, continuation=Continuation.QUOTE, continues_until=NOW + DAY_S) for p in both.proofs),
    )
    made = plan(both, "customer-messages", NOW)
    assert [one.upstream.name for one in may_go_on(made, replace(CUT, tries=2)).attempts] == ["engine", "other"]
    assert [one.upstream.name for one in may_go_on(made, CUT).attempts] == ["engine"]
