"""Store → the board's report, every figure with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from switchover.costs.ahead import Terms, ahead
from switchover.costs.estimates import Ratios, ratios_of
from switchover.costs.metering import has_price
from switchover.costs.options import Known
from switchover.domain.candidate import Verdict
from switchover.domain.process import Process, Settings
from switchover.domain.register import Snapshot
from switchover.store import Store
from switchover.store.drills import cut_offs, drills
from switchover.store.exchanges import each_counted
from switchover.store.gaps import missing
from switchover.store.hours import hours
from switchover.store.proofs import proofs, verdicts
from switchover.store.spending import learned

from .answers import answers
from .carrying import capacities, shares_carried
from .dependence import Losses
from .graph import HELD, Weight, graph
from .model import BoardReport, Permission, Sealed, Traffic
from .placements import placements
from .quarter import quarter
from .recorded import loads, recorded
from .standing import standing
from .tally import Tally


def assemble(
    store: Store,
    settings: Settings,
    snapshot: Snapshot,
    now: float,
    *,
    simulated: Sequence[str] = (),
    running: bool = True,
    since: float | None = None,
    sealed: Sealed | None = None,
    terms: Terms | None = None,
) -> BoardReport:
    """The four answers as of ``now`` (Unix seconds), from what was recorded ``since`` (None = all that is there).

    ``simulated`` names upstreams that stand in for real ones, beside those that the configuration says so of. With
    ``running`` False nothing is up at this moment:
    own engines are then taken to start, and the report says so; with it, an engine that is down serves nobody.
    ``sealed`` is the evidence log's newest checkpoint. ``terms`` say how costs are projected.
    Raises StoreUnavailable when the store can't be read.
    """
    snapshot = snapshot if running else _with_engines(snapshot)
    simulated = tuple(dict.fromkeys((*simulated, *(one.name for one in settings.upstreams.values() if one.simulated))))
    ratios = ratios_of(learned(store))
    tallies = {name: _tally(store, process, settings, since, ratios) for name, process in settings.processes.items()}
    rests_on = {name: tuple(found for found in simulated if found in tally.touched) for name, tally in tallies.items()}
    traffic = {name: tally.traffic() for name, tally in tallies.items() if tally.count}
    newest, held, drilled = _newest_per_cell(verdicts(store)), proofs(store), drills(store)
    in_date = [proof for proof in held if proof.expires_at > now and proof.upstream not in snapshot.suspended]
    capacity = tuple(capacities(settings, traffic, newest, in_date, rests_on))
    # Whom all rests on is told by the figures, as on the page: they stay when their exchanges go.
    counted = recorded(store, now, since)
    carries = shares_carried(capacities(settings, loads(store, since), newest, in_date))
    rests = graph(counted.flows, snapshot)
    report = BoardReport(
        made_at=now,
        organisation=dict(settings.organisation),
        simulated=simulated,
        note=settings.pages.note,
        supposed=not running,
        window=_window(traffic),
        answers=(),
        standings=tuple(
            standing(process, traffic.get(name), newest, snapshot, held, drilled, now, carries, rests_on[name])
            for name, process in settings.processes.items()
        ),
        losses=Losses(snapshot, counted.volumes, held, drilled, now, carries, rests_on).all(),
        concentration={
            str(level): found for level in HELD if (found := rests.concentration[level][Weight.VOLUME]) is not None
        },
        graph=rests,
        permissions=tuple(_permissions(settings, traffic)),
        spend=tuple(tally.spend(rests_on[name]) for name, tally in tallies.items() if tally.count),
        ahead=ahead(store, settings, Known(proofs=in_date, verdicts=newest), now, terms or Terms(), since),
        capacity=capacity,
        drills=tuple(drilled),
        cut_offs=tuple(cut_offs(store)),
        sealed=sealed,
        missing=tuple(map(str, missing(store))),
        placements=tuple(
            one.placed() for one in placements(store, settings, now, quarter(store, settings, newest, now)).values()
        ),
    )
    return replace(report, answers=answers(report))


def _with_engines(snapshot: Snapshot) -> Snapshot:
    own = {spec.name: "not running" for spec in snapshot.upstreams.values() if spec.is_own}
    return replace(snapshot, endpoints={**own, **snapshot.endpoints})


def _tally(store: Store, process: Process, settings: Settings, since: float | None, ratios: Ratios) -> Tally:
    tally = Tally(process, settings, ratios)
    told = hours(store, process.name, partial(has_price, settings.upstreams), since)
    if told is not None:
        tally.add(told)
        for begin, end in told.unread:
            tally.take(each_counted(store, process=process.name, since=begin, until=end))
    return tally


def _window(traffic: Mapping[str, Traffic]) -> tuple[float, float] | None:
    if not traffic:
        return None
    return min(found.first for found in traffic.values()), max(found.last for found in traffic.values())


def _newest_per_cell(found: Iterable[Verdict]) -> list[Verdict]:
    newest: dict[str, Verdict] = {}
    for verdict in found:
        newest.setdefault(verdict.cell.id, verdict)
    return list(newest.values())


def _permissions(settings: Settings, traffic: Mapping[str, Traffic]) -> Iterable[Permission]:
    for process in settings.processes.values():
        found = traffic.get(process.name)
        answered, asked = (found.by_upstream, found.asked) if found else ({}, {})
        for name in dict.fromkeys((*process.upstreams, *process.embeddings, *asked)):
            spec = settings.upstreams.get(name)
            provider = settings.providers.get(spec.host) if spec else None
            yield Permission(
                process=process.name,
                data=str(process.data),
                routes=process.routes or (process.name,),
                upstream=name,
                host=spec.host if spec else "not configured any more",
                home=provider.home if provider else "unknown",
                own=spec.is_own if spec else False,
                # What was taken out of the configuration can't be judged by today's policy, unless by its name.
                allowed=process.may_see(spec, settings.providers) if spec else _named(process, name),
                asked=asked.get(name, 0),
                answered=answered.get(name, 0),
            )


def _named(process: Process, name: str) -> bool:
    permitted = process.allow.get(process.data)
    return permitted is None or name in permitted
