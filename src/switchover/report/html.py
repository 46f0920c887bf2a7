"""The report as one page: no script, nothing fetched, everything from outside escaped."""

from __future__ import annotations

import jinja2

from switchover.costs.outlook import OptionOutlook, Outlook
from switchover.domain.candidate import State, Verdict

from . import charts, cost_charts, projection_text, wording
from .model import BoardReport, Loss, ProcessFate


def render_html(report: BoardReport) -> str:
    """One self-contained HTML page; each figure links to its evidence further down."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("switchover.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=wording.outside,
    )
    environment.filters.update(
        anchor=wording.anchor,
        share=wording.share,
        usd=wording.usd,
        moment=wording.moment,
        day=wording.day,
        span=wording.span,
        harmless=wording.harmless,
        change=wording.change,
    )
    return environment.get_template("board.html").render(
        report=report,
        survival_bar=survival_bar,
        margin_plot=_margin_plot,
        ahead=None if isinstance(report.ahead, str) else report.ahead,
        fan=_fan,
        swings=cost_charts.swings,
        lines_by_volume=_lines_by_volume,
        row_of=projection_text.row_of,
        unproven=projection_text.unproven,
        even_words=projection_text.even_words,
        machine_words=projection_text.machine_words,
        usage_line=projection_text.usage_line,
        assumption_words=projection_text.assumption_words,
        capacity_bar=_capacity_bar,
        fate_class=fate_class,
        ready=State.READY,
        cuts=[cut for cut in report.cut_offs if cut.fault is None and cut.in_force(report.made_at)],
    )


def survival_bar(loss: Loss) -> str:
    """Shown to go on, proven but untested, and lost, as one bar."""
    surviving, proven = loss.surviving or 0.0, loss.proven or 0.0
    label = f"{wording.share(loss.surviving)} shown to go on; {wording.share(proven - surviving)} proven but untested"
    lost = 1 - proven if loss.proven is not None else 0.0
    return charts.bar([(surviving, "good"), (proven - surviving, "open"), (lost, "bad")], label)


def fate_class(fate: ProcessFate) -> str:
    """The colour of a fate: good, open or bad."""
    return "good" if fate.fate.survives else "open" if fate.fate.open else "bad"


def _capacity_bar(share: float, ready: bool) -> str:
    kind = "good" if ready and share >= 1 else "open" if ready else "bad"
    return charts.bar([(share, kind)], f"{wording.share(share)} of the busiest minute carried")


def _fan(option: OptionOutlook, found: Outlook) -> str:
    if option.cumulative is None or found.stay.cumulative is None:
        return ""
    low, middle, high = (wording.usd(amount) for amount in option.cumulative.ends)
    label = f"{wording.harmless(option.name)}: added up over {found.months} months, P10 {low}, P50 {middle}, P90 {high}"
    return cost_charts.fan(option.cumulative, found.stay.cumulative.p50, label)


def _lines_by_volume(found: Outlook) -> str:
    pale = {one.name for one in found.options if one.unproven}
    return cost_charts.lines_by_volume(found.volumes, found.by_volume, pale, found.months)


def _margin_plot(verdicts: tuple[Verdict, ...]) -> str:
    rows = []
    for verdict in verdicts:
        overall = verdict.evidence.overall
        rows.append(
            charts.Interval(
                name=f"{verdict.cell.upstream} · {verdict.cell.prompt_version.rsplit('-', 1)[0]}",
                mean=overall.mean_difference,
                lower=overall.lower,
                upper=overall.upper,
                margin=overall.margin,
                word=str(verdict.state),
                good=verdict.state is State.READY,
            )
        )
    return charts.margin_plot(rows)
