"""Drills at every state beside the sample of candidates, with the exchanges of one of them: builders for tests.

All are of ``messages``: "passed" replays a real event and has its exchanges on record, "running" is under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from switchover.domain.candidate import Verdict
from switchover.domain.cut_off import CutOff, Drill, DrillOutcome, Target, TargetKind
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome, Usage
from switchover.drill.observe import see
from switchover.drill.outcome import Window, decide
from switchover.evidence import events
from switchover.store import Store
from switchover.store.drills import place_cut_off, save_drill
from switchover.store.indexing import save_exchanges

DAY = 86_400.0
LENGTH_S = 60.0
THRESHOLDS = {
    "rto_s": 300.0,
    "steady_for_s": 20.0,
    "max_error_share": 0.02,
    "stop_error_share": 0.2,
    "stop_p95_ms": 30_000.0,
}
# Each state with how many seconds ago it began.
AGES = {
    "passed": 2 * DAY,
    "failed": 9 * DAY,
    "stopped": 20 * DAY,
    "not exercised": 31 * DAY,
    "abandoned": 44 * DAY,
    "lapsed": 400 * DAY,
    "running": 12.0,
}
NAMES = tuple(AGES)


def fill_drills(
    store: Store, now: float, verdict: Verdict, note: events.Note = events.unnoted, names: Sequence[str] = NAMES
) -> dict[str, Drill]:
    """Saves those of these names, by name; ``verdict`` is READY and gives the proof of the replacement."""
    made = {name: _drill(name, verdict, now - AGES[name]) for name in names}
    for name in {"passed", "running"} & set(made):
        place_cut_off(store, sample_cut_off(made[name]))
        exchanges = _exchanges(made[name], until=now)
        save_exchanges(store, exchanges)
        if name == "passed":
            made[name] = _observed(made[name], exchanges)
    for drill in made.values():
        note(events.drill(save_drill(store, drill), drill, {}))
    return made


def drill_id(name: str) -> str:
    """What a drill of the sample is called."""
    return f"drill-{name.replace(' ', '-')}"


def sample_cut_off(drill: Drill) -> CutOff:
    """What the drill lost."""
    return CutOff(
        id=f"{drill.id}-cut",
        target=drill.target,
        reason=f"drill {drill.id}: {drill.hypothesis}",
        by=drill.operator,
        placed_at=drill.begun_at,
        expires_at=drill.begun_at + drill.duration + 5.0,
        fault=drill.fault,
        drill=drill.id,
        share=drill.share,
        processes=(drill.process,),
        lifted_at=drill.outcome.lifted_at if drill.outcome is not None else None,
    )


def _drill(name: str, verdict: Verdict, begun_at: float) -> Drill:
    state = "done" if name in ("passed", "failed", "lapsed") else name
    drill = Drill(
        id=drill_id(name),
        process=verdict.cell.process,
        target=Target(TargetKind.UPSTREAM, "vendor"),
        fault="vanished",
        hypothesis="When the vendor is lost, the other one answers within five minutes and no caller notices.",
        thresholds=THRESHOLDS,
        approver="head-of-service",
        operator="operator",
        state=state,
        begun_at=begun_at,
        duration=LENGTH_S,
        share=0.5,
        replacement=verdict.cell.upstream,
        proof=f"proof-{verdict.id}",
        steady={"requests": 118.0, "error_share": 0.0, "p95_ms": 640.0},
        scenario="fable5-export-directive" if name == "passed" else "model_vanishes_404" if name == "failed" else None,
    )
    return drill if name in ("running", "abandoned") else replace(drill, outcome=_outcome(name, begun_at))


def _outcome(name: str, begun_at: float) -> DrillOutcome:
    result = "passed" if name == "lapsed" else name
    recovered, met = result == "passed", result != "not exercised"
    reasons = {
        "failed": ("no replacement answer was followed by 20 s of steady traffic",),
        "stopped": ("callers failed: 31% in 10 s, the limit is 20%",),
        "not exercised": ("2 requests in 60 s are too few to tell; at least 5",),
    }
    return DrillOutcome(
        result=result,
        reasons=reasons.get(result, ()),
        placed_at=begun_at,
        lifted_at=begun_at + (LENGTH_S if met else 0.0),
        first_fault_at=begun_at + 0.8 if met else None,
        first_replacement_at=begun_at + 1.3 if met else None,
        steady_at=begun_at + 1.3 if recovered else None,
        rto=0.5 if recovered else None,
        rto_promised=300.0,
        requests=61 if met else 0,
        failed=0 if recovered else 19 if met else 0,
        control_requests=58 if met else 0,
        control_failed=0,
        p95_ms=910.0 if met else None,
        control_p95_ms=640.0 if met else None,
    )


def _observed(drill: Drill, exchanges: list[Exchange]) -> Drill:
    """The drill with the outcome that these exchanges give it."""
    begun, cut = drill.begun_at, sample_cut_off(drill)
    window = Window(
        placed_at=begun, lifted_at=begun + LENGTH_S, rto_promised=300.0, steady_for=20.0, max_error_share=0.02
    )  # fmt: skip
    return replace(drill, outcome=decide([see(one, frozenset({"vendor"}), cut) for one in exchanges], window))


def _exchanges(drill: Drill, until: float) -> list[Exchange]:
    """Two a second of the drill's time: those in its share meet the fault, until the breaker opens."""
    cut, made = sample_cut_off(drill), []
    for number in range(int(2 * LENGTH_S)):
        name, at = f"x-{drill.id}-{number:04d}", drill.begun_at + 0.3 + number / 2
        if at >= until:
            break
        drilled, met = cut.reaches(name), number < 6
        tries = [_attempt("vendor", "big-1", None, 410.0 + number % 7 * 30)]
        if drilled:
            tries = [_attempt("other", "mid-1", None, 600.0 + number % 11 * 25)]
            if met:
                tries.insert(0, _attempt("vendor", "big-1", cut.id, 90.0))
        made.append(_exchange(name, at, drill.process, tries))
    return made


def _attempt(upstream: str, model: str, cut: str | None, elapsed_ms: float) -> AttemptRecord:
    fault, status = ("model-missing", 404) if cut is not None else (None, 200)
    return AttemptRecord(
        upstream=upstream, model=model, fault=fault, status=status, elapsed_ms=elapsed_ms, cut_off=cut
    )  # fmt: skip


def _exchange(name: str, at: float, process: str, tries: list[AttemptRecord]) -> Exchange:
    return Exchange(
        id=name,
        process=process,
        route=process,
        dialect="openai_chat",
        stream=False,
        started_at=at,
        outcome=Outcome.COMPLETE,
        status=200,
        request=b"{}",
        answer=b"{}",
        upstream=tries[-1].upstream,
        model=tries[-1].model,
        attempts=tuple(tries),
        usage=Usage(input=90, output=40),
        elapsed_ms=sum(one.elapsed_ms for one in tries),
    )
