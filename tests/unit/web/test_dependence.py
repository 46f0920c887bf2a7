"""The pages of dependence over real sockets: the figures that were worked out by hand, and whom an order reaches."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from journeys.served_pages import Served

from switchover.domain.process import PagesAt, Provider
from switchover.report.wording import anchor
from switchover.testing.sample_holding import fill_holding, holding_settings
from switchover.wiring.parts import CLOCK, open_store

HOSTILE = '<script>alert(1)</script> "& co\u202e'


def settings_in(folder):
    settings = holding_settings(str(folder))
    return replace(settings, database=f"sqlite:///{folder}/store.sqlite", pages=PagesAt(port=0))


@pytest.fixture(scope="module")
def holding(tmp_path_factory):
    """Pages of the organisation of tests/unit/report/test_holding.py, where its figures are worked out."""
    settings = settings_in(tmp_path_factory.mktemp("holding"))
    with open_store(settings) as store:
        fill_holding(store, settings, CLOCK.now() // 3600 * 3600 - 3600)
    made = Served(settings, {})
    yield made
    made.close()


@pytest.fixture
def visitor(holding):
    return holding.visitor()


def rows(page):
    """The cells of each row of a page's tables, as words."""
    text = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr.*?</tr>", page, re.S)]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in text]


def test_the_page_says_what_one_order_would_stop(visitor):
    text = visitor.get("/dependence").text
    # 5 of 100 critical answers are shown to go on, and another 15 have a proof: tests/unit/report/test_holding.py
    assert "One order to one company, acme, would stop 95 % of critical volume." in text
    assert "One order from one jurisdiction, US, would stop 95 % of critical volume." in text
    assert "Of it 15 % has a proven replacement that no drill has tried whole: untested counts as stopping." in text
    assert "No price is known of 15 answers" in text
    assert "Nothing is recorded of archive" in text


def test_the_table_says_what_the_drawing_says(visitor):
    page = visitor.get("/dependence").page
    found = {row[0]: row[1:] for row in rows(page) if len(row) == 5}
    # 105 of 120 answers, all spend that is known, all critical ones, and 5 of 100 go on without it.
    assert found["acme US"] == ["88 %", "100 %", "100 %", "5 %"]
    # The unpriced is not a spend of nothing.
    assert found["beta DE"] == ["12 %", "unpriced", "0 %", "100 %"]
    assert found["acme-us US"] == ["71 %", "77 %", "80 %", "60 %"]
    assert found["IE 17 % within its reach"][-1] == "85 %"
    drawn = re.findall(r"<title>([^<]+)</title></rect>", page)
    assert {"acme · US: 88 %", "beta · DE: 12 %", "acme-us · US: 71 %", "claims: 33 %"} <= set(drawn)
    # Herfindahl indices: 7850 and 11250 of 14400, and 0.061544 / 0.094864.
    assert ["Provider", "0.55, as if 1.8 held equal parts", "0.65, as if 1.5 held equal parts",
            "0.68, as if 1.5 held equal parts"] in rows(page)  # fmt: skip
    assert ["Parent", "0.78, as if 1.3 held equal parts", "1.00, one holds all", "1.00, one holds all"] in rows(page)


def test_single_points_are_named_for_each_process(visitor):
    found = {row[0]: row[1] for row in rows(visitor.get("/dependence").page) if len(row) == 2}
    assert found["claims"] == "Developer acme US , Provenance US , Parent acme US , Jurisdiction US"
    assert found["notes"].startswith("Upstream open")
    assert "search" not in found


def test_a_link_changes_the_weight_and_nothing_else_is_taken_for_one(visitor):
    assert "shares of answers to critical processes, 100 in all" in visitor.get("/dependence?weight=criticality").text
    # 85 × 0.0028 + 20 × 0.0035
    assert "shares of all spend, $0.3080 as billed" in visitor.get("/dependence?weight=spend").text
    assert "shares of all answers, 120 in all" in visitor.get("/dependence?weight=<script>&open=none").text


def test_a_node_says_what_falls_what_survives_in_how_long_at_what_cost_and_why(visitor):
    reply = visitor.get("/dependence/provider/acme-us")
    assert "One order to one company, acme-us, would stop 40 % of critical volume." in reply.text
    found = {row[0].partition(" ")[0]: row for row in rows(reply.page)[1:]}
    # 40 calls in ten minutes, each $0.0007 dearer: $122.72 a month.
    assert found["claims"][1:2] + found["claims"][3:6] == ["40", "eu", "2.5 s of 5 minutes promised", "+$123 a month"]
    assert found["intake"][3:6] == [
        "open", "10 minutes of 5 minutes promised",
        "unknown: no price for beta/open-1; state one under upstreams.open.price",
    ]  # fmt: skip
    assert found["letters"][3:6] == ["nobody", "", ""]
    assert "its proof has expired" in found["letters"][2]
    assert "2 other processes: untouched" in reply.text
    links = re.findall(r'href="(/(?:verdicts|exchanges)/[^"]+)"', reply.page)
    assert len(links) == 5
    assert all(visitor.get(link).status == 200 for link in links)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("parent/acme", "acme controls acme-us"),
        ("provider/acme-eu", "acme-eu is controlled by acme"),
        ("jurisdiction/EU", "One order from one jurisdiction, EU, would stop 15 % of critical volume. All of that has"),
        ("jurisdiction/DE", "would stop nothing critical"),
        ("developer/gamma", "An order to a developer does not end weights that others run"),
        ("provenance/CN", "Where a model comes from is not who can be ordered to stop"),
        ("upstream/eu", "85 % of critical volume is shown to go on without it"),
        # Nobody can order us to stop our own machine.
        ("parent/own", "100 % of critical volume is shown to go on without it"),
        ("process/search", "proven, drilled on a part 25 % counts"),
        ("route/archive", "A route of archive"),
        ("upstream/student", "its baseline eu is not lost"),
    ],
)
def test_every_kind_of_node_has_its_page(visitor, path, said):
    reply = visitor.get(f"/dependence/{path}")
    assert reply.status == 200
    assert said in reply.text


def test_every_link_of_the_graph_leads_to_a_page(visitor):
    links = set(re.findall(r'href="(/dependence/[^"]+)"', visitor.get("/dependence?open=all").page))
    assert len(links) > 25
    # A third of them, as each is drawn by the same lines.
    assert all(visitor.get(link).status == 200 for link in sorted(links)[::3])


@pytest.mark.parametrize("path", ["parent/none", "planet/acme", "jurisdiction/ourselves", "process/acme"])
def test_a_node_that_is_not_there_says_so(visitor, path):
    reply = visitor.get(f"/dependence/{path}")
    assert reply.status == 404
    assert "see the graph" in reply.text


def test_a_name_made_to_do_harm_is_text_and_has_a_page_of_its_own(holding, visitor):
    before = holding.settings
    eu = Provider(name="acme-eu", home="IE", parent=HOSTILE, parent_home="US")
    holding.settings = replace(before, providers={**before.providers, "acme-eu": eu})
    try:
        page = visitor.get("/dependence").page
        node = visitor.get(f"/dependence/parent/{anchor(HOSTILE)}")
    finally:
        holding.settings = before
    assert node.status == 200
    for told in (page, node.page):
        assert "&lt;script&gt;alert(1)" in told
        assert not re.search(r"<script(?! src=\"/static/)", told)
        assert "\u202e" not in told


def test_an_empty_store_is_a_page_that_says_what_to_do_next(tmp_path):
    served = Served(settings_in(tmp_path), {})
    try:
        reply = served.visitor().get("/dependence")
        assert "Nothing has been recorded yet" in reply.text
        assert "switchover import" in reply.text
        assert "<svg" not in reply.page
        node = served.visitor().get("/dependence/parent/acme").text
        assert "What one order to one company, acme, would stop can't be said: nothing critical has been" in node
    finally:
        served.close()


def test_a_record_of_what_is_configured_no_more_is_not_called_nothing(holding, visitor, monkeypatch):
    only = {"archive": holding.settings.processes["archive"]}
    monkeypatch.setattr(holding, "settings", replace(holding.settings, processes=only))
    text = visitor.get("/dependence").text
    assert "Nothing has been recorded" not in text
    assert "All that is recorded is of what is configured no more" in text
    assert "40 answers of claims, 20 answers of intake" in text
