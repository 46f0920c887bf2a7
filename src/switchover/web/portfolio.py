"""Every process: where it stands and is placed, who could stand in, and how sure that is among all that were tried."""

from __future__ import annotations

from starlette.responses import Response

from switchover.domain.process import Criticality
from switchover.report.placements import Placement
from switchover.report.portfolio import portfolio

from .placement import placed
from .visit import Visit

# Shares of the READY ones that may be wrong, in percent.
RATES = (1, 5, 10, 20)


def show(visit: Visit) -> Response:
    """The portfolio, at the rate that is asked for."""
    asked = visit.asked.get("rate", "")
    rate = int(asked) if asked in {str(one) for one in RATES} else 5
    found = portfolio(visit.store, visit.sources.as_seen(visit.settings), visit.now, rate / 100)
    standing = sorted(placed(visit).values(), key=_attention)
    return visit.page(
        "portfolio.html",
        found=found,
        rates=RATES,
        rate=rate,
        standing=standing,
        survive=sum(one.standing.fate.survives for one in standing),
        decided=sum(one.decided is not None for one in standing),
        overdue=sum(one.decided is not None and one.decided.overdue for one in standing),
    )


def _attention(one: Placement) -> tuple[int, bool, str]:
    """The most critical first, and of these what is not shown to go on."""
    return list(Criticality).index(one.process.criticality), one.standing.fate.survives, one.process.name
