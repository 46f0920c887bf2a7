"""The projection: what two years cost, under which futures, and what each alternative costs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup
from starlette.responses import Response

from switchover.costs.outlook import Beats, OptionOutlook, Outlook
from switchover.costs.weigh import SWING_DRAWS
from switchover.facts.read import facts
from switchover.report import cost_charts, wording
from switchover.report.projection_text import (
    assumption_words,
    even_words,
    lead_words,
    machine_words,
    row_of,
    unproven,
    usage_line,
)

from .visit import Visit

# Volumes at which the table behind the drawing says what each option costs.
VOLUMES = (0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0)
STEPS = 5
AGAIN_S = 4


@dataclass(frozen=True, slots=True)
class Chance:
    """The chance that one option costs less than another: its words, and in which of :data:`STEPS` shades it is."""

    words: str
    shade: int
    proven: bool


def show(visit: Visit) -> Response:
    """The projection, or that it is being drawn, or why there is none."""
    found = visit.sources.projections.of(visit.sources.projected(visit.settings, visit.store), visit.now)
    if found is None:
        reply = visit.page("projection_wait.html", 200, again=AGAIN_S)
        reply.headers["Refresh"] = str(AGAIN_S)
        return reply
    if isinstance(found.outlook, str):
        return visit.page("projection_none.html", why=found.outlook)
    return _shown(visit, found.outlook, found.at)


def _shown(visit: Visit, found: Outlook, at: float) -> Response:
    priced = [one for one in found.options if one.total is not None]
    return visit.page(
        "projection.html",
        ahead=found,
        at=at,
        lead=lead_words(found),
        priced=priced,
        row_of=lambda one: row_of(one, found),
        fans={one.name: _fans(one, found) for one in priced},
        beats=_matrix(found.beats),
        rival=next((one for one in found.options if one.name == found.rival), None),
        swings=cost_charts.swings(found.swings, found.middle) if found.middle is not None else "",
        by_volume=_by_volume(found),
        volumes=_at_volumes(found),
        changes=cost_charts.changes(found.scenarios),
        known=_known(visit),
        swing_draws=SWING_DRAWS,
        unproven=unproven,
        even_words=even_words,
        machine_words=machine_words,
        usage_line=usage_line,
        assumption_words=assumption_words,
    )


def _fans(one: OptionOutlook, found: Outlook) -> tuple[Markup, Markup]:
    """What an option costs each month, and added up."""
    stay = found.stay
    if not (one.monthly and one.cumulative and stay.monthly and stay.cumulative):
        return Markup(""), Markup("")
    name = wording.harmless(one.name)

    def label(what: str, ends: Iterable[Decimal]) -> str:
        said = ", ".join(f"{end} {wording.usd(one)}" for end, one in zip(("P10", "P50", "P90"), ends, strict=True))
        return f"{name}, {what}: {said}; the table below holds every month"

    last, summed = label("in the last month", one.monthly.ends), label("added up", one.cumulative.ends)
    monthly = cost_charts.fan(one.monthly, stay.monthly.p50, last, monthly=True)
    return monthly, cost_charts.fan(one.cumulative, stay.cumulative.p50, summed)


def _matrix(rows: Collection[Beats]) -> Mapping[tuple[str, str], Chance]:
    def shade(chance: float) -> int:
        return min(int(chance * STEPS), STEPS - 1)

    return {(one.cheaper, one.dearer): Chance(wording.share(one.chance), shade(one.chance), one.proven) for one in rows}


def _by_volume(found: Outlook) -> Markup:
    pale = {one.name for one in found.options if one.unproven}
    return cost_charts.lines_by_volume(found.volumes, found.by_volume, pale, found.months)


def _at_volumes(found: Outlook) -> Mapping[float, Mapping[str, Decimal]]:
    """The costs of each option at some of the volumes, as near as they were reckoned."""

    def near(wanted: float) -> int:
        return min(range(len(found.volumes)), key=lambda place: abs(math.log(found.volumes[place] / wanted)))

    return {
        wanted: {name: Decimal(f"{line[near(wanted)]:.2f}") for name, line in found.by_volume.items()}
        for wanted in VOLUMES
    }


def _known(visit: Visit) -> Collection[str]:
    """The names of assumptions that have a page of their own."""
    kinds = facts("assumptions")["assumptions"]
    per_process = [kind for kind, row in kinds.items() if row.get("per_process")]
    return {*kinds, *(f"{kind}:{name}" for kind in per_process for name in visit.settings.processes)}
