"""Costs: what was spent, on whom and what for, what is not known of it; budgets; invoices beside what was metered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup
from starlette.responses import Response

from switchover.costs.behind import behind
from switchover.costs.billed import billed
from switchover.costs.doubts import doubts
from switchover.costs.reconcile import Difference
from switchover.costs.spent import Month, Share, Spent, lines, month_at, month_of, spent
from switchover.domain.budget import BudgetStanding, dollars
from switchover.domain.charge import ADAPTATION, BILLIONTH, IMPORTED, JUDGE, LIVE, REHEARSAL, WATCH
from switchover.errors import NotFound, OperatorError, StoreUnavailable
from switchover.report import charts, wording
from switchover.store.invoices import Invoice, invoices

from .configuration import got_of
from .visit import Visit, address

DAY_S, HOUR_S = 86_400.0, 3600.0
BY = ("process", "provider", "purpose")
TITLES = {"today": "Today", "month": "This month", "days30": "Last 30 days"}
# So many months are held against their invoices.
MONTHS = 3
MOST_BILLS, MOST_MISSING, MOST_PARTS = 30, 12, 100
# From these shares of its cap on a budget wants looking at, and is used up.
WATCHED, FULL = 0.8, 1.0
PURPOSES = {
    LIVE: "callers' requests",
    IMPORTED: "recorded elsewhere, and imported",
    REHEARSAL: "candidates asked in rehearsals",
    JUDGE: "models that judge answers",
    ADAPTATION: "prompts tried in adaptations",
    WATCH: "the daily watch",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure: its words, where it leads, and what it does not know."""

    words: str
    href: str = ""
    unknown: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """What was spent under one name, in each span."""

    name: str
    said: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Budgeted:
    """A budget as the page shows it."""

    of: BudgetStanding
    href: str
    bar: Markup


def show(visit: Visit) -> Response:
    """What was spent today, this month and in 30 days; budgets; bills."""
    month = month_at(visit.now)
    found = {
        name: spent(visit.store, visit.settings, begin, end, BY) for name, (begin, end) in _spans(visit.now).items()
    }
    budgets, away = _budgets(visit)
    differences = _differences(visit, month)
    return visit.page(
        "costs.html",
        titles=TITLES,
        month=month,
        found=found,
        whole=_cells({name: one.whole for name, one in found.items()}, {}),
        tables={by: _rows(visit, by, found) for by in BY},
        doubts=doubts(visit.settings, visit.now),
        trouble=_trouble(visit),
        missing=found["days30"].missing[:MOST_MISSING],
        missing_more=max(len(found["days30"].missing) - MOST_MISSING, 0),
        budgets=budgets,
        away=away,
        differences=differences,
        alarms=[one for one in differences if one.within is False],
        tolerance=visit.settings.cost_tolerance,
        bills=_bills(visit),
        dollars=dollars,
        billionths=lambda amount: Decimal(amount) / BILLIONTH,
    )


def _trouble(visit: Visit) -> str:
    """Why the file of the configuration, as it stands, is not in force; nothing where it is."""
    refused = visit.sources.in_force().refused
    return f"{refused.at}: got {got_of(refused)}; want {refused.want}" if refused is not None else ""


def show_spent(visit: Visit) -> Response:
    """What one figure is made of: prices, tries by how they ended, and the newest exchanges behind it."""
    of = {name: visit.asked[name] for name in BY if visit.asked.get(name)}
    title, begin, end = _asked_span(visit)
    parts = lines(visit.store, visit.settings, begin, end, of)
    whole = Share()
    for one in parts:
        tokens = {f"{kind}_tokens": count for kind, count in one.tokens.items()}
        whole.take({**one.of, **tokens}, one.calls, one.amount or Decimal(0))
    return visit.page(
        "costs_spent.html",
        title=title,
        of={name: of.get(name, "") for name in BY},
        cell=_cell(whole, ""),
        whole=whole,
        parts=parts[:MOST_PARTS],
        more=max(len(parts) - MOST_PARTS, 0),
        begin=begin,
        end=end,
        purposes=PURPOSES,
        exchanges=behind(visit.store, visit.settings, begin, end, of),
    )


def _spans(now: float) -> dict[str, tuple[float, float]]:
    """Begin and end of each span, full hours; the end is the next midnight (UTC)."""
    day = now - now % DAY_S
    hour = now - now % HOUR_S
    return {
        "today": (day, day + DAY_S),
        "month": (month_at(now).begin, day + DAY_S),
        "days30": (hour - 30 * DAY_S, day + DAY_S),
    }


def _asked_span(visit: Visit) -> tuple[str, float, float]:
    """The span that is asked for: one of the page's, or a month by its name. Raises NotFound."""
    name = visit.asked.get("span", "month")
    spans = _spans(visit.now)
    if name in spans:
        return TITLES[name].lower(), *spans[name]
    try:
        month = month_of(name)
    except OperatorError as cause:
        raise NotFound("there is no such span", mend="open it from the costs") from cause
    return month.name, month.begin, month.end


def _rows(visit: Visit, by: str, found: Mapping[str, Spent]) -> list[Row]:
    """Most of 30 days first; every process is there, also one that cost nothing."""
    shares = {span: one.by[by] for span, one in found.items()}
    names = dict.fromkeys([*shares["days30"], *shares["month"], *(visit.settings.processes if by == "process" else ())])
    said = PURPOSES if by == "purpose" else {}
    return [
        Row(name, said.get(name, ""), _cells({span: one.get(name) for span, one in shares.items()}, {by: name}))
        for name in names
    ]


def _cells(shares: Mapping[str, Share | None], of: Mapping[str, str]) -> tuple[Cell, ...]:
    return tuple(_cell(share, address("/costs/spent", {"span": span, **of})) for span, share in shares.items())


def _cell(share: Share | None, where: str) -> Cell:
    """A share as a figure; what has no price is unknown, and never nothing."""
    if share is None or not share.calls:
        return Cell("no calls")
    if share.unpriced == share.calls:
        return Cell("unknown", where, unknown=True, notes=(f"{_calls(share.calls)}, none with a price",))
    notes = []
    if share.unpriced:
        notes.append(f"and {_calls(share.unpriced)} of unknown cost")
    if share.estimated:
        notes.append(f"{wording.usd(share.estimated)} of it estimated")
    return Cell(wording.usd(share.total), where, notes=tuple(notes))


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _budgets(visit: Visit) -> tuple[list[Budgeted], str]:
    """The budgets as they stand; or why nobody can tell."""
    try:
        found = visit.sources.budgets(visit.settings)
    except StoreUnavailable as error:
        return [], str(error)
    return [_budgeted(one) for one in found], ""


def _budgeted(one: BudgetStanding) -> Budgeted:
    kind, _, name = one.budget.partition(":")
    share, held = (min(amount / one.cap, 1.0) if one.cap else 1.0 for amount in (one.settled, one.reserved))
    colour = "bad" if share >= FULL else "open" if share >= WATCHED else "good"
    label = f"{one.budget}: {share:.0%} of the cap is spent, {held:.0%} reserved"
    # What a caller's key spends is no figure of the record.
    of = {"span": "today" if one.period == "day" else "month", **({kind: name} if kind in BY else {})}
    return Budgeted(
        one,
        "" if kind == "key" else address("/costs/spent", of),
        charts.bar([(share, colour), (min(held, 1.0 - share), "held")], label),
    )


def _differences(visit: Visit, month: Month) -> list[Difference]:
    """The newest months beside their invoices, newest first."""
    found: list[Difference] = []
    for _ in range(MONTHS):
        found += billed(visit.store, visit.settings, month).differences(month.name, visit.settings.cost_tolerance)
        month = month_at(month.begin - DAY_S)
    return found


def _bills(visit: Visit) -> list[Invoice]:
    found = sorted(invoices(visit.store), key=lambda one: (one.month, one.at), reverse=True)
    return found[:MOST_BILLS]
