"""Counts what one process was asked and what that cost: as its figures tell it, or exchange by exchange.

An exchange is priced anew, by the configuration of now, only where its figures lack a price; see ``store/hours.py``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from decimal import Decimal

from switchover.capacity.size import Arrivals
from switchover.costs.estimates import Ratios
from switchover.costs.metering import guess, meter
from switchover.domain.charge import BILLIONTH, Basis, Ending
from switchover.domain.exchange import EMBEDDINGS, TOKEN_COUNT, Exchange, Outcome
from switchover.domain.process import Process, Settings
from switchover.store.hours import Hours

from .model import Spend, Traffic

# A window shorter than a minute says nothing about a month; it is taken as a minute.
SHORTEST_WINDOW_S = 60.0
SECONDS_PER_MONTH = Decimal(2_629_800)  # a twelfth of a Julian year

NOTHING_BILLED = "nothing was billed: no upstream accepted a call"


def per_month(spent: Decimal, seconds: float) -> Decimal:
    """Spend observed over a window, at the same rate for a month. Raises ValueError for a window of no length."""
    if seconds <= 0:
        raise ValueError("the window has no length")
    return spent * SECONDS_PER_MONTH / Decimal(str(seconds))


def _asked(exchange: Exchange) -> Collection[str]:
    """The upstreams that an exchange was sent to, each once."""
    attempts = exchange.attempts
    if len(attempts) == 1 and attempts[0].upstream == exchange.upstream:
        return (attempts[0].upstream,)
    return {name for name in (*(one.upstream for one in attempts), exchange.upstream) if name is not None}


def _listed(found: Counter[str]) -> tuple[str, ...]:
    return tuple(f"{count} × {said}" for said, count in found.most_common())


class Tally:
    """One process's traffic and spend: :meth:`add` hours and :meth:`take` exchanges, then ask.

    ``ratios`` are what is estimated by, as the record has taught it.
    """

    def __init__(self, process: Process, settings: Settings, ratios: Ratios | None = None) -> None:
        self.process, self.settings, self._ratios = process, settings, ratios
        # Exchanges counted.
        self.count = self.failed = self.priced = self.embeddings = 0
        self.first, self.last = math.inf, -math.inf
        # Those that a model answers in words: what a replacement with a proof, or our own engine, would carry.
        self.worded = Arrivals()
        self.answered: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.examples: dict[str | None, str] = {}
        # In billionths of a dollar.
        self.spent = 0
        # By whose price, why there is none, and what was estimated: how many tries.
        self.sources: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()
        self.guesses: Counter[str] = Counter()

    @property
    def touched(self) -> set[str]:
        """Upstreams that the process may use or was seen to use."""
        return {*self.process.upstreams, *self.process.embeddings, *self.asked}

    def add(self, hours: Hours) -> None:
        """Counts what the figures tell."""
        self._seen(hours.first)
        self._seen(hours.last)
        for row in hours.rows:
            self.count += row.exchanges
            self.priced += row.priced
            self.spent += row.spent
            if row.outcome != Outcome.COMPLETE:
                self.failed += row.exchanges
            if row.dialect == EMBEDDINGS:
                self.embeddings += row.exchanges
            if row.upstream:
                self.answered[row.upstream] += row.exchanges
        self.asked.update(hours.tried)
        for hour, minutes in hours.minutes.items():
            self.worded.add_hour(hour, minutes)
        for charged in hours.charges:
            self._charged(charged.upstream, charged.ending, charged.basis, charged.source, charged.calls)
        self.examples = {**hours.examples, **self.examples}

    def take(self, exchanges: Iterable[Exchange]) -> None:
        """Counts and prices each exchange."""
        for exchange in exchanges:
            # A count of tokens costs nothing, and no answer is lost with it; without a moment there is no rate.
            if exchange.dialect == TOKEN_COUNT or not exchange.is_dated:
                continue
            at = exchange.started_at
            self.count += 1
            self._seen(at)
            if exchange.dialect == EMBEDDINGS:
                self.embeddings += 1
            else:
                self.worded.add(at)
            whole = exchange.outcome is Outcome.COMPLETE
            self.failed += not whole
            if exchange.upstream is not None:
                self.answered[exchange.upstream] += 1
            for name in _asked(exchange):
                self.asked[name] += 1
            self.examples.setdefault(exchange.upstream if whole else None, exchange.id)
            self._price(exchange)

    def _seen(self, at: float) -> None:
        self.first, self.last = min(at, self.first), max(at, self.last)

    def _price(self, exchange: Exchange) -> None:
        metered = meter(exchange, self.settings.upstreams, self._ratios)
        if metered.amount is not None:
            self.priced += 1
            self.spent += metered.amount
        for one in metered.charges:
            self._charged(one.upstream, one.ending, one.basis, one.source)

    def _charged(self, upstream: str, ending: Ending, basis: Basis, source: str, calls: int = 1) -> None:
        if basis is Basis.UNPRICED:
            self.gaps[source] += calls
            return
        self.sources[source] += calls
        if basis is Basis.ESTIMATED:
            self.guesses[guess(upstream, ending)] += calls

    def traffic(self) -> Traffic:
        """What was asked. Needs at least one exchange."""
        load = self.worded.load()
        return Traffic(
            process=self.process.name,
            exchanges=self.count,
            embeddings=self.embeddings,
            failed=self.failed,
            first=self.first,
            last=self.last,
            peak_minute=load.peak_minute,
            p95_minute=load.p95_minute,
            by_upstream=dict(self.answered.most_common()),
            asked=dict(self.asked.most_common()),
            examples=tuple(self.examples.values()),
        )

    def spend(self, simulated: tuple[str, ...]) -> Spend:
        """What it cost. Needs at least one exchange."""
        window = max(self.last - self.first, SHORTEST_WINDOW_S)
        spent = Decimal(self.spent) / BILLIONTH
        sources = [source for source, _ in self.sources.most_common()]
        if self.priced and not sources:
            sources = [NOTHING_BILLED]
        return Spend(
            process=self.process.name,
            exchanges=self.count,
            priced=self.priced,
            spent=spent,
            first=self.first,
            last=self.last,
            window=window,
            monthly=per_month(spent, window) if self.priced else None,
            sources=tuple(sources),
            gaps=_listed(self.gaps),
            estimated=_listed(self.guesses),
            simulated=simulated,
        )
