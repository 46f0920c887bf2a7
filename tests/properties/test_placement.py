"""Over random registers: what is proposed is allowed and proven, and more proof never makes it worse."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.domain.candidate import PromptKind, PromptVersion, State, fingerprint
from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.process import Criticality, DataClass, Process, Provider, UpstreamSpec
from switchover.domain.register import Snapshot, Suspension
from switchover.planning import plan
from switchover.report.choices import choices
from switchover.report.placing import place
from switchover.report.proposing import propose
from switchover.testing.builders import make_proof, make_snapshot
from switchover.testing.sample_organisation import sample_drill

NOW = 1_000.0
NAMES = ("vendor", "a", "b", "c")
PROVIDERS = {
    "acme": Provider(name="acme", home="US"),
    "acme-eu": Provider(name="acme-eu", home="DE", parent="acme", parent_home="US"),
    "beta": Provider(name="beta", home="DE"),
    "own": Provider(name="own", home="NL"),
}


@dataclass
class Case:
    process: Process
    snapshot: Snapshot
    proofs: list
    drills: list
    costs: dict

    def choices(self, proofs=None):
        held = self.proofs if proofs is None else proofs
        known = replace(self.snapshot, proofs=tuple(held))
        return choices(self.process, known, [], held, self.drills, NOW, peak_minute=60, costs=self.costs)


def spec_of(name, host):
    kind = "student" if host == "own" else "openai"
    where = None if host == "own" else f"https://{name}.test/v1"
    return UpstreamSpec(name=name, kind=kind, model=f"m-{name}", developer=host, host=host, base_url=where)


def proof_of(spec, **changes):
    version = version_of(spec)
    fitting = {"process": "p", "upstream": spec.name, "fingerprint": fingerprint(spec), "prompt_version": version.id}
    return make_proof(**fitting | changes)


def version_of(spec):
    return PromptVersion.make(process="p", upstream=spec.name, kind=PromptKind.AS_IS)


@st.composite
def cases(draw):
    specs = {name: spec_of(name, draw(st.sampled_from(sorted(PROVIDERS)))) for name in NAMES}
    process = Process(
        name="p", owner="o", criticality=draw(st.sampled_from(Criticality)), data=draw(st.sampled_from(DataClass)),
        baseline="vendor", fallbacks=tuple(draw(st.permutations(NAMES[1:]))),
    )  # fmt: skip
    allow = draw(st.sampled_from([None, ("vendor", "a"), ("host-home:EU",), ("host-home:NL",), ()]))
    process = replace(process, allow={} if allow is None else {process.data: allow})
    proofs, drills = [], []
    for name in NAMES[1:]:
        if not draw(st.booleans()):
            continue
        proof = proof_of(
            specs[name], id=f"proof-{name}", expires_at=draw(st.sampled_from([NOW - 1, NOW + 1])),
            state=draw(st.sampled_from([State.READY, State.PROVISIONAL])), made_at=NOW - 500,
        )  # fmt: skip
        proofs.append(proof)
        result = draw(st.sampled_from([None, "passed", "failed"]))
        if result is not None:
            slow = draw(st.sampled_from([0.5, 1_000.0]))
            share = draw(st.sampled_from([0.5, 1.0]))
            drills.append(
                sample_drill(proof, name=f"d-{name}", share=share, result=result, rto=slow, begun_at=NOW - 100)
            )
    cut = CutOff(id="c", target=Target(TargetKind.UPSTREAM, draw(st.sampled_from(NAMES))), reason="r", by="b",
                 placed_at=0.0)  # fmt: skip
    snapshot = make_snapshot(
        providers=PROVIDERS, upstreams=specs, processes={"p": process}, proofs=tuple(proofs),
        endpoints=dict.fromkeys(NAMES, "http://127.0.0.1"),
        prompt_versions={version_of(spec).id: version_of(spec) for spec in specs.values()},
        cut_offs=draw(st.sampled_from([(), (cut,)])), epochs={},
        suspended=draw(st.sampled_from([{}, {"a": Suspension(at=1.0, why="answered as another")}])),
    )  # fmt: skip
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    costs = {name: draw(st.decimals(0, 1_000, places=2)) for name in names}
    return Case(process, snapshot, proofs, drills, costs)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_who_may_not_see_the_data_is_never_proposed(case):
    found = propose(case.process, case.choices(), PROVIDERS)
    for name in filter(None, (found.serves, found.replacement)):
        assert case.process.may_see(case.snapshot.upstreams[name], PROVIDERS)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_nobody_without_a_proof_in_date_stands_in_or_takes_over(case):
    found = propose(case.process, case.choices(), PROVIDERS)
    planned = {one.upstream.name: one for one in plan(case.snapshot, "p", NOW).attempts}
    for name in {found.serves, found.replacement} - {None, "vendor"}:
        assert planned[name].proof is not None
        assert planned[name].proof.expires_at > NOW
    assert found.replacement != "vendor"
    assert found.replacement is None or found.replacement != found.serves


@given(cases(), st.sampled_from(NAMES[1:]))
@settings(max_examples=70, deadline=None)
def test_one_more_proof_never_makes_the_proposal_worse(case, name):
    spec = case.snapshot.upstreams[name]
    more = [*case.proofs, proof_of(spec, id="more", made_at=NOW - 1, expires_at=NOW + 100)]
    before = place(case.process, case.choices(), PROVIDERS)
    after = place(case.process, case.choices(more), PROVIDERS)
    assert after.grade >= before.grade
    assert (before.serves is None) >= (after.serves is None)
    assert (before.replacement is None) >= (after.replacement is None)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_it_is_the_same_each_time_and_says_why_each_other_was_passed_over(case):
    found = propose(case.process, case.choices(), PROVIDERS)
    assert found == propose(case.process, case.choices(), PROVIDERS)
    assert {one.name for one in found.passed} == set(NAMES) - {found.serves, found.replacement}
    assert all(one.why for one in found.passed)
    assert found.stays == (found.serves == "vendor")
