"""Draws terminal text as an SVG without outside fonts: ``make picture`` pipes a part of the demo into it."""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path

LINE, WIDTH, MARGIN = 18, 8.45, 16
COMMAND = "#a3abb4"
STATES = {"READY": "#4fb893", "NOT READY": "#e0705c", "UNPROVEN": "#d9b45b"}


def picture(text: str) -> str:
    """The lines of ``text`` in a dark frame; of blank lines in a row one is kept."""
    lines = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.splitlines())).split("\n")
    columns = max((len(line) for line in lines), default=1)
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    drawn, heading = "", False
    for row, line in enumerate(lines):
        # What follows a heading without an indent is the rest of it.
        heading = bool(re.match(r"\d  ", line)) or (heading and bool(line) and not line.startswith(" "))
        drawn += _line(line, MARGIN + LINE * (row + 0.8), heading) if line else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="The demo in a terminal: proof, drill and cut-off">'
        f'<rect width="100%" height="100%" rx="8" fill="#12171d"/>'
        f'<g fill="#e9e6df" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">{drawn}</g></svg>\n'
    )


def _line(line: str, y: float, heading: bool) -> str:
    style = ' font-weight="bold"' if heading else f' fill="{COMMAND}"' if line.lstrip().startswith("$ ") else ""
    words = re.sub(r"(?<!it )\b(NOT READY|READY|UNPROVEN)\b", _coloured, escape(line))
    return f'<text x="{MARGIN}" y="{y:.0f}" style="white-space:pre"{style}>{words}</text>'


def _coloured(state: re.Match[str]) -> str:
    return f'<tspan fill="{STATES[state[1]]}">{state[1]}</tspan>'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(sys.stdin.read()), encoding="utf-8")
