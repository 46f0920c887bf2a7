"""The report on A4, tagged (PDF/UA-1): set by Typst with the fonts inside it, so the same bytes on every machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from switchover.errors import OperatorError

from .blocks import Block, names, said
from .headline_charts import headline_chart
from .headlines import Headlines, headlines
from .html import KEYS
from .model import Answer, BoardReport, Since
from .print_evidence import evidence
from .printing import print_drawing, printable
from .wording import TITLE, TOPICS, checkpoint_words, day, moment, short, span

if TYPE_CHECKING:
    import typst

STANDARD = "ua-1"
SIGNS = {True: ("+", "good"), False: ("−", "bad"), None: ("·", "soft")}
# The colours of the classes in KEYS, as printing.py has them.
INKS = {
    "good": "#1d7a5f", "open": "#c08319", "bad": "#b3402e", "now": "#7b9cbf", "range": "#7f9f93", "pale": "#bfc4c8",
}  # fmt: skip
LONGEST_WORDS, LONGEST_NAME, LONGEST_NOTE = 420, 60, 260


def render_pdf(report: BoardReport) -> bytes:
    """The report as a PDF. Raises OperatorError where Typst is not installed, or can't set it."""
    found = _typeset(printed(report), report.made_at, "pdf", pdf_standards=STANDARD)
    return found if isinstance(found, bytes) else b"".join(found)


def render_pictures(report: BoardReport, per_inch: float = 100.0) -> list[bytes]:
    """The same pages as PNG pictures, for looking at. Raises as :func:`render_pdf`."""
    found = _typeset(printed(report), report.made_at, "png", ppi=per_inch)
    return [found] if isinstance(found, bytes) else found


def library() -> Any:
    """Typst. Raises OperatorError where it is not installed."""
    try:
        import typst
    except ImportError as cause:
        raise OperatorError(
            "a PDF needs typst, which is not installed", mend="pip install 'switchover[report]'; or ask for --html"
        ) from cause
    return typst


def has_library() -> bool:
    """Whether a PDF can be made here."""
    try:
        library()
    except OperatorError:
        return False
    return True


def printed(report: BoardReport) -> dict[str, Any]:
    """What the template is given: nothing but text to show, drawings, and names that are there."""
    found, blocks = headlines(report), evidence(report)
    there, name = names(blocks), found.organisation or "Switchover"
    at = datetime.fromtimestamp(report.made_at, UTC)
    return {
        "title": TITLE,
        "organisation": said(name),
        "at": {name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")},
        "head": [printable(short(name, LONGEST_NAME)), f"{_name(report)} · {day(report.made_at)}"],
        "foot": printable(checkpoint_words(report.sealed)),
        "lead": f"The answers as of {moment(report.made_at)} UTC. What was never tested counts as failing.",
        "notes": said(" ".join(_notes(found)), 700),
        "alarms": [said(short(alarm, 240)) for alarm in found.alarms[:2]],
        "answers": [_answer(found, answer, there) for answer in found.answers],
        "standings": _standings(found),
        "since": _since(report.since),
        "evidence_lead": "Every figure of the first two pages comes from what follows.",
        "evidence": [_linked(block, there) for block in blocks],
    }


def _answer(found: Headlines, answer: Answer, there: set[str]) -> dict[str, Any]:
    drawing = headline_chart(found, answer.number)
    return {
        "number": str(answer.number),
        "question": answer.question,
        "figure": said(answer.figure),
        "words": said(short(f"{answer.words}.", LONGEST_WORDS), LONGEST_WORDS),
        "simulated": "Rests on a simulated vendor." if answer.simulated else "",
        "link": answer.link if answer.link in there else "",
        "drawing": print_drawing(drawing) if drawing else "",
        "alt": printable(f"{answer.question} {answer.figure} {answer.words}"),
        "key": [[INKS[tone], name] for tone, name in KEYS[answer.number - 1]] if drawing else [],
    }


def _name(report: BoardReport) -> str:
    return f"Report {report.id}" if report.id else "Not issued"


def _notes(found: Headlines) -> Iterable[str]:
    if found.note:
        yield short(found.note, LONGEST_NOTE)
    if found.window:
        first, last = found.window
        yield f"Measured on what was recorded from {moment(first)} to {moment(last)} UTC ({span(last - first)})."
    else:
        yield "Nothing has been recorded yet, so what traffic would tell is not known."
    if found.supposed:
        yield "Nothing was running when this was made: our own engines are taken to start."
    if found.simulated:
        names_of = short(", ".join(found.simulated), 160)
        rest = "." if found.note else "; all else is measured on real parts."
        yield f"Simulated vendor: {names_of}. Figures that rest on it say so{rest}"


def _standings(found: Headlines) -> dict[str, Any]:
    """What would stop comes first."""
    ordered = sorted(found.processes, key=lambda row: (row.survives, row.open, row.criticality != "critical"))
    items = [
        _item(
            f"{short(row.process, LONGEST_NAME)}, {row.criticality}:",
            row.word,
            True if row.survives else None if row.open else False,
        )
        for row in ordered
    ]
    lead = "What would become of it, as shown by proofs and drills in date." if items else "No process is configured."
    return {
        "title": "Where each process stands, should its baseline be lost",
        "lead": lead,
        "items": items,
        "beyond": "in the evidence",
    }


def _since(since: Since | None) -> dict[str, Any]:
    title = "What changed since last time"
    if since is None:
        return {"title": title, "lead": "No report was issued before this one.", "items": [], "beyond": ""}
    items = [
        _item(f"{topic}:", words, better)
        for topic, words, better in zip(TOPICS, since.answers, since.better, strict=True)
    ]
    items += [_item(f"{short(one.process, LONGEST_NAME)}:", one.words, one.better) for one in since.processes]
    same = "" if since.processes else " No process stands otherwise."
    lead = f"Since report {since.id} of {moment(since.made_at)} UTC.{same}"
    return {"title": title, "lead": said(lead), "items": items, "beyond": "in the evidence"}


def _item(name: str, words: str, better: bool | None) -> dict[str, str]:
    sign, tone = SIGNS[better]
    return {"name": said(name), "words": said(short(f"{words}.", 300)), "sign": sign, "tone": tone}


def _linked(block: Block, there: set[str]) -> Block:
    """A block whose links lead somewhere: one to what is not there stops the typesetter."""
    if "rows" not in block:
        return block
    rows = [[one | {"link": one["link"] if one["link"] in there else ""} for one in row] for row in block["rows"]]
    return block | {"rows": rows}


@cache
def _compiler() -> typst.Compiler:
    made = library()
    compiler: typst.Compiler = made.Compiler(
        _template(), font_paths=made.Fonts(include_system_fonts=False), ignore_system_fonts=True
    )
    return compiler


@cache
def _template() -> bytes:
    return resources.files("switchover.report").joinpath("templates", "board.typ").read_bytes()


def _typeset(data: dict[str, Any], at: float, form: Literal["pdf", "png"], **more: Any) -> Any:
    try:
        return _compiler().compile(
            _template(), format=form, timestamp=int(at), sys_inputs={"data": json.dumps(data)}, **more
        )
    except BaseException as cause:
        # A letter that no font has comes as an error, a fault of Typst's own as a panic, which is no Exception.
        if isinstance(cause, OperatorError) or not type(cause).__module__.startswith(("typst", "pyo3_runtime")):
            raise
        what = str(cause).partition("\n")[0][:200]
        raise OperatorError(f"the PDF could not be set: {what}", mend="ask for --html, and tell us") from cause
