"""Counts one process's exchanges in one pass, so that the record need not fit in memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from decimal import Decimal

from switchover.capacity.size import Arrivals
from switchover.costs.metering import price_exchange
from switchover.domain.exchange import EMBEDDINGS, TOKEN_COUNT, Exchange, Outcome
from switchover.domain.process import Process, Settings

from .model import Spend, Traffic

# A window shorter than a minute says nothing about a month; it is taken as a minute.
SHORTEST_WINDOW_S = 60.0
SECONDS_PER_MONTH = Decimal(2_629_800)  # a twelfth of a Julian year


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


class Tally:
    """One process's traffic and spend. :meth:`take` exchanges in any order, then ask."""

    def __init__(self, process: Process, settings: Settings) -> None:
        self.process, self.settings = process, settings
        # Exchanges taken.
        self.count = self.failed = self.priced = self.embeddings = 0
        self.first, self.last = math.inf, -math.inf
        # Those that a model answers in words: what a replacement with a proof, or our own engine, would carry.
        self.worded = Arrivals()
        self.answered: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.examples: dict[str | None, str] = {}
        self.spent = Decimal(0)
        self.sources: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()

    @property
    def touched(self) -> set[str]:
        """Upstreams that the process may use or was seen to use."""
        return {*self.process.upstreams, *self.process.embeddings, *self.asked}

    def take(self, exchanges: Iterable[Exchange]) -> None:
        """Counts and prices each exchange."""
        for exchange in exchanges:
            # A count of tokens costs nothing, and no answer is lost with it; without a moment there is no rate.
            if exchange.dialect == TOKEN_COUNT or not exchange.is_dated:
                continue
            at = exchange.started_at
            self.count += 1
            self.first, self.last = min(at, self.first), max(at, self.last)
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

    def _price(self, exchange: Exchange) -> None:
        priced = price_exchange(exchange, self.settings.upstreams)
        if priced.gap is not None:
            self.gaps[priced.gap] += 1
        if priced.amount is not None:
            self.priced += 1
            self.spent += priced.amount
            self.sources[priced.source] += 1

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
        monthly = per_month(self.spent, window) if self.priced else None
        return Spend(
            process=self.process.name,
            exchanges=self.count,
            priced=self.priced,
            spent=self.spent,
            first=self.first,
            last=self.last,
            window=window,
            monthly=monthly,
            sources=tuple(source for source, _ in self.sources.most_common()),
            gaps=tuple(f"{count} × {gap}" for gap, count in self.gaps.most_common()),
            simulated=simulated,
        )
