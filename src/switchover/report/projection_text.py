"""A projection in a terminal of 80 columns: options, chances, what matters most, where it breaks even, assumptions."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from switchover.costs.outlook import Insurance, Machines, OptionOutlook, Outlook, Swing
from switchover.costs.usage import UsageModel
from switchover.domain.costing import EDITED, FILE, SHIPPED, Assumption
from switchover.domain.figures import figure

from . import wording

MOST_SWINGS = 8
UNPROVEN = "UNPROVEN"
KEPT_IN = {EDITED: "Edited here, before the file", FILE: "In the file", SHIPPED: "As shipped"}


def render_projection(found: Outlook, console: Console, *, assumptions: bool = False) -> None:
    """All of it; with ``assumptions`` every row with its source, owner and date."""
    day = wording.day(found.begins)
    title = f"{found.months} months from {day}, USD; {found.draws:,} draws with seed {found.seed}"
    console.print(Text(title, style="bold"))
    console.print(options_table(found))
    for option in found.options:
        _option(console, option, found)
    _swings(console, found)
    _section(console, "Staying after one change of price, with nothing else happening:", [scenario_words(found)])
    _section(console, "What being cut off would cost while nothing is ready, in all:", map(_insured, found.insurance))
    _section(console, "Usage a month, from the record:", map(usage_line, found.usage))
    if found.gaps:
        _section(console, "Not known:", map(wording.harmless, found.gaps), "yellow")
    _assumptions(console, found.assumptions, assumptions)


def options_table(found: Outlook) -> Table:
    """P10, P50 and P90 of every option; where it is proven, what it saves (P50) and the chance that it is cheaper."""
    made = Table(box=None, pad_edge=False)
    for name in ("option", "P10", "P50", "P90", "saves", "chance"):
        made.add_column(name, justify="left" if name == "option" else "right", overflow="fold")
    for one in found.options:
        made.add_row(*row_of(one, found), style="dim" if one.unproven or one.lacks else None)
    return made


def row_of(one: OptionOutlook, found: Outlook) -> tuple[str, ...]:
    """An option's cells. An unproven one saves nothing."""
    name = wording.harmless(one.name)
    if one.total is None:
        return (name, "not priced", "", "", "", "")
    amounts = tuple(wording.usd(amount) for amount in one.total)
    if one is found.stay:
        return (name, *amounts, "", "")
    if one.saved is None:
        return (name, *amounts, UNPROVEN, "–")
    return (name, *amounts, wording.usd(one.saved[1]), wording.share(chance_of(one, found)))


def lead_words(found: Outlook) -> str:
    """The projection in a few sentences; what is not proven is no saving in it."""
    total = found.stay.total
    if total is None:
        return "Nobody knows what staying will cost."
    low, middle, high = (wording.usd(amount) for amount in total)
    said = (
        f"Staying as we are costs about {middle} over {found.months} months; in eight of ten futures {low} to {high}."
    )
    proven = [(one.saved[1], one) for one in found.options[1:] if one.saved is not None]
    if not proven:
        return f"{said} No alternative is proven good enough everywhere it would serve, so none counts as a saving."
    saved, best = max(proven, key=lambda row: row[0])
    name, chance = wording.harmless(best.name), wording.share(chance_of(best, found))
    if saved > 0:
        most = f"Of what is proven, the option {name} saves most, about {wording.usd(saved)}"
        return f"{said} {most}, and it is cheaper in {chance} of all futures."
    none = f"Nothing that is proven saves anything at the middle; the option {name} is cheaper"
    return f"{said} {none} in {chance} of all futures."


def chance_of(one: OptionOutlook, found: Outlook) -> float:
    """The chance that an option costs less than staying."""
    return next(row.chance for row in found.beats if (row.cheaper, row.dearer) == (one.name, found.stay.name))


def unproven(one: OptionOutlook) -> tuple[str, ...]:
    """Why nobody knows that it is good enough, and in which processes."""
    reasons: dict[str, list[str]] = {}
    for process, why in one.unproven.items():
        reasons.setdefault(why, []).append(process)
    return tuple(wording.harmless(f"{', '.join(names)}: {why}") for why, names in reasons.items())


def even_words(one: OptionOutlook) -> str | None:
    """Where it breaks even with staying, in the middle case; None for staying."""
    if one.cheaper_now is None:
        return None
    side = "cheaper than staying" if one.cheaper_now else "dearer than staying"
    if not one.even:
        return f"in the middle case {side} at every volume from a hundredth to ten thousand times today's"
    volumes = ", ".join(figure(volume) for volume in one.even)
    return f"in the middle case {side} today; breaks even at {volumes} times today's volume"


def machine_words(one: Machines) -> tuple[str, ...]:
    """What it takes, what a token costs there, and from which utilisation on it pays."""
    spare = f" and {one.paid - one.first} spare" if one.paid > one.first else ""
    growing = f", {one.last} by the end" if one.last != one.first else ""
    said = [
        f"{'rents' if one.rented else 'buys'} {one.first} × {one.machine}{spare}{growing}, "
        f"busy {wording.share(one.utilisation)} of the time"
    ]
    if one.at_load is not None:
        by_use = ", ".join(f"{wording.usd(price)} at {use} %" for use, price in one.per_mtok.items())
        said.append(f"a million output tokens cost {wording.usd(one.at_load)} as used; by how busy it is, {by_use}")
        if one.rates is not None:
            read, written = (wording.usd(rate) for rate in one.rates)
            said.append(f"that is {read} a million tokens in and {written} out, to pay for all of it")
        even = "never" if one.even is None else f"from {wording.share(one.even)} of the time on"
        said.append(f"cheaper per token than staying when busy: {even}")
    if not one.rented:
        paid = "never" if one.payback is None else f"after {one.payback:,.1f} months"
        said.append(f"pays for itself at today's volume and prices: {paid}")
    return (*said, *one.flags)


def usage_line(one: UsageModel) -> str:
    """What a process uses in a month and how well that is known."""
    growth = "" if one.growth is None else f", growing {one.growth[1] * 100:+.1f} % a month".replace("-", "−")
    peak = "" if one.peak_ratio is None else f"; the p95 hour has {one.peak_ratio:.1f} times the mean"
    return wording.harmless(
        f"{one.process}: {_count(one.input)} tokens in ({_count(one.cached)} cached), {_count(one.output)} out, "
        f"{_count(one.calls)} calls{growth}{peak}; confidence {one.confidence}"
    )


def assumption_words(row: Assumption) -> str:
    """Its value and range."""
    ends = "" if row.low == row.high else f" ({figure(row.low)} to {figure(row.high)})"
    return f"{figure(row.value)}{ends} {row.unit}"


def _option(console: Console, one: OptionOutlook, found: Outlook) -> None:
    if one is found.stay and not one.notes and not one.machines:
        return
    _line(console, Text(f"{wording.harmless(one.name)}: {wording.harmless(one.words)}", style="bold"), 0)
    if one.lacks:
        _line(console, Text(f"not priced: {wording.harmless(one.lacks)}", style="yellow"))
    for words in unproven(one):
        _line(console, Text(f"{words}; no saving", style="yellow"))
    even = even_words(one)
    said = [*([even] if even else []), *(words for machine in one.machines for words in machine_words(machine))]
    for words in (*said, *one.notes):
        _line(console, Text(wording.harmless(words)))


def _swings(console: Console, found: Outlook) -> None:
    if found.rival is None or found.middle is None:
        return
    rival = next(one for one in found.options if one.name == found.rival)
    what = "would save if it were proven" if rival.unproven else "saves"
    title = f"What matters most for what {wording.harmless(found.rival)} {what} (P50 {wording.usd(found.middle)}):"
    _section(console, title, map(_swing, found.swings[:MOST_SWINGS]))


def _swing(row: Swing) -> str:
    low, high = f"{figure(row.low)}: {wording.usd(row.at_low)}", f"{figure(row.high)}: {wording.usd(row.at_high)}"
    return f"{wording.harmless(row.name)} ({row.unit}) at {low}; at {high}"


def scenario_words(found: Outlook) -> str:
    """What staying costs in the middle case after each change of price that boards ask for."""
    return "   ".join(f"{wording.change(by)}: {wording.usd(amount)}" for by, amount in sorted(found.scenarios.items()))


def _insured(one: Insurance) -> str:
    ready = "a proven replacement is ready" if one.covered else "nothing is proven to take over"
    return wording.harmless(
        f"{one.process}: {wording.usd(one.mean)} on average, {wording.usd(one.p90)} in one of ten futures, "
        f"with a chance of {wording.share(one.chance)}; {ready}"
    )


def _assumptions(console: Console, rows: Iterable[Assumption], whole: bool) -> None:
    console.print(Text("\nAssumptions (value, from low to high):", style="bold"))
    for row in rows:
        line = Text(wording.harmless(row.name))
        line.append(f" {wording.harmless(assumption_words(row))}", style="dim" if not whole else "")
        _line(console, line)
        if whole:
            dated = f", {row.date}" if row.date else ""
            stands = f" {KEPT_IN[row.kept_in]}." if row.kept_in else ""
            said = f"{row.means} Source: {row.source}. Owner: {row.owner}{dated}.{stands}"
            _line(console, Text(wording.harmless(said), style="dim"), 5)


def _section(console: Console, title: str, said: Iterable[str], style: str = "") -> None:
    console.print(Text(f"\n{title}", style="bold"))
    for words in said:
        _line(console, Text(words, style=style))


def _line(console: Console, text: Text, indent: int = 3) -> None:
    text.overflow, text.no_wrap = "fold", False
    console.print(Padding(text, (0, 0, 0, indent), expand=False))


def _count(value: float) -> str:
    """A number of tokens or calls in the unit a person would use."""
    for size, unit in ((1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value:,.0f}"
