"""The PDF: two pages of answers whatever they say, the same bytes each time, tagged, nothing from outside obeyed."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from decimal import Decimal

import pytest
import typst

from switchover.domain.candidate import State
from switchover.domain.cut_off import CutOff, Target
from switchover.errors import OperatorError
from switchover.report import pdf
from switchover.report.answers import answers
from switchover.report.changes import changes
from switchover.report.headlines import headlines
from switchover.report.html import render_html
from switchover.report.model import Sealed
from switchover.store.drills import place_cut_off, save_drill
from switchover.testing.sample_organisation import NOW, fill, prove, sample_drill, sample_settings

# What a typesetter would obey, were it markup; what a terminal or a reader would, and letters that no font has.
NASTY = '#panic("x") *b* _i_ $1/0$ @none <l> #read("/etc/passwd") \\ `c` ]) { \u202egnp\u2066 שלום عربي 株式 \x00'
SEALED = Sealed(size=1234, root="q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=", origin="switchover/0123456789abcdef")


def laid(report):
    """Where the evidence begins, and how much each page of answers was shrunk to fit."""
    data = pdf.printed(report) | {"evidence": []}
    data["answers"] = [answer | {"link": ""} for answer in data["answers"]]
    compiler = typst.Compiler(
        pdf._template(),
        font_paths=typst.Fonts(include_system_fonts=False),
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data)},
    )
    found = {}
    for told in json.loads(compiler.query("<laid>", field="value")):
        for name, value in told.items():
            found.setdefault(name, []).append(value)
    return found


def large(report, count):
    """So many processes, losses, options and cut-offs, with names that fill whatever there is."""
    long = "x" * 190
    standings = [
        replace(one, process=replace(one.process, name=f"{i}-{long}", owner=NASTY), word=NASTY)
        for i, one in enumerate(report.standings * (count // 3))
    ]
    names = [one.process.name for one in standings]
    losses = [replace(one, target=replace(one.target, name=f"{i}{long}")) for i, one in enumerate(report.losses * 9)]
    options = [replace(one, name=f"{one.name}{i}{long}") for i, one in enumerate(report.ahead.options * 3)]
    cuts = [
        CutOff(id=f"c{i}", target=Target.parse(f"provider:{long}{i}"), reason=NASTY * 9, by="me", placed_at=NOW)
        for i in range(3)
    ]
    found = replace(
        report,
        organisation={"domicile": "NL", "name": NASTY * 3},
        standings=tuple(standings),
        losses=tuple(losses),
        permissions=tuple(replace(report.permissions[0], process=name, allowed=False) for name in names),
        capacity=tuple(replace(report.capacity[0], process=name) for name in names),
        ahead=replace(report.ahead, options=(report.ahead.options[0], *options)),
        cut_offs=tuple(cuts),
        simulated=(long,) * 5,
    )
    return replace(found, answers=answers(found))


def test_two_pages_of_answers_come_first(shared):
    found = laid(shared)
    assert found["evidence"] == [3]
    assert found["scale"] == [1.0, 1.0]


def test_thirty_processes_with_names_of_two_hundred_letters_take_two_pages_of_answers(shared):
    found = large(shared, 30)
    since = changes(replace(headlines(found), processes=()), "report-1", headlines(found))
    assert len(since.processes) == 30
    laid_out = laid(replace(found, since=since))
    assert laid_out["evidence"] == [3]
    # Made smaller, if at all, and never cut off.
    assert all(scale is not None for scale in laid_out["scale"])


def test_an_empty_store_takes_two_pages_of_answers_that_say_so(answer):
    empty = answer()
    assert laid(empty)["evidence"] == [3]
    told = pdf.printed(empty)
    assert "Nothing has been recorded yet" in told["notes"]
    assert [one["figure"] for one in told["answers"]] == ["unknown", "0 of 3", "unknown", "unknown"]
    assert told["since"]["lead"] == "No report was issued before this one."
    assert [one["tone"] for one in told["standings"]["items"]] == ["bad"] * 3
    assert pdf.render_pdf(empty).startswith(b"%PDF")


def test_the_same_report_is_the_same_bytes_and_another_is_not(shared):
    made = pdf.render_pdf(shared)
    assert pdf.render_pdf(shared) == made
    assert pdf.render_pdf(replace(shared, made_at=shared.made_at + 1)) != made


def test_the_pdf_is_tagged_with_its_title_language_outline_and_the_reports_own_date(shared):
    made = pdf.render_pdf(shared)
    assert b"<pdfuaid:part>1</pdfuaid:part>" in made
    assert b"/Lang(en)" in made
    assert b"/Outlines" in made
    assert b"/StructTreeRoot" in made
    assert b"Can we switch AI models before we have to?" in made
    assert b"<xmp:CreateDate>2026-11-01T01:00:00Z</xmp:CreateDate>" in made
    # The fonts inside Typst, whatever the machine has.
    assert set(re.findall(rb"/BaseFont/[A-Z]{6}\+([A-Za-z]+)", made)) <= {b"LibertinusSerif", b"DejaVuSansMono"}


def test_text_from_outside_is_printed_and_never_obeyed(store, answer):
    settings = sample_settings(owner=NASTY)
    fill(store, settings)
    place_cut_off(store, CutOff(id="c", target=Target.parse("provider:gone"), reason=NASTY, by=NASTY, placed_at=NOW))
    proof = prove(store, settings, "notes", "student", state=State.NOT_READY, reasons=(NASTY,))
    save_drill(store, replace(sample_drill(proof, name="<d>", hypothesis=NASTY), approver=NASTY, fault=NASTY))
    found = answer(settings, simulated=(NASTY, "vendor"))
    shown = json.dumps(pdf.printed(found), ensure_ascii=False)
    assert '#panic(\\"x\\") *b* _i_ $1/0$' in shown
    assert "\\\\u202egnp" in shown
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069]", shown)
    assert pdf.render_pdf(found).startswith(b"%PDF")


def test_each_page_carries_date_and_checkpoint(shared):
    told = pdf.printed(replace(shared, sealed=SEALED, id="report-1"))
    assert told["head"] == ["Switchover", "Report report-1 · 1 November 2026"]
    assert told["foot"] == "Evidence checkpoint: 1,234 entries, root q83vEjRWeJCr…, switchover/0123456789abcdef"
    assert pdf.printed(shared)["foot"] == "No evidence checkpoint yet"
    first = pdf.printed(replace(shared, sealed=replace(SEALED, size=1)))
    assert first["foot"].startswith("Evidence checkpoint: 1 entry, root")


def test_every_link_of_the_answers_leads_to_evidence(shared):
    told = pdf.printed(shared)
    assert all(one["link"] for one in told["answers"])


def test_the_pages_and_the_paper_have_the_same_figures_and_drawings(shared):
    told = pdf.printed(shared)
    for shown, answer in zip(told["answers"], shared.answers, strict=True):
        assert (shown["question"], shown["figure"]) == (answer.question, answer.figure)
        assert shown["drawing"].startswith("<svg")
        assert shown["simulated"] == "Rests on a simulated vendor."


def test_without_typst_it_is_said_how_to_get_it(shared, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    pdf._compiler.cache_clear()
    with pytest.raises(OperatorError, match=re.escape("pip install 'switchover[report]'")):
        pdf.render_pdf(shared)
    assert not pdf.has_library()


def test_what_typst_can_not_set_is_an_error_of_ours(shared, monkeypatch):
    monkeypatch.setattr(pdf, "said", lambda text, *_: f"{text}\U0001f389")
    with pytest.raises(OperatorError, match=r"the PDF could not be set: .*could not be displayed"):
        pdf.render_pdf(shared)


def test_what_was_ready_once_is_expired_on_page_and_paper_and_what_has_no_price_is_unknown(shared):
    ended = tuple(
        replace(
            one,
            verdicts=tuple(
                replace(verdict, state=State.READY, expires_at=shared.made_at - 1.0) for verdict in one.verdicts
            ),
        )
        for one in shared.standings
    )
    spend = tuple(replace(row, priced=0, spent=Decimal(0), monthly=None) for row in shared.spend)
    found = replace(shared, standings=ended, spend=spend)
    paper = json.dumps(pdf.printed(found)["evidence"])
    page = render_html(found)
    assert any(one.verdicts for one in ended)
    for told in (paper, page):
        assert "EXPIRED" in told
        assert "$0.00 for 0 of" not in told
    assert "<strong>READY</strong>" not in page
    assert "Unknown for 0 of" in paper
    assert "unknown for 0 of" in page
