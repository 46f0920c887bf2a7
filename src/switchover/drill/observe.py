"""The exchanges that follow a cut-off, and whether the drill must stop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from switchover.domain.cut_off import CutOff
from switchover.domain.exchange import TOKEN_COUNT, Exchange, Outcome
from switchover.store import Store
from switchover.store.exchanges import each_exchange

from .order import DrillOrder
from .outcome import Seen, error_share, p95

# An exchange is recorded when it ends: one that began this long ago may still arrive.
LATEST_S = 120.0
# Stop conditions look at the last so many seconds, and only when so many requests ended in them.
STOP_WINDOW_S = 10.0
STOP_FEWEST = 5


class Observer:
    """Reads the exchanges of a process since a cut-off was placed; ``seen`` keeps what was found, oldest first."""

    def __init__(self, store: Store, order: DrillOrder, cut_off: CutOff) -> None:
        self._store, self._order, self._cut_off = store, order, cut_off
        self._seen: dict[str, Seen] = {}

    @property
    def seen(self) -> list[Seen]:
        """Every exchange so far that says something of the upstreams."""
        return sorted(self._seen.values(), key=lambda one: (one.started_at, one.id))

    def read(self, now: float, *, whole: bool = False) -> None:
        """Looks again; ``whole`` from the beginning."""
        since = self._cut_off.placed_at if whole else max(self._cut_off.placed_at, now - LATEST_S)
        for exchange in each_exchange(self._store, process=self._order.process.name, since=since, bodies=False):
            if counts(exchange):
                self._seen[exchange.id] = see(exchange, self._order.lost, self._cut_off)

    def stop_reason(self, now: float) -> str | None:
        """Which stop condition is met by the callers who met the fault, in words; None if none is."""
        lately = [
            one
            for one in self._seen.values()
            if one.drilled and self._cut_off.placed_at <= one.started_at and now - STOP_WINDOW_S <= one.ended_at
        ]
        if len(lately) < STOP_FEWEST:
            return None
        share = error_share(lately) or 0.0
        if share > self._order.stop_error_share:
            return (
                f"callers failed: {share:.0%} in {STOP_WINDOW_S:g} s, the limit is {self._order.stop_error_share:.0%}"
            )
        slow = p95([one.elapsed_ms for one in lately]) or 0.0
        if slow > self._order.stop_p95_ms:
            return f"answers came late: p95 {slow:.0f} ms, the limit is {self._order.stop_p95_ms:.0f} ms"
        return None


def counts(exchange: Exchange) -> bool:
    """False for callers' own mistakes, for callers who left, for counts and for what other gateways recorded.

    None of them says anything of upstreams' answers here.
    """
    if exchange.is_imported:
        return False
    mistaken = exchange.outcome is Outcome.REJECTED and exchange.status < 500
    return not mistaken and exchange.outcome is not Outcome.ABANDONED and exchange.dialect != TOKEN_COUNT


def see(exchange: Exchange, lost: frozenset[str], cut_off: CutOff | None) -> Seen:
    """What a drill needs of an exchange."""
    whole = exchange.outcome is Outcome.COMPLETE and 200 <= exchange.status < 300
    faulted = cut_off is not None and any(attempt.cut_off == cut_off.id for attempt in exchange.attempts)
    return Seen(
        id=exchange.id,
        started_at=exchange.started_at,
        elapsed_ms=exchange.elapsed_ms,
        drilled=faulted or (cut_off is not None and cut_off.reaches(exchange.id)),
        faulted=faulted,
        replaced=exchange.upstream is not None and exchange.upstream not in lost,
        failed=not whole,
    )


def between(store: Store, order: DrillOrder, since: float, until: float) -> Sequence[Seen]:
    """Exchanges of ``[since, until)`` that say something of the upstreams, without a cut-off."""
    found: Iterable[Exchange] = each_exchange(store, process=order.process.name, since=since, until=until, bodies=False)
    return [see(exchange, order.lost, None) for exchange in found if counts(exchange)]
