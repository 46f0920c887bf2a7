"""``switchover budget`` and ``explain``: what was spent, how long it lasts, and what a budget does that is used up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from switchover import cli
from switchover.config import load
from switchover.costs.budget import Ask, grant, span
from switchover.store import Store
from switchover.wiring.budget import ledger
from switchover.wiring.diagnosis import examine
from switchover.wiring.parts import CLOCK

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
budgets: {organisation: {day: 100 USD, kind: soft}, providers: {acme: {month: 9 USD}}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme,
           price: {input_mtok: "1", output_mtok: "2"}}
  own: {kind: student, model: s, developer: own, host: own}
processes:
  claims: {owner: o, criticality: important, data: internal, baseline: vendor, budget: {month: 500 USD}}
  mail: {owner: o, criticality: important, data: internal, baseline: own}
"""
USD = 1_000_000

MIDMONTH = 1_794_830_400.0  # 2026-11-16, noon


@pytest.fixture(autouse=True)
def midmonth(monkeypatch):
    """No day and no month ends in a test."""
    monkeypatch.setattr(CLOCK, "now", lambda: MIDMONTH)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A configuration with its store."""
    path = tmp_path / "switchover.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    settings = load(str(path))
    Path(settings.data_dir).mkdir()
    Store.open(settings.database).close()
    return str(path)


def spend(file: str, budget: str, period: str, micro: int, unknown: int = 0) -> None:
    """So much is settled, as by a worker."""
    found = ledger(load(file))
    name = span(period, MIDMONTH).name  # type: ignore[arg-type]  # as the test names it
    asked = Ask(budget=budget, period=name, limit=None, settled=micro, unknown=unknown, returned=0, need=0, want=micro)
    found.exchange("somebody", [asked], grant)
    found.close()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and standard output."""
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    return int(ended.value.code or 0), capsys.readouterr().out


def test_each_budget_is_shown_with_what_is_settled_unknown_and_reserved(file, capsys):
    spend(file, "process:claims", "month", 30 * USD, unknown=USD)
    code, told = run(capsys, "budget", "--config", file, "--json")
    assert code == 0
    rows = {(one["budget"], one["period"]): one for one in json.loads(told)}
    assert list(rows) == [("process:claims", "month"), ("organisation", "day"), ("provider:acme", "month")]
    claims = rows["process:claims", "month"]
    assert (claims["cap_usd"], claims["settled_usd"], claims["unknown_usd"]) == (
        "500.000000", "30.000000", "1.000000",
    )  # fmt: skip
    assert rows["organisation", "day"]["kind"] == "soft"
    shown = run(capsys, "budget", "--config", file)[1]
    assert "500.00    30.00" in shown
    assert "process:claims (month) has 1.00 USD of it settled at the most" in shown


def test_a_process_is_shown_the_budgets_that_it_is_charged_to(file, capsys):
    code, told = run(capsys, "budget", "mail", "--config", file, "--json")
    assert (code, [one["budget"] for one in json.loads(told)]) == (0, ["organisation"])


def test_one_that_is_used_up_is_said_and_ends_with_3_unless_it_is_soft(file, capsys):
    spend(file, "organisation", "day", 200 * USD)
    assert run(capsys, "budget", "--config", file)[0] == 0
    spend(file, "provider:acme", "month", 9 * USD)
    code, told = run(capsys, "budget", "--config", file)
    assert code == 3
    assert "provider:acme (month) is used up until" in told


def test_explain_names_a_budget_that_is_used_up(file, capsys):
    spend(file, "provider:acme", "month", 9 * USD)
    told = run(capsys, "explain", "claims", "--config", file)[1]
    assert "budget at acme for the month (9.00 USD) is used up; calls that cost something are refused until" in told


def test_a_doctor_looks_at_the_ledger(file):
    found = {one.what: one for one in examine(load(file))}["budget ledger"]
    assert (found.well, found.said) == (True, "answers, 3 caps")
    spend(file, "provider:acme", "month", 9 * USD)
    found = {one.what: one for one in examine(load(file))}["budget ledger"]
    assert found.said == "answers; used up: provider:acme (month)"
