"""What own machines were measured to carry of each process's load. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from switchover.capacity.size import carried, share_carried
from switchover.domain.candidate import Proof, Verdict, fingerprint
from switchover.domain.process import Criticality, Settings, UpstreamSpec

from .model import Capacity


class Busy(Protocol):
    """Requests in the busiest and the p95 minute."""

    @property
    def peak_minute(self) -> int: ...  # noqa: D102
    @property
    def p95_minute(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """``verdict`` is the rehearsal that timed it, None: none did. ``share`` (0–1) is of the busiest minute.

    ``per_minute`` is None without a measurement, ``share`` also without a load.
    """

    verdict: Verdict | None
    per_minute: float | None
    peak_minute: int
    share: float | None


def carried_by(
    process: str, spec: UpstreamSpec, proof: Proof | None, newest: Sequence[Verdict], peak_minute: int
) -> Carried:
    """By the measured seconds per answer and the slots. ``newest`` are verdicts, one per cell.

    ``proof`` is the one in date: the prompt version that is proven would serve, so its time is the one that counts.
    """
    verdict = next(iter(_timed(newest, process, spec, proof)), None)
    per_minute = carried(verdict.seconds_per_replay, spec.slots) if verdict else None
    share = share_carried(per_minute, peak_minute)
    return Carried(verdict=verdict, per_minute=per_minute, peak_minute=peak_minute, share=share)


def shares_carried(rows: Iterable[Capacity]) -> dict[tuple[str, str], float | None]:
    """The share (0–1) of the busiest minute by (process, upstream); None: never measured."""
    return {(row.process, row.upstream): row.share for row in rows}


def capacities(
    settings: Settings,
    loads: Mapping[str, Busy],
    newest: Sequence[Verdict],
    in_date: Sequence[Proof],
    rests_on: Mapping[str, tuple[str, ...]] | None = None,
) -> Iterable[Capacity]:
    """Every process with each own upstream. ``newest`` is each cell's newest verdict, ``in_date`` proofs that hold.

    ``rests_on`` maps a process to the simulated upstreams that its figures rest on.
    """
    for process in settings.processes.values():
        load = loads.get(process.name)
        for name in process.upstreams:
            spec = settings.upstreams[name]
            if not spec.is_own:
                continue
            proof = next((p for p in in_date if p.process == process.name and p.upstream == name), None)
            found = carried_by(process.name, spec, proof, newest, load.peak_minute if load else 0)
            verdict = found.verdict
            yield Capacity(
                process=process.name,
                upstream=name,
                verdict=verdict.id if verdict else None,
                state=str(verdict.state) if verdict else "untested",
                ready=proof is not None,
                seconds_per_answer=verdict.seconds_per_replay if verdict else None,
                slots=spec.slots,
                per_minute=found.per_minute,
                peak_minute=found.peak_minute,
                p95_minute=load.p95_minute if load else 0,
                share=found.share,
                critical=process.criticality is Criticality.CRITICAL,
                simulated=(rests_on or {}).get(process.name, ()),
            )


def _timed(newest: Sequence[Verdict], process: str, spec: UpstreamSpec, proof: Proof | None) -> list[Verdict]:
    """Verdicts of this very candidate that timed its replies: the proven prompt version first, then the newest."""
    found = [
        verdict
        for verdict in newest
        if (verdict.cell.process, verdict.cell.upstream, verdict.cell.fingerprint)
        == (process, spec.name, fingerprint(spec))
        and verdict.seconds_per_replay is not None
    ]
    proven = proof.prompt_version if proof else None
    return sorted(found, key=lambda v: (v.cell.prompt_version != proven, -v.made_at))
