"""A drill's report: what was asked, what was seen, in Markdown and as one page. Only what was measured is in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from switchover.domain.cut_off import Drill, DrillOutcome

from .outcome import wilson

Rows = list[tuple[str, str]]

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;"
    "border-bottom:1px solid #ddd}th{width:15rem;font-weight:600}.note{background:#fff4d6;padding:.5rem .8rem}"
    "@media print{body{margin:0}}"
)


def sections(drill: Drill) -> list[tuple[str, Rows]]:
    """The report's parts: a title and its rows of name and value, as plain text."""
    question: Rows = [
        ("Hypothesis", drill.hypothesis),
        ("Scenario", drill.scenario or "none named"),
        ("Lost", f"{drill.target}, by {drill.fault}"),
        ("Process", drill.process),
        ("Scope", f"{drill.share:.0%} of the process's traffic; the rest is the control"),
        ("Approver", drill.approver),
        ("Operator", drill.operator),
        ("Replacement", drill.replacement or "none"),
        ("Its proof", drill.proof or "none"),
        ("Thresholds, fixed before", _figures(drill.thresholds.items())),
        ("Steady state before", _figures(drill.steady.items()) or "not measured"),
    ]
    found = [("Question", question)]
    outcome = drill.outcome
    if outcome is None:
        return [*found, ("Result", [("Result", drill.state)])]
    found.append(("Result", _result(outcome)))
    if outcome.lifted_at > outcome.placed_at:
        found += [("Timeline (UTC)", _timeline(drill, outcome)), ("Against the control", _control(outcome))]
    return found


def markdown(drill: Drill, *, simulated: str | None = None) -> str:
    """The report as Markdown; ``simulated`` says what is not real."""
    lines = [f"# Drill {_cell(drill.id)}", ""]
    if simulated:
        lines += [f"> Simulated vendor: {_cell(simulated)}", ""]
    for title, rows in sections(drill):
        lines += [f"## {title}", "", "| | |", "|-|-|"]
        lines += [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows]
        lines.append("")
    return "\n".join(lines)


def html(drill: Drill, *, simulated: str | None = None) -> str:
    """The report as one page that loads nothing; every value is escaped."""
    note = f'<p class="note"><strong>Simulated vendor:</strong> {escape(simulated)}</p>' if simulated else ""
    parts = []
    for title, rows in sections(drill):
        cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
        parts.append(f"<h2>{escape(title)}</h2><table>{cells}</table>")
    name = escape(drill.id)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Drill {name}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{STYLE}</style></head>'
        f"<body><h1>Drill {name}</h1>{note}{''.join(parts)}</body></html>\n"
    )


def _result(outcome: DrillOutcome) -> Rows:
    rto = "traffic did not recover" if outcome.rto is None else f"{outcome.rto:.2f} s"
    rows = [("Result", outcome.result), ("Why", "; ".join(outcome.reasons) or "every threshold was kept")]
    if outcome.first_fault_at is not None:
        rows.append(("Time to recover", f"{rto}, promised {outcome.rto_promised:g} s"))
    return rows


def _timeline(drill: Drill, outcome: DrillOutcome) -> Rows:
    moments = [
        ("Begun", drill.begun_at),
        ("Cut-off placed", outcome.placed_at),
        ("First request that met the fault", outcome.first_fault_at),
        ("First answer of a replacement", outcome.first_replacement_at),
        ("Steady from", outcome.steady_at),
        ("Cut-off lifted", outcome.lifted_at),
    ]
    return [(name, _moment(at)) for name, at in moments]


def _control(outcome: DrillOutcome) -> Rows:
    return [
        ("Met the fault or went round it", _share(outcome.failed, outcome.requests)),
        ("Control", _share(outcome.control_failed, outcome.control_requests)),
        ("p95, drilled", _ms(outcome.p95_ms)),
        ("p95, control", _ms(outcome.control_p95_ms)),
    ]


def _share(failed: int, count: int) -> str:
    if count == 0:
        return "no requests"
    low, high = wilson(failed, count)
    return f"{failed} of {count} failed ({failed / count:.1%}, 95 % interval {low:.1%} to {high:.1%})"


def _ms(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.0f} ms"


def _moment(at: float | None) -> str:
    if at is None:
        return "never"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _figures(pairs: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in pairs)


def _cell(text: str) -> str:
    """Text that can't leave its table cell or become markup."""
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ").replace("`", "\\`")
