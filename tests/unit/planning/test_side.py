"""Who may make embeddings or count tokens: identity in place of a proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.cli.explain import needs_from, why
from switchover.domain.candidate import PromptKind, PromptVersion, fingerprint
from switchover.domain.cut_off import Target, TargetKind
from switchover.domain.process import DataClass
from switchover.errors import OperatorError
from switchover.planning import NEEDS, BreakerState, plan_request
from switchover.testing.builders import make_process, make_proof, make_snapshot, make_upstream

VECTORS, COUNT = frozenset(["embeddings"]), frozenset(["count_tokens"])
TWIN = {"model": "big-1", "developer": "acme", "host": "beta"}


def planned(needs, *upstreams, proofs=(), versions=(), **more):
    """The plan over these upstreams, the first one the baseline."""
    names = [one.name for one in upstreams]
    process = make_process(baseline=names[0], fallbacks=tuple(names[1:]), **more.pop("process", {}))
    snapshot = make_snapshot(
        upstreams={one.name: one for one in upstreams},
        processes={process.name: process},
        proofs=tuple(proofs),
        prompt_versions={one.id: one for one in versions},
        endpoints={one.name: "http://127.0.0.1:1" for one in upstreams if one.is_own},
    )
    return plan_request(snapshot, process.name, 1.8e9, needs=needs, **more)


def proven(spec, kind=PromptKind.AS_IS):
    version = PromptVersion.make(process="customer-messages", upstream=spec.name, kind=kind, artefact=None)
    return make_proof(spec, version, fingerprint=fingerprint(spec), expires_at=4e9), version


def names(plan):
    return [one.upstream.name for one in plan.attempts]


def reasons(plan):
    return {one.upstream: one.reason for one in plan.skipped}


def test_the_same_model_makes_embeddings_without_a_proof_and_says_so():
    made = planned(VECTORS, make_upstream(), make_upstream("twin", **TWIN))
    assert names(made) == ["vendor", "twin"]
    assert why(made.attempts[0]) == "the baseline"
    assert why(made.attempts[1]) == "the same model as vendor, so that vectors can be compared"


@pytest.mark.parametrize("other", [{"model": "big-2"}, {"developer": "beta"}])
def test_another_model_makes_none_whatever_it_has_proven(other):
    spec = make_upstream("other", **{**TWIN, **other})
    proof, version = proven(spec)
    made = planned(VECTORS, make_upstream(), spec, proofs=[proof], versions=[version])
    assert names(made) == ["vendor"]
    assert "its vectors can't be compared with those of big-1 (acme)" in reasons(made)["other"]
    assert names(planned(frozenset(), make_upstream(), spec, proofs=[proof], versions=[version])) == ["vendor", "other"]


def test_policy_cut_offs_and_breakers_hold_for_embeddings_too():
    both = make_upstream(), make_upstream("twin", **TWIN)
    kept_in = {"allow": {DataClass.CONFIDENTIAL: ("vendor",)}}
    made = planned(VECTORS, *both, process=kept_in)
    assert names(made) == ["vendor"]
    assert made.skipped[0].by_policy
    lost = Target(TargetKind.UPSTREAM, "vendor")
    assert names(planned(VECTORS, *both, without=(lost,))) == ["twin"]
    assert names(planned(VECTORS, *both, breakers={"vendor": BreakerState.HELD})) == ["twin"]


def test_the_upstreams_named_for_embeddings_make_them_and_the_others_answer():
    vectors = make_upstream("vectors", model="embed-3", host="beta")
    talker = make_upstream(kind="anthropic")
    process = make_process(fallbacks=(), embeddings=("vectors",))
    snapshot = make_snapshot(upstreams={"vendor": talker, "vectors": vectors}, processes={process.name: process})
    assert names(plan_request(snapshot, process.name, 1.8e9, needs=VECTORS)) == ["vectors"]
    assert names(plan_request(snapshot, process.name, 1.8e9)) == ["vendor"]


@pytest.mark.parametrize("kind", ["anthropic", "local", "student"])
def test_a_kind_that_makes_no_embeddings_is_unable(kind):
    made = planned(VECTORS, make_upstream(kind=kind, base_url="http://127.0.0.1:1"))
    assert not made.attempts
    assert made.skipped[0].unable


def test_whoever_would_answer_counts_and_nobody_else():
    other = make_upstream("other", kind="anthropic", model="big-2")
    proof, version = proven(other)
    both = make_upstream(kind="anthropic"), other
    made = planned(COUNT, *both, proofs=[proof], versions=[version])
    assert names(made) == ["vendor"]
    assert reasons(made)["other"] == "it counts otherwise than vendor, which answers"
    lost = Target(TargetKind.UPSTREAM, "vendor")
    assert names(planned(COUNT, *both, proofs=[proof], versions=[version], without=(lost,))) == ["other"]
    # Without a proof it would not answer, so it does not count.
    assert names(planned(COUNT, *both, without=(lost,))) == []


def test_the_same_model_elsewhere_counts_in_its_stead():
    twin = make_upstream("twin", kind="anthropic", **TWIN)
    proof, version = proven(twin)
    assert names(planned(COUNT, make_upstream(kind="anthropic"), twin, proofs=[proof], versions=[version])) == [
        "vendor",
        "twin",
    ]


def test_a_count_that_would_leave_out_the_prompt_version_is_not_given():
    other = make_upstream("other", kind="anthropic", model="big-2")
    proof, version = proven(other, PromptKind.DEMONSTRATIONS)
    lost = Target(TargetKind.UPSTREAM, "vendor")
    made = planned(COUNT, make_upstream(kind="anthropic"), other, proofs=[proof], versions=[version], without=(lost,))
    assert not made.attempts
    assert made.skipped[-1].unable
    # Our own engine is asked with the prompt version applied, so its count is of what it would read.
    own = make_upstream("own", kind="local", model="small")
    proof, version = proven(own, PromptKind.DEMONSTRATIONS)
    assert names(
        planned(COUNT, make_upstream(kind="anthropic"), own, proofs=[proof], versions=[version], without=(lost,))
    ) == ["own"]


@pytest.mark.parametrize("kind", ["openai", "student"])
def test_a_kind_that_counts_nothing_is_unable(kind):
    made = planned(COUNT, make_upstream(kind=kind, base_url="http://127.0.0.1:1"))
    assert not made.attempts
    assert made.skipped[0].unable


def test_what_the_message_needs_decides_who_would_answer_it():
    own = make_upstream("own", kind="local")
    made = planned(COUNT | {"vision"}, own)
    assert reasons(made) == {"own": "a local engine can't do vision"}
    assert not made.skipped[0].unable


def test_needs_are_typed_as_planning_names_them():
    assert needs_from(["embeddings", "tools"]) == {"embeddings", "tools"}
    assert {"count_tokens", "files", "state", "vision"} <= NEEDS
    with pytest.raises(OperatorError, match="no request needs vectors"):
        needs_from(["vectors"])


def test_a_plan_for_answers_is_what_it_was():
    made = planned(frozenset(), make_upstream(), make_upstream("twin", **TWIN))
    assert names(made) == ["vendor"]
    assert "NOT proven" in reasons(made)["twin"]
    assert replace(made.attempts[0]).same_as is None
