"""Paper: letters that the fonts have, drawings without percentages, and names that may be broken."""

from __future__ import annotations

import json
import unicodedata
from xml.etree import ElementTree

import pytest
import typst

from switchover.report.blocks import BREAK, said
from switchover.report.charts import margin_plot
from switchover.report.drawings import fan
from switchover.report.printing import HELD, MARKS, SVG, WIDE, print_drawing, printable
from switchover.report.wording import HIDDEN

SHOW = b"""
#set document(title: "t")
#set text(lang: "en", font: ("Libertinus Serif", "DejaVu Sans Mono"))
#sys.inputs.text"""


def test_every_letter_that_is_printed_is_in_the_fonts_inside_typst():
    letters = [chr(code) for first, last in HELD for code in range(first, last + 1)]
    shown = [c for c in letters if unicodedata.category(c) not in HIDDEN | MARKS]
    assert len(shown) > 2_000
    compiler = typst.Compiler(SHOW, font_paths=typst.Fonts(include_system_fonts=False), ignore_system_fonts=True)
    # PDF/UA refuses a letter without a shape.
    made = compiler.compile(format="pdf", sys_inputs={"text": " ".join(shown)}, pdf_standards="ua-1", timestamp=0)
    assert made.startswith(b"%PDF")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Größe, żółw, Ελλάδα, Київ", "Größe, żółw, Ελλάδα, Київ"),
        ("מחלקה", "מחלקה"),
        ("قسم", "قسم"),
        ("e\u0301", "é"),
        ("上海", "\\u4e0a\\u6d77"),
        ("\u202egnp", "\\u202egnp"),
        ("x\u0336", "x\\u0336"),
        ("#panic() *b* $x$ \\u{41} <tag>", "#panic() *b* $x$ \\u{41} <tag>"),
    ],
)
def test_text_is_printed_as_it_is_or_as_the_codes_of_what_can_not_be(text, printed):
    assert printable(text) == printed


def test_a_long_name_may_be_broken_and_short_words_are_not():
    name = "a-process-with-a-name-of-sixty-two-letters-which-is-the-longest"
    assert said(name).replace(BREAK, "") == name
    assert max(map(len, said(name).split(BREAK))) <= 16
    assert max(map(len, said("x" * 400).split(BREAK))) <= 24
    assert BREAK not in said("words of the usual length, and no other")


def test_a_drawing_has_places_and_colours_of_its_own_on_paper(shared):
    drawings = [margin_plot([]), fan(shared.ahead.options[0], shared.ahead), fan(shared.ahead.options[1], shared.ahead)]
    for drawing in filter(None, drawings):
        made = print_drawing(drawing)
        assert "%" not in made.replace("% ", "").partition("</style>")[2]
        root = ElementTree.fromstring(made)
        assert root.get("width") == f"{WIDE:.0f}"
        assert list(root.iter(f"{{{SVG}}}svg")) == [root]
        for line in root.iter(f"{{{SVG}}}polyline"):
            assert max(float(point.split(",")[0]) for point in line.get("points").split()) <= WIDE


def test_a_name_in_a_drawing_is_printable_too(shared):
    option = shared.ahead.options[0]
    drawing = fan(option, shared.ahead).replace("P50 ", "上海 ")
    assert "\\u4e0a\\u6d77" in print_drawing(drawing)
    assert json.dumps(print_drawing(drawing)).isascii()
