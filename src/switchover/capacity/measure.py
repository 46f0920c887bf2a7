"""What a candidate was measured to carry, against the recorded load of its process."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.domain.candidate import Verdict
from switchover.domain.process import UpstreamSpec
from switchover.store import Store
from switchover.store.exchanges import each_counted
from switchover.store.proofs import verdicts

from .size import Load, carried, load_of, share_carried


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A candidate's measured rate beside the load; ``verdict`` is the rehearsal that measured it, None if none did."""

    process: str
    upstream: str
    verdict: str | None
    seconds_per_reply: float | None
    per_minute: float | None
    load: Load
    share_of_peak: float | None
    share_of_p95: float | None


def measured(store: Store, process: str, spec: UpstreamSpec) -> Carried:
    """From the newest rehearsal of this candidate that timed its replies, and every recorded arrival."""
    verdict = _newest(verdicts(store, process), spec.name)
    seconds = verdict.seconds_per_replay if verdict else None
    arrived = each_counted(store, process=process, side=False)
    load = load_of(exchange.started_at for exchange in arrived if exchange.is_dated)
    rate = carried(seconds, spec.slots)
    return Carried(
        process=process,
        upstream=spec.name,
        verdict=verdict.id if verdict else None,
        seconds_per_reply=seconds,
        per_minute=rate,
        load=load,
        share_of_peak=share_carried(rate, load.peak_minute),
        share_of_p95=share_carried(rate, load.p95_minute),
    )


def _newest(found: list[Verdict], upstream: str) -> Verdict | None:
    timed = [v for v in found if v.cell.upstream == upstream and v.seconds_per_replay is not None]
    return max(timed, key=lambda verdict: verdict.made_at, default=None)
