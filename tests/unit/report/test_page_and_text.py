"""The page and the terminal: figures lead to evidence, nothing is fetched, and nothing from outside is obeyed."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markupsafe import escape
from rich.console import Console

from switchover.domain.candidate import State
from switchover.domain.cut_off import CutOff, Target
from switchover.report.html import render_html
from switchover.report.text import render_text
from switchover.report.wording import change, usd
from switchover.store.drills import place_cut_off, save_drill
from switchover.testing.sample_organisation import NOW, fill, prove, sample_drill, sample_settings

HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(1)>"\' onmouseover="x" javascript:alert(1) '
    "{{ 7*7 }} [bold red]markup[/] \x1b[2J\x07\u202egnihtyreve\u2066 \x00 line\nnext\u2028third "
)
MEGABYTE = "a" * 1_000_000


class Page(HTMLParser):
    """What the tests need to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.figures: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        if found.get("id"):
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        if "figure" in (found.get("class") or "").split():
            self.figures.append((tag, found.get("href")))
        for name, value in attrs:
            fetched = name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href")
            if name.startswith("on") or (fetched and not re.match(r"#[\w-]+$|data:,$", value or "")):
                self.outside.append(f"{tag} {name}={value}")


def printed(report, width=80):
    console = Console(width=width, file=io.StringIO(), force_terminal=False, highlight=False)
    render_text(report, console)
    return console.file.getvalue()


def test_every_figure_is_a_link_to_evidence_on_the_page(report):
    page = Page(render_html(report))
    # 4 answers at the top, 4 losses, 1 projection, 1 capacity
    assert len(page.figures) == 10
    assert all(tag == "a" and href for tag, href in page.figures)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_every_id_on_the_page_is_there_once(report):
    ids = Page(render_html(report)).ids
    assert len(ids) == len(set(ids))


def test_a_loss_leads_on_to_its_proof_and_its_drill(report):
    text = render_html(report)
    evidence = text[text.index('id="loss-provider_3a_acme"') :]
    row = evidence[: evidence.index("</tr>", evidence.index("<tbody>"))]
    assert re.search(r'href="#proof-proof-claims-student-\d+"', row)
    assert 'href="#drill-drill-1"' in row
    assert "switchover exchanges show x-claims-0000" in text


def test_the_page_fetches_nothing_and_runs_nothing(report):
    text = render_html(report)
    page = Page(text)
    assert page.outside == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def hostile(store, answer, nasty):
    settings = sample_settings(owner=nasty)
    fill(store, settings)
    place_cut_off(
        store, CutOff(id=f"c{nasty[:9]}", target=Target.parse("provider:gone"), reason=nasty, by=nasty, placed_at=NOW)
    )
    proof = prove(store, settings, "notes", "student", state=State.NOT_READY, reasons=(nasty,))
    save_drill(
        store,
        replace(sample_drill(proof, name="<d>", hypothesis=nasty, result="failed"), approver=nasty, fault=nasty),
    )
    return answer(settings, simulated=(nasty, "vendor"))


@pytest.mark.parametrize("nasty", [HOSTILE, MEGABYTE], ids=["hostile", "a megabyte"])
def test_text_from_outside_is_shown_and_never_obeyed_on_the_page(store, answer, nasty):
    text = render_html(hostile(store, answer, nasty))
    page = Page(text)
    assert page.outside == []
    assert not {"script", "img"} & set(page.tags)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028]", text)
    assert len(text) < 200_000
    if nasty is HOSTILE:
        assert "&lt;script&gt;alert(1)" in text
        assert "{{ 7*7 }}" in text
        assert "\\u202e" in text


@pytest.mark.parametrize("nasty", [HOSTILE, MEGABYTE], ids=["hostile", "a megabyte"])
def test_text_from_outside_is_shown_and_never_obeyed_in_the_terminal(store, answer, nasty):
    text = printed(hostile(store, answer, nasty))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028]", text)
    assert len(text) < 20_000
    if nasty is HOSTILE:
        assert "[bold red]markup[/]" in " ".join(text.split())


def test_the_terminal_shows_the_figures_of_the_page(report):
    text = printed(report)
    flat = " ".join(text.split())
    for answer in report.answers:
        assert f"{answer.figure} {answer.words}" in flat
    said = (f"{change(by)}: {usd(amount)}" for by, amount in report.ahead.scenarios.items())
    assert " ".join(said) in flat
    assert "a range to plan with, not a forecast" in flat
    assert "[simulated vendor]" in flat


@pytest.mark.parametrize("width", [80, 60])
def test_nothing_is_cut_off_in_a_narrow_terminal(store, answer, width):
    settings = sample_settings()
    claims = settings.processes["claims"]
    long = "a-process-with-a-name-of-sixty-two-letters-which-is-the-longest"
    settings = replace(settings, processes={**settings.processes, long: replace(claims, name=long)})
    fill(store, settings)
    text = printed(answer(settings, simulated=("vendor",)), width)
    assert "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert long in re.sub(r"\s", "", text)


def test_an_empty_store_is_said_to_be_empty(answer):
    empty = answer()
    page, text = render_html(empty), " ".join(printed(empty).split())
    for shown in (page, text):
        assert "Nothing has been recorded yet" in shown
        assert "unknown" in shown
    assert "None: every switch is untested." in page
    assert {link.removeprefix("#") for link in Page(page).links} <= set(Page(page).ids)


def test_a_cut_off_in_force_is_the_first_thing_said(store, answer):
    fill(store, sample_settings())
    for name, at, lifted in (("old", NOW - 900, NOW - 800), ("new", NOW - 60, None)):
        target = Target.parse("provider:acme")
        cut = CutOff(id=name, target=target, reason=f"{name} letter", by="me", placed_at=at, lifted_at=lifted)
        place_cut_off(store, cut)
    text = render_html(answer())
    alarm = text[text.index('role="alert"') : text.index('class="sheet"')]
    assert "new letter" in alarm
    assert "old letter" not in alarm
    assert "old letter" in text


def test_the_page_says_which_window_it_rests_on(report):
    text = " ".join(render_html(report).split())
    assert "recorded from 2026-11-01 00:00:00 to 2026-11-01 00:09:50 UTC (10 minutes)" in text
    assert "<strong>not a forecast</strong>" in text


def test_every_assumption_is_one_click_away_with_its_source(report):
    page = render_html(report)
    assert '<a href="#assumptions">assumption</a>' in page
    table = page[page.index('id="assumptions"') :]
    for row in report.ahead.assumptions:
        assert f"<th>{escape(row.name)}" in table
        assert str(escape(row.source)) in table


def test_an_option_that_is_not_proven_is_grey_and_saves_nothing(report):
    rows = render_html(report).split("<tr")
    for option in report.ahead.options:
        row = next(found for found in rows if f"<th>{option.name}<br>" in found)
        assert ('class="unproven"' in row) == bool(option.unproven or option.lacks)
        assert ("UNPROVEN" in row) == bool(option.unproven)
        assert (option.saved is None) or not option.unproven
