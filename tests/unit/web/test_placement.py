"""Placements on the pages: a decision by form, two who decide at once, what is overdue, hostile words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from switchover.store.decisions import decisions, save_decision
from switchover.wiring.evidence import entries

REVIEW = str(datetime.now(UTC).date() + timedelta(days=30))
HOSTILE = "<script>alert(1)</script><img src=https://evil.invalid/x.png> \u202eevil\x07"


def hidden(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def form_of(visitor, process="replies", **fields):
    """The form as it is filled in by somebody who looks at the page."""
    page = visitor.get(f"/processes/{process}").page
    seen = {"seen": hidden(page, "seen"), "after": hidden(page, "after")}
    return seen | {"place": "vendor", "replacement": "nobody", "reason": "it is good", "review": REVIEW} | fields


def kept(served, process="replies"):
    return decisions(served.keeping(), process)


def test_a_decision_is_taken_by_form_and_kept_shown_and_noted(served):
    admin = served.known("admin")
    reply = admin.post("/processes/replies", **form_of(admin, reason=HOSTILE, impact="high"))
    assert (reply.status, reply.headers["Location"]) == (303, "/processes/replies#decisions")
    page = admin.get("/processes/replies")
    assert "Decided by boss on" in page.text
    assert f"to be looked at again on {REVIEW}" in page.text
    assert "high, by boss" in page.text
    assert "<script>alert" not in page.page
    assert "\\u202e" in page.page
    register = admin.get("/decisions")
    assert re.search("Decided: [12] of 2 processes", register.text)
    assert "<script>alert" not in register.page
    (noted,) = [one for one in entries(served.settings, None) if one["event"] == "placement decided"][-1:]
    assert (noted["process"], noted["serves"], noted["role"]) == ("replies", "vendor", "admin")
    assert "alert" not in str(noted)
    assert len(register.body) < 200_000


def test_the_second_of_two_is_told_and_keeps_what_they_wrote(served):
    admin = served.known("admin")
    first, second = form_of(admin), form_of(admin, reason="I was slower")
    assert admin.post("/processes/replies", **first).status == 303
    before = len(kept(served))
    reply = admin.post("/processes/replies", **second)
    assert reply.status == 409
    assert "somebody else has decided on replies meanwhile" in reply.text
    assert "I was slower" in reply.text
    assert len(kept(served)) == before


def test_who_saw_another_proposal_is_told(served):
    admin = served.known("admin")
    reply = admin.post("/processes/replies", **form_of(admin, seen="0" * 16))
    assert (reply.status, "has changed since you looked" in reply.text) == (409, True)


def test_a_form_that_says_too_little_comes_back_with_what_is_wrong(served):
    admin = served.known("admin")
    before = len(kept(served))
    for fields, said in (
        ({"review": ""}, "is no day"), ({"reason": " "}, "for a reason"), ({"place": "x'--"}, "no upstream of replies"),
        ({"impact": "huge"}, "none that can be signed for"), ({"review": "2020-01-01"}, "has come already"),
    ):  # fmt: skip
        reply = admin.post("/processes/replies", **form_of(admin, **fields))
        assert (reply.status, said in reply.text, len(kept(served))) == (409, True, before)


def test_only_its_owner_and_an_admin_see_the_form_and_a_form_counts_from_here_alone(served):
    for role, process, sees in (
        ("admin", "messages", True), ("process-owner", "messages", True), ("process-owner", "replies", False),
        ("operator", "messages", False), ("auditor", "messages", False),
    ):  # fmt: skip
        assert ('name="reason"' in served.known(role).get(f"/processes/{process}").page) == sees, (role, process)
    owner, before = served.known("process-owner"), len(kept(served))
    fields = form_of(served.known("admin"))
    assert owner.post("/processes/replies", **fields).status == 403
    admin = served.known("admin")
    for refused in (
        admin.post("/processes/replies", token="", **fields),
        admin.post("/processes/replies", token=owner.token or "0" * 64, **fields),
        admin.post("/processes/replies", origin="https://evil.invalid", **fields),
    ):
        assert refused.status == 403
    assert len(kept(served)) == before


def test_what_is_overdue_says_so_on_every_page_and_comes_first(served):
    admin = served.known("admin")
    for process in ("messages", "replies"):
        assert admin.post(f"/processes/{process}", **form_of(admin, process)).status == 303
    newest = kept(served, "replies")[0]
    old = replace(newest, id="pd-old", number=newest.number + 1, review_on="2026-01-01", basis={"data": "secret"})
    save_decision(served.keeping(), old)
    assert "review overdue" in admin.get("/processes").text
    assert "1 review overdue" in admin.get("/processes").text
    assert "which is overdue" in admin.get("/processes/replies").text
    assert "data: was secret, is internal" in admin.get("/processes/replies").text
    register = admin.get("/decisions")
    assert register.text.index("replies review overdue") < register.text.index("messages decided")
    assert "what it rests on has changed" in register.text


def test_the_portfolio_says_where_each_stands_and_is_placed_the_critical_first(served):
    text = served.known("auditor").get("/processes").text
    assert "0 of 2 processes are shown to go on" in text
    assert text.index("messages critical") < text.index("replies important")
    assert "proven, untested: never drilled" in text


def test_a_process_says_what_its_owner_asks_for(served):
    text = served.known("process-owner").get("/processes/messages").text
    for said in (
        "Should vendor be lost: other is proven", "Stay with vendor (vendor: acme, US)", "Passed over",
        "third (vendor)", "For a better placement", "drill the switch to other",
        "untested: the switch was never drilled within a year", "None is accepted.",
        "No budget is set. None of this month's calls has a price.", "Who may see its internal data", "beta, DE",
    ):  # fmt: skip
        assert said in text, said


def test_a_long_reason_of_several_lines_is_kept_and_shown_whole_and_comes_back_as_it_was_typed(served):
    admin = served.known("admin")
    typed = "\r\n".join(f"{number}. We looked at it together with the owner of the process." for number in range(12))
    lines = typed.replace("\r\n", "\n")
    refused = admin.post("/processes/replies", **form_of(admin, reason=typed, review="2020-01-01"))
    assert f">{lines}</textarea>" in refused.page
    assert admin.post("/processes/replies", **form_of(admin, reason=typed)).status == 303
    assert kept(served)[0].reason == lines
    page = admin.get("/processes/replies").page
    assert f'<p class="typed">{lines}</p>' in page
