"""The report as one page: no script, nothing fetched, everything from outside escaped."""

from __future__ import annotations

import jinja2

from switchover.domain.candidate import State, Verdict

from . import charts, wording
from .model import BoardReport, Fate, Loss


def render_html(report: BoardReport) -> str:
    """One self-contained HTML page; each headline figure links to its evidence further down."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("switchover.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        share=wording.share,
        usd=wording.usd,
        moment=wording.moment,
        day=wording.day,
        span=wording.span,
        harmless=wording.harmless,
    )
    return environment.get_template("board.html").render(
        report=report,
        headline=headline(report),
        survival_bar=survival_bar,
        margin_plot=_margin_plot,
        spend_lines=charts.spend_lines,
        capacity_bar=lambda share: charts.bar([(share, "good" if share >= 1 else "bad")], "share of the peak carried"),
        fate_class=lambda fate: "good" if fate.survives else "bad" if fate is Fate.STOPS else "open",
        ready=State.READY,
    )


def headline(report: BoardReport) -> Loss | None:
    """The loss that leaves least of critical volume: the figure a board should see first."""
    known = [loss for loss in report.losses if loss.surviving is not None]
    return min(known, key=lambda loss: loss.surviving or 0.0, default=None)


def survival_bar(loss: Loss) -> str:
    """Shown to survive, proven but untested, and lost, as one bar."""
    surviving, proven = loss.surviving or 0.0, loss.proven or 0.0
    label = f"{wording.share(loss.surviving)} survives; {wording.share(proven - surviving)} proven but untested"
    return charts.bar([(surviving, "good"), (proven - surviving, "open"), (1 - proven, "bad")], label)


def _margin_plot(verdicts: tuple[Verdict, ...]) -> str:
    rows = []
    for verdict in verdicts:
        overall = verdict.evidence.overall
        name = f"{verdict.cell.upstream} · {verdict.cell.prompt_version.rsplit('-', 1)[0]}"
        ready = verdict.state is State.READY
        rows.append((name, overall.mean_difference, overall.lower, overall.upper, overall.margin, ready))
    return charts.margin_plot(rows)
