"""The kill switch: what it would do, placed once by two, looked at anew when it is done, on every page until lifted."""

from __future__ import annotations

import re
import threading
import time
from html import unescape

import pytest
from journeys.served_pages import Served, with_people

from switchover.domain.cut_off import CutOff, Target
from switchover.domain.register import Suspension
from switchover.store.drills import cut_offs, expire_cut_offs, lift_cut_off, place_cut_off
from switchover.store.register import set_suspension
from switchover.store.sessions import end_session
from switchover.wiring import register
from switchover.wiring.evidence import entries

ACME = "provider:acme"
REASON = "a letter from the <government>"


@pytest.fixture(scope="module")
def switch(tmp_path_factory):
    made = with_people(tmp_path_factory.mktemp("switch"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_is_cut_off(switch):
    yield
    register.lift_cut(switch.settings, None, by="the test")


def hidden(reply):
    """What the form of a preview brings back."""
    return {
        name: unescape(value) for name, value in re.findall(r'name="(target|shown|anyway)" value="([^"]*)"', reply.page)
    }


def previewed(visitor, target=ACME):
    return hidden(visitor.get(f"/cut?target={target}"))


def cut(visitor, until="lifted", reason=REASON, **more):
    return visitor.post("/cut", **{**previewed(visitor), "reason": reason, "until": until, **more})


def in_force(served):
    return cut_offs(served.keeping(), in_force_at=time.time())


def test_the_preview_says_who_stops_who_moves_where_and_what_shows_it(switch):
    reply = switch.known("operator").get(f"/cut?target={ACME}")
    text = reply.text
    assert "1 of 2 processes would stop , 1 would move to another upstream, 0 would go on as now." in text
    assert "It takes vendor out of every plan" in text
    assert "moves from vendor to other" in text
    assert "proven, untested: never drilled" in text
    assert f'href="/verdicts/{switch.verdicts["messages other"].id}"' in reply.page
    assert "no rehearsal has shown it READY" in text
    assert "What nobody can say" in text
    assert "whether beta takes all of messages" in text
    assert f"switchover drill messages --target {ACME} --fault vanished" in text


def test_what_loses_a_process_its_last_replacement_says_so_though_nobody_moves(switch):
    text = switch.known("operator").get("/cut?target=jurisdiction:DE").text
    assert "0 of 2 processes would stop" in text
    assert "stays with vendor, and loses other: nothing is left to take over" in text


def test_who_may_not_cut_may_look_and_finds_no_form(switch):
    reply = switch.known("auditor").get(f"/cut?target={ACME}")
    assert reply.status == 200
    assert 'name="reason"' not in reply.page
    assert "Your role may look at this" in reply.text
    assert switch.known("auditor").post("/cut", target=ACME, reason="x", until="1h", anyway="yes").status == 403
    assert in_force(switch) == []


def test_what_names_nothing_is_told_and_not_cut(switch):
    visitor = switch.known("operator")
    for target in ("acme", "provider:none", "jurisdiction:FR", "planet:earth"):
        assert visitor.get(f"/cut?target={target}").status == 409
    assert visitor.post("/cut", target="").status == 200


@pytest.mark.parametrize(
    ("given", "wanted"),
    [({"reason": "  "}, "Say why"), ({"until": "ever"}, "Say for how long"), ({"reason": "x" * 401}, "at most 400")],
)
def test_without_a_reason_or_an_end_nothing_is_done_and_the_rest_of_the_form_stays(switch, given, wanted):
    reply = cut(switch.known("operator"), **{"reason": "told to", "until": "1h", **given})
    assert reply.status == 400
    assert wanted in reply.text
    assert 'value="1h" required checked' in reply.page or "until" in given
    assert in_force(switch) == []


def test_a_cut_off_stands_on_every_page_with_what_why_by_whom_and_until_when(switch):
    visitor = switch.known("operator")
    reply = cut(visitor, until="1h")
    (placed,) = in_force(switch)
    assert (reply.status, reply.headers["Location"]) == (303, f"/?placed={placed.id}")
    assert placed.expires_at == placed.placed_at + 3600
    for path in ("/", "/processes", "/processes/messages", "/cut", "/cut/lift", "/compare/messages"):
        page = visitor.get(path)
        banner = re.search(r'<p class="cut">.*?</p>', page.page, re.S)[0]
        assert f"<strong>Cut off: {ACME}</strong>" in banner, path
        assert "a letter from the &lt;government&gt;." in banner
        assert "By operator since 20" in banner
        assert "until 20" in banner
        assert f'<a href="/cut/lift?cut={placed.id}">Lift it' in banner
    assert "What lifting it does" in switch.known("auditor").get("/processes").page
    assert ACME not in switch.visitor().get("/sign-in").text
    (noted,) = (one for one in entries(switch.settings, None) if one.get("id") == placed.id)
    assert (noted["event"], noted["target"], noted["role"]) == ("cut-off placed", ACME, "operator")
    assert "messages is answered by other, and not by vendor" in visitor.get("/").text
    assert "No request is answered: nothing runs here" in visitor.get("/").text


def test_two_who_cut_at_once_place_one_and_the_second_is_told(switch):
    visitors = [switch.known("operator"), switch.known("admin")]
    forms = [previewed(visitor) for visitor in visitors]
    replies = [None, None]
    gate = threading.Barrier(2)

    def place(number):
        gate.wait()
        replies[number] = visitors[number].post("/cut", **forms[number], reason=f"number {number}", until="4h")

    threads = [threading.Thread(target=place, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (placed,) = in_force(switch)
    places = [reply.headers["Location"] for reply in replies]
    assert sorted(places) == sorted([f"/?placed={placed.id}", f"/?placed={placed.id}&told=already"])
    second = places.index(f"/?placed={placed.id}&told=already")
    told = visitors[second].get(places[second]).text
    assert f"{ACME} was cut off already by {placed.by}" in told
    assert f"number {1 - second}" in told
    noted = [one for one in entries(switch.settings, None) if one["event"] == "cut-off placed"]
    assert [one["id"] for one in noted].count(placed.id) == 1


def test_what_would_lapse_sooner_does_not_stand_for_what_is_to_last(switch):
    visitor = switch.known("operator")
    cut(visitor, until="15m")
    assert "It is cut off already" in visitor.get(f"/cut?target={ACME}").text
    cut(visitor, until="1h")
    cut(visitor, until="15m")
    assert [round(one.expires_at - one.placed_at) for one in in_force(switch)] == [900, 3600]


def test_if_something_else_would_happen_than_was_shown_that_is_said_before_anything_is_done(switch):
    visitor = switch.known("operator")
    shown = previewed(visitor)
    store = switch.keeping()
    set_suspension(store, "other", Suspension(at=1.0, why="a probe failed"))
    try:
        reply = visitor.post("/cut", **shown, reason=REASON, until="lifted")
        assert reply.status == 409
        assert "Nothing was done" in reply.text
        assert "messages: then answered by other, now stopped" in reply.text
        assert f'value="{REASON.replace("<", "&lt;").replace(">", "&gt;")}"' in reply.page
        assert in_force(switch) == []
        again = visitor.post("/cut", **hidden(reply), reason=REASON, until="lifted")
        assert again.status == 303
        assert len(in_force(switch)) == 1
    finally:
        set_suspension(store, "other", None)


@pytest.mark.parametrize("shown", ["", "[]", "{", '{"messages": 7}'])
def test_a_form_that_brings_no_preview_places_nothing_unseen(switch, shown):
    reply = cut(switch.known("operator"), shown=shown)
    assert reply.status == 409
    assert "was not shown" in reply.text
    assert in_force(switch) == []


def test_two_who_lift_lift_once_and_the_second_hears_who_did(switch):
    operator, admin = switch.known("operator"), switch.known("admin")
    cut(operator)
    (placed,) = in_force(switch)
    assert "messages moves back from other to vendor" in operator.get("/cut/lift").text
    first = operator.post("/cut/lift", cut=placed.id)
    second = admin.post("/cut/lift", cut=placed.id)
    assert first.headers["Location"] == f"/cut/lift?cut={placed.id}"
    assert second.headers["Location"] == f"/cut/lift?cut={placed.id}&told=gone"
    told = admin.get(second.headers["Location"]).text
    assert f"{ACME}: this cut-off was over already." in told
    assert "lifted by operator at" in told
    assert 'class="cut"' not in admin.get("/").page
    noted = [one for one in entries(switch.settings, None) if one["event"] == "cut-off lifted"]
    assert [one["id"] for one in noted].count(placed.id) == 1
    assert admin.post("/cut/lift", cut="cut-none").status == 404
    assert "There was never a cut-off" in admin.get("/cut/lift?cut=cut-none").text


def test_one_that_has_lapsed_says_that_it_expired(switch):
    visitor = switch.known("operator")
    cut(visitor, until="15m")
    (placed,) = in_force(switch)
    expire_cut_offs(switch.keeping(), placed.expires_at)
    assert "expired at" in visitor.get(f"/cut/lift?cut={placed.id}").text
    assert "not cut off any more" in visitor.get(f"/?placed={placed.id}").text


def test_a_session_that_ended_in_the_middle_of_the_form_costs_nothing_that_was_written(switch):
    visitor = switch.signed_in(switch.keys["operator"])
    form = previewed(visitor)
    end_session(switch.keeping(), visitor.cookie.partition("=")[2].partition(".")[0])
    late = visitor.post("/cut", **form, reason=REASON, until="4h")
    assert late.status == 401
    assert "Your session has ended, and nothing was done" in late.text
    kept = {name: unescape(value) for name, value in re.findall(r'name="(kept-\w+)" value="([^"]*)"', late.page)}
    assert kept == {"kept-target": ACME, "kept-reason": REASON, "kept-until": "4h"}
    wrong = visitor.post("/sign-in", key="swo_aaaaaaaa_" + "b" * 43, next="/cut", **kept)
    assert (wrong.status, 'name="kept-reason"' in wrong.page) == (403, True)
    back = visitor.post("/sign-in", key=switch.keys["operator"], next="/cut", **kept)
    assert back.status == 200
    assert "Nothing was done while you were not" in back.text
    visitor.token = re.search(r'name="token" value="([0-9a-f]+)"', back.page)[1]
    again = visitor.post("/cut", do="look", target=ACME, reason=REASON, until="4h")
    assert again.status == 200
    assert 'value="a letter from the &lt;government&gt;"' in again.page
    assert 'value="4h" required checked' in again.page
    assert in_force(switch) == []
    assert visitor.post("/cut", **hidden(again), reason=REASON, until="4h").status == 303


def test_pages_that_start_anew_in_the_middle_of_a_cut_know_it_and_who_is_signed_in(switch):
    visitor = switch.signed_in(switch.keys["operator"])
    cut(visitor, until="1h")
    anew = Served(switch.settings, switch.verdicts)
    try:
        visitor.served = anew
        assert f"Cut off: {ACME}" in visitor.get("/").text
        (placed,) = in_force(anew)
        assert visitor.post("/cut/lift", cut=placed.id).status == 303
        assert in_force(anew) == []
    finally:
        anew.close()


def test_a_drill_is_told_apart_from_the_real_thing(switch):
    store, now = switch.keeping(), 1e9
    drilled = CutOff(
        id="drill-9-cut", target=Target.parse(ACME), reason="drill drill-9: nobody notices", by="operator",
        placed_at=now, expires_at=1e10 + 1, fault="vanished", drill="drill-9", share=0.05, processes=("messages",),
    )  # fmt: skip
    place_cut_off(store, drilled)
    try:
        page = switch.known("operator").get("/")
        assert f"Drill: {ACME} “vanished” for 5 % of the calls of messages." in page.text
        assert 'class="cut"' not in page.page
        assert "messages is in a drill: 5 % of its calls meet “vanished”" in page.text
        assert "Its drill drill-9 ends with it" in switch.known("operator").get("/cut/lift").text
    finally:
        lift_cut_off(store, drilled.id, "the test", now + 1)
