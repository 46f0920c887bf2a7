"""What an own upstream was measured to carry of a process's busiest minute. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from switchover.capacity.size import carried, share_carried
from switchover.domain.candidate import Proof, Verdict, fingerprint
from switchover.domain.process import UpstreamSpec


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
