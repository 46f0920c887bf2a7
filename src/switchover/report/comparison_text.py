"""Candidates side by side in the terminal, and the worst cases of one of them, word by word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .comparison import Compared, Comparison, Cost
from .differing import Mark, Piece, differences, shortened
from .failing import WeakSpot, WorstCase
from .wording import harmless, harmless_lines, usd

# Below this many columns a table of candidates breaks its words; two answers beside each other want more.
TABLE_WIDTH, BESIDE_WIDTH = 110, 90
LONGEST_TEXT = 6_000
ASKED, NAMED = 600, 60
NOT_THERE = "none was given, or it is not kept or not shown"
# Words beside colour, for whoever sees none and for files.
_OPENS = {Mark.BOTH: "", Mark.LEFT: "[-", Mark.RIGHT: "{+"}
_CLOSES = {Mark.BOTH: "", Mark.LEFT: "-]", Mark.RIGHT: "+}"}
_STYLES = {Mark.BOTH: "", Mark.LEFT: "red", Mark.RIGHT: "green"}


def render_comparison(found: Comparison, console: Console) -> None:
    """Who is READY at what margin, how long it takes, what it costs, and where it fails most."""
    console.print(f"{found.process}: margin {found.margin:.2f}, grader {found.grader}\n")
    if console.width >= TABLE_WIDTH:
        console.print(_table(found.candidates))
    else:
        for one in found.candidates:
            _block(one, console)
    for one in found.candidates:
        if one.void is not None:
            console.print(Text(f"void – {one.name}: {harmless(one.void)}"))
    gaps = {harmless(one.cost.gap) for one in found.candidates if one.cost.gap is not None}
    for gap in sorted(gaps):
        console.print(Text(f"cost – {gap}"))
    if found.untested:
        console.print(Text(f"never rehearsed: {', '.join(found.untested)}"))


def _table(candidates: Iterable[Compared]) -> Table:
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for heading, value in _FIGURES.items():
        drawn.add_column(heading, justify="right" if value in _NUMBERS else "left")
    for one in candidates:
        drawn.add_row(*(Text(value(one)) for value in _FIGURES.values()))
    return drawn


def _block(one: Compared, console: Console) -> None:
    """The same figures below each other."""
    for place, (heading, value) in enumerate(_FIGURES.items()):
        console.print(Text(value(one), style="bold") if not place else Text(f"  {heading}: {value(one)}"))
    console.print()


def _state(one: Compared) -> str:
    return f"{one.state}, void" if one.void is not None else str(one.state)


def _tightest(one: Compared) -> str:
    # Up, so that the margin that is read off is one that holds.
    return (
        "none" if one.tightest is None else str((Decimal(one.tightest) + Decimal("0.00099")).quantize(Decimal(".001")))
    )


def _difference(one: Compared) -> str:
    overall = one.verdict.evidence.overall
    mean = "–" if overall.mean_difference is None else f"{overall.mean_difference:+.3f}"
    return f"{mean} [{overall.lower:+.2f}, {overall.upper:+.2f}]"


def _replays(one: Compared) -> str:
    return str(one.verdict.evidence.overall.replays)


def _seconds(one: Compared) -> str:
    return "–" if one.seconds is None else f"{one.seconds:.2f} s"


def _usd(one: Compared) -> str:
    return _money(one.cost)


def _money(cost: Cost) -> str:
    return usd(cost.usd) if cost.gap is None or cost.usd is None else f"over {usd(cost.usd)}"


def _fails_at(one: Compared) -> str:
    return spot_text(one.fails_at[0]) if one.fails_at else "–"


_FIGURES: dict[str, Callable[[Compared], str]] = {
    "candidate": lambda one: one.name,
    "verdict": _state,
    "READY from margin": _tightest,
    "difference [bounds]": _difference,
    "replays": _replays,
    "time": _seconds,
    "1,000 calls": _usd,
    "fails most at": _fails_at,
}
_NUMBERS = (_tightest, _replays, _seconds, _usd)


def spot_text(spot: WeakSpot) -> str:
    """A slice or topic in words, with how far behind the candidate is there."""
    like = f" (like “{_short(spot.example)}”)" if spot.example else ""
    return f"{spot.kind} {harmless(spot.name)}{like}: {spot.mean_difference:+.2f} over {spot.cases} cases"


def _short(text: str) -> str:
    line = harmless(text)
    return line if len(line) <= NAMED else line[:NAMED].rstrip() + "…"


def render_worst(one: Compared, console: Console) -> None:
    """Where a candidate falls behind, and its worst cases with both answers."""
    console.print(Text(f"\n{one.name}", style="bold"))
    if not one.fails_at and not one.worst:
        console.print("  behind in no slice, no topic and no case")
    for spot in one.fails_at:
        console.print(Text(f"  behind in {spot_text(spot)}"))
    for place, case in enumerate(one.worst, 1):
        _case(place, len(one.worst), case, console)


def _case(place: int, count: int, case: WorstCase, console: Console) -> None:
    where = "".join(f" · {harmless(name)}" for name in case.slices)
    title = f"{place} of {count} · {case.difference:+.2f} · topic {case.topic}{where} · {case.exchange}"
    console.print()
    console.rule(Text(title), align="left")
    console.print(_labelled("asked", None if case.asked is None else harmless_lines(case.asked, ASKED)))
    if case.reason:
        console.print(_labelled("why", harmless(case.reason)))
    left, right = _answers(case)
    if console.width < BESIDE_WIDTH:
        for heading, text in (("recorded answer", left), ("candidate's answer", right)):
            console.print(Text(heading, style="bold"))
            console.print(Padding(text, (0, 0, 0, 2)))
        return
    beside = Table(box=None, pad_edge=False, expand=True, header_style="bold", padding=(0, 2, 0, 0))
    beside.add_column("recorded answer", ratio=1, overflow="fold")
    beside.add_column("candidate's answer", ratio=1, overflow="fold")
    beside.add_row(left, right)
    console.print(beside)


def _answers(case: WorstCase) -> tuple[Text, Text]:
    """Both answers, what one alone says marked; in long ones what both say is cut."""
    if case.baseline is None or case.candidate is None:
        return _plain(case.baseline), _plain(case.candidate)
    ours, theirs = (harmless_lines(text, LONGEST_TEXT) for text in (case.baseline, case.candidate))
    pieces = shortened(differences(ours, theirs))
    return _side(pieces, Mark.LEFT), _side(pieces, Mark.RIGHT)


def _side(pieces: Iterable[Piece], mark: Mark) -> Text:
    side = Text()
    for piece in pieces:
        if piece.mark in (Mark.BOTH, mark):
            body = piece.text.rstrip()
            marked = f"{_OPENS[piece.mark]}{body}{_CLOSES[piece.mark]}" if body else ""
            side.append(marked, style=_STYLES[piece.mark])
            side.append(piece.text[len(body) :])
    return side


def _plain(text: str | None) -> Text:
    return Text(
        "not there: none was given, or it is not kept or not shown"
        if text is None
        else harmless_lines(text, LONGEST_TEXT)
    )


def _labelled(label: str, text: str | None) -> Text:
    return Text.assemble((f"{label}: ", "bold"), NOT_THERE if text is None else text)
