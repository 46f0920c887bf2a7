"""The pages of costs: figures lead to what they are made of, what is not known has a name, assumptions are edited."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html import escape, unescape
from pathlib import Path

import pytest
from journeys.served_costs import DAYS, served

from switchover.costs.ahead import Terms
from switchover.costs.metering import price_exchange
from switchover.errors import StoreUnavailable
from switchover.report.wording import usd
from switchover.testing.sample_candidates import HOSTILE
from switchover.web import projections
from switchover.wiring.costs import assumptions, projection
from switchover.wiring.evidence import entries

NAME = "/costs/assumptions/switch_hours"
SAID = {"value": "10", "low": "8", "high": "12", "source": "rota", "owner": "operations", "date": "2026-11-20"}


@pytest.fixture(scope="module")
def spending(tmp_path_factory):
    """Pages of an organisation that has spent for two weeks."""
    made = served(tmp_path_factory.mktemp("spending"))
    yield made
    made.close()


def row(page: str, name: str, section: str) -> str:
    """The text of a table's row, below a heading."""
    part = page.partition(f'id="{section}"')[2].partition("</table>")[0]
    (found,) = [one for one in re.findall(r"<tr>.*?</tr>", part, re.S) if re.search(rf">{re.escape(name)}\s*<", one)]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found)).split())


def link(page: str, name: str, section: str) -> str:
    """The last figure's address in a table's row."""
    part = page.partition(f'id="{section}"')[2].partition("</table>")[0]
    (found,) = [one for one in re.findall(r"<tr>.*?</tr>", part, re.S) if re.search(rf">{re.escape(name)}\s*<", one)]
    return unescape(re.findall(r'href="(/costs/spent[^"]*)"', found)[-1])


def expected(spending, process: str) -> Decimal:
    """What two weeks of a process cost, exchange by exchange."""
    of = [one for one in spending.recorded if one.process == process]
    return sum((price_exchange(one, spending.settings.upstreams).amount or Decimal(0) for one in of), Decimal(0))


def test_each_process_has_its_costs_of_the_day_the_month_and_thirty_days_and_what_has_no_price_is_unknown(spending):
    assert DAYS < 30
    page = spending.known("auditor").get("/costs").page
    assert usd(expected(spending, "replies")) in row(page, "replies", "by-process")
    assert "unknown" in row(page, "notes", "by-process")
    assert "none with a price" in row(page, "notes", "by-process")
    assert "$0.00" not in row(page, "notes", "by-process")
    assert "of it estimated" in row(page, "messages", "by-process")
    assert "models that judge answers" in row(page, "judge", "by-purpose")
    assert "of unknown cost" in row(page, "beta", "by-provider")


def test_what_is_doubtful_is_named_and_never_nothing(spending):
    told = spending.known("auditor").get("/costs").text
    assert "third : no price is known for beta/small-1" in told
    assert "calls of the last 30 days without a price: no published price for beta/small-1" in told
    assert "4 records lost, disk full; what they cost is not in here" in told
    assert re.search(r"acme billed \$205 for \d{4}-\d\d, and nothing was metered", told)
    assert "190 EUR" in told
    assert "at 1.08 USD, ECB" in told


def test_a_configuration_that_is_not_in_force_is_told_with_its_absurd_price(spending):
    auditor, file = spending.known("auditor"), Path(spending.settings.source)
    good = file.read_text(encoding="utf-8")
    assert "is not in force" not in auditor.get("/costs").text
    file.write_text(good.replace('input_mtok: "2"', 'input_mtok: "-2"'), encoding="utf-8")
    told = auditor.get("/costs").text
    file.write_text(good, encoding="utf-8")
    assert "The configuration as it stands in its file is not in force , so its prices are not either" in told
    assert "upstreams.vendor.price" in told
    assert "got -2" in told


def test_budgets_show_their_cap_what_is_spent_and_what_is_reserved(spending):
    page = spending.known("auditor").get("/costs").page
    assert "60.00 USD 51.00 USD 0.3000 USD of it unknown, counted at the most it can be 4.00 USD 5.00 USD" in row(
        page, "process:messages", "budgets"
    )
    assert "used up" in row(page, "provider:acme", "budgets")
    assert 'aria-label="process:messages: 85% of the cap is spent, 7% reserved"' in page


def test_a_ledger_that_is_away_is_told_and_the_rest_of_the_page_stays(spending, monkeypatch):
    def away(_settings):
        raise StoreUnavailable("the ledger is gone", mend="bring it back")

    monkeypatch.setattr("switchover.wiring.budget.ledger", away)
    reply = spending.known("auditor").get("/costs")
    assert reply.status == 200
    assert "it is not known what is left of any: the ledger is gone" in reply.text
    assert "replies" in row(reply.page, "replies", "by-process")


def test_a_figure_leads_to_its_prices_and_its_newest_exchanges(spending):
    visitor = spending.known("auditor")
    behind = visitor.get(link(visitor.get("/costs").page, "messages", "by-process"))
    assert behind.status == 200
    assert "contract 7" in behind.text
    assert "genai-prices" in behind.text
    first = re.search(r'href="(/exchanges/s-messages-\d+)"', behind.page)[1]
    assert visitor.get(first).status == 200
    unknown = visitor.get(link(visitor.get("/costs").page, "notes", "by-process"))
    assert "s-notes-" in unknown.page
    assert "unknown" in unknown.text
    judged = visitor.get(link(visitor.get("/costs").page, "judge", "by-purpose"))
    assert "Calls for this purpose are no exchanges" in judged.text
    assert "/exchanges/" not in judged.page
    assert visitor.get("/costs/spent?span=forever").status == 404
    assert "no calls" in visitor.get("/costs/spent?span=2020-01&process=%3Cb%3E").text


def test_the_projection_greys_what_is_not_proven_and_shows_no_saving_of_it(spending):
    reply = spending.known("auditor").get("/costs/projection")
    assert reply.status == 200
    assert reply.text.count("Staying as we are costs about") == 1
    for name, why in (("own-box", "no upstream serves gpt-oss-120b"), ("other-host", "no proof in date for other")):
        (line,) = re.findall(rf'<tr class="unproven"><th scope="row"><a [^>]*>{name}</a>.*?</tr>', reply.page, re.S)
        assert why in line
        assert "no saving" in line
        assert 'data-is="saved"' not in line
        assert re.search(rf'<article class="option unproven" id="[^"]*">\s*<h3>{name} ', reply.page)
    assert "the price of h200-141-sxm is not known" in reply.text
    assert "notes is left out: no price for beta/small-1" in reply.text
    assert len(reply.body) - sum(map(len, re.findall(r"<svg.*?</svg>", reply.page, re.S))) < 200_000
    assert len(re.findall(r'role="img" aria-label="[^"]{10}', reply.page)) == len(re.findall(r'role="img"', reply.page))


def test_a_projection_is_kept_until_an_assumption_changes_and_says_the_same_as_the_command(spending, monkeypatch):
    drawn = []

    def counted(inputs):
        drawn.append(inputs)
        return weighed(inputs)

    weighed = projections.weighed
    monkeypatch.setattr(projections, "weighed", counted)
    visitor = spending.known("admin")
    first = visitor.get("/costs/projection")
    visitor.get("/costs/projection")
    before = len(drawn)
    assert before <= 1
    seen = edited(spending, "switch_hours")
    assert visitor.post(NAME, **SAID, reason="counted again", seen=str(seen)).status == 303
    after = visitor.get("/costs/projection")
    assert len(drawn) == before + 1
    assert lead(after) != lead(first) or table(after) != table(first)
    found = projection(spending.settings, Terms())
    assert usd(found.stay.total[1]) in lead(after)
    half = next(one for one in found.options if one.name == "half")
    assert usd(half.total[1]) in table(after)
    assert next(one for one in found.assumptions if one.name == "switch_hours").kept_in == "edited"
    assert next(one for one in found.assumptions if one.name == "power_usd_kwh").kept_in == "file"


def lead(reply) -> str:
    return unescape(re.search(r'<p class="lead">(.*?)</p>', reply.page)[1])


def table(reply) -> str:
    return unescape(reply.page.partition('id="options"')[2].partition("</table>")[0])


def edited(spending, name: str) -> int:
    """The version of its newest edit."""
    return next(one.version for one in assumptions(spending.settings) if one.name == name)


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"value": "0.2"}, "value", "got 0.2; want times, from 1 to 4"),
        ({"value": "much"}, "value", "got much; want a number"),
        ({"value": "nan"}, "value", "a finite number"),
        ({"low": "1.5"}, "value", "between low (1.5) and high (1.3)"),
        ({"source": " "}, "source", "a value for source"),
        ({"date": "yesterday"}, "date", "got yesterday"),
        ({"reason": " "}, "reason", "changed for a reason"),
    ],
)
def test_what_the_file_would_refuse_the_page_refuses_at_its_field_and_keeps_what_was_typed(
    spending, changed, field, said
):
    visitor = spending.known("operator")
    given = SAID | {"value": "1.2", "low": "1.1", "high": "1.3", "owner": "typed & kept", "reason": "x"} | changed
    reply = visitor.post("/costs/assumptions/pue", **given, seen="0")
    assert reply.status == 400
    assert said in unescape(reply.page.partition(f'id="wrong-{field}">')[2].partition("</p>")[0])
    assert 'value="typed &amp; kept"' in reply.page
    assert edited(spending, "pue") == 0


def test_of_two_who_edit_at_once_the_second_is_told_and_loses_nothing_that_was_typed(spending):
    first, second = spending.known("admin"), spending.known("operator")
    path, seen = "/costs/assumptions/parallel_months", str(edited(spending, "parallel_months"))
    assert first.post(path, **SAID | {"value": "9"}, reason="first", seen=seen).status == 303
    reply = second.post(path, **SAID | {"value": "11"}, reason="second", seen=seen)
    assert reply.status == 409
    assert "Somebody else changed this while you were at it" in reply.text
    assert "9 (8 to 12)" in reply.text
    assert 'value="11"' in reply.page
    now = re.search(r'name="seen" value="(\d+)"', reply.page)[1]
    assert second.post(path, **SAID | {"value": "11"}, reason="second, again", seen=now).status == 303


def test_who_edited_when_and_why_is_kept_and_an_edit_is_taken_back_to_the_file(spending):
    visitor = spending.known("operator")
    path = "/costs/assumptions/power_usd_kwh"
    assert "in the file" in visitor.get(path).text
    hostile = SAID | {"value": "0.5", "low": "", "high": "", "source": HOSTILE[:400]}
    assert visitor.post(path, **hostile, reason="a <b>dear</b> winter", seen="0").status == 303
    page = visitor.get(path)
    assert "In force: 0.5 USD per kWh" in page.text
    assert "in the file 0.31 (0.25 to 0.4) USD per kWh" in page.text
    assert "<b>dear" not in page.page
    assert "<script>alert" not in page.page
    assert "operator" in page.text
    assert "the file says 0.31" in visitor.get("/costs/assumptions").text
    assert visitor.post(path, do="take back", reason="it was mild", seen="1").status == 303
    page = visitor.get(path)
    assert "In force: 0.31 (0.25 to 0.4) USD per kWh" in page.text
    assert page.text.index("it was mild") < page.text.index("a <b>dear</b> winter")
    noted = [one for one in entries(spending.settings, None) if one.get("name") == "power_usd_kwh"]
    assert [(one["event"], one.get("value"), one.get("taken_back"), one["role"]) for one in noted] == [
        ("assumption edited", "0.5", None, "operator"), ("assumption edited", None, True, "operator"),
    ]  # fmt: skip
    assert "winter" not in json.dumps(noted)


def test_a_large_figure_has_no_power_of_ten_and_a_long_source_comes_back_whole(spending):
    visitor, path = spending.known("operator"), "/costs/assumptions/loss_usd_hour"
    long = "The board's own reckoning of an hour without answers. " * 9
    dear = SAID | {"value": "1250000", "low": "25000", "high": "90000000", "source": long.strip()}
    assert visitor.post(path, **dear, reason=long.strip(), seen="0").status == 303
    reply = visitor.get(path)
    assert "In force: 1,250,000 (25,000 to 90,000,000) USD per hour" in reply.text
    assert "From 0 to 100,000,000 USD per hour" in reply.text
    assert not re.search(r"\de[+-]\d", reply.text)
    assert reply.text.count(long.strip()) == 3
    assert f'name="source" value="{escape(long.strip()).replace("&#x27;", "&#39;")}"' in reply.page
    assert visitor.post(path, do="take back", reason="tried", seen="1").status == 303


def test_an_owner_says_what_is_of_the_own_process_and_nobody_says_more_than_they_may(spending):
    owner, auditor = spending.known("process-owner"), spending.known("auditor")
    own, other, whole = (f"/costs/assumptions/defect_usd{of}" for of in (":messages", ":replies", ""))
    assert owner.post(own, **SAID, reason="counted", seen="0").status == 303
    assert "Say it otherwise" in owner.get(own).text
    for path in (other, whole):
        assert owner.post(path, **SAID, reason="counted", seen="0").status == 403
        assert "Say it otherwise" not in owner.get(path).text
    assert auditor.post(own, **SAID, reason="counted", seen="1").status == 403
    assert auditor.get("/costs/assumptions/no_such_thing").status == 404
    assert auditor.get("/costs/assumptions/pue:messages").status == 404
    refused = [one for one in entries(spending.settings, None) if one["event"] == "act refused"]
    assert {one["act"] for one in refused} == {"costs assume"}
