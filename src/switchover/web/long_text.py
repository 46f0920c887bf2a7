"""A long text on a page of its own, so many characters at a time."""

from __future__ import annotations

import json

from starlette.responses import Response

from . import texts
from .visit import Visit


def show_part(visit: Visit, text: str, heading: str) -> Response:
    """The text from the character asked for on; the page it belongs to is the one without ``?part=``."""
    start = min(visit.number("from"), len(text))
    found = texts.shown(text, texts.PART, start)
    return visit.page("part.html", heading=heading, found=found, part=visit.asked["part"], start=start, size=texts.PART)


def readable(body: bytes) -> str:
    """A JSON body indented, any other as it is."""
    text = body.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
