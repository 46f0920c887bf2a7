"""The drawings of the evidence, from what the report holds: the same on a page and on paper. Pure."""

from __future__ import annotations

from markupsafe import Markup

from switchover.costs.outlook import OptionOutlook, Outlook
from switchover.domain.candidate import State, Verdict

from . import charts, cost_charts, wording
from .explaining import state_at
from .model import Fate, Loss


def survival_bar(loss: Loss) -> Markup:
    """Shown to go on, proven but untested, and lost, as one bar."""
    surviving, proven = loss.surviving or 0.0, loss.proven or 0.0
    label = f"{wording.share(loss.surviving)} shown to go on; {wording.share(proven - surviving)} proven but untested"
    lost = 1 - proven if loss.proven is not None else 0.0
    return charts.bar([(surviving, "good"), (proven - surviving, "open"), (lost, "bad")], label)


def fate_class(fate: Fate) -> str:
    """The colour of a fate: good, open or bad."""
    return "good" if fate.survives else "open" if fate.open else "bad"


def capacity_bar(share: float, ready: bool) -> Markup:
    """What an own machine carries of the busiest minute."""
    kind = "good" if ready and share >= 1 else "open" if ready else "bad"
    return charts.bar([(share, kind)], f"{wording.share(share)} of the busiest minute carried")


def fan(option: OptionOutlook, found: Outlook) -> Markup:
    """What an option costs up to each month, beside staying."""
    if option.cumulative is None or found.stay.cumulative is None:
        return Markup("")
    low, middle, high = (wording.usd(amount) for amount in option.cumulative.ends)
    label = f"{wording.harmless(option.name)}: added up over {found.months} months, P10 {low}, P50 {middle}, P90 {high}"
    return cost_charts.fan(option.cumulative, found.stay.cumulative.p50, label)


def lines_by_volume(found: Outlook) -> Markup:
    """What each option costs against the volume."""
    pale = {one.name for one in found.options if one.unproven}
    return cost_charts.lines_by_volume(found.volumes, found.by_volume, pale, found.months)


def verdict_plot(verdicts: tuple[Verdict, ...], now: float) -> Markup:
    """Each verdict's difference with its bounds, against the margin, with its state by ``now``."""
    rows = []
    for verdict in verdicts:
        overall, state = verdict.evidence.overall, state_at(verdict, now)
        rows.append(
            charts.Interval(
                name=f"{verdict.cell.upstream} · {verdict.cell.prompt_version.rsplit('-', 1)[0]}",
                mean=overall.mean_difference,
                lower=overall.lower,
                upper=overall.upper,
                margin=overall.margin,
                word=str(state),
                good=state is State.READY,
            )
        )
    return charts.margin_plot(rows)
