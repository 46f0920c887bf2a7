"""The kill switch under a real `switchover up`, by keyboard alone: cut a provider, see the traffic move, lift it."""

from __future__ import annotations

import json
import os
import threading
import time

import openai
import pytest
from journeys.browser import Browser, found

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
    """Two workers, the keeper and the pages; a replacement that holds a proof; an operator; and callers who ask on."""
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
        stage.up("worker-0", "worker-1", "keeper", "pages")
        stage.pages = json.loads((stage.data / "run" / "pages.json").read_bytes())["url"]
        asking = Asking(stage, stage.key())
        yield stage, asking
        asking.stop()


class Asking:
    """Callers who ask without a pause, by the official client, each request on a connection of its own."""

    def __init__(self, stage, token):
        self.stage, self.token, self.answers = stage, token, []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._over.is_set():
            began = time.time()
            # One connection is one worker.
            with openai.OpenAI(base_url=f"{self.stage.url}/v1", api_key=self.token, max_retries=0) as client:
                raw = client.chat.completions.with_raw_response.create(
                    model="messages", messages=[{"role": "user", "content": "where is my claim?"}]
                )
            self.answers.append((began, raw.headers["x-switchover-upstream"]))

    def since(self, moment):
        return [name for began, name in list(self.answers) if began >= moment]

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join(20)


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
def test_a_provider_is_cut_off_by_keyboard_and_the_traffic_moves_within_a_second_and_back(running, browser, width):
    stage, asking = running
    browser.size(width)
    browser.open(f"{stage.pages}/")
    if browser.value("location.pathname") == "/sign-in":
        browser.type(stage.operator)
        browser.follow(lambda: browser.press("Enter"))
    assert "Every process is answered, as it should be" in browser.text()
    assert "2 of 2 workers run" in browser.text()
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
    moved = in_force_after(stage, asking, cut.placed_at, "other")
    assert moved < WITHIN_S, f"took {moved:.3f} s"
    # The page follows by itself, and says that every worker goes by it.
    seen = (
        "document.querySelector('.process .state').innerText === 'other' && /all go by/.test(document.body.innerText)"
    )
    stage.until(lambda: browser.value(seen), 12)
    fits(browser, width)

    follow(browser, ".notices a")
    assert "Once lifted, messages moves back from other to vendor" in browser.text()
    follow(browser, "article form button")
    assert "this cut-off is over" in browser.text()
    assert browser.value("document.querySelector('.notices .cut')") is None
    with stage.store() as store:
        (lifted,) = (one for one in cut_offs(store) if one.id == cut.id)
    back = in_force_after(stage, asking, lifted.lifted_at, "vendor")
    assert back < WITHIN_S, f"took {back:.3f} s"
    print(f"in force at every worker after {moved:.3f} s, lifted after {back:.3f} s")


def in_force_after(stage, asking, moment, wanted):
    """How many seconds after a moment the last request began that somebody else than is wanted answered."""
    stage.until(lambda: len(asking.since(moment + WITHIN_S)) >= 20, 20, stage.said)
    others = [began for began, name in list(asking.answers) if began >= moment and name != wanted]
    return max(others, default=moment) - moment


def test_nothing_was_complained_of_and_nothing_was_asked_of_anybody_else(running, browser):
    stage, _ = running
    assert browser.complaints == []
    assert all(one == "about:blank" or one.startswith(f"{stage.pages}/") for one in browser.asked)
    assert any("part=live" in one for one in browser.asked)
