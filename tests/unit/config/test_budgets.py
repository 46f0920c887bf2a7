"""What may be spent, as the configuration says it: money with its currency, and a price for whatever it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from switchover.config import load
from switchover.costs.priced import check_prices
from switchover.domain.process import Budget, Settings
from switchover.errors import ConfigError

AT = 1_793_491_200.0  # 1 November 2026
GOOD = """\
organisation: {domicile: NL}
budgets:
  organisation: {month: "1,000.50 USD"}
  providers: {openai: {day: 20 USD, kind: soft}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: gpt-4.1, developer: openai, host: openai}
  other: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: m, developer: o, host: openai,
          max_output: 9000, price: {input_mtok: "0.5", output_mtok: "2"}}
  own: {kind: student, model: s, developer: own, host: own}
processes:
  claims: {owner: o, criticality: critical, data: internal, baseline: vendor, fallbacks: [other, own],
           budget: {month: 500 USD, at_cap: cheaper}}
  mail: {owner: o, criticality: critical, data: internal, baseline: own}
"""


def loaded(folder: Path, text: str) -> Settings:
    """The settings of a file with this text, its prices looked up."""
    file = folder / "switchover.yaml"
    file.write_text(text, encoding="utf-8")
    settings = load(str(file))
    check_prices(settings, AT)
    return settings


def test_budgets_are_whole_millionths_of_a_dollar(tmp_path: Path) -> None:
    settings = loaded(tmp_path, GOOD)
    assert settings.processes["claims"].budget == Budget(month=500_000_000, at_cap="cheaper")
    assert settings.processes["mail"].budget is None
    assert settings.budgets == {
        "organisation": Budget(month=1_000_500_000),
        "provider:openai": Budget(day=20_000_000, kind="soft"),
    }
    assert settings.upstreams["other"].max_output == 9000


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("500 USD", "500", "12: processes.claims.budget.month: got 500; want an amount with its currency, such as"),
        ("500 USD", "500 EUR", "got 500 EUR; want an amount in USD, the currency of prices, such as 500 USD"),
        ("500 USD", "-5 USD", "got -5 USD; want an amount with its currency"),
        ("500 USD", "nan USD", "got nan USD; want an amount with its currency"),
        ("500 USD", "0.0000001 USD", "got 0.0000001 USD; want an amount of at most a billion USD, to the millionth"),
        ("500 USD", "9999999999 USD", "want an amount of at most a billion USD"),
        ("{month: 500 USD, at_cap: cheaper}", "{at_cap: cheaper}", "processes.claims.budget: got no amount; want day:"),
        ("at_cap: cheaper", "at_cap: ignore", "processes.claims.budget.at_cap: got ignore; want one of"),
        ("{openai: {day", "{nobody: {day", "4: budgets.providers.nobody: got nobody; want a provider we know"),
        ("month: 500 USD", "week: 500 USD", "processes.claims.budget.week: got an unknown name"),
        ('input_mtok: "0.5"', 'input_mtok: "-0.5"', "8: upstreams.other.price.input_mtok: got -0.5; want a decimal in"),
        ('output_mtok: "2"', 'output_mtok: "2000000"', "upstreams.other.price.output_mtok: got 2000000; want USD per"),
        ("max_output: 9000", "max_output: 0", "upstreams.other.max_output: got 0; want"),
        ("model: gpt-4.1", "model: gpt-nope", "6: upstreams.vendor.price: got no known price (openai/gpt-nope); want"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, GOOD.replace(old, new, 1))
    shown = str(caught.value).removeprefix(f"{tmp_path / 'switchover.yaml'}:")
    assert said in shown, shown


def test_a_price_is_wanted_only_where_a_budget_is_about_it(tmp_path: Path) -> None:
    free = GOOD.replace("model: gpt-4.1", "model: gpt-nope")
    loaded(
        tmp_path,
        "\n".join(line for line in free.splitlines() if "USD" not in line and line != "budgets:").replace(
            "own],", "own]}"
        ),
    )
    with pytest.raises(ConfigError, match="process:claims and organisation and provider:openai may spend"):
        loaded(tmp_path, free)
