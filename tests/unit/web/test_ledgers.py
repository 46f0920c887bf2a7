"""Drills, evidence, settings, people and keys as pages: what each says, what it can't know, and what it never shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from journeys.served_pages import served_in, with_people

from switchover.access import load_pepper
from switchover.errors import StoreUnavailable
from switchover.evidence.tiles import framed, unframed
from switchover.store.approvals import get_approval
from switchover.store.drills import cut_off_of, get_drill, heartbeat, save_drill
from switchover.testing.sample_candidates import CONFIGURATION, exchange_id
from switchover.testing.sample_drills import NAMES, drill_id
from switchover.web.configuration import described, hidden
from switchover.wiring import access, register
from switchover.wiring.evidence import entries
from switchover.wiring.parts import CLOCK

# One in each place where a secret is, and where somebody may put one by mistake.
CANARIES = {
    "CANARY_VENDOR": "canary-vendor-3f81",
    "CANARY_HEADER": "canary-header-77c0",
    "CANARY_LOGIN": "canary-user:canary-login-19bd",
    "CANARY_MASTER": "c4" * 32,
}
PASTED = "sk-proj-" + "A1b2C3d4E5f6G7h8" * 4
SECRETS = CONFIGURATION.replace("model: big-1", "key: env:CANARY_VENDOR, model: big-1").replace(
    "owner: head-of-replies", f"owner: 'head {PASTED}'"
) + (
    'traces: {endpoint: "https://collector.invalid/x", headers: {authorization: env:CANARY_HEADER}}\n'
    'egress: {proxy: "http://proxy.invalid:3128", proxy_login: env:CANARY_LOGIN}\n'
    "keyring: {master: env:CANARY_MASTER}\n"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Pages of a Switchover with people, and with drills at every state."""
    made = with_people(tmp_path_factory.mktemp("drilled"), drills=NAMES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Pages of a Switchover with a secret in every place, and the secrets."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in CANARIES.items():
            patched.setenv(name, value)
        made = with_people(tmp_path_factory.mktemp("guarded"), configuration=SECRETS, drills=NAMES)
        _, token = register.create_key(made.settings, "messages", actor=made.admin, name="portal", expires_in=None)
        data = Path(made.settings.data_dir)
        pepper = load_pepper(made.settings.data_dir)
        secrets = [
            *CANARIES.values(), "canary-login-19bd", PASTED, PASTED[8:40], pepper.hex(),
            token.reveal().split("_", 2)[2],
            *(key.split("_", 2)[2] for key in made.keys.values()),
            *(data / "evidence.key").read_text(encoding="utf-8").splitlines()[1:-1],
        ]  # fmt: skip
        yield made, secrets
        made.close()


def pages_of(made):
    """Every page that shows something of this part, each filter and state of it too."""
    approval = made.asked()
    drills = [f"/drills/{drill_id(name)}" for name in ("passed", "failed", "running", "stopped", "not exercised")]
    listed = ["/", "/drills", "/drills?process=messages", "/evidence", "/evidence?kind=drill", "/settings/access"]
    sections = ["", "?of=traces", "?of=egress", "?of=upstreams.vendor", "?of=processes.replies", "?of=keyring.master"]
    return [*listed, *drills, *(f"/settings{part}" for part in sections), f"/evidence?about={approval}"]


def test_no_secret_is_on_any_page_wherever_it_was_put(guarded):
    made, secrets = guarded
    for role in ("admin", "auditor"):
        visitor = made.known(role)
        for path in pages_of(made):
            reply = visitor.get(path)
            assert reply.status == 200, path
            found = [secret for secret in secrets if secret in reply.page]
            assert not found, path
            assert len(reply.body) < 200_000


def test_no_secret_is_in_the_error_of_a_file_that_was_refused(guarded):
    made, _ = guarded
    path = Path(made.settings.source)
    for wrong in (
        'base_url: "https://other.invalid/v1?key=canary-query-55aa"',
        "base_url: canary-plain-0a1b, key: canary-plain-0a1b",
        'base_url: "https://canary-user-9f:canary-pass-9f@other.invalid/v1"',
    ):
        path.write_text(SECRETS.replace('base_url: "https://other.invalid/v1"', wrong), encoding="utf-8")
        page = made.known("admin").get("/settings").page
        path.write_text(SECRETS, encoding="utf-8")
        assert "The file as it stands now is refused" in page
        assert "canary-query" not in page
        assert "canary-pass" not in page
    assert hidden(f"x {PASTED} y") == "x *** y"


def test_what_the_file_says_is_shown_and_what_is_refused_with_its_line(served):
    path, visitor = Path(served.settings.source), served.known("operator")
    whole = path.read_text(encoding="utf-8")
    assert "In force as the file stands" in visitor.get("/settings").text
    path.write_text(whole.replace("criticality: critical", "criticality: dire"), encoding="utf-8")
    told = visitor.get("/settings").text
    path.write_text(whole, encoding="utf-8")
    assert "line 12, processes.messages.criticality" in told
    assert "Stands there dire" in told
    assert "critical', 'important' or 'ordinary'" in told
    assert "What was in force before stays in force" in told
    assert "refused" not in visitor.get("/settings").text


def test_a_section_is_shown_with_its_defaults_and_what_each_setting_is_for(served):
    visitor = served.known("auditor")
    told = visitor.get("/settings?of=processes.messages").text
    assert "rto 5m default Longest time it may be without answers." in told
    assert "owner head-of-service line 12" in told
    assert visitor.get("/settings?of=processes.nobody").status == 404
    assert described("`a` or [b](c.md)") == "<code>a</code> or b"
    assert described("<b>`<i>`") == "&lt;b&gt;<code>&lt;i&gt;</code>"


def test_what_a_doctor_finds_is_on_the_page_with_how_to_mend_it(guarded, monkeypatch):
    made, _ = guarded
    monkeypatch.delenv("CANARY_VENDOR")
    told = made.known("admin").get("/settings").text
    assert "to mend" in told
    assert "key of vendor" in told
    assert "want the environment variable CANARY_VENDOR to be set" in told


def test_whoever_may_not_see_settings_is_led_to_people_and_keys(served):
    owner = served.known("process-owner")
    page = owner.get("/settings/access").page
    assert '<a href="/settings/access" aria-current="page">Settings</a>' in page
    assert "Last on the pages" not in page
    assert owner.get("/settings").status == 403
    assert "Last on the pages" in served.known("auditor").get("/settings/access").text


def test_the_log_is_said_to_hold_and_its_entries_are_in_plain_words(served):
    served.known("auditor")
    told = served.known("admin").get("/evidence").text
    assert "What was looked at holds." in told
    assert "A person signed in to the pages" in told
    assert "does not verify" not in told
    filtered = served.known("admin").get("/evidence?kind=drill&process=messages")
    assert filtered.text.count("A drill of messages that loses upstream:vendor by vanished is") == 7
    assert f'href="/drills/{drill_id("passed")}"' in filtered.page
    assert "None among the" in served.known("admin").get("/evidence?kind=drill&process=replies").text


def test_older_entries_are_a_page_further_on(served):
    visitor = served.known("admin")
    for _ in range(42 - len(entries(served.settings, None))):
        served.asked()
    first = visitor.get("/evidence")
    onward = re.search(r'rel="next" href="([^"]+)#entries"', first.page)[1]
    shown = re.findall(r'id="entry-(\d+)"', first.page)
    assert len(shown) == 40
    assert re.findall(r'id="entry-(\d+)"', visitor.get(f"/evidence{onward}").page)[0] == str(int(shown[-1]) - 1)


def test_a_log_that_was_changed_is_said_unmistakably_on_each_page_that_rests_on_it(served):
    visitor = served.known("admin")
    tail = Path(served.settings.data_dir, "evidence", "tail", "0")
    whole = tail.read_bytes()
    found, _ = unframed(whole)
    try:
        tail.write_bytes(framed([entry.replace(b'"passed"', b'"failed"') for entry in found]))
        for path in ("/evidence", f"/drills/{drill_id('passed')}"):
            told = visitor.get(path).text
            assert "does not verify" in told, path
            assert "is not what its checkpoint of" in told
        page = visitor.get("/evidence").page
        assert 'role="alert"' in page
        assert "What was looked at holds" not in page
    finally:
        tail.write_bytes(whole)
    assert "does not verify" not in visitor.get("/evidence").text


def test_a_log_that_can_not_be_read_is_said_so(served, monkeypatch):
    def away(_log):
        raise StoreUnavailable("the folder can't be read", mend="see that it can")

    monkeypatch.setattr("switchover.web.evidence.read", away)
    told = served.known("admin").get("/evidence").text
    assert "The log can't be read" in told
    assert "the folder can't be read" in told


def test_every_drill_is_listed_with_what_came_of_it_and_whether_it_counts(served):
    reply = served.known("auditor").get("/drills")
    for said in (
        "in date until",
        "overruled by a later drill",
        "it decided nothing, so it counts neither way",
        "a drill counts for a year",
        "Replays US export-control directive on Claude Fable 5",
        "Laid down before: answers again within 300 s",
        "Approved by head-of-service, run by operator",
    ):
        assert said in reply.text
    order = re.findall(r'<h3><a href="/drills/(drill-[a-z-]+)"', reply.page)
    assert order[:2] == [drill_id("running"), drill_id("passed")]
    assert order[-1] == drill_id("lapsed")


def test_what_was_never_tried_comes_first_and_counts_as_not_working(served):
    told = served.known("auditor").get("/drills").text
    assert told.index("Untested") < told.index("Drills, newest first")
    assert "replies untested" in told
    assert "switchover rehearse replies --candidate other" in told


def test_a_drill_shows_its_moments_its_control_and_leads_to_its_exchanges_and_entries(served):
    visitor = served.known("auditor")
    reply = visitor.get(f"/drills/{drill_id('passed')}")
    for said in ("Gateway knew", "Steady again from here", "Callers who failed", "What it does not show", "Laid down"):
        assert said in reply.text
    assert "Recovered in 0.74 s of 5 min promised. 52 requests met the loss, 0 failed." in reply.text
    exchange = re.search(r'href="(/exchanges/x-drill-[^"]+)"', reply.page)[1]
    assert visitor.get(exchange).status == 200
    entry = re.search(r'href="(/evidence\?before=\d+)"', reply.page)[1]
    assert "A drill of messages" in visitor.get(entry).text
    second = visitor.get(f"/drills/{drill_id('passed')}?from=25")
    assert "these are 26 to 50" in second.text


def test_a_drill_under_way_is_shown_as_it_is_now_and_one_that_nobody_watches_is_not_called_alive(served):
    visitor, store, name = served.known("admin"), served.keeping(), drill_id("running")
    begun = get_drill(store, name)
    save_drill(store, replace(begun, begun_at=CLOCK.now() - 12.0))
    cut = cut_off_of(store, name)
    heartbeat(store, cut.id, CLOCK.now())
    reply = visitor.get(f"/drills/{name}")
    assert "upstream:vendor is cut off for 50 % of messages" in reply.text
    assert "look-again.js" in reply.page
    assert "This look" in reply.text
    assert "Given back" not in reply.text
    save_drill(store, replace(begun, begun_at=CLOCK.now() - 900.0))
    heartbeat(store, cut.id, CLOCK.now() - 800.0)
    assert "Nobody watches it any more" in visitor.get(f"/drills/{name}").text
    assert "look-again.js" not in visitor.get(f"/drills/{drill_id('passed')}").page


def test_what_a_drill_under_way_has_met_is_not_called_none(served):
    told = served.known("admin").get("/drills").text
    running = told[told.index("messages without upstream vendor running") :].partition("Laid down before")[0]
    assert "Met the loss not counted yet Control not counted yet" in running


def test_a_place_beyond_the_end_of_a_list_is_its_beginning(served):
    visitor = served.known("admin")
    assert "No drill was run yet" not in visitor.get("/drills?from=5000").text
    assert "None is on record" not in visitor.get(f"/drills/{drill_id('passed')}?from=5000").text
    verdict = served.verdicts["messages other"].id
    assert "these are 1 to 25" in visitor.get(f"/verdicts/{verdict}?from=5000").text


def test_nothing_that_is_not_there_is_shown(served):
    visitor = served.known("admin")
    for path in ("/drills/none", "/settings/approvals"):
        assert visitor.get(path).status == 404
    assert visitor.post("/settings/approvals/none/approve").status == 404


def test_an_empty_store_says_what_to_do_next(tmp_path):
    made = served_in(tmp_path, configuration=CONFIGURATION, cases=0, drills=())
    try:
        with made.keeping().write() as connection:
            connection.exec_driver_sql("delete from proof")
        visitor = made.visitor()
        told = visitor.get("/drills").text
        assert "No drill was run yet" in told
        assert "switchover rehearse messages --candidate other" in told
        assert "switchover access init NAME" in visitor.get("/settings/access").text
        assert "Nothing waits." in visitor.get("/settings/access").text
    finally:
        made.close()


def test_a_second_person_approves_on_the_page_and_that_is_noted(served):
    name, operator = served.asked(), served.known("operator")
    page = operator.get("/settings/access").page
    assert f'action="/settings/approvals/{name}/approve"' in page
    reply = operator.post(f"/settings/approvals/{name}/approve")
    assert (reply.status, reply.headers["Location"]) == (303, f"/settings/access#approval-{name}")
    found = get_approval(served.keeping(), name)
    assert found.decision == "approved"
    noted = entries(served.settings, 1)[0]
    assert (noted["event"], noted["approval"], noted["state"]) == ("approval", name, "approved")
    assert (noted["by"], noted["role"]) == (found.decided_by, "operator")
    assert f'action="/settings/approvals/{name}/approve"' not in operator.get("/settings/access").page
    assert operator.post(f"/settings/approvals/{name}/decline").status == 409


def test_nobody_approves_what_they_asked_for_but_may_take_it_back(served):
    name = served.asked()
    asker = served.signed_in(served.keys["asker"])
    page = asker.get("/settings/access").page
    assert f'action="/settings/approvals/{name}/approve"' not in page
    assert asker.post(f"/settings/approvals/{name}/approve").status == 403
    assert get_approval(served.keeping(), name).decision is None
    assert asker.post(f"/settings/approvals/{name}/decline").status == 303
    assert get_approval(served.keeping(), name).decision == "declined"


def test_whoever_made_the_askers_key_is_no_second_person_on_the_page_either(served):
    added = access.add(served.settings, served.admin, "newcomer", ["operator"], ())
    newcomer = served.signed_in(added.token.reveal())
    name = served.asked()
    assert newcomer.post(f"/settings/approvals/{name}/approve").status == 303
    admin = served.known("admin")
    assert admin.post(f"/settings/approvals/{served.asked()}/approve").status == 303


def test_an_owner_decides_on_their_own_process_alone_and_a_try_beyond_is_noted(served):
    owner, name = served.known("process-owner"), served.asked(process="replies")
    assert owner.post(f"/settings/approvals/{name}/approve").status == 403
    assert entries(served.settings, 1)[0]["event"] == "act refused"
    assert owner.post(f"/settings/approvals/{served.asked()}/approve").status == 303


def test_a_decision_wants_the_forms_own_token(served):
    name, operator = served.asked(), served.known("operator")
    assert operator.post(f"/settings/approvals/{name}/approve", token="").status == 403
    assert get_approval(served.keeping(), name).decision is None


def row_of(served, name):
    """When this person was last on the pages, as it is said, and how many sessions of theirs go on."""
    page = served.known("admin").get("/settings/access").page
    row = re.search(rf'<tr id="person-[^"]+"><th scope="row">{name} .*?</tr>', page, re.DOTALL)[0]
    return re.search(r'<td>([^<]+)</td><td class="n"', row)[1], int(re.search(r'signed in">(\d+)<', row)[1])


def test_when_people_were_last_here_and_how_many_are_signed_in_is_known(served):
    visitor = served.signed_in(served.keys["auditor"])
    seen, sessions = row_of(served, "auditor")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", seen)
    visitor.post("/sign-out")
    assert row_of(served, "auditor") == (seen, sessions - 1)
    access.add(served.settings, served.admin, "nobody-came", ["auditor"], ())
    assert row_of(served, "nobody-came") == ("never", 0)


def test_keys_of_applications_are_listed_without_secrets_and_ended_ones_are_marked(served):
    key, token = register.create_key(served.settings, "messages", actor=served.admin, name="portal", expires_in=None)
    page = served.known("auditor").get("/settings/access").page
    assert f'id="key-{key.id}"' in page
    assert token.reveal() not in page
    register.revoke_key(served.settings, key.id, actor=served.admin)
    assert re.search(rf'{key.id} <span class="state off">revoked', served.known("auditor").get("/settings/access").page)
    assert exchange_id("messages", 1) not in page


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("not exercised", "Nobody met the loss , so it shows nothing. Why: 2 requests in 60 s are too few to tell"),
        ("stopped", "It was lifted early , so it shows nothing of recovery. 61 requests met the loss, 19 failed."),
        ("failed", "Traffic did not recover ; 5 min were promised. 61 requests met the loss, 19 failed."),
    ],
)
def test_the_page_of_a_process_says_of_its_last_drill_what_it_has_shown(served, name, said):
    store = served.keeping()
    save_drill(store, replace(get_drill(store, drill_id(name)), id="drill-of-replies", process="replies"))
    try:
        assert said in served.known("auditor").get("/processes/replies").text
    finally:
        with store.write() as connection:
            connection.exec_driver_sql("delete from drill where id = 'drill-of-replies'")


def test_what_is_kept_of_a_process_that_is_configured_no_more_is_not_denied(served, monkeypatch):
    monkeypatch.setattr(served, "settings", replace(served.settings, processes={}))
    visitor = served.known("admin")
    verdict = visitor.get(f"/verdicts/{served.verdicts['messages other'].id}")
    assert (verdict.status, "is of 'messages', which is not configured any more" in verdict.text) == (404, True)
    drill = visitor.get(f"/drills/{drill_id('passed')}")
    assert "of the traffic of messages, which is not configured any more, at most" in drill.text
    assert 'href="/processes/messages"' not in drill.page
    assert 'href="/compare/messages"' not in drill.page
