"""Is it safe to begin, and is all well again afterwards?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from switchover.domain.candidate import Proof, State, fingerprint
from switchover.domain.cut_off import CutOff
from switchover.domain.process import Bodies
from switchover.store import Store
from switchover.store.drills import cut_offs
from switchover.store.proofs import proofs
from switchover.store.register import suspensions

from .observe import between
from .order import DrillOrder
from .outcome import error_share, p95


@dataclass(frozen=True, slots=True)
class Steady:
    """``figures`` as measured (requests, error_share, p95_ms); ``reasons`` why it is not steady, none when it is."""

    figures: Mapping[str, float]
    reasons: tuple[str, ...]


def measure(order: DrillOrder, store: Store, since: float, until: float) -> Steady:
    """Errors and latency of the process's exchanges in ``[since, until)``."""
    seen = between(store, order, since, until)
    share, late = error_share(seen), p95([one.elapsed_ms for one in seen])
    figures = {"requests": float(len(seen)), "error_share": share or 0.0, "p95_ms": late or 0.0}
    reasons = []
    if len(seen) < order.fewest:
        reasons.append(f"{len(seen)} requests in {until - since:.0f} s are too few to tell; at least {order.fewest}")
    elif share is not None and share > order.max_error_share:
        reasons.append(f"{share:.1%} of the requests fail, steady state is {order.max_error_share:.1%} at most")
    if late is not None and late > order.stop_p95_ms:
        reasons.append(f"p95 is {late:.0f} ms, steady state is {order.stop_p95_ms:.0f} ms at most")
    return Steady(figures, tuple(reasons))


def replacement(order: DrillOrder, store: Store, now: float) -> Proof | None:
    """The proof, in date until the drill is over, of the first fallback that would take over."""
    accepted = {State.READY, State.PROVISIONAL} if order.process.accept_provisional else {State.READY}
    held, doubted = proofs(store, order.process.name, now=now + order.duration), suspensions(store)
    for name in order.process.fallbacks:
        if name in order.lost or name in doubted:
            continue
        made_with = fingerprint(order.upstreams[name])
        for proof in held:
            if proof.upstream == name and proof.fingerprint == made_with and proof.state in accepted:
                return proof
    return None


def real_cut_offs(order: DrillOrder, store: Store, now: float) -> list[CutOff]:
    """Real cut-offs in force on the process: while there is one, it is an incident and no time to drill."""
    return [
        cut
        for cut in cut_offs(store, in_force_at=now)
        if cut.fault is None
        and (not cut.processes or order.process.name in cut.processes)
        and any(cut.target.covers(spec, order.providers) for spec in order.upstreams.values())
    ]


def check(order: DrillOrder, store: Store, since: float, now: float) -> tuple[Steady, Proof | None]:
    """Whether the drill may begin: traffic is well, a replacement holds a proof, and nothing is cut off for real."""
    steady, proof = measure(order, store, since, now), replacement(order, store, now)
    reasons = list(steady.reasons)
    if order.process.recording.bodies is Bodies.NONE:
        said = f"nothing of {order.process.name} is recorded (`recording: none`), so that nobody would see what happens"
        reasons.insert(0, f"{said}; `recording: metadata` is enough")
    if proof is None:
        reasons.append(f"no replacement of {order.process.name} has a proof in date that outlasts the drill")
    reasons += [f"{cut.target} is cut off for real: {cut.reason}" for cut in real_cut_offs(order, store, now)]
    return Steady(steady.figures, tuple(reasons)), proof
