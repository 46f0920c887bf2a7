"""The third answer's evidence, for paper: options with their fans, what matters most, break-even, assumptions. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from switchover.costs.outlook import OptionOutlook, Outlook

from . import projection_text as said_as
from .blocks import Block, Cell, cell, drawn, heading, listed, paragraph, table
from .cost_charts import swings
from .drawings import fan, lines_by_volume
from .model import BoardReport
from .wording import change, day, share, usd


def costs(report: BoardReport) -> Iterator[Block]:
    """All of the projection, or why there is none."""
    yield heading(2, "What it may cost", "answer-3")
    found = report.ahead
    if isinstance(found, str):
        yield paragraph(f"Nothing can be projected: {found}.")
        return
    yield _options(found)
    yield paragraph(
        "One in ten futures is below P10, half are below P50, one in ten is above P90. UNPROVEN: no proof in date says "
        "that its answers are good enough everywhere it would serve, so it saves nothing yet. The chance is that of "
        f"costing less than staying, in {found.draws:,} draws. A range to plan with, not a forecast.",
        soft=True,
    )
    for option in found.options:
        if not option.lacks:
            yield from _option(option, found)
    yield from _what_matters(found)
    yield from _after_changes(found)
    yield from _assumptions(found)


def _options(found: Outlook) -> Block:
    rows: list[tuple[Cell, ...]] = []
    for option in found.options:
        name, *figures = said_as.row_of(option, found)
        words = f"{option.words}{f': {option.lacks}' if option.lacks else ''}"
        tone = "soft" if option.unproven or option.lacks else ""
        rows.append((cell(f"{name}: {words}", tone=tone), *(cell(figure, tone=tone) for figure in figures)))
    head = ("Option", ">P10", ">P50", ">P90", ">Saves (P50)", ">Chance")
    return table(head, (5, 1.6, 1.6, 1.6, 1.9, 1.3), rows, f"Costs over {found.months} months in USD")


def _option(option: OptionOutlook, found: Outlook) -> Iterator[Block]:
    yield heading(3, f"{option.name}{' (unproven)' if option.unproven else ''}")
    if option.total is not None:
        low, middle, high = map(usd, option.total)
        yield from drawn(
            fan(option, found),
            f"{option.name} over {found.months} months: P10 {low}, P50 {middle}, P90 {high}",
            "Added up month by month: the area from P10 to P90, the line P50; dashed, the P50 of staying.",
        )
    even = said_as.even_words(option)
    yield from listed(
        [
            *said_as.unproven(option),
            *([even] if even else []),
            *(words for machine in option.machines for words in said_as.machine_words(machine)),
            *option.notes,
        ]
    )


def _what_matters(found: Outlook) -> Iterator[Block]:
    if found.rival and found.middle is not None and found.swings:
        yield heading(3, f"What matters most for {found.rival} against staying")
        yield from drawn(
            swings(found.swings, found.middle),
            f"What {found.rival} saves, with each assumption at either end of its range",
            "What it saves at the middle (amber), and with one assumption at either end of its range.",
        )
    yield heading(3, "Cost by volume, and where options break even")
    yield from drawn(
        lines_by_volume(found),
        f"Cost of each option over {found.months} months against the volume",
        f"The middle case over {found.months} months; both axes in powers of ten. Steps are machines.",
    )


def _after_changes(found: Outlook) -> Iterator[Block]:
    head = [f">{change(by)}" for by in found.scenarios]
    yield table(
        head,
        [1.0] * len(head),
        [[usd(amount) for amount in found.scenarios.values()]],
        "Staying, after one change of price from the first month on and nothing else (the middle case)",
    )
    yield from listed(
        [
            *(
                f"{one.process} loses {usd(one.mean)} on average, {usd(one.p90)} in one of ten futures, to being cut "
                f"off while nothing is ready (a chance of {share(one.chance)}): "
                f"{'a proven replacement is ready' if one.covered else 'nothing is proven to take over'}."
                for one in found.insurance
            ),
            *(f"{said_as.usage_line(one)}." for one in found.usage),
            *(f"Not known: {gap}." for gap in found.gaps),
        ]
    )


def _assumptions(found: Outlook) -> Iterator[Block]:
    yield heading(3, "Assumptions behind the costs", "assumptions")
    yield paragraph(
        f"Projected from {day(found.begins)} with seed {found.seed}: the same seed gives the same figures.", soft=True
    )
    yield table(
        ("Assumption", "Value (range)", "Source", "Owner", "Date"),
        (3.6, 2.8, 4.4, 1.5, 1.6),
        [
            (
                cell(f"{row.name}{f': {row.means}' if row.means != row.name else ''}"),
                said_as.assumption_words(row),
                row.source,
                row.owner,
                row.date,
            )
            for row in found.assumptions
        ],
    )
    prices = "; ".join(f"{one.name}: {', '.join(one.sources) or 'none'}" for one in found.options)
    yield paragraph(f"Prices by {prices}.", soft=True)
