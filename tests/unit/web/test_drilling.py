"""A drill started on a page: begun, refused with the reason, or waiting for a second person."""

from __future__ import annotations

import logging
import threading

import pytest
from journeys.served_pages import with_people

from switchover.domain.cut_off import Target, TargetKind
from switchover.domain.people import Actor
from switchover.errors import NotFound, OperatorError
from switchover.web.sources import DrillAsked
from switchover.wiring import drilling, trials

FORM = {"process": "messages", "target": "upstream:vendor", "fault": "vanished", "share": "5", "minutes": "5"}
ASKED = DrillAsked(
    process="messages", target=Target(TargetKind.UPSTREAM, "vendor"), fault="vanished", share=0.05, seconds=300.0,
    approver="head", hypothesis="",
)  # fmt: skip
WHO = Actor(id="p", name="olga", roles=frozenset())


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    made = with_people(tmp_path_factory.mktemp("drilling"))
    yield made
    made.close()


@pytest.fixture
def drills(monkeypatch):
    """What drills were begun, each held until the test lets it end."""
    begun, over = [], threading.Event()

    async def drill(settings, process, *, progress, **terms):
        begun.append((process, terms))
        progress("steady?", 0.0)
        while not over.is_set():
            over.wait(0.01)

    monkeypatch.setattr(trials, "drill", drill)
    yield begun
    over.set()


def test_the_preview_offers_a_drill_to_whoever_may(served):
    page = served.known("operator").get("/cut?target=upstream:vendor").page
    assert 'action="/drills"' in page
    assert 'name="approver"' in page
    assert 'name="approver"' not in served.known("operator").get("/cut?target=provider:acme").page
    assert 'action="/drills"' not in served.known("auditor").get("/cut?target=upstream:vendor").page
    assert served.known("auditor").post("/drills", **FORM, approver="head").status == 403


def test_a_drill_begins_as_the_form_asks_by_whoever_sent_it(served, drills):
    reply = served.known("operator").post("/drills", **FORM, approver="head-of-service", hypothesis="all go on")
    assert (reply.status, reply.headers["Location"]) == (303, "/drills")
    [(process, terms)] = drills
    assert (process, str(terms["target"]), terms["fault"]) == ("messages", "upstream:vendor", "vanished")
    assert (terms["share"], terms["duration"], terms["approver"]) == (0.05, 300.0, "head-of-service")
    assert (terms["operator"], terms["hypothesis"]) == ("operator", "all go on")


def test_a_providers_drill_waits_for_a_second_person_and_shows_on_their_page(served):
    reply = served.known("operator").post("/drills", **{**FORM, "target": "provider:acme"}, hypothesis="we go on")
    assert (reply.status, reply.headers["Location"]) == (303, "/settings/access#approvals")
    waiting = served.known("admin").get("/settings/access").text
    assert "provider:acme" in waiting
    assert "we go on" in waiting


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"share": "0"}, "is no share of the calls"),
        ({"share": "5.5"}, "is no share of the calls"),
        ({"minutes": "1"}, "is no number of minutes"),
        ({"minutes": "9999"}, "is no number of minutes"),
        ({"target": "moon:acme"}, "want upstream:NAME"),
        ({"fault": "meteor"}, "no fault named"),
        ({"target": "upstream:other"}, "does not take the baseline"),
        ({"approver": ""}, "needs a named approver"),
        ({"hypothesis": "x" * 501}, "too long"),
    ],
)
def test_what_can_not_be_drilled_is_refused_with_the_reason(served, changes, said):
    reply = served.known("operator").post("/drills", **{**FORM, "approver": "head", **changes})
    assert reply.status == 409
    assert said in reply.text


def test_a_drill_that_fails_after_it_has_begun_is_told_to_the_log(monkeypatch, caplog):
    failed = threading.Event()

    async def drill(settings, process, *, progress, **terms):
        progress("steady?", 0.0)
        failed.wait(5)
        raise OperatorError("the store is gone", mend="look")

    monkeypatch.setattr(trials, "drill", drill)
    with caplog.at_level(logging.ERROR):
        drilling.start(None, ASKED, WHO)
        failed.set()
        next(one for one in threading.enumerate() if one.name == "drill").join(5)
    assert "a drill that was started on a page failed" in caplog.text


def test_what_keeps_it_from_beginning_is_told_to_the_log_once_no_page_waits_any_more(monkeypatch, caplog):
    waited = threading.Event()

    async def drill(settings, process, **terms):
        waited.wait(5)
        raise OperatorError("the store is locked", mend="wait")

    monkeypatch.setattr(trials, "drill", drill)
    monkeypatch.setattr(drilling, "BEGINS_S", 0.0)
    with caplog.at_level(logging.ERROR):
        drilling.start(None, ASKED, WHO)
        waited.set()
        next(one for one in threading.enumerate() if one.name == "drill").join(5)
    assert "a drill that was started on a page failed" in caplog.text


def test_what_keeps_it_from_beginning_is_raised(monkeypatch):
    async def drill(settings, process, **terms):
        raise NotFound("there is no process", mend="name one")

    monkeypatch.setattr(trials, "drill", drill)
    with pytest.raises(NotFound):
        drilling.start(None, ASKED, WHO)
