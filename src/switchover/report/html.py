"""The report as one page: no script, nothing fetched, everything from outside escaped."""

from __future__ import annotations

import jinja2

from switchover.domain.candidate import State

from . import cost_charts, drawings, projection_text, wording
from .model import BoardReport


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
        survival_bar=drawings.survival_bar,
        margin_plot=drawings.verdict_plot,
        ahead=None if isinstance(report.ahead, str) else report.ahead,
        fan=drawings.fan,
        swings=cost_charts.swings,
        lines_by_volume=drawings.lines_by_volume,
        row_of=projection_text.row_of,
        unproven=projection_text.unproven,
        even_words=projection_text.even_words,
        machine_words=projection_text.machine_words,
        usage_line=projection_text.usage_line,
        assumption_words=projection_text.assumption_words,
        capacity_bar=drawings.capacity_bar,
        fate_class=drawings.fate_class,
        ready=State.READY,
        cuts=[cut for cut in report.cut_offs if cut.fault is None and cut.in_force(report.made_at)],
    )
