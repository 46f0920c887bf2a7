"""Prices of one's own: dated rows, surcharges and discounts with their source, and what can't be one, at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from switchover.config import load
from switchover.costs.priced import check_prices
from switchover.costs.tariffs import next_price, tariff
from switchover.domain.exchange import Usage
from switchover.domain.process import Price, Settings
from switchover.errors import ConfigError

ROWS = """\
organisation: {domicile: NL}
upstreams:
  vendor:
    kind: openai
    base_url: "http://127.0.0.1:9/v1"
    model: gpt-4.1-mini
    developer: openai
    host: openai
    price:
      - {discount: 25 %, source: contract 6}
      - {from: 2026-11-01, input_mtok: "2", output_mtok: "8", source: contract 7}
      - {from: "2026-12-01", surcharge: 10, as: openai/gpt-4.1, source: contract 8}
processes:
  claims: {owner: o, criticality: important, data: internal, baseline: vendor, budget: {month: 5 USD}}
"""
NOVEMBER, DECEMBER = 1_793_491_200.0, 1_796_083_200.0


def read(folder: Path, text: str) -> Settings:
    path = folder / "switchover.yaml"
    path.write_text(text, encoding="utf-8")
    return load(str(path))


def test_each_row_holds_from_its_day_and_the_first_from_the_beginning(tmp_path: Path) -> None:
    settings = read(tmp_path, ROWS)
    spec = settings.upstreams["vendor"]
    assert spec.price == Price(discount="25", source="contract 6")
    assert [one.since for one in spec.later_prices] == [NOVEMBER, DECEMBER]
    found = [spec.price_at(at) for at in (0.0, NOVEMBER - 1, NOVEMBER, DECEMBER + 1)]
    assert [one and one.source for one in found] == ["contract 6", "contract 6", "contract 7", "contract 8"]
    assert (next_price(settings, 0.0), next_price(settings, NOVEMBER)) == (NOVEMBER, DECEMBER)


def test_a_first_row_with_a_day_leaves_what_was_before_to_the_price_list(tmp_path: Path) -> None:
    spec = read(tmp_path, ROWS.replace("{discount: 25 %, source: contract 6}", "{from: 2026-10-01, as: a/b}")).upstreams
    assert spec["vendor"].price_at(0.0) is None
    assert len(spec["vendor"].later_prices) == 3


def test_workers_reckon_with_the_row_of_the_day_and_reserve_for_the_dearer_one_of_the_next(tmp_path: Path) -> None:
    spec = read(tmp_path, ROWS).upstreams["vendor"]
    before, last = tariff(spec, NOVEMBER - 90_000), tariff(spec, NOVEMBER - 1)
    assert before is not None
    assert last is not None
    # gpt-4.1-mini: 0.40 and 1.60 per million, a quarter off; the next row asks 2 and 8.
    usage = Usage(input=1_000_000, output=1_000_000)
    assert before.cost(usage) == last.cost(usage) == 1_500_000
    assert (before.most_input, last.most_input, last.most_output) == (300_000, 2_000_000, 8_000_000)


@pytest.mark.parametrize(
    ("was", "made", "said"),
    [
        ('input_mtok: "2"', 'input_mtok: "-2"', "11: upstreams.vendor.price.1.input_mtok: got -2; want a decimal in"),
        ('input_mtok: "2"', "input_mtok: 2", "price.1.input_mtok: got 2; want a decimal in quotes"),
        ('input_mtok: "2"', 'input_mtok: "200000"', "price.1.input_mtok: got 200000; want USD per million tokens, at"),
        ('output_mtok: "8", ', "", "11: upstreams.vendor.price.1: got a price; want either as, or input_mtok and"),
        ("discount: 25 %", "discount: -5", "10: upstreams.vendor.price.0.discount: got -5; want a percentage"),
        ("discount: 25 %", "discount: 100", "price.0.discount: got 100; want percent off the price, below 100"),
        ("surcharge: 10", "surcharge: 1000", "12: upstreams.vendor.price.2.surcharge: got 1000; want percent on top"),
        (", source: contract 6", "", "price.0: got a surcharge or discount; want a source"),
        ('from: "2026-12-01"', "from: 2026-10-01", "price.2.from: got a day out of order; want a later day"),
        ('from: "2026-12-01", ', "", "price.2: got a row without a day; want from"),
        ("from: 2026-11-01", "from: November", "price.1.from: got November; want a date such as"),
        ("discount: 25 %", "discont: 25 %", "price.0.discont: got an unknown name; want"),
    ],
)
def test_a_price_that_can_not_be_one_is_refused_at_its_line(tmp_path: Path, was: str, made: str, said: str) -> None:
    assert was in ROWS
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, ROWS.replace(was, made))
    assert said in str(refused.value)


def test_a_row_to_come_without_a_price_is_refused_on_a_capped_route_today(tmp_path: Path) -> None:
    settings = read(tmp_path, ROWS.replace("as: openai/gpt-4.1", "as: openai/gpt-nope"))
    with pytest.raises(ConfigError, match="no known price \\(openai/gpt-nope\\)"):
        check_prices(settings, NOVEMBER)
    check_prices(read(tmp_path, ROWS), NOVEMBER)


def test_the_tolerance_of_an_invoice_is_a_percentage(tmp_path: Path) -> None:
    assert read(tmp_path, ROWS).cost_tolerance == "2"
    assert read(tmp_path, ROWS + "costs: {tolerance: 0.5 %}\n").cost_tolerance == "0.5"
    with pytest.raises(ConfigError, match=r"costs.tolerance: got a bit; want a percentage such as 15"):
        read(tmp_path, ROWS + "costs: {tolerance: a bit}\n")
