"""The labelling page: pairs of answers, blinded and in random order, marked by keyboard or by form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from switchover.domain.label import MARKS
from switchover.errors import NotFound, OperatorError
from switchover.rehearsal import Pair

from . import texts
from .long_text import show_part
from .sittings import Sitting
from .visit import Visit

ASKED = 4_000
WORDS = {"good": "Good", "half": "Half right", "bad": "Bad"}
# Krippendorff's own bounds for what agreement is worth: Content Analysis, 2004, page 241.
RELIABLE, TENTATIVE = 0.8, 0.667


def show(visit: Visit) -> Response:
    """The next pair, or the one that is asked for."""
    sitting = _sitting(visit)
    with sitting.lock:
        pair = sitting.desk.pair(visit.asked["case"]) if visit.asked.get("case") else sitting.desk.next()
        people, waiting = sitting.desk.progress(), sitting.desk.waiting()
        given = len(sitting.given)
    part = visit.asked.get("part", "")
    if pair is not None and part in ("request", "left", "right"):
        whole = {"request": request_text(pair.request), "left": pair.left, "right": pair.right}[part]
        return show_part(visit, whole, {"request": "Asked", "left": "First answer", "right": "Second answer"}[part])
    return visit.page(
        "label.html",
        process=visit.process(),
        candidate=visit.parts["candidate"],
        version=visit.asked.get("version", ""),
        pair=pair,
        question=texts.shown(request_text(pair.request), ASKED) if pair is not None else None,
        sides=_sides(pair),
        marks=WORDS,
        people=people,
        agreed=_agreed(people.agreement.alpha) if people.agreement is not None else "",
        left=len(waiting),
        given=given,
    )


def take(visit: Visit) -> Response:
    """A mark, or what else the person wants; then the next pair."""
    sitting, form = _sitting(visit), visit.form
    do, case = form.get("do", "mark"), form.get("case", "")
    again = ""
    with sitting.lock:
        if do == "mark":
            sitting.desk.mark(case, *(_mark(form.get(side, "")) for side in ("left", "right")))
        elif do == "unclear":
            sitting.desk.mark(case, None, None)
        elif do == "skip":
            sitting.desk.pair(case)
            sitting.desk.skip(case)
            sitting.skipped.append(case)
        elif do == "undo":
            again = sitting.desk.undo() or ""
        elif do == "finish":
            verdict = visit.sources.sittings.finish(visit.settings, visit.store, sitting)
            return visit.see(f"/verdicts/{(verdict or sitting.last).id}")
        else:
            raise OperatorError("that is nothing this page does", mend="open it anew")
    chosen = {"version": visit.asked.get("version", ""), "case": again}
    query = "&".join(f"{name}={value}" for name, value in chosen.items() if value)
    return visit.see(f"{visit.path}?{query}" if query else visit.path)


def request_text(request: Mapping[str, Any]) -> str:
    """The messages of a request, each with who said it."""
    lines = []
    for message in request.get("messages") or ():
        told = message if isinstance(message, Mapping) else {}
        content = told.get("content")
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        lines.append(f"{told.get('role', '?')}: {text}")
    return "\n\n".join(lines)


def _sitting(visit: Visit) -> Sitting:
    process = visit.process()
    actor = visit.check("label", process.name)
    if visit.parts["candidate"] not in process.upstreams:
        raise NotFound(f"{visit.parts['candidate']!r} is no fallback of {process.name}", mend="see its page")
    version = visit.asked.get("version") or None
    last = visit.sources.labelled(visit.store, process, visit.parts["candidate"], version)
    return visit.sources.sittings.at(visit.settings, visit.store, last, actor)


def _sides(pair: Pair | None) -> list[tuple[str, str, texts.Shown]]:
    if pair is None:
        return []
    return [
        ("left", "First answer", texts.shown(pair.left, ASKED)),
        ("right", "Second answer", texts.shown(pair.right, ASKED)),
    ]


def _mark(word: str) -> float:
    if word not in MARKS:
        raise OperatorError("both answers want a mark", mend="mark both, or say that you can't tell")
    return MARKS[word]


def _agreed(alpha: float | None) -> str:
    if alpha is None:
        return "every mark was the same, so it can't be told from chance"
    if alpha >= RELIABLE:
        return "people agree well"
    return "people agree somewhat" if alpha >= TENTATIVE else "people disagree: agree on what good means first"
