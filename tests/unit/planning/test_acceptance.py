"""An owner's acceptance of a risk lets exactly that candidate serve, after those that are proven, until its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.domain.acceptance import Acceptance
from switchover.domain.candidate import State, fingerprint
from switchover.domain.process import Criticality, DataClass, Process
from switchover.domain.register import Suspension
from switchover.planning import cannot_continue, plan
from switchover.testing.served import proof_for, register, spec

NOW, ENDS = 1_000.0, 5_000.0
NAMES = ("vendor", "a", "b")
SPECS = {name: spec(name, f"http://{name}.test", "openai") for name in NAMES}


def known(*, proven=("b",), allow=None, criticality=Criticality.IMPORTANT, **changes):
    process = Process(
        name="p", owner="o", criticality=criticality, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=("a", "b"), allow=allow or {},
    )  # fmt: skip
    snapshot, _ = register(process, list(SPECS.values()))
    made = {name: proof_for(SPECS[name], "p", expires_at=2 * ENDS) for name in ("a", "b")}
    accepted = Acceptance(
        id="ac-1", process="p", upstream="a", fingerprint=fingerprint(SPECS["a"]), prompt_version=made["a"][1].id,
        state=State.UNPROVEN, verdict=None, reason="", made_at=NOW, made_by="p-1", expires_at=ENDS,
    )  # fmt: skip
    return replace(
        snapshot,
        proofs=tuple(made[name][0] for name in proven),
        prompt_versions={version.id: version for _, version in made.values()},
        acceptances=(replace(accepted, **changes),),
    )


def served(snapshot, now=NOW):
    return [attempt.upstream.name for attempt in plan(snapshot, "p", now).attempts]


def test_who_is_accepted_serves_after_those_that_are_proven_and_is_marked():
    found = plan(known(), "p", NOW)
    assert [a.upstream.name for a in found.attempts] == ["vendor", "b", "a"]
    assert [a.accepted and a.accepted.id for a in found.attempts] == [None, None, "ac-1"]
    assert found.attempts[-1].prompt_version is not None
    assert "it has no proof" in cannot_continue(found.attempts[-1])


def test_a_proof_comes_before_an_acceptance_of_the_same_candidate():
    found = plan(known(proven=("a", "b")), "p", NOW)
    assert [(a.upstream.name, a.accepted) for a in found.attempts] == [("vendor", None), ("a", None), ("b", None)]


def test_it_lapses_by_itself_and_the_plan_says_when():
    snapshot = known(proven=())
    assert served(snapshot, ENDS - 1) == ["vendor", "a"]
    assert served(snapshot, ENDS) == ["vendor"]
    assert plan(snapshot, "p", NOW).until == ENDS
    assert served(known(proven=(), withdrawn_at=NOW + 5), NOW + 5) == ["vendor"]


@pytest.mark.parametrize(
    "changes", [{"fingerprint": "0" * 16}, {"process": "q"}, {"upstream": "b"}, {"prompt_version": "gone"}]
)
def test_another_model_process_or_prompt_version_is_not_accepted(changes):
    assert served(known(proven=(), **changes)) == ["vendor"]


def test_it_changes_nothing_about_the_data_policy_or_a_suspension():
    forbidden = known(proven=(), allow={DataClass.INTERNAL: ("vendor",)})
    assert served(forbidden) == ["vendor"]
    assert plan(forbidden, "p", NOW).skipped[0].by_policy
    doubted = replace(known(proven=()), suspended={"a": Suspension(at=1.0, why="answered as 'x'")})
    assert served(doubted) == ["vendor"]
