"""The report's pages: the answers as issued, issuing another, and downloads byte for byte."""

from __future__ import annotations

import hashlib
import re

from sqlalchemy import text

from switchover.store.reports import issued_report, issued_reports, pdf_of
from switchover.web import report
from switchover.wiring.evidence import entries
from switchover.wiring.parts import CLOCK


def test_before_any_report_the_page_says_what_to_do(unknown):
    reply = unknown.visitor().get("/report")
    assert reply.status == 200
    assert "No report was issued yet." in reply.text
    assert "Issue a report" in reply.text
    assert all(f'<a href="{path}">' in reply.page.partition("<main")[2] for path in LIVE)


LIVE = ("/dependence", "/processes", "/costs", "/")


def test_a_report_says_how_old_it_is_and_where_the_answers_of_this_moment_are(served):
    store = served.keeping()
    old = issued_report(store, served.report)
    with store.write() as connection:
        changed = text("update issued_report set made_at = :at where id = :id")
        connection.execute(changed, {"at": CLOCK.now() - 9.2 * 86_400, "id": old.id})
    try:
        reply = served.known("auditor").get(f"/report/{old.id}")
        assert "That was 9 days ago; the answers below stay as they were then." in reply.text
        assert all(f'<a href="{path}">' in reply.page.partition("<main")[2] for path in LIVE)
    finally:
        with store.write() as connection:
            connection.execute(changed, {"at": old.made_at, "id": old.id})


def test_a_report_is_issued_by_form_noted_with_its_digest_and_downloaded_as_it_was(served):
    visitor = served.known("operator")
    made = visitor.post("/report", simulated="vendor")
    path = made.headers["Location"]
    assert (made.status, bool(re.fullmatch(r"/report/report-[0-9a-f]{10}", path))) == (303, True)
    reply = visitor.get(path)
    assert "issued by operator" in reply.text
    assert f"Since report {served.report} of" in reply.text
    assert "Simulated vendor: vendor." in reply.text
    paper = visitor.get(f"{path}/pdf")
    name = path.rpartition("/")[2]
    assert paper.headers["Content-Disposition"] == f'attachment; filename="{name}.pdf"'
    assert paper.headers["Content-Type"] == "application/pdf"
    assert paper.body == pdf_of(served.keeping(), name)
    noted = [one for one in entries(served.settings, 10) if one["event"] == "report issued"][-1]
    assert (noted["id"], noted["role"]) == (name, "operator")
    assert noted["pdf_sha256"] == hashlib.sha256(paper.body).hexdigest()
    page = visitor.get(f"{path}/page")
    assert page.headers["Content-Disposition"] == f'attachment; filename="{name}.html"'
    assert name in page.page
    # The stand-ins of the newest one are offered for the next.
    assert 'value="vendor"' in visitor.get("/report").page


def test_who_may_not_issue_is_offered_no_form_and_sees_all_else(served):
    reply = served.known("auditor").get("/report")
    assert reply.status == 200
    assert "An operator or an admin issues reports." in reply.text
    assert "<button>Issue a report" not in reply.page
    assert served.known("auditor").get(f"/report/{served.report}/pdf").status == 200


def test_one_report_is_made_at_a_time(served):
    before = len(issued_reports(served.keeping(), 99))
    with report._making:
        reply = served.known("admin").post("/report")
    assert (reply.status, "A report is being made at this moment" in reply.text) == (409, True)
    assert len(issued_reports(served.keeping(), 99)) == before


def test_a_stand_in_that_is_no_upstream_is_refused_and_nothing_is_issued(served):
    before = len(issued_reports(served.keeping(), 99))
    assert served.known("admin").post("/report", simulated="vendor, <b>").status == 404
    assert len(issued_reports(served.keeping(), 99)) == before


def test_a_report_that_is_not_there_is_said(served):
    for path in ("/report/report-0", "/report/report-0/pdf", "/report/report-0/page"):
        assert served.known("admin").get(path).status == 404
