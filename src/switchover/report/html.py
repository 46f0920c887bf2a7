"""The report as one page: no script, nothing fetched, everything from outside escaped."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from switchover.domain.candidate import State

from . import cost_charts, drawings, projection_text, wording
from .explaining import state_at
from .headline_charts import headline_chart
from .headlines import Headlines, headlines
from .model import Answer, BoardReport, Since
from .wording import TITLE, TOPICS, checkpoint_words

# What the colours of each answer's drawing mean: a class and words.
KEYS = (
    (("good", "shown to go on"), ("open", "proven, untested"), ("bad", "stops, or untested")),
    (("good", "proven on our own machine"), ("open", "proven elsewhere"), ("bad", "nothing proven")),
    (("now", "staying: P10 to P90, the mark is P50"), ("range", "proven option"), ("pale", "unproven")),
    (("good", "carried whole"), ("open", "carried in part"), ("bad", "not proven")),
)
TONES = {True: "good", False: "bad", None: ""}


def render_html(report: BoardReport) -> str:
    """One self-contained HTML page; each figure links to its evidence further down."""
    return (
        _environment()
        .get_template("board.html")
        .render(
            report=report,
            found=headlines(report),
            title=TITLE,
            checkpoint=checkpoint_words(report.sealed),
            answers=lambda found, number: answer_html(found, number, lambda answer: f"#{answer.link}"),
            changed=changes_html,
            survival_bar=drawings.survival_bar,
            margin_plot=drawings.verdict_plot,
            state_at=state_at,
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
    )


def answer_html(found: Headlines, number: int, href: Callable[[Answer], str]) -> Markup:
    """One of the four answers (1–4) with its drawing; ``href`` says where its figure leads."""
    return Markup(_parts().answer(found, number, href))  # noqa: S704  # a template of ours, which escapes


def changes_html(since: Since | None) -> Markup:
    """What changed since the report before."""
    return Markup(_parts().changes(since))  # noqa: S704  # a template of ours, which escapes


def _parts() -> Any:  # a template's macros
    return _environment().get_template("answers.html").module


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("switchover.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=wording.outside,
    )
    made.filters.update(
        anchor=wording.anchor,
        concentration=wording.concentration,
        share=wording.share,
        usd=wording.usd,
        moment=wording.moment,
        day=wording.day,
        span=wording.span,
        harmless=wording.harmless,
        change=wording.change,
    )
    made.globals.update(chart=headline_chart, keys=KEYS, topics=TOPICS, tones=TONES)
    return made
