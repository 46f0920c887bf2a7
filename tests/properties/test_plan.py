"""Over random registers: a fallback without a fitting proof in date is never in a plan."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from switchover.domain.candidate import PromptKind, PromptVersion, State, fingerprint
from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.process import Criticality, DataClass, Process
from switchover.domain.register import Suspension
from switchover.planning import BreakerState, Pause, plan
from switchover.testing.served import proof_for, register, spec

NOW = 1_000.0
NAMES = ["vendor", "a", "b", "c"]


@st.composite
def registers(draw):
    upstreams = [spec(name, f"http://{name}.test", draw(st.sampled_from(["openai", "anthropic"]))) for name in NAMES]
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=tuple(draw(st.permutations(NAMES[1:]))), accept_provisional=draw(st.booleans()),
        allow=draw(st.sampled_from([{}, {DataClass.INTERNAL: ("vendor", "a")}])),
    )  # fmt: skip
    snapshot, _ = register(process, upstreams)
    proofs, versions = [], {}
    for upstream in upstreams[1:]:
        for number in range(draw(st.integers(0, 3))):
            proof, version = proof_for(
                upstream, draw(st.sampled_from(["p", "q"])), expires_at=draw(st.floats(0, 2 * NOW))
            )
            if draw(st.booleans()):
                versions[version.id] = version
            if draw(st.booleans()):
                version = PromptVersion.make(
                    process="p",
                    upstream=draw(st.sampled_from(NAMES)),
                    kind=PromptKind.DEMONSTRATIONS,
                    artefact="e" * 64,
                )
                versions[version.id] = version
                proof = replace(proof, prompt_version=version.id)
            made_with = draw(st.sampled_from([proof.fingerprint, "0" * 16]))
            state = draw(st.sampled_from(list(State)))
            proofs.append(replace(proof, id=f"{upstream.name}{number}", fingerprint=made_with, state=state))
    lost = draw(st.sampled_from([{}, {"p": NOW - 10}, {"p": NOW - 90 * 86_400}]))
    cut = CutOff(id="c", target=Target(TargetKind.UPSTREAM, draw(st.sampled_from(NAMES))), reason="r", by="b",
                 placed_at=0.0, fault=draw(st.sampled_from([None, "denied"])),
                 expires_at=draw(st.sampled_from([None, 1.0, 2 * NOW])))  # fmt: skip
    cuts = draw(st.sampled_from([(), (cut,)]))
    doubt = Suspension(at=1.0, why="answered as 'b'")
    doubted = draw(st.sampled_from([{}, {"a": doubt}, {"vendor": doubt, "b": doubt}]))
    return replace(
        snapshot, proofs=tuple(proofs), prompt_versions=versions, cut_offs=cuts, baseline_lost=lost, suspended=doubted
    )


breakers = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(list(BreakerState)))
pauses = st.dictionaries(st.sampled_from(NAMES), st.builds(Pause, st.floats(0, 2 * NOW)))


@given(registers(), breakers)
def test_a_fallback_serves_only_with_a_fitting_proof_in_date(snapshot, states):
    process = snapshot.processes["p"]
    good = (State.READY, State.PROVISIONAL) if process.accept_provisional else (State.READY,)
    for attempt in plan(snapshot, "p", NOW, breakers=states).attempts:
        if attempt.upstream.name == process.baseline:
            continue
        proof = attempt.proof
        assert proof is not None
        assert (proof.process, proof.upstream) == ("p", attempt.upstream.name)
        assert proof.upstream not in snapshot.suspended
        assert proof.fingerprint == fingerprint(attempt.upstream)
        assert proof.state in good
        assert attempt.prompt_version.id == proof.prompt_version
        assert (attempt.prompt_version.process, attempt.prompt_version.upstream) == ("p", attempt.upstream.name)
        lost = snapshot.baseline_lost.get("p")
        assert proof.expires_at > NOW or (attempt.held and lost is not None and lost < proof.expires_at)


@given(registers(), breakers)
def test_every_upstream_is_tried_or_passed_over_with_a_reason_and_never_both(snapshot, states):
    made = plan(snapshot, "p", NOW, breakers=states)
    tried, passed = [a.upstream.name for a in made.attempts], [s.upstream for s in made.skipped]
    assert sorted(tried + passed) == sorted(NAMES)
    assert all(one.reason for one in made.skipped)
    order = snapshot.processes["p"].upstreams
    assert tried == [name for name in order if name in tried]


@given(registers(), breakers)
def test_what_is_cut_off_held_or_kept_from_the_data_is_never_tried(snapshot, states):
    process = snapshot.processes["p"]
    for attempt in plan(snapshot, "p", NOW, breakers=states).attempts:
        assert process.may_see(attempt.upstream, snapshot.providers)
        assert states.get(attempt.upstream.name) is not BreakerState.HELD
        for cut in snapshot.cut_offs:
            covered = cut.in_force(NOW) and cut.target.covers(attempt.upstream, snapshot.providers)
            assert not (covered and cut.fault is None)
            assert (attempt.drill_cut is cut) == covered


@given(registers(), breakers)
def test_a_baseline_in_doubt_serves_and_says_so_and_a_replacement_in_doubt_says_why_not(snapshot, states):
    made = plan(snapshot, "p", NOW, breakers=states)
    for attempt in made.attempts:
        doubted = snapshot.suspended.get(attempt.upstream.name)
        assert attempt.doubt == (doubted.why if doubted else None)
    everything = replace(snapshot, suspended={})
    for name in {a.upstream.name for a in plan(everything, "p", NOW, breakers=states).attempts} - {"vendor"}:
        if name in snapshot.suspended:
            reasons = {one.upstream: one.reason for one in made.skipped}
            assert reasons[name] == "its proof is suspended: answered as 'b'"


@given(registers(), breakers)
def test_an_open_breaker_alone_never_leaves_a_process_without_an_attempt(snapshot, states):
    opened = {name: BreakerState.OPEN for name, state in states.items() if state is not BreakerState.HELD}
    closed = plan(snapshot, "p", NOW)
    assert bool(plan(snapshot, "p", NOW, breakers=opened).attempts) == bool(closed.attempts)


@given(registers(), st.sampled_from(NAMES))
def test_supposing_an_upstream_lost_takes_it_out_and_adds_nothing(snapshot, name):
    before = {a.upstream.name for a in plan(snapshot, "p", NOW).attempts}
    after = {a.upstream.name for a in plan(snapshot, "p", NOW, without=(Target(TargetKind.UPSTREAM, name),)).attempts}
    assert after == before - {name}


@given(registers(), breakers, pauses)
def test_a_pause_takes_out_whom_it_concerns_until_it_is_over_and_adds_nothing(snapshot, states, kept):
    before = {a.upstream.name for a in plan(snapshot, "p", NOW, breakers=states).attempts}
    made = plan(snapshot, "p", NOW, breakers=states, pauses=kept)
    resting = {name for name, pause in kept.items() if pause.until > NOW}
    assert not {a.upstream.name for a in made.attempts} & resting
    opened = {name for name, state in states.items() if state is BreakerState.OPEN}
    assert before - resting <= {a.upstream.name for a in made.attempts} <= (before | opened) - resting
    assert {one.upstream for one in made.skipped if one.pause is not None} <= resting


@given(registers(), pauses)
def test_nothing_changes_before_the_moment_a_plan_names(snapshot, kept):
    made = plan(snapshot, "p", NOW, pauses=kept)
    if made.until != float("inf"):
        later = plan(snapshot, "p", NOW + (made.until - NOW) * 0.999, pauses=kept)
        assert (later.attempts, later.skipped) == (made.attempts, made.skipped)
