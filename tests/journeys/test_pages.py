"""The pages in a browser: sign in, see what a verdict means, compare, label by keyboard; on a desk and a telephone."""

from __future__ import annotations

import re

import pytest
from journeys.served_pages import with_people

from switchover.store.labels import labels_of
from switchover.testing.sample_candidates import exchange_id
from switchover.testing.sample_drills import NAMES, drill_id

WIDTHS = (1440, 390)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    made = with_people(tmp_path_factory.mktemp("pages"), drills=NAMES)
    yield made
    made.close()


def test_a_person_signs_in_and_sees_which_candidates_are_ready(pages, browser):
    browser.open(f"{pages.origin}/")
    assert browser.value("location.pathname") == "/sign-in"
    browser.type(pages.keys["admin"])
    browser.follow(lambda: browser.press("Enter"))
    assert browser.value("location.pathname") == "/"
    browser.follow(lambda: browser.click("nav a[href='/processes']"))
    assert "1 of 3 candidates that were tried is READY" in browser.text()
    assert browser.value("document.cookie") == ""


def test_from_a_verdict_a_person_comes_to_what_it_means_and_to_the_exchange_behind_it(pages, browser):
    browser.follow(lambda: browser.click("a[href^='/verdicts/']"))
    told = browser.text()
    assert "other is good enough to stand in for vendor" in told
    assert "What it does not show" in told
    browser.follow(lambda: browser.click("a[href*='/cases/']"))
    browser.follow(lambda: browser.click("main a[href^='/exchanges/']"))
    assert "What was tried" in browser.text()


def test_candidates_are_compared_with_their_worst_cases_side_by_side(pages, browser):
    browser.open(f"{pages.origin}/compare/messages")
    assert browser.value("document.querySelectorAll('svg.intervals circle').length") == 2
    browser.follow(lambda: browser.click("tr:nth-child(2) a[href^='?worst=']"))
    assert "Where third" in browser.text()
    boxes = "[...document.querySelectorAll('.case .pair')].map((e) => e.getBoundingClientRect().width > 600)"
    assert browser.value(boxes) == [True] * 4
    assert browser.value("document.querySelectorAll('.case del').length") > 0


def labelled(browser) -> int:
    """Pairs that have a label, of those that the page says are to have one."""
    done, of = re.search(r"(\d+) of (\d+) pairs are labelled", browser.text()).groups()
    assert int(of) > 12
    return int(done)


def test_ten_pairs_are_labelled_by_keyboard_alone(pages, browser):
    browser.open(f"{pages.origin}/label/replies/other")
    case = "document.querySelector('[name=case]').value"
    seen = []
    for number in range(10):
        seen.append(browser.value(case))
        browser.press("123"[number % 3])
        assert browser.value("document.querySelector('section.chosen').dataset.side") == "right"
        browser.follow(lambda: browser.press("1"))
    assert len(set(seen)) == 10
    assert labelled(browser) == 10
    cell = pages.verdicts["replies other"].cell
    given = labels_of(pages.keeping(), cell.id)
    assert [label.exchange_id for label in given] == seen
    assert {label.source for label in given} == {"page"}
    left = [label.candidate if label.candidate_left else label.baseline for label in given]
    assert left == [(1.0, 0.5, 0.0)[number % 3] for number in range(10)]


def test_the_keys_take_one_back_leave_one_for_later_and_show_themselves(pages, browser):
    case = "document.querySelector('[name=case]').value"
    before = browser.value(case)
    browser.press("?")
    assert browser.value("!document.getElementById('keys').hidden")
    browser.follow(lambda: browser.press("s"))
    assert browser.value(case) != before
    browser.follow(lambda: browser.press("u"))
    assert labelled(browser) == 9
    browser.press("ArrowRight")
    browser.press("2")
    assert browser.value("document.querySelector('section.chosen').dataset.side") == "left"
    browser.follow(lambda: browser.press("3"))
    browser.follow(lambda: browser.press("0"))
    assert labelled(browser) == 11


def test_without_scripts_the_forms_do_the_same(pages, browser):
    browser.scripts(False)
    browser.open(f"{pages.origin}/label/replies/other")
    assert browser.value("getComputedStyle(document.querySelector('kbd')).display") == "none"
    browser.click("[name=left][value=good]")
    browser.click("[name=right][value=half]")
    browser.follow(lambda: browser.click("button[value=mark]"))
    assert labelled(browser) == 12
    browser.follow(lambda: browser.click("button[value=finish]"))
    browser.scripts(True)
    assert browser.value("location.pathname").startswith("/verdicts/")
    assert "People marked 12 of the " in browser.text()


def test_a_drill_under_way_is_looked_at_again_until_somebody_stops_that(pages, browser):
    script = "window.setInterval = (act) => { window.tick = act; return 1; }"
    held = browser.call("Page.addScriptToEvaluateOnNewDocument", source=script)["identifier"]
    browser.open(f"{pages.origin}/drills/{drill_id('running')}")
    browser.value("window.before = true")
    browser.follow(lambda: browser.value("tick()"))
    assert browser.value("window.before === undefined")
    browser.click("#hold")
    browser.value("window.before = true; document.activeElement.blur(); tick()")
    assert browser.value("document.getElementById('hold').textContent") == "Look again"
    assert browser.value("new Promise((done) => setTimeout(() => done(window.before), 50))") is True
    browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=held)


def test_an_assumption_is_edited_by_keyboard_alone(pages, browser):
    browser.open(f"{pages.origin}/costs/assumptions/pue")
    browser.value("document.getElementById('field-value').select()")
    browser.type("1.3")
    for _ in range(20):
        browser.press("Tab")
        if browser.value("document.activeElement.name") == "reason":
            break
    browser.type("measured for a month")
    browser.follow(lambda: browser.press("Enter"))
    told = browser.text()
    assert "In force: 1.3 (1.1 to 1.8) times" in told
    assert "measured for a month" in told
    assert "edited here" in told


# What a link saves: whether as a file, and how it begins.
SAVED = """fetch(document.querySelector("%s").href).then(async (reply) => [
  reply.headers.get("content-disposition").split(";")[0],
  new TextDecoder("latin1").decode((await reply.arrayBuffer()).slice(0, 5)),
])"""


def test_a_report_is_issued_by_keyboard_and_saved(pages, browser):
    browser.open(f"{pages.origin}/report")
    browser.value("document.querySelector('form.issue button').focus()")
    browser.follow(lambda: browser.press("Enter"))
    assert "The board's four answers" in browser.text()
    assert browser.value(SAVED % "a[href$='/pdf']") == ["attachment", "%PDF-"]
    assert browser.value(SAVED % "a[href$='/page']") == ["attachment", "<!doc"]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits(pages, browser, width):
    verdict = pages.verdicts["messages other"].id
    browser.size(width)
    for path in (
        "/",
        "/dependence",
        "/dependence/parent/acme",
        "/dependence/process/messages",
        "/processes",
        "/cut",
        "/cut?target=provider:acme",
        "/cut/lift",
        "/processes/messages",
        "/decisions",
        f"/verdicts/{verdict}",
        f"/verdicts/{verdict}/cases/{exchange_id('messages', 3)}",
        "/compare/messages",
        "/label/replies/other",
        "/costs",
        "/costs/spent?span=days30",
        "/costs/projection",
        "/costs/assumptions",
        "/costs/assumptions/defect_usd",
        f"/exchanges/{exchange_id('messages', 7)}",
        f"/exchanges/{exchange_id('messages', 3)}?part=answer",
        "/drills",
        f"/drills/{drill_id('passed')}",
        "/evidence",
        "/settings",
        "/settings?of=processes.messages",
        "/settings/access",
    ):
        browser.open(f"{pages.origin}{path}")
        assert browser.value("document.documentElement.scrollWidth") <= width, path
        assert browser.value("document.querySelectorAll('h1').length") == 1
        unnamed = (
            "[...document.querySelectorAll('a, button, input:not([type=hidden])')].filter((e) => !(e.textContent.trim()"
        )
        assert browser.value(f"{unnamed} || e.labels?.length)).map((e) => e.outerHTML)") == [], path


def test_whoever_signs_out_is_out(pages, browser):
    browser.size(WIDTHS[0])
    browser.open(f"{pages.origin}/")
    browser.follow(lambda: browser.click("form[action='/sign-out'] button"))
    browser.open(f"{pages.origin}/compare/messages")
    assert browser.value("location.pathname") == "/sign-in"


def test_nothing_was_complained_of_and_nothing_was_asked_of_anybody_else(pages, browser):
    assert browser.complaints == []
    # The icon of a field for a date is the browser's own, and lies in its address.
    asked = [one for one in browser.asked if one != "about:blank" and not one.startswith("data:")]
    assert {re.match(r"https?://[^/]+", one)[0] for one in asked} == {pages.origin}


def test_what_breaks_the_policy_is_complained_of(pages, browser):
    """The two checks above can fail."""
    browser.open(f"{pages.origin}/sign-in")
    browser.value("document.body.append(Object.assign(new Image(), {src: 'https://evil.invalid/p.png'}))")
    browser.hear("evil.invalid")
