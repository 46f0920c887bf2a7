"""An invented organisation whose four answers can be worked out by hand: builders for tests of the answer.

Two providers (acme in the US, beta in Germany) and a student of its own. Of three processes, claims has a replacement
that is proven and drilled, letters one that is proven and was never drilled, notes none; some of its exchanges went
where its data may not go.
"""

from __future__ import annotations

from switchover.domain.candidate import (
    Cell,
    Evidence,
    PromptKind,
    PromptVersion,
    Proof,
    SliceEvidence,
    State,
    Verdict,
    epoch_of,
    fingerprint,
)
from switchover.domain.cut_off import Drill, DrillOutcome, Target, TargetKind
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome, Usage
from switchover.domain.process import (
    Criticality,
    DataClass,
    Listen,
    Price,
    Process,
    Provider,
    Settings,
    UpstreamSpec,
)
from switchover.store import Store
from switchover.store.drills import save_drill
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import save_proof, save_verdict

BEGAN = 1_793_491_200.0  # 1 November 2026, 00:00 UTC: a whole minute
NOW = BEGAN + 3600.0
DAY = 86_400.0
USAGE = Usage(input=1000, cached_input=400, output=100)


def sample_settings(*, owner: str = "head-of-claims") -> Settings:
    """The organisation as configured."""
    upstreams = [
        UpstreamSpec(
            name="vendor",
            kind="openai",
            model="big-1",
            developer="acme",
            host="acme",
            base_url="https://vendor.invalid/v1",
            price=Price(priced_as="openai/gpt-4.1-mini"),
        ),
        UpstreamSpec(
            name="other",
            kind="openai",
            model="mid-1",
            developer="beta",
            host="beta",
            base_url="https://other.invalid/v1",
        ),
        UpstreamSpec(name="student", kind="student", model="student", developer="own", host="own", slots=2),
    ]
    return Settings(
        source="switchover.yaml",
        organisation={"domicile": "NL"},
        data_dir="data",
        database="sqlite://",
        gateway=Listen(),
        providers={
            "acme": Provider(name="acme", home="US"),
            "beta": Provider(name="beta", home="DE"),
            "own": Provider(name="own", home="NL"),
        },
        upstreams={spec.name: spec for spec in upstreams},
        processes={process.name: process for process in _processes(owner)},
    )


def _processes(owner: str) -> list[Process]:
    return [
        Process(
            name="claims",
            owner=owner,
            criticality=Criticality.CRITICAL,
            data=DataClass.CONFIDENTIAL,
            baseline="vendor",
            fallbacks=("student",),
            rto=300.0,
        ),
        Process(
            name="letters",
            owner="head-of-service",
            criticality=Criticality.CRITICAL,
            data=DataClass.CONFIDENTIAL,
            baseline="vendor",
            fallbacks=("other",),
            rto=300.0,
        ),
        Process(
            name="notes",
            owner="head-of-office",
            criticality=Criticality.ORDINARY,
            data=DataClass.SECRET,
            baseline="other",
            allow={DataClass.SECRET: ("host-home:EU",)},
            rto=86_400.0,
        ),
    ]


def sample_exchange(
    process: str, number: int, at: float, upstream: str | None, usage: Usage | None = USAGE, *, model: str = ""
) -> Exchange:
    """One recorded exchange; without an upstream it failed, turned away with 403."""
    models = {"vendor": "big-1", "other": "mid-1", "student": "student"}
    model = model or models[upstream or "vendor"]
    attempt = AttemptRecord(
        upstream=upstream or "vendor",
        model=model,
        fault=None if upstream else "key-revoked",
        status=200 if upstream else 403,
        elapsed_ms=20.0,
    )
    return Exchange(
        id=f"x-{process}-{number:04d}",
        process=process,
        route=process,
        dialect="openai_chat",
        stream=False,
        started_at=at,
        outcome=Outcome.COMPLETE if upstream else Outcome.FAILED,
        status=200 if upstream else 503,
        request=b"{}",
        answer=b"{}",
        upstream=upstream,
        model=model if upstream else None,
        attempts=(attempt,),
        usage=usage if upstream else None,
    )


def fill(store: Store, settings: Settings, *, share: float = 0.5, result: str = "passed", rto: float = 0.4) -> None:
    """Records the traffic, two proofs and one drill of claims on a ``share`` of its calls."""
    save_exchanges(store, [sample_exchange("claims", i, BEGAN + 10 * i, "vendor") for i in range(60)])
    save_exchanges(
        store,
        [sample_exchange("letters", i, BEGAN + 20 * i, "vendor", USAGE if i < 25 else None) for i in range(30)],
    )
    save_exchanges(
        store, [sample_exchange("notes", i, BEGAN + 30 * i, "other" if i % 2 else "vendor") for i in range(20)]
    )
    student = prove(store, settings, "claims", "student", seconds=0.05)
    prove(store, settings, "letters", "other", seconds=1.5)
    save_drill(store, sample_drill(student, share=share, result=result, rto=rto))


def prove(
    store: Store,
    settings: Settings,
    process: str,
    upstream: str,
    *,
    state: State = State.READY,
    made_at: float = NOW - 1800,
    expires_at: float = NOW + 20 * DAY,
    seconds: float | None = None,
    reasons: tuple[str, ...] = (),
) -> Proof:
    """Saves a prompt version, a verdict of this ``state``, and the proof that a READY one gives; returns the proof."""
    kind = PromptKind.STUDENT if upstream == "student" else PromptKind.AS_IS
    version = PromptVersion.make(process=process, upstream=upstream, kind=kind, made_at=made_at)
    cell = Cell(
        process=process,
        upstream=upstream,
        fingerprint=fingerprint(settings.upstreams[upstream]),
        prompt_version=version.id,
        grader="label:0",
        epoch=epoch_of(settings.upstreams[settings.processes[process].baseline]),
    )
    ready = state is State.READY
    verdict = Verdict(
        id=f"{process}-{upstream}-{made_at:.0f}",
        cell=cell,
        state=state,
        evidence=_evidence(reasons, ready=ready),
        made_at=made_at,
        expires_at=expires_at if ready else None,
        seed=1,
        calls=600,
        seconds_per_replay=seconds,
    )
    proof = _proof_of(verdict, expires_at)
    save_prompt_version(store, version)
    save_verdict(store, verdict)
    if ready:
        save_proof(store, proof)
    return proof


def _evidence(reasons: tuple[str, ...], *, ready: bool) -> Evidence:
    return Evidence(
        overall=_part("overall", 300, -0.01 if ready else -0.3),
        slices=(_part("complaints", 60, 0.0 if ready else -0.4),),
        ungraded=0,
        coverage=1.0,
        candidate_score=0.91 if ready else 0.6,
        baseline_self_agreement=0.92,
        anchor_score=0.55,
        still_needed=None,
        reasons=reasons,
    )


def _proof_of(verdict: Verdict, expires_at: float) -> Proof:
    cell, overall = verdict.cell, verdict.evidence.overall
    return Proof(
        id=f"proof-{verdict.id}",
        process=cell.process,
        upstream=cell.upstream,
        fingerprint=cell.fingerprint,
        prompt_version=cell.prompt_version,
        grader=cell.grader,
        epoch=cell.epoch,
        state=verdict.state,
        margin=overall.margin,
        lower=overall.lower,
        replays=overall.replays,
        made_at=verdict.made_at,
        expires_at=expires_at,
    )


def _part(name: str, replays: int, mean: float) -> SliceEvidence:
    return SliceEvidence(
        name=name,
        replays=replays,
        margin=0.10,
        mean_difference=mean,
        lower=mean - 0.06,
        upper=mean + 0.06,
        log_e_ready=3.2,
        log_e_not_ready=-1.0,
    )


def sample_drill(
    proof: Proof,
    *,
    name: str = "drill-1",
    share: float = 0.5,
    result: str = "passed",
    rto: float | None = 0.4,
    begun_at: float = NOW - 900,
    hypothesis: str = "No caller notices that the vendor is gone.",
) -> Drill:
    """A drill that cut the vendor off from claims and ended with ``result``."""
    outcome = DrillOutcome(
        result=result,
        reasons=(),
        placed_at=begun_at,
        lifted_at=begun_at + 20,
        first_fault_at=begun_at + 0.1,
        first_replacement_at=begun_at + 0.5,
        steady_at=begun_at + 5.5,
        rto=rto,
        rto_promised=300.0,
        requests=120,
        failed=0,
        control_requests=118,
        control_failed=0,
        p95_ms=22.0,
        control_p95_ms=25.0,
    )
    return Drill(
        id=name,
        process=proof.process,
        target=Target(TargetKind.UPSTREAM, "vendor"),
        fault="vanished",
        hypothesis=hypothesis,
        thresholds={},
        approver="head-of-claims",
        operator="tester",
        state="done",
        begun_at=begun_at,
        duration=20.0,
        share=share,
        replacement=proof.upstream,
        proof=proof.id,
        steady={},
        outcome=outcome,
    )
