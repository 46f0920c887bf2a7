"""Store → the board's report, every figure with its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from switchover.capacity.size import carried
from switchover.costs.prices import price_exchange
from switchover.costs.project import per_month, project
from switchover.domain.candidate import Verdict
from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.process import Process, Settings
from switchover.domain.register import Snapshot
from switchover.store import Store
from switchover.store.drills import cut_offs, drills
from switchover.store.exchanges import each_exchange
from switchover.store.proofs import proofs, verdicts

from .dependence import concentration, losses
from .model import BoardReport, Capacity, Permission, Spend, Traffic
from .standing import standing

EXAMPLES = 3


def assemble(
    store: Store, settings: Settings, snapshot: Snapshot, now: float, *, simulated: Sequence[str] = ()
) -> BoardReport:
    """The four answers as of ``now``. ``simulated`` names the upstreams that stand in for real ones."""
    traffic: dict[str, Traffic] = {}
    spend = []
    for process in settings.processes.values():
        tally = _Tally(process, settings)
        tally.take(each_exchange(store, process=process.name))
        if tally.count:
            traffic[process.name] = tally.traffic()
            spend.append(tally.spend())
    newest = _newest_per_cell(verdicts(store))
    held = proofs(store)
    drilled = drills(store)
    return BoardReport(
        made_at=now,
        organisation=dict(settings.organisation),
        simulated=tuple(simulated),
        standings=tuple(
            standing(process, traffic.get(process.name), newest, held, drilled, now)
            for process in settings.processes.values()
        ),
        losses=losses(snapshot, traffic, drilled, now),
        concentration=concentration(snapshot, traffic),
        permissions=tuple(_permissions(settings, traffic)),
        spend=tuple(spend),
        capacity=tuple(_capacity(settings, traffic, newest)),
        drills=tuple(drilled),
        cut_offs=tuple(cut_offs(store)),
    )


class _Tally:
    """Counts one process's exchanges in one pass, so that the record need not fit in memory."""

    def __init__(self, process: Process, settings: Settings) -> None:
        self.process, self.settings = process, settings
        self.count = self.failed = self.priced = 0
        self.first = self.last = 0.0
        self.minutes: Counter[int] = Counter()
        self.upstreams: Counter[str] = Counter()
        self.examples: list[str] = []
        self.spent = Decimal(0)
        self.sources: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()

    def take(self, exchanges: Iterable[Exchange]) -> None:
        for exchange in exchanges:
            self.first = exchange.started_at if not self.count else min(self.first, exchange.started_at)
            self.last = max(self.last, exchange.started_at)
            self.count += 1
            self.minutes[int(exchange.started_at // 60)] += 1
            if exchange.outcome is not Outcome.COMPLETE:
                self.failed += 1
            if exchange.upstream is not None:
                self.upstreams[exchange.upstream] += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(exchange.id)
            self._price(exchange)

    def _price(self, exchange: Exchange) -> None:
        spec = self.settings.upstreams.get(exchange.upstream) if exchange.upstream else None
        priced = price_exchange(exchange, spec)
        if priced.amount is None:
            self.gaps[priced.gap or "no price"] += 1
            return
        self.priced += 1
        self.spent += priced.amount
        self.sources[priced.source] += 1

    def traffic(self) -> Traffic:
        return Traffic(
            process=self.process.name,
            exchanges=self.count,
            failed=self.failed,
            first=self.first,
            last=self.last,
            peak_minute=max(self.minutes.values()),
            by_upstream=dict(self.upstreams.most_common()),
            examples=tuple(self.examples),
        )

    def spend(self) -> Spend:
        # A window shorter than a minute says nothing about a month; it is taken as a minute and printed as such.
        window = max(self.last - self.first, 60.0)
        monthly = per_month(self.spent, window) if self.priced else None
        return Spend(
            process=self.process.name,
            exchanges=self.count,
            priced=self.priced,
            spent=self.spent,
            window=window,
            monthly=monthly,
            scenarios={s.change: s.cumulative for s in project(monthly)} if monthly is not None else {},
            sources=tuple(source for source, _ in self.sources.most_common()),
            gaps=tuple(f"{count} × {gap}" for gap, count in self.gaps.most_common()),
        )


def _newest_per_cell(found: Iterable[Verdict]) -> list[Verdict]:
    newest: dict[str, Verdict] = {}
    for verdict in found:
        newest.setdefault(verdict.cell.id, verdict)
    return list(newest.values())


def _permissions(settings: Settings, traffic: dict[str, Traffic]) -> Iterable[Permission]:
    for process in settings.processes.values():
        seen = traffic[process.name].by_upstream if process.name in traffic else {}
        for name in dict.fromkeys((*process.upstreams, *seen)):
            spec = settings.upstreams.get(name)
            if spec is None:
                continue
            provider = settings.providers.get(spec.host)
            yield Permission(
                process=process.name,
                data=str(process.data),
                routes=process.routes,
                upstream=name,
                host=spec.host,
                home=provider.home if provider else "unknown",
                own=spec.is_own,
                allowed=process.may_see(spec, settings.providers),
                answered=seen.get(name, 0),
            )


def _capacity(settings: Settings, traffic: dict[str, Traffic], newest: Sequence[Verdict]) -> Iterable[Capacity]:
    for process in settings.processes.values():
        peak = traffic[process.name].peak_minute if process.name in traffic else 0
        for name in process.upstreams:
            spec = settings.upstreams[name]
            if not spec.is_own:
                continue
            measured = [v for v in newest if v.cell.process == process.name and v.cell.upstream == name]
            verdict = next((v for v in measured if v.seconds_per_replay is not None), None)
            per_minute = carried(verdict.seconds_per_replay, spec.slots) if verdict else None
            yield Capacity(
                process=process.name,
                upstream=name,
                verdict=verdict.id if verdict else None,
                state=str(verdict.state) if verdict else "untested",
                seconds_per_answer=verdict.seconds_per_replay if verdict else None,
                slots=spec.slots,
                per_minute=per_minute,
                peak_minute=peak,
                share=min(1.0, per_minute / peak) if per_minute and peak else None,
            )
