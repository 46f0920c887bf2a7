"""What changed between two reports, in words: better, worse, new, gone, the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.domain.process import Criticality
from switchover.errors import StoreUnavailable
from switchover.report.changes import changes
from switchover.report.headlines import headlines, kept, read
from switchover.store.drills import save_drill
from switchover.testing.sample_organisation import DAY, NOW, fill, prove, sample_drill, sample_settings


def test_nothing_changed_is_said_of_each_answer_and_no_process_is_named(report):
    found = headlines(report)
    since = changes(found, "report-1", found)
    assert since.answers == tuple(f"still {answer.figure}" for answer in report.answers)
    assert since.better == (None,) * 4
    assert since.processes == ()


def test_a_drill_that_passed_is_better_and_a_proof_that_ran_out_is_worse(store, answer):
    settings = sample_settings()
    fill(store, settings)
    before = headlines(answer())
    other = prove(store, settings, "letters", "other", made_at=NOW + 60, expires_at=NOW + 60 * DAY)
    save_drill(store, sample_drill(other, name="drill-2", share=1.0, begun_at=NOW + 120))
    since = changes(before, "report-1", headlines(answer(at=NOW + 25 * DAY)))
    assert [(one.process, one.better, one.words) for one in since.processes] == [
        ("claims", False, "from “proven and drilled” to “stops”; student from READY to EXPIRED"),
        ("letters", True, "from “proven, untested: never drilled” to “proven and drilled”"),
    ]
    assert since.answers[0] == "down from 67 % to 33 %"
    assert since.better[0] is False


def test_costs_that_rise_are_worse_and_all_else_that_rises_is_better(report):
    found = headlines(report)
    more = [replace(one, figure=f"{one.figure}+", value=(one.value or 0) + 1) for one in found.answers]
    since = changes(found, "report-1", replace(found, answers=tuple(more)))
    assert all(words.startswith("up from ") for words in since.answers)
    assert since.better == (True, True, False, True)


def test_what_was_not_known_and_is_now_is_better_whatever_it_is(report):
    found = headlines(report)
    unknown = replace(
        found, answers=tuple(replace(a, figure="unknown", known=False, value=None) for a in found.answers)
    )
    since = changes(unknown, "report-1", found)
    assert since.answers[0] == "was unknown, is 67 %"
    assert since.better == (True,) * 4
    assert changes(found, "report-1", unknown).better == (False,) * 4


def test_a_process_that_came_went_or_was_taken_otherwise_is_named(answer):
    settings = sample_settings()
    claims, letters, notes = settings.processes.values()
    fewer = replace(settings, processes={"claims": claims, "letters": letters})
    promoted = replace(letters, criticality=Criticality.ORDINARY, owner="head-of-post", fallbacks=("other", "student"))
    more = replace(settings, processes={"letters": promoted, "notes": notes})
    since = changes(headlines(answer(fewer)), "report-1", headlines(answer(more)))
    assert {one.process: one.words for one in since.processes} == {
        "claims": "is no process any more",
        "letters": "student was added as a candidate: untested; criticality from critical to ordinary; owner from "
        "head-of-service to head-of-post",
        "notes": "is new: no replacement is configured",
    }
    assert {one.better for one in since.processes} == {None}


def test_what_is_kept_is_read_back_as_it_was(report):
    assert read("report-1", kept(headlines(report))) == headlines(report)


def test_what_is_kept_and_can_not_be_read_is_named():
    with pytest.raises(StoreUnavailable, match="kept of report-1 can't be read"):
        read("report-1", "{}")
