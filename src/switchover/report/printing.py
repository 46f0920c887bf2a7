"""Drawings and text as paper takes them: the pages' SVG with sizes and colours of its own, and letters to print."""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree  # only ever reads what our own drawings wrote

from .wording import LONGEST, harmless_lines

# The width of a page between its margins, in CSS pixels of a 96th of an inch.
WIDE = 642.0
SVG = "http://www.w3.org/2000/svg"
FONT = "Libertinus Serif"
# Those of the pages' light scheme (templates/board.css), each at least 3:1 against white, letters at least 4.5:1.
PALETTE = f"""
text {{ font-family: "{FONT}"; font-size: 13.5px; fill: #4d5761 }}
.name, .end, .figures {{ fill: #17212b }} .name, .end.now, .word, .figures {{ font-weight: 600 }}
.empty {{ fill: #e4e1d9 }} .hole {{ fill: #ffffff }}
rect.good, circle.good, text.good {{ fill: #1d7a5f }} rect.open {{ fill: #c08319 }}
rect.bad, circle.bad, text.bad {{ fill: #b3402e }}
.axis {{ stroke: #c9c4b8; stroke-width: 1 }} .limit {{ stroke: #c08319; stroke-width: 3 }}
.middle {{ stroke: #17212b; stroke-width: 2 }} .range {{ fill: #7f9f93 }} .range.now {{ fill: #7b9cbf }}
.range.pale {{ fill: #bfc4c8 }}
.span {{ stroke-width: 3 }} .span.good {{ stroke: #1d7a5f }} .span.bad {{ stroke: #b3402e }}
.line {{ fill: none; stroke: #5b6671; stroke-width: 1.25 }} .line.now {{ stroke: #2c5d8f; stroke-width: 3 }}
.line.other {{ stroke: #1d7a5f; stroke-width: 2 }} .line.pale {{ stroke: #5b6671; stroke-dasharray: 4 3 }}
.end.pale {{ fill: #4d5761 }} .fan {{ fill: #2c5d8f; opacity: .18 }} .swing {{ fill: #2c5d8f; opacity: .55 }}
"""
# Code points, first and last, that the fonts inside Typst have: Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic and
# Persian, Georgian, punctuation, arrows, mathematics, boxes. Held against Typst in tests/unit/report/test_printing.py.
HELD = (
    (0x20, 0x7E), (0xA0, 0x4FF), (0x531, 0x556), (0x559, 0x58A), (0x5D0, 0x5EA), (0x5F0, 0x5F4), (0x60C, 0x60C),
    (0x61B, 0x61B), (0x61F, 0x61F), (0x621, 0x63A), (0x640, 0x64A), (0x660, 0x66D), (0x67E, 0x67E), (0x686, 0x686),
    (0x698, 0x698), (0x6A9, 0x6A9), (0x6AF, 0x6AF), (0x6CC, 0x6CC), (0x6F0, 0x6F9), (0x10D0, 0x10F0), (0x1E00, 0x1FFF),
    (0x2010, 0x2027), (0x2030, 0x2040), (0x2044, 0x2052), (0x20A0, 0x20B5), (0x2190, 0x21FF),
    (0x2200, 0x22FF), (0x25A0, 0x25FF),
)  # fmt: skip
MARKS = frozenset(("Mn", "Mc", "Me"))


def printable(text: object, longest: int = LONGEST) -> str:
    """Text from outside, harmless, and in letters that the fonts have: any other becomes its code, as ``\\u4e2d``.

    Marks over letters are kept where they and their letter are one character: others can stop the typesetter.
    """
    line = harmless_lines(str(text).replace("\n", " "), longest)
    return "".join(c if _held(c) else f"\\u{ord(c):04x}" for c in unicodedata.normalize("NFC", line))


def print_drawing(svg: str) -> str:
    """A drawing of ``charts.py`` and its like at the width of paper, with its colours and without percentages."""
    root = ElementTree.fromstring(svg)  # noqa: S314  # our own markup, in which nothing from outside is markup
    high = float(root.get("height", "0"))
    _settle(root, WIDE)
    made = ElementTree.Element("svg", {"xmlns": SVG, "width": f"{WIDE:.0f}", "height": f"{high + 4:.0f}"})
    made.set("viewBox", f"0 -2 {WIDE:.0f} {high + 4:.0f}")
    ElementTree.SubElement(made, "style").text = PALETTE
    made.extend(list(root))
    return ElementTree.tostring(made, encoding="unicode")


def _held(character: str) -> bool:
    code = ord(character)
    return unicodedata.category(character) not in MARKS and any(first <= code <= last for first, last in HELD)


def _settle(parent: ElementTree.Element, wide: float) -> None:
    """Makes every place absolute; a drawing that is stretched into its frame becomes a group with stretched points."""
    for element in parent:
        if element.text:
            element.text = printable(element.text)
        for name in ("x", "x1", "x2", "cx", "width"):
            value = element.get(name, "")
            if value.endswith("%"):
                element.set(name, f"{float(value[:-1]) / 100 * wide:.2f}")
        if element.tag == "svg":
            _stretch(element)
        else:
            _settle(element, wide)


def _stretch(frame: ElementTree.Element) -> None:
    across = float(frame.get("width", "0")) / float(frame.get("viewBox", "0 0 100 0").split()[2])
    for line in frame:
        points = [point.split(",") for point in line.get("points", "").split()]
        line.set("points", " ".join(f"{float(x) * across:.2f},{y}" for x, y in points))
    frame.tag = "g"
    frame.attrib.clear()
