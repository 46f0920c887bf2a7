"""The kill switch under a real `switchover up`, by keyboard alone: cut a provider, see the traffic move, lift it."""

from __future__ import annotations

import json
import os
import time

import pytest
from journeys.browser import Browser, found

from switchover.gateway import pulse, snapshot
from switchover.processes import keeper
from switchover.store.drills import cut_offs
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.sample_organisation import prove
from switchover.wiring import access

OTHER = (
    '  other: {{kind: openai, base_url: "{url}/v1", key: env:VENDOR_KEY, model: big-2, developer: beta, host: beta}}\n'
)
FALLBACK = "    fallbacks: [other]\n    rehearse: {grader: label, labels: [claim_status, cancellation]}\n"
REASON = "a letter from the ministry"
WITHIN_S = 1.0


@pytest.fixture(scope="module")
def running(stage, helpers):
    """Two workers, the keeper and the pages; a replacement that holds a proof; an operator and a caller."""
    with FakeVendor({"where is my claim?": "claim_status"}, seed=2) as other:
        stage.write(workers=2, upstreams=OTHER.format(url=other.url), process=FALLBACK)
        stage.edit("pages: {serve: false}", "pages: {port: 0}")
        stage.edit("providers: {acme: {home: US}}", "providers: {acme: {home: US}, beta: {home: DE}}")
        settings, now = stage.settings(), time.time()
        with stage.store() as store:
            prove(store, settings, "messages", "other", made_at=now - 60, expires_at=now + 86_400)
        first = access.init(settings, "boss")
        admin = access.admit(settings, "access add", lambda: first.token)
        stage.operator = access.add(settings, admin, "operator", ["operator"], ()).token.reveal()
        stage.token = stage.key()
        stage.up("worker-0", "worker-1", "keeper", "pages")
        stage.pages = json.loads((stage.data / "run" / "pages.json").read_bytes())["url"]
        yield stage


def answered_by(stage):
    """Who answers a caller, by the official client."""
    with stage.client(stage.token) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="messages", messages=[{"role": "user", "content": "where is my claim?"}]
        )
    return raw.headers["x-switchover-upstream"]


def cut_offs_followed(stage):
    """The cut-offs that each worker goes by, once all go by the newest register."""
    stage.followed()
    return {told["part"]: told["cut_offs"] for told in stage.logged("register in force")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = found()
    if program is None:
        said = "no browser is installed (chromium, google-chrome)"
        if os.environ.get("STRICT") == "1":
            pytest.fail(said)
        pytest.skip(said)
    made = Browser(program, tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


def tab_to(browser, selector):
    """Tab by Tab until what is wanted has the focus."""
    for _ in range(60):
        if browser.value(f"document.activeElement.matches({json.dumps(selector)})"):
            return
        browser.press("Tab")
    raise AssertionError(f"no Tab leads to {selector}")


def follow(browser, selector):
    tab_to(browser, selector)
    browser.follow(lambda: browser.press("Enter"))


def fits(browser, width):
    assert browser.value("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1440, 390])
def test_a_provider_is_cut_off_by_keyboard_and_the_traffic_moves_and_back(running, browser, width):
    stage = running
    browser.size(width)
    browser.open(f"{stage.pages}/")
    if browser.value("location.pathname") == "/sign-in":
        browser.type(stage.operator)
        browser.follow(lambda: browser.press("Enter"))
    # What workers tell of themselves is some seconds old.
    well = ("2 of 2 workers run", "Every process is answered, as it should be")
    stage.until(lambda: all(said in browser.text() for said in well), browser.text)
    assert answered_by(stage) == "vendor"
    fits(browser, width)

    follow(browser, "main a[href='/cut']")
    tab_to(browser, "#target")
    follow(browser, ".choose button")
    assert "1 would move to another upstream" in browser.text()
    fits(browser, width)
    tab_to(browser, "#reason")
    browser.type(REASON)
    tab_to(browser, "[name=until]")
    browser.press("ArrowRight")
    assert browser.value("document.activeElement.value") == "15m"
    follow(browser, "button.danger")

    with stage.store() as store:
        (cut,) = cut_offs(store, in_force_at=time.time())
    assert (str(cut.target), cut.reason, cut.by) == ("provider:acme", REASON, "operator")
    assert REASON in browser.value("document.querySelector('.notices .cut').innerText")
    assert cut_offs_followed(stage) == {"worker-0": [cut.id], "worker-1": [cut.id]}
    assert answered_by(stage) == "other"
    # The page follows by itself, and says that every worker goes by it.
    seen = (
        "document.querySelector('.process .state').innerText === 'other' && /all go by/.test(document.body.innerText)"
    )
    stage.until(lambda: browser.value(seen))
    fits(browser, width)

    follow(browser, ".notices a")
    assert "Once lifted, messages moves back from other to vendor" in browser.text()
    follow(browser, "article form button")
    assert "this cut-off is over" in browser.text()
    assert browser.value("document.querySelector('.notices .cut')") is None
    assert cut_offs_followed(stage) == {"worker-0": [], "worker-1": []}
    assert answered_by(stage) == "vendor"


def test_what_a_cut_off_waits_for_until_every_worker_goes_by_it_leaves_most_of_a_second():
    """Added up, not timed: a machine that is busy with something else delays any of it."""
    assert keeper.POLL_SECONDS + snapshot.POLL_S + pulse.EVERY_S < WITHIN_S * 0.6


def test_nothing_was_complained_of_and_nothing_was_asked_of_anybody_else(running, browser):
    stage = running
    assert browser.complaints == []
    assert all(one == "about:blank" or one.startswith(f"{stage.pages}/") for one in browser.asked)
    assert any("part=live" in one for one in browser.asked)
