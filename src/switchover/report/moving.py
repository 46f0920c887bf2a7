"""What another upstream would cost a process in a month, beside the one that serves it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from decimal import Decimal

from switchover.costs.ahead import usages
from switchover.costs.assumed import with_edits
from switchover.costs.assumptions import shipped
from switchover.costs.hosting import Hosting
from switchover.costs.own_price import MOST_BUSY, busy_share, own_month
from switchover.costs.serving import Serving
from switchover.costs.usage import UsageModel
from switchover.domain.candidate import Verdict
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.assumptions import edits

PER_MILLION = 1e6


class Moving:
    """Prices a month of ``processes`` at the usage of the record, as the projection of costs takes it, at ``now``.

    ``newest`` is the newest verdict of each cell. Raises StoreUnavailable.
    """

    def __init__(
        self, store: Store, settings: Settings, newest: Sequence[Verdict], now: float, processes: Collection[str]
    ) -> None:
        self.settings, _ = with_edits(settings, edits(store))
        self.usage, gaps = usages(store, settings, processes, None)
        self._gaps = {name: gap for gap in gaps for name in processes if gap.startswith(f"{name} is left out")}
        self._serving = Serving(self.settings, self.usage, newest, now, 1)

    def dearer(self, process: str, today: str, instead: str) -> Decimal | str:
        """USD a month that ``instead`` costs more than ``today`` (negative: less), or why nobody knows."""
        usage = self.usage.get(process)
        if usage is None:
            return self._gap(process)
        before, after = self._monthly(usage, today), self._monthly(usage, instead)
        if isinstance(after, str):
            return after
        return before if isinstance(before, str) else after - before

    def month(self, process: str, upstream: str) -> Decimal | str:
        """USD for a month of this process at this upstream, or why nobody knows."""
        usage = self.usage.get(process)
        return self._gap(process) if usage is None else self._monthly(usage, upstream)

    def _gap(self, process: str) -> str:
        return self._gaps.get(process, f"nothing tells what {process} uses")

    def _monthly(self, usage: UsageModel, upstream: str) -> Decimal | str:
        found = self._serving.upstream(self.settings.upstreams[upstream])
        if isinstance(found, str):
            return found
        if isinstance(found, Hosting):
            return self._machines(usage, found)
        read, cached, written = found.rates[0]
        tokens = (usage.input - usage.cached) * read + usage.cached * cached + usage.output * written
        return Decimal(str(tokens / PER_MILLION + usage.calls * found.per_call))

    def _machines(self, usage: UsageModel, hosting: Hosting) -> Decimal | str:
        """A month of as many machines as this usage keeps busy, one at least: they cost the same when they stand by."""
        rows = shipped() | dict(self.settings.costing.assumptions)
        count = max(1, math.ceil(busy_share(hosting, rows, usage.input, usage.output) / MOST_BUSY))
        try:
            return own_month(hosting, rows, count)
        except ValueError as cause:
            return str(cause)
