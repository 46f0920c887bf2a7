"""What models, callers and people wrote does nothing on any page: no script, no request, no direction, no megabyte."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from journeys.demo_pages import FILES, filled
from journeys.served_pages import served_in

from switchover.access.local import local
from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.store.drills import place_cut_off, save_drill
from switchover.store.exchanges import find_exchanges
from switchover.store.indexing import save_exchanges
from switchover.store.proofs import newest_verdicts, proofs, save_verdict
from switchover.testing.sample_candidates import HOSTILE, exchange_id
from switchover.testing.sample_organisation import sample_drill
from switchover.web.app import PAGES
from switchover.wiring import answer
from switchover.wiring.parts import CLOCK, open_store

MOST_BYTES = 200_000
NARROW = 390
READ = sorted({page.path for page in PAGES if page.method == "GET"} - set(FILES))
# Marks that turn the direction of what follows, or are not seen.
HIDDEN = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00\x07]")
EXCHANGES = {"hostile": exchange_id("messages", 3), "long": exchange_id("messages", 7), "named": "x-named"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Pages on a record that wishes its readers ill, in every place that takes words from outside."""
    made = served_in(tmp_path_factory.mktemp("hostile"))
    now = CLOCK.now()
    with open_store(made.settings) as store:
        [found] = find_exchanges(store, [exchange_id("messages", 1)]).values()
        # A model's name comes from a vendor, its metadata from a caller.
        named = replace(found, id=EXCHANGES["named"], model=HOSTILE, metadata={"kind": HOSTILE}, error_code=HOSTILE)
        save_exchanges(store, [named])
        for verdict in newest_verdicts(store):
            reasons = (*verdict.evidence.reasons, HOSTILE)
            save_verdict(store, replace(verdict, evidence=replace(verdict.evidence, reasons=reasons)))
        drill = sample_drill(proofs(store, "messages")[0], name="d-1", hypothesis=HOSTILE, begun_at=now - 900)
        save_drill(store, replace(drill, approver=HOSTILE, operator=HOSTILE))
        acme = Target(TargetKind.PROVIDER, "acme")
        place_cut_off(store, CutOff(id="cut-1", target=acme, reason=HOSTILE, by=HOSTILE, placed_at=now))
        made.report = answer.issue(made.settings, local()).report.id
        made.verdicts = {f"{one.cell.process} {one.cell.upstream}": one for one in newest_verdicts(store)}
    yield made
    made.close()


def addresses(served, path: str) -> list[str]:
    """The path with each of its samples."""
    process = "replies" if path.startswith("/label") else "messages"
    parts = {
        "process": process,
        "candidate": "other",
        "verdict": served.verdicts["messages third"].id,
        "drill": "d-1",
        "provider": "acme",
        "upstream": "vendor",
        "kind": "upstream",
        "name": "vendor",
        "report": served.report,
        "assumption": f"defect_usd:{process}",
    }
    if path == "/cut/lift":
        return [path, f"{path}?cut=cut-1"]
    if path == "/cut":
        return [path, f"{path}?target=provider:acme"]
    if "{exchange}" not in path:
        return [filled(path, parts)]
    found = [filled(path, parts | {"exchange": one}) for one in EXCHANGES.values()]
    # The one that was given a name from outside was never rehearsed.
    return found[:2] if "/cases/" in path else [*found, f"{found[0]}?part=answer"]


@pytest.mark.parametrize("path", READ)
def test_what_others_wrote_is_shown_and_does_nothing(hostile, browser, path):
    browser.forget()
    browser.size(NARROW)
    for address in addresses(hostile, path):
        browser.open(f"{hostile.origin}{address}")
        assert browser.value("document.documentElement.scrollWidth") <= NARROW, address
        page = browser.value("document.documentElement.outerHTML")
        assert len(page.encode()) < MOST_BYTES, address
        assert not HIDDEN.search(page), address
        at_all = "document.querySelectorAll('img, iframe, object, script:not([src]), a[href^=\"javascript\"]').length"
        assert browser.value(at_all) == 0, address
        elsewhere = f"[...document.links].filter((one) => one.origin !== {json.dumps(hostile.origin)}).length"
        assert browser.value(elsewhere) == 0, address
    assert browser.complaints == []
    assert {re.match(r"https?://[^/]+", one)[0] for one in browser.asked} == {hostile.origin}


def test_it_is_there_to_be_read_as_it_was_written(hostile, browser):
    browser.open(f"{hostile.origin}/exchanges/{EXCHANGES['hostile']}")
    assert "<script>alert(1)</script>" in browser.text()
    assert "![x](https://evil.invalid/q.png)" in browser.text()


def test_a_dialog_and_a_request_are_noticed(hostile, browser):
    """The walk above can fail."""
    browser.open(f"{hostile.origin}/")
    browser.forget()
    browser.value("alert(1)")
    assert browser.complaints == ["a dialog: 1"]
