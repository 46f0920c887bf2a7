"""Options and assumptions as the configuration says them; what is wrong is refused with the file and the line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from switchover.config import load
from switchover.domain.costing import Costing, OptionSpec
from switchover.errors import ConfigError

LEAST = """\
organisation: {domicile: NL}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9100/v1", model: big-1, developer: openai, host: openai}
processes:
  claims: {owner: head-of-claims, criticality: important, data: internal, baseline: vendor}
"""
ROW = "source: invoice of October, owner: facilities, date: 2026-11-20"
EVENT = "where: vendor, date: 2027-06-01, probability: 0.5, source: contract, owner: purchasing"


def costing(folder: Path, costs: str = "", assumptions: str | None = None) -> Costing:
    if assumptions is not None:
        (folder / "assumptions.yaml").write_text(assumptions, encoding="utf-8")
        costs = "  assumptions: assumptions.yaml\n" + costs
    file = folder / "switchover.yaml"
    file.write_text(LEAST + (f"costs:\n{costs}" if costs else ""), encoding="utf-8")
    return load(str(file)).costing


def test_without_the_section_nothing_is_said(tmp_path: Path) -> None:
    assert costing(tmp_path) == Costing()


def test_options_are_read(tmp_path: Path) -> None:
    found = costing(
        tmp_path,
        "  options:\n"
        "    host: {upstream: vendor}\n"
        "    box: {machine: dgx-spark, model: gpt-oss-120b, rented: true, tokens_per_second: 99, measured: our run}\n"
        "    half: {mix: {claims: box}}\n",
    )
    assert found.options == (
        OptionSpec(name="host", upstream="vendor"),
        OptionSpec(
            name="box", machine="dgx-spark", model="gpt-oss-120b", rented=True, tokens_per_second=99.0,
            measured="our run",
        ),
        OptionSpec(name="half", mix={"claims": "box"}),
    )  # fmt: skip


def test_an_assumption_of_ones_own_replaces_the_shipped_one(tmp_path: Path) -> None:
    text = (
        f"assumptions:\n  power_usd_kwh: {{value: 0.31, low: 0.25, high: 0.4, {ROW}}}\n"
        f"  defect_usd:claims: {{value: 7, {ROW}}}\n"
        f"events:\n  - {{name: contract ends, low: 10, high: 30, {EVENT}}}\n"
    )
    found = costing(tmp_path, assumptions=text)
    power, defect = found.assumptions["power_usd_kwh"], found.assumptions["defect_usd:claims"]
    assert (power.value, power.low, power.high, power.unit) == (0.31, 0.25, 0.4, "USD per kWh")
    assert (power.source, power.owner, power.date) == ("invoice of October", "facilities", "2026-11-20")
    assert (defect.low, defect.high) == (7.0, 7.0)
    (event,) = found.events
    assert (event.at, event.value, event.probability) == (1_811_808_000.0, 20.0, 0.5)


@pytest.mark.parametrize(
    ("row", "line", "said"),
    [
        (f"power_usd_kwh: {{value: -0.1, {ROW}}}", 2, r"got '?-0.1.*USD per kWh, from 0 to 5"),
        (f"power_usd_kwh: {{value: 900, {ROW}}}", 2, r"900.*from 0 to 5"),
        (f"power_usd_kwh: {{value: .inf, {ROW}}}", 2, "finite"),
        (f"power_usd_kwh: {{value: 0.3, low: 0.4, high: 0.5, {ROW}}}", 2, r"between low \(0.4\) and high \(0.5\)"),
        (f"powr_usd_kwh: {{value: 0.3, {ROW}}}", 2, "power_usd_kwh, perhaps"),
        (f"pue:claims: {{value: 1.3, {ROW}}}", 2, "the same for every process"),
        (f"defect_usd:letters: {{value: 1, {ROW}}}", 2, "one of claims"),
        ("pue: {value: 1.3, owner: me, date: 2026-11-20}", 2, "a value for source"),
        ("pue: {value: 1.3, source: here, owner: me, date: soon}", 2, "date"),
    ],
)
def test_a_bad_assumption_is_refused_with_its_line(tmp_path: Path, row: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        costing(tmp_path, assumptions=f"assumptions:\n  {row}\n")
    told = str(caught.value)
    assert f"assumptions.yaml:{line}" in told
    assert re.search(said, told), told


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (f"{{name: x, low: -100, high: 0, {EVENT}}}", "-99"),
        (f"{{name: x, low: 20, high: 10, {EVENT}}}", r"at most high \(10"),
        (f"{{name: x, low: 1, high: 2, {EVENT.replace('0.5', '1.5')}}}", "1"),
        (f"{{name: x, low: 1, high: 2, {EVENT.replace('vendor', 'nobody')}}}", "a provider, or one of vendor"),
    ],
)
def test_a_bad_event_is_refused_with_its_line(tmp_path: Path, event: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        costing(tmp_path, assumptions=f"events:\n  - {event}\n")
    assert "assumptions.yaml:2" in str(caught.value)
    assert re.search(said, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("stay: {upstream: vendor}", "staying is always projected"),
        ("other: {upstream: nobody}", "one of vendor"),
        ("other: {}", "upstream, machine or mix"),
        ("other: {machine: abacus, model: gpt-oss-120b}", "one of dgx-spark"),
        ("other: {machine: dgx-spark}", "model, upstream"),
        ("other: {machine: dgx-spark, model: x, tokens_per_second: 0}", "greater than 0"),
        ("other: {machine: dgx-spark, model: x, tokens_per_second: 9}", "measured: how and when"),
        ("other: {upstream: vendor, rented: true}", "a machine beside it"),
        ("other: {mix: {letters: stay}}", "one of claims"),
        ("other: {mix: {claims: elsewhere}}", "one of stay"),
        ("other: {upstream: vendor, mix: {claims: stay}}", "one of them"),
    ],
)
def test_a_bad_option_is_refused_with_its_line(tmp_path: Path, option: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        costing(tmp_path, f"  options:\n    {option}\n")
    assert "switchover.yaml:8" in str(caught.value)
    assert re.search(said, str(caught.value)), str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        costing(tmp_path, "  assumptions: nowhere.yaml\n")


@pytest.mark.parametrize(("price", "said"), [("-1", "a decimal in quotes"), ("100001", "at most 100,000")])
def test_a_negative_or_absurd_price_is_refused(tmp_path: Path, price: str, said: str) -> None:
    text = LEAST.replace("host: openai}", f'host: openai, price: {{input_mtok: "{price}", output_mtok: "1"}}}}')
    file = tmp_path / "switchover.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    assert "switchover.yaml:3" in str(caught.value)
    assert said in str(caught.value)
