"""What a process costs in a month at one upstream or another, by what it used: so what a move to it costs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from switchover.costs.project import Priced
from switchover.costs.serving import Serving, is_self_hosted
from switchover.costs.usage import UsageModel, usage_of
from switchover.domain.candidate import Verdict
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.traffic import hourly, minutes

# A month of use tells what a month costs.
SINCE_S = 30 * 86_400.0
MINUTE_S = 60.0
MILLION = 1e6


class Months:
    """Months of each process, at today's prices and by the use of the last thirty days; ``now`` in Unix seconds."""

    def __init__(self, store: Store, settings: Settings, verdicts: Sequence[Verdict], now: float) -> None:
        self.settings = settings
        self.usage: dict[str, UsageModel] = {}
        rows, busy = hourly(store, now - SINCE_S), minutes(store, now - SINCE_S)
        for name in settings.processes:
            answered = [row for row in rows.get(name, ()) if row.upstream]
            if not answered or name not in busy:
                continue
            try:
                first, last = busy[name].first * MINUTE_S, (busy[name].last + 1) * MINUTE_S
                self.usage[name] = usage_of(name, answered, first, last)
            except ValueError:
                # No exchange tells what it used: of() says so.
                continue
        self._serving = Serving(settings, self.usage, verdicts, now, 1)

    def of(self, process: str, upstream: str) -> Decimal | str:
        """USD for a month of this process at this upstream; a sentence where nobody can tell."""
        spec, used = self.settings.upstreams[upstream], self.usage.get(process)
        if is_self_hosted(spec) or spec.is_own:
            return "nothing by the call: it runs on our own machine, which is paid for whoever uses it"
        if used is None:
            return "not known: nothing that was recorded in thirty days tells what it uses"
        found = self._serving.upstream(spec)
        if not isinstance(found, Priced):
            return f"not known: {found}"
        read, cached, written = (float(rate) for rate in found.rates[0])
        usd = ((used.input - used.cached) * read + used.cached * cached + used.output * written) / MILLION
        return Decimal(f"{usd + used.calls * found.per_call:.4f}")
