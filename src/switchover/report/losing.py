"""What would happen at this moment if something fell: from the figures that are counted, and the breakers of now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from switchover.domain.candidate import Proof, Verdict
from switchover.domain.exchange import EMBEDDINGS, TOKEN_COUNT, Outcome
from switchover.domain.process import Settings
from switchover.domain.register import Snapshot
from switchover.planning import BreakerState, Pause
from switchover.store import Store
from switchover.store.drills import drills
from switchover.store.lately import peaks
from switchover.store.proofs import newest_verdicts, proofs
from switchover.store.traffic import Asked, asked

from .carrying import capacities, shares_carried
from .dependence import Losses
from .model import Capacity, Traffic

# What volume is told by, and how far back a busiest minute is looked for.
WINDOW_S, BUSIEST_S = 86_400.0, 90 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a loss is worked out from. ``capacity`` is that of own upstreams, ``proofs`` are in date and count.

    ``traffic`` is that of the last day, with the busiest minute of ninety.
    """

    losses: Losses
    traffic: Mapping[str, Traffic]
    capacity: Mapping[tuple[str, str], Capacity]
    verdicts: tuple[Verdict, ...]
    proofs: tuple[Proof, ...]

    def verdict_of(self, proof: str | None) -> str | None:
        """The verdict that a proof in date rests on, by id; None where it is not the newest of its cell."""
        found = next((one for one in self.proofs if one.id == proof), None)
        if found is None:
            return None
        made_of = (found.process, found.upstream, found.fingerprint, found.prompt_version, found.grader, found.epoch)
        return next((one.id for one in self.verdicts if _cell(one) == made_of), None)


def basis_now(
    store: Store,
    settings: Settings,
    snapshot: Snapshot,
    now: float,
    breakers: Mapping[str, BreakerState],
    pauses: Mapping[str, Pause],
) -> Basis:
    """As of ``now`` (Unix seconds). ``breakers`` and ``pauses`` are by upstream, ``pauses`` in Unix seconds.

    Raises StoreUnavailable.
    """
    newest, held = newest_verdicts(store), proofs(store)
    in_date = [proof for proof in held if proof.expires_at > now and proof.upstream not in snapshot.suspended]
    traffic = _traffic(store, settings, now)
    capacity = {(row.process, row.upstream): row for row in capacities(settings, traffic, newest, in_date)}
    carries = shares_carried(capacity.values())
    volumes = {name: one.exchanges - one.embeddings for name, one in traffic.items()}
    losses = Losses(snapshot, volumes, held, drills(store), now, carries, {}, breakers, pauses)
    return Basis(losses=losses, traffic=traffic, capacity=capacity, verdicts=tuple(newest), proofs=tuple(in_date))


def _cell(verdict: Verdict) -> tuple[str, ...]:
    cell = verdict.cell
    return cell.process, cell.upstream, cell.fingerprint, cell.prompt_version, cell.grader, cell.epoch


def _traffic(store: Store, settings: Settings, now: float) -> dict[str, Traffic]:
    """Each process's volume of the last day, with its busiest minute of ninety."""
    busiest = peaks(store, now - BUSIEST_S)
    rows: dict[str, list[Asked]] = {}
    for row in asked(store, now - WINDOW_S, ("process", "upstream", "dialect", "outcome")):
        if row.of["dialect"] != TOKEN_COUNT:
            rows.setdefault(row.of["process"], []).append(row)
    found = {}
    for name in settings.processes:
        own = rows.get(name, [])
        if not own and name not in busiest:
            continue
        by_upstream: dict[str, int] = {}
        for row in own:
            if row.of["upstream"]:
                by_upstream[row.of["upstream"]] = by_upstream.get(row.of["upstream"], 0) + row.exchanges
        found[name] = Traffic(
            process=name,
            exchanges=sum(row.exchanges for row in own),
            failed=sum(row.exchanges for row in own if row.of["outcome"] != Outcome.COMPLETE),
            first=now - WINDOW_S,
            last=now,
            peak_minute=busiest.get(name, 0),
            p95_minute=0,
            by_upstream=by_upstream,
            asked=by_upstream,
            examples=(),
            embeddings=sum(row.exchanges for row in own if row.of["dialect"] == EMBEDDINGS),
        )
    return found
