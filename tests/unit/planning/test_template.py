"""A proof holds for the chat template it was made with, and for no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.domain.candidate import fingerprint
from switchover.domain.process import Criticality, DataClass, Process
from switchover.planning import plan
from switchover.testing.served import proof_for, register, spec

BEFORE, AFTER = "0123456789abcdef", "fedcba9876543210"


def snapshot(made_with, runs, **changes):
    """A register in which the box's proof was made with one template, and the box runs another."""
    proven = spec("box", "http://127.0.0.1:9", host="own", template=made_with)
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=("box",),
    )  # fmt: skip
    found, _ = register(process, [spec("vendor", "http://127.0.0.1:9"), replace(proven, template=runs, **changes)])
    proof, version = proof_for(proven, "p")
    return replace(found, proofs=(proof,), prompt_versions={version.id: version})


def served(found):
    return [one.upstream.name for one in plan(found, "p", 1.0).attempts]


def reason(found):
    return next(one.reason for one in plan(found, "p", 1.0).skipped if one.upstream == "box")


@pytest.mark.parametrize(
    ("made_with", "runs", "said"),
    [
        (BEFORE, AFTER, f"its chat template has changed since its proof (was {BEFORE}, is {AFTER})"),
        (None, AFTER, f"its chat template has changed since its proof (was unknown, is {AFTER})"),
        (BEFORE, None, f"its chat template can't be told now (was {BEFORE})"),
    ],
)
def test_another_template_voids_the_proof_and_the_plan_says_so(made_with, runs, said):
    found = snapshot(made_with, runs)
    assert served(found) == ["vendor"]
    assert said in reason(found)


@pytest.mark.parametrize("template", [BEFORE, None])
def test_the_same_template_keeps_it(template):
    assert served(snapshot(template, template)) == ["vendor", "box"]


def test_another_model_is_told_from_another_template():
    found = snapshot(BEFORE, AFTER, model="another")
    assert reason(found) == "its proof was made with another model or prompt version"


def test_a_proof_with_the_template_in_force_serves_beside_one_with_another():
    found = snapshot(BEFORE, AFTER)
    (old,) = found.proofs
    new = replace(old, id="new", fingerprint=fingerprint(found.upstreams["box"]))
    assert served(replace(found, proofs=(old, new))) == ["vendor", "box"]


def test_the_baseline_needs_no_proof_whatever_it_runs():
    found = snapshot(BEFORE, AFTER)
    process = replace(found.processes["p"], baseline="box", fallbacks=())
    assert served(replace(found, processes={"p": process})) == ["box"]
