"""The first page: every process, who could stand in, and how sure that is among all that were tried."""

from __future__ import annotations

from starlette.responses import Response

from switchover.report.portfolio import portfolio

from .visit import Visit

# Shares of the READY ones that may be wrong, in percent.
RATES = (1, 5, 10, 20)


def show(visit: Visit) -> Response:
    """The portfolio, at the rate that is asked for."""
    asked = visit.asked.get("rate", "")
    rate = int(asked) if asked in {str(one) for one in RATES} else 5
    found = portfolio(visit.store, visit.sources.as_seen(visit.settings), visit.now, rate / 100)
    return visit.page("portfolio.html", found=found, rates=RATES, rate=rate)
