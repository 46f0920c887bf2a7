"""Every page of the table, walked in a browser: axe finds no serious fault, nothing else is asked, all of it fits."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from journeys.demo_pages import ELSEWHERE, FILES, samples, with_the_demos_past
from journeys.served_pages import with_people

from switchover.web.app import PAGES

# A desk by day and a telephone by night: both widths and both schemes.
VIEWS = ((1440, False), (390, True))
MOST_BYTES = 200_000
AXE = resources.files("axe_core_python").joinpath("axe.min.js")
RUN = """axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html).join(' ')}`))"""
READ = sorted({page.path for page in PAGES if page.method == "GET"} - ELSEWHERE.keys() - set(FILES))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    made = with_the_demos_past(tmp_path_factory.mktemp("demo"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    made = with_people(tmp_path_factory.mktemp("people"))
    yield made
    made.close()


def faults(browser, address: str) -> list[str]:
    """What is wrong with a page, at both widths."""
    found = []
    for width, dark in VIEWS:
        browser.size(width)
        browser.dark(dark)
        browser.open(address)
        browser.value(f"{AXE.read_text(encoding='utf-8')};0")
        found += [f"{width} px: {one}" for one in browser.value(RUN)]
        if (wide := browser.value("document.documentElement.scrollWidth")) > width:
            found.append(f"{width} px: it is {wide} px wide")
    return found


@pytest.mark.parametrize("path", READ)
def test_a_page_is_for_everybody_fits_and_asks_nobody_else(demo, browser, path):
    address = f"{demo.origin}{samples(demo, [path])[path]}"
    browser.forget()
    assert faults(browser, address) == []
    assert browser.value("document.querySelectorAll('h1').length") == 1
    assert browser.complaints == []
    assert {re.match(r"https?://[^/]+", one)[0] for one in browser.asked} == {demo.origin}


@pytest.mark.parametrize("path", READ)
def test_a_page_is_small_and_says_what_is_made_up(demo, path):
    reply = demo.visitor().get(samples(demo, [path])[path])
    assert len(re.sub(r"<svg.*?</svg>", "", reply.page, flags=re.DOTALL).encode()) < MOST_BYTES
    assert reply.status == 200
    assert "made up for the demo" in reply.text


@pytest.mark.parametrize("path", FILES)
def test_what_is_saved_is_no_page(demo, path):
    reply = demo.visitor().get(path.format(report=demo.report))
    assert (reply.status, reply.headers["Content-Disposition"].partition(";")[0]) == (200, "attachment")


def test_the_pages_that_ask_people_are_for_everybody(people, browser):
    browser.forget()
    door, desk = (f"{people.origin}{ELSEWHERE[path]}" for path in ("/sign-in", "/label/{process}/{candidate}"))
    assert faults(browser, door) == []
    browser.click("[name=key]")
    browser.type(people.keys["admin"])
    browser.follow(lambda: browser.press("Enter"))
    assert faults(browser, desk) == []
    assert browser.complaints == []


def test_a_fault_is_found(demo, browser):
    """The walk above can fail."""
    browser.open(f"{demo.origin}/sign-in")
    browser.value("document.querySelector('main').append(document.createElement('select'))")
    browser.value(f"{AXE.read_text(encoding='utf-8')};0")
    assert any(one.startswith("select-name: ") for one in browser.value(RUN))
