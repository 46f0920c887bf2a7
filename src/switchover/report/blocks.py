"""The parts that a printed document is made of, as data: headings, text, lists, drawings, tables. Pure.

Every text passes :func:`printable`, so that nothing from outside is markup, hidden, or without a letter to print.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from .printing import print_drawing, printable
from .wording import LONGEST

Block = dict[str, Any]
Cell = str | dict[str, Any]
# From so many letters without a space on a name may be broken, after a sign or after so many letters.
LONGEST_RUN, PIECE = 24, 16
LONGEST_PARAGRAPH = 4_000
BREAK = "\u200b"
RUN = re.compile(rf"\S{{{LONGEST_RUN},}}")
SIGNS = re.compile(rf"([-_./:]|[^-_./:]{{{PIECE}}})(?=.)")


def said(text: object, longest: int = LONGEST) -> str:
    """Text that goes on in the next line wherever it has to."""
    return RUN.sub(lambda run: SIGNS.sub(rf"\1{BREAK}", run[0]), printable(text, longest))


def heading(level: int, text: str, name: str = "") -> Block:
    """A heading; ``name`` is what links lead to."""
    return {"kind": "heading", "level": level, "text": said(text), "name": name}


def paragraph(text: str, name: str = "", *, soft: bool = False, lead: str = "") -> Block:
    """A paragraph, which may begin with ``lead`` in bold; ``soft`` ones are smaller.

    It is long: what is without bounds in it has to pass ``harmless`` first.
    """
    return {"kind": "text", "text": said(text, LONGEST_PARAGRAPH), "name": name, "soft": soft, "lead": said(lead)}


def listed(items: Iterable[str]) -> list[Block]:
    """A list; nothing where it has no items."""
    found = [said(item) for item in items]
    return [{"kind": "list", "items": found}] if found else []


def drawn(svg: str, alt: str, caption: str = "") -> list[Block]:
    """A drawing with what it shows in words; nothing where nothing was drawn."""
    return (
        [{"kind": "drawing", "svg": print_drawing(svg), "alt": printable(alt), "caption": said(caption)}] if svg else []
    )


def cell(text: object, *, link: str = "", tone: str = "", name: str = "", across: int = 1) -> Cell:
    """A cell that leads somewhere, is led to, reaches ``across`` columns, or has a tone:

    "good", "open", "bad", "soft" or "strong".
    """
    return {"text": said(text), "link": link, "tone": tone, "name": name, "across": across}


def table(head: Sequence[str], widths: Sequence[float], rows: Iterable[Sequence[object]], caption: str = "") -> Block:
    """A table with a row of headings. A head that begins with ``>`` is of figures, at the right; widths are shares."""
    return {
        "kind": "table",
        "head": [name.removeprefix(">") for name in head],
        "right": [name.startswith(">") for name in head],
        "widths": list(widths),
        "rows": [[one if isinstance(one, dict) else cell(one) for one in row] for row in rows],
        "caption": said(caption),
    }


def names(blocks: Iterable[Block]) -> set[str]:
    """All that links may lead to."""
    found = set()
    for block in blocks:
        found.add(block.get("name", ""))
        found |= {one["name"] for row in block.get("rows", ()) for one in row}
    return found - {""}
