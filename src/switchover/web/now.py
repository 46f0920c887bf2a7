"""The first page: what is asked, who answers, what does not go as it should, and what would fall with whom."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from switchover.domain.cut_off import Target, TargetKind
from switchover.gateway import health as told_health
from switchover.gateway.exposition import read
from switchover.planning import ANSWERS
from switchover.planning.plan import Plan
from switchover.report.charts import bar
from switchover.report.cutting import Effect, effect_of
from switchover.report.dependence import targets
from switchover.report.losing import Basis, basis_now
from switchover.report.traffic_now import Asked, minute_bars, traffic_now
from switchover.store.drills import get_cut_off
from switchover.store.exchanges import list_exchanges
from switchover.store.register import build_snapshot, register_version

from .health import restarted, troubles, upstreams
from .running import Running, Told
from .visit import Visit

# The part of the page that asks for itself again and again.
LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """A process, its traffic drawn, and who answers it: ``plan`` is that of this moment."""

    traffic: Asked
    plan: Plan
    bars: str
    shares: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """What becomes of one process with a loss: in a sentence, and on which verdict and drill that rests."""

    process: str
    effect: Effect
    said: str
    fate: str
    why: str
    verdict: str | None
    drill: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Falls:
    """One provider or jurisdiction, should it fall now; it ``happened`` where all of it is cut off.

    ``untouched`` processes are not listed.
    """

    target: Target
    happened: bool
    falls: tuple[Fall, ...]
    untouched: int

    @property
    def stops(self) -> int:
        """How many processes stop."""
        return sum(one.effect is Effect.STOPS for one in self.falls)

    @property
    def moves(self) -> int:
        """How many processes another upstream answers."""
        return sum(one.effect is Effect.MOVES for one in self.falls)


def show(visit: Visit) -> Response:
    """The page; with ``part=live`` the part of it that changes."""
    store, settings, now = visit.store, visit.sources.as_seen(visit.settings), visit.now
    running, told = visit.sources.running(settings), visit.sources.told(settings)
    basis = basis_of(visit, running, told)
    traffic = traffic_now(store, settings, now)
    found = upstreams(store, basis.losses.snapshot, told, traffic.newest, now)
    version = register_version(store)
    placed = get_cut_off(store, visit.asked["placed"][:64]) if visit.asked.get("placed") else None
    return visit.page(
        "now_live.html" if visit.asked.get("part") == LIVE else "now.html",
        answering=[_answering(one, basis) for one in traffic.processes],
        traffic=traffic,
        recorded=any(one.exchanges for one in traffic.processes) or bool(list_exchanges(store, limit=1, bodies=False)),
        troubles=troubles(store, basis, running, told, found, now),
        upstreams=found,
        falls=[_falls(basis, target) for target in targets(basis.losses.snapshot)],
        running=running,
        restarted=restarted(running),
        told=told,
        version=version,
        in_force=in_force(told, version),
        placed=placed[0] if placed else None,
        second=visit.asked.get("told") == "already",
        cuts=visit.may("cut", None),
        kinds=TargetKind,
    )


def basis_of(visit: Visit, running: Running, told: Told) -> Basis:
    """What losses are worked out from at this moment. Where nothing runs own engines count as if they did."""
    settings = visit.sources.as_seen(visit.settings)
    idle = {} if running.is_up else {name: "" for name, spec in settings.upstreams.items() if spec.is_own}
    snapshot = build_snapshot(visit.store, settings, {**idle, **told.endpoints}, visit.now)
    seen = told_health.worst(told_health.breakers(told.pages, ANSWERS))
    return basis_now(visit.store, settings, snapshot, visit.now, seen, told_health.pauses(told.pages, visit.now))


def in_force(told: Told, version: int) -> tuple[int, int]:
    """How many workers go by the register as it is, of those that told."""
    known = [any(at >= version for _, at in read(page, "switchover_snapshot_version")) for *_, page in told.pages]
    return sum(known), len(known)


def _answering(traffic: Asked, basis: Basis) -> Answering:
    name, lately = traffic.process.name, traffic.lately
    counts = lately.by_upstream if lately.exchanges else traffic.by_upstream
    total = sum(counts.values())
    words = (
        ", ".join(f"{one or 'nobody'} {count / total * 100:.0f} %" for one, count in counts.items()) if total else ""
    )
    baseline = traffic.process.baseline
    kinds = [(n / total, "base" if one == baseline else "other" if one else "nobody") for one, n in counts.items()]
    requests, failed = sum(traffic.minutes), sum(traffic.failed_minutes)
    label = f"{name}: {requests} requests in the last sixty minutes, {failed} failed"
    return Answering(
        traffic=traffic,
        plan=basis.losses.plan(name),
        bars=minute_bars(traffic.minutes, traffic.failed_minutes, label),
        shares=bar(kinds, f"{name} is answered by {words}") if total else "",
        told=words,
    )


def _falls(basis: Basis, target: Target) -> Falls:
    loss = basis.losses.of(target)
    found = []
    for fate in loss.fates:
        before = basis.losses.plan(fate.process).attempts
        first = before[0].upstream.name if before else None
        effect = effect_of(first, fate.served_by)
        if effect is Effect.STAYS:
            continue
        said = {
            Effect.STOPS: "stops: nobody takes over",
            Effect.STOPPED: "has stopped already",
            Effect.MOVES: f"moves to {fate.served_by}",
        }[effect]
        found.append(
            Fall(
                process=fate.process,
                effect=effect,
                said=said,
                fate=str(fate.fate),
                why=fate.why,
                verdict=basis.verdict_of(fate.proof),
                drill=fate.drill,
            )
        )
    found.sort(key=lambda one: list(Effect).index(one.effect))
    untouched = len(loss.fates) - len(found)
    return Falls(target=target, happened=loss.happened, falls=tuple(found), untouched=untouched)
