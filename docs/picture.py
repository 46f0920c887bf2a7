"""Draws terminal text as an SVG without outside fonts: ``make picture`` pipes the end of the demo into it."""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path

LINE, WIDTH, MARGIN = 18, 8.45, 16
COLOURS = (("READY", "#4fb893"), ("NOT READY", "#e0705c"), ("$ switchover", "#a3abb4"))


def picture(text: str) -> str:
    """The lines of ``text`` in a dark frame."""
    lines = [line.rstrip() for line in text.splitlines()]
    columns = max((len(line) for line in lines), default=1)
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    drawn = "".join(
        f'<text x="{MARGIN + (len(line) - len(line.lstrip())) * WIDTH:.0f}" y="{MARGIN + LINE * (row + 0.8):.0f}"'
        f"{_style(line)}>{escape(line.strip())}</text>"
        for row, line in enumerate(lines)
        if line
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="The end of the demo in a terminal"><rect width="100%" height="100%" rx="8" fill="#12171d"/>'
        f'<g fill="#e9e6df" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">{drawn}</g></svg>\n'
    )


def _style(line: str) -> str:
    if re.match(r"\d  ", line):
        return ' font-weight="bold"'
    for mark, colour in COLOURS[::-1]:
        if mark in line:
            return f' fill="{colour}"'
    return ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(sys.stdin.read()), encoding="utf-8")
