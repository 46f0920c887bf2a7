"""The pages over real sockets: who sees what, what is turned away, and hostile words shown harmless."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from html import unescape

import pytest

from switchover.access.roles import first_role
from switchover.domain.people import Actor, Role
from switchover.report.failing import worst_cases
from switchover.store.proofs import newest_verdicts
from switchover.store.trials import scored_cases
from switchover.testing.sample_candidates import RECORDED, exchange_id
from switchover.testing.sample_drills import drill_id
from switchover.web.app import OPEN, PAGES
from switchover.wiring import access
from switchover.wiring.evidence import entries

ROLES = ("admin", "operator", "process-owner", "auditor")
HOSTILE_ID, LONG_ID = exchange_id("messages", 3), exchange_id("messages", 7)


def parts_of(served, process="messages"):
    verdict = served.verdicts[f"{process} other"].id
    return {
        "process": process,
        "verdict": verdict,
        "exchange": exchange_id(process, 1),
        "candidate": "other",
        "drill": drill_id("lapsed"),
        "kind": "parent",
        "name": "acme",
        "report": served.report,
        "assumption": f"defect_usd:{process}",
    }


# What each form has to say to be taken.
FORMS = {
    "label": {"do": "undo"},
    "drill": {"process": "messages", "target": "provider:acme", "fault": "vanished", "share": "5", "minutes": "5"},
    "decide": {"place": "vendor", "reason": "it is good", "review": str(date.today() + timedelta(days=30))},
    "costs assume": {"value": "2", "source": "x", "owner": "y", "date": "2026-11-20", "reason": "z", "seen": "0"},
}
GETS = [page for page in PAGES if page.method == "GET" and page.act != OPEN]
POSTS = [page for page in PAGES if page.method == "POST" and page.act != OPEN]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.method} {page.path}")
def test_every_page_takes_an_act_of_the_table_or_is_open_on_purpose(page):
    assert page.act == OPEN or any(first_role(Actor(id="p", name="", roles=frozenset([r])), page.act) for r in Role)
    assert page.act != OPEN or page.path in ("/sign-in", "/sign-out")


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.parametrize("page", [*GETS, *POSTS], ids=lambda page: f"{page.method} {page.path}")
def test_every_route_lets_in_the_roles_of_its_act_and_no_others(served, page, role):
    visitor = served.known(role)
    process = "replies" if page.act == "label" else "messages"
    approval = served.asked() if "{approval}" in page.path else ""
    path = page.path.format(**parts_of(served, process), approval=approval)
    reply = visitor.get(path) if page.method == "GET" else visitor.post(path, **FORMS.get(page.act, {}))
    allowed = first_role(Actor(id="p", name="", roles=frozenset([Role(role)])), page.act) is not None
    if page.act == "label" and role == "process-owner":
        allowed = False  # they own messages alone
    assert (reply.status != 403) == allowed, reply.text
    assert reply.status in (200, 303, 403, 409)


@pytest.mark.parametrize("page", GETS, ids=lambda page: page.path)
def test_whoever_is_not_signed_in_is_asked_who_they_are(served, page):
    path = page.path.format(**parts_of(served))
    reply = served.visitor().get(path)
    assert (reply.status, reply.headers["Location"], reply.body) == (303, f"/sign-in?next={path}", b"")
    assert "Your key" in served.visitor().get(f"/sign-in?next={path}").text


def test_words_are_for_whom_they_are_meant_and_who_read_them_is_noted(served):
    for role, process, reads in (
        ("operator", "messages", True),
        ("auditor", "messages", False),
        ("process-owner", "messages", True),
        ("process-owner", "replies", False),
    ):
        visitor = served.known(role)
        name = exchange_id(process, 1)
        before = len(entries(served.settings, None))
        reply = visitor.get(f"/exchanges/{name}")
        assert reply.status == 200
        assert (RECORDED[1] in reply.text) == reads, (role, process)
        noted = entries(served.settings, None)[before:]
        assert [(one["event"], one["exchange"], one["role"]) for one in noted] == [("bodies shown", name, role)] * reads
    auditor = served.known("auditor")
    for path in ("/compare/messages", f"/verdicts/{parts_of(served)['verdict']}/cases/{HOSTILE_ID}"):
        reply = auditor.get(path)
        assert reply.status == 200
        assert "hail" not in reply.text
        assert "estimate" not in reply.text


@pytest.mark.parametrize(("role", "reads"), [("operator", True), ("auditor", False)])
def test_what_a_judge_said_of_words_is_for_whom_the_words_are_meant(served, monkeypatch, role, reads):
    found = served.verdicts["messages other"]
    judged = replace(found, cell=replace(found.cell, grader="rubric:c0ffee"))
    rows = [replace(row, reason="It forgets the burst pipe") for row in scored_cases(served.keeping(), found.cell.id)]
    monkeypatch.setattr("switchover.web.verdict.get_verdict", lambda *_: judged)
    monkeypatch.setattr("switchover.web.verdict.scored_cases", lambda *_: rows)
    for path in (f"/verdicts/{found.id}", f"/verdicts/{found.id}/cases/{rows[0].exchange_id}"):
        reply = served.known(role).get(path)
        assert (reply.status, "burst pipe" in reply.text) == (200, reads)
    (worst,) = worst_cases(
        served.keeping(), [replace(rows[0], candidate=0.0, baseline=1.0)], 1, "rubric:1", words=reads
    )
    assert bool(worst.reason) == reads


def test_a_sign_in_leads_back_to_what_was_asked_of_the_page(served):
    visitor = served.visitor()
    for asked, onward in (
        ("/cut?target=provider:acme", "/cut?target=provider:acme"),
        ("/drills?process=messages&from=20", "/drills?process=messages&from=20"),
        ("/evidence?kind=%0d%0aSet-Cookie:x", "/evidence"),
    ):
        form = visitor.get(visitor.get(asked).headers["Location"])
        assert unescape(re.search(r'name="next" value="([^"]*)"', form.page)[1]) == onward
    signed = visitor.post("/sign-in", key=served.keys["auditor"], next="/cut?target=provider:acme")
    assert (signed.status, signed.headers["Location"]) == (303, "/cut?target=provider:acme")


def test_signing_out_ends_the_session_wherever_its_cookie_is(served):
    visitor = served.signed_in(served.keys["operator"])
    kept = visitor.cookie
    assert visitor.get("/").status == 200
    assert visitor.post("/sign-out").status == 303
    visitor.cookie = kept
    assert visitor.get("/").status == 303


def test_a_revoked_person_is_out_at_once(served):
    added = access.add(served.settings, served.admin, "leaver", ["operator"], ())
    visitor = served.signed_in(added.token.reveal())
    assert visitor.get("/").status == 200
    access.revoke(served.settings, served.admin, "leaver")
    assert visitor.get("/").status == 303


def test_a_wrong_key_lets_nobody_in_and_is_not_told_back(served):
    wrong = "swo_aaaaaaaa_" + "b" * 43
    visitor = served.visitor()
    reply = visitor.post("/sign-in", key=wrong, next="/")
    assert reply.status == 403
    assert wrong not in reply.page
    assert visitor.get("/").status == 303


ELSEWHERE = ["//evil.invalid/", "https://evil.invalid/", "/\\evil.invalid", "javascript:alert(1)"]


@pytest.mark.parametrize("onward", ELSEWHERE)
def test_a_sign_in_leads_nowhere_but_here(served, onward):
    reply = served.visitor().post("/sign-in", key=served.keys["admin"], next=onward)
    assert (reply.status, reply.headers["Location"]) == (303, "/")


def test_a_sign_in_makes_another_cookie_that_no_script_and_no_other_site_gets(served):
    visitor = served.visitor()
    visitor.get("/sign-in")
    before = visitor.cookie
    told = visitor.post("/sign-in", key=served.keys["admin"], next="/").headers["Set-Cookie"]
    assert visitor.cookie != before
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in told.split(";")}


def test_a_form_wants_its_token_and_our_origin(served):
    visitor, other = served.known("admin"), served.known("operator")
    other.get("/")
    visitor.get("/")
    path = "/sign-out"
    for refused in (
        visitor.post(path, token=""),
        visitor.post(path, token=other.token),
        visitor.post(path, origin=""),
        visitor.post(path, origin="https://evil.invalid"),
        visitor.post(path, origin="null"),
    ):
        assert refused.status == 403
    assert visitor.get("/").status == 200


def test_every_answer_forbids_what_a_page_does_not_need_and_is_not_kept(served):
    visitor = served.known("admin")
    for path in ("/", "/nowhere", "/livez", "/sign-in", f"/exchanges/{HOSTILE_ID}", "/static/none", "/../etc"):
        reply = visitor.get(path)
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.invalid\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HERE\r\nHost: HERE\r\n\r\n",
        b"GET / HTTP/1.1\nHost: HERE\n\n",
        b"GET /%2e%2e/ HTTP/1.1\r\nHost: HERE\r\n\r\n",
        b"GET //x HTTP/1.1\r\nHost: HERE\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: HERE\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HERE\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET /?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: HERE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HERE\r\nOrigin: https://evil.invalid\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HERE\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n\r\n",
    ],
)
def test_doubtful_bytes_reach_no_page(served, head):
    told = served.raw(head.replace(b"HERE", f"127.0.0.1:{served.port}".encode()))
    assert re.match(rb"HTTP/1.1 4\d\d ", told), told[:100]
    assert b"<html" not in told
    assert b"content-security-policy: default-src 'none'" in told
    assert b"cache-control: no-store" in told


def test_a_form_longer_than_any_here_is_not_read(served):
    reply = served.visitor().post("/sign-in", key="x" * 70_000)
    assert reply.status == 413


def test_hostile_words_are_text_and_nothing_else(served):
    visitor = served.known("admin")
    verdict = parts_of(served)["verdict"]
    for path in (
        f"/exchanges/{HOSTILE_ID}",
        f"/exchanges/{HOSTILE_ID}?part=answer",
        f"/verdicts/{verdict}/cases/{HOSTILE_ID}",
        "/compare/messages",
        f"/compare/messages?worst={verdict}",
    ):
        page = visitor.get(path).page
        assert "&lt;script&gt;alert(1)" in page, path
        assert not re.search(r"<script(?! src=\"/static/)", page)
        assert "<img" not in page
        assert not re.search(r'(?:href|src)="(?!/|\?|#)', page)
        assert not any(hidden in page for hidden in "\u202e\u202c\u200b\x00\x07")
        assert "U+202E" in page


def test_a_megabyte_in_one_line_is_cut_with_the_rest_on_request(served):
    visitor = served.known("admin")
    reply = visitor.get(f"/exchanges/{LONG_ID}")
    assert len(reply.body) < 200_000
    assert "more characters of 1,200,000" in reply.text
    first = visitor.get(f"/exchanges/{LONG_ID}?part=answer")
    assert len(first.body) < 200_000
    onward = re.search(r'rel="next" href="([^"]+)"', first.page)[1].replace("&amp;", "&")
    assert "from 24,000 on" in visitor.get(f"/exchanges/{LONG_ID}{onward}").text


def test_every_page_is_below_200_kb(served):
    visitor = served.known("admin")
    for page in GETS:
        process = "replies" if page.act == "label" else "messages"
        assert len(visitor.get(page.path.format(**parts_of(served, process))).body) < 200_000


def test_no_key_is_on_any_page(served):
    visitor = served.known("admin")
    secrets = [key.split("_", 2)[2] for key in served.keys.values()]
    for page in GETS:
        told = visitor.get(page.path.format(**parts_of(served))).page
        assert not any(secret in told for secret in secrets)


def test_the_portfolio_says_how_many_are_sure_among_all_that_were_tried(served):
    visitor = served.known("auditor")
    text = visitor.get("/processes?rate=5").text
    assert "1 of 3 candidates that were tried is READY" in text
    assert "Of the 1 marked ✓ , at most 5 % are expected to be wrong" in text
    assert "None is sure enough" not in visitor.get("/processes?rate=1&x=").text


def test_a_verdict_of_another_model_is_called_void_and_none_of_it_untried(served, monkeypatch):
    names, auditor = served.settings.upstreams, served.known("auditor")
    verdict = f"/verdicts/{served.verdicts['messages other'].id}"
    assert "other for messages READY " in auditor.get(verdict).text
    for changed, said in (
        (("other",), "0 of 1 candidate that was tried and whose verdict stands is READY. The verdicts of 2 others are"),
        (("other", "third"), "No verdict stands: all 3 there are say nothing of what would answer today."),
    ):
        others = {name: replace(names[name], model="mid-2") for name in changed}
        monkeypatch.setattr(served, "settings", replace(served.settings, upstreams={**names, **others}))
        assert said in auditor.get("/processes").text
        assert "other for messages READY, void" in auditor.get(verdict).text


def test_a_page_that_is_not_there_says_so(served):
    visitor = served.known("admin")
    for path in ("/processes/none", "/verdicts/none", "/exchanges/none", "/label/messages/none", "/compare/none"):
        assert visitor.get(path).status == 404


def test_a_store_that_is_away_is_said_and_passes(served, monkeypatch):
    from switchover.errors import StoreUnavailable

    visitor = served.known("admin")

    def away(*_):
        raise StoreUnavailable("the store is away", mend="wait for it")

    monkeypatch.setattr("switchover.web.session.rows.session", away)
    reply = visitor.get("/")
    assert reply.status == 503
    assert "The store is away" in reply.text
    monkeypatch.undo()
    assert visitor.get("/").status == 200


def test_pairs_are_labelled_by_form_without_a_script_and_the_verdict_is_drawn_again(served):
    visitor = served.known("admin")
    path = "/label/replies/other"
    before = served.verdicts["replies other"]

    def case():
        reply = visitor.get(path)
        return re.search(r'name="case" value="([^"]+)"', reply.page)[1], reply

    def labelled(reply):
        return int(re.search(r"(\d+) of \d+ pairs are labelled", reply.text)[1])

    first, reply = case()
    so_far = labelled(reply)
    assert "vendor" not in reply.text
    assert before.cell.upstream not in reply.text.replace("another", "")
    assert visitor.post(path, do="mark", case=first, left="good", right="bad").status == 303
    assert visitor.post(path, do="mark", case=first, left="good", right="").status == 409
    second, reply = case()
    assert second != first
    assert labelled(reply) == so_far + 1
    undone = visitor.post(path, do="undo")
    assert undone.headers["Location"] == f"{path}?case={first}"
    visitor.post(path, do="skip", case=first)
    third, _ = case()
    assert third != first
    for _ in range(3):
        name, _ = case()
        visitor.post(path, do="mark", case=name, left="half", right="half")
    name, _ = case()
    visitor.post(path, do="unclear", case=name)
    done = visitor.post(path, do="finish")
    newest = next(one for one in newest_verdicts(served.keeping(), "replies") if one.cell.id == before.cell.id)
    assert done.headers["Location"] == f"/verdicts/{newest.id}"
    assert newest.id != before.id
    assert newest.evidence.people.labelled == so_far + 4
    assert any(one["event"] == "labels given" for one in entries(served.settings, 5))


def test_a_sitting_to_which_nobody_comes_back_draws_the_verdict_by_itself(served):
    visitor = served.known("operator")
    path = "/label/replies/other"
    name = re.search(r'name="case" value="([^"]+)"', visitor.get(path).page)[1]
    visitor.post(path, do="mark", case=name, left="good", right="good")
    before = newest_verdicts(served.keeping(), "replies")[0].id
    served.sittings.lapse(served.settings, served.keeping, after=1e9)
    assert newest_verdicts(served.keeping(), "replies")[0].id == before
    served.sittings.lapse(served.settings, served.keeping, after=0.0)
    assert newest_verdicts(served.keeping(), "replies")[0].id != before


def test_while_nobody_is_known_the_machines_user_reads_and_a_proxy_or_another_name_does_not(unknown):
    visitor = unknown.visitor()
    assert visitor.get("/").status == 200
    assert "on this machine" in visitor.get("/").text
    assert unknown.visitor().get("/", X_Forwarded_For="10.0.0.1").status == 303
    assert unknown.visitor().get("/", Host=f"evil.invalid:{unknown.port}").status == 421


def test_while_nobody_is_known_another_user_of_the_machine_is_asked_to_set_up_access(unknown, monkeypatch):
    monkeypatch.setattr("switchover.web.app.is_ours", lambda *_: False)
    assert unknown.visitor().get("/").status == 303
    assert "switchover access init" in unknown.visitor().get("/sign-in").text
