"""``switchover costs project``: the projection as people and machines read it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from switchover import cli
from switchover.config import load
from switchover.domain.exchange import Outcome, Usage
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme,
           price: {input_mtok: "2", output_mtok: "10", source: contract}}
  unpriced: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: nobody-knows, developer: acme, host: acme}
processes:
  claims: {owner: o, criticality: important, data: internal, baseline: vendor}
  mail: {owner: o, criticality: important, data: internal, baseline: unpriced}
  notes: {owner: o, criticality: important, data: internal, baseline: vendor}
costs:
  assumptions: assumptions.yaml
  options:
    box: {machine: dgx-spark, model: gpt-oss-120b}
    unknown: {machine: h200-141-sxm, model: qwen3.5-35b-a3b}
"""
ASSUMPTIONS = """\
assumptions:
  power_usd_kwh: {value: 0.31, low: 0.25, high: 0.4, source: invoice of October, owner: facilities, date: 2026-11-20}
"""
BEGAN = 1_793_491_200.0
REFUSED = {"outcome": Outcome.REJECTED, "upstream": None, "model": None, "usage": None, "attempts": ()}
FEW = ("--draws", "200")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A configuration whose store has an hour of two processes."""
    path = tmp_path / "switchover.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "assumptions.yaml").write_text(ASSUMPTIONS, encoding="utf-8")
    settings = load(str(path))
    Path(settings.data_dir).mkdir()
    with Store.open(settings.database) as store:
        save_exchanges(
            store,
            [
                make_exchange(
                    process=process, started_at=1_793_491_200.0 + 60 * n, usage=Usage(input=3000, output=1000)
                )
                for process in ("claims", "mail")
                for n in range(60)
            ]
            # Turned away by everybody: nothing used, and no usage missing.
            + [make_exchange(process="claims", started_at=BEGAN + 60 * n, **REFUSED) for n in range(30)],
        )
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and standard output."""
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    return int(ended.value.code or 0), capsys.readouterr().out


def test_a_projection_shows_its_options_what_is_unknown_and_its_assumptions(file, capsys):
    code, told = run(capsys, "costs", "project", "-c", file, *FEW)
    flat = " ".join(told.split())
    assert code == 0
    assert re.search(r"stay +\$[\d,.]+ +\$[\d,.]+ +\$[\d,.]+", told)
    assert re.search(r"box .*UNPROVEN", told)
    assert re.search(r"unknown +not priced", told)
    assert "the price of h200-141-sxm is not known" in flat
    assert "mail is left out: no price for acme/nobody-knows" in flat
    assert "notes is left out: no answer is recorded" in flat
    assert "only 60 minutes recorded: no whole week" in flat or "only 1.0 hours recorded: no whole week" in flat
    assert "What matters most for what box would save if it were proven" in flat
    assert "breaks even at" in flat
    assert "power_usd_kwh 0.31 (0.25 to 0.4) USD per kWh" in flat
    assert "invoice of October" not in flat


def test_every_assumption_can_be_printed_with_its_source_owner_and_date(file, capsys):
    told = " ".join(run(capsys, "costs", "project", "-c", file, "--assumptions", *FEW)[1].split())
    assert "Source: invoice of October. Owner: facilities, 2026-11-20." in told
    assert "facts/events.yaml: mistral-medium-alias, mistral-small-alias" in told


def test_machines_read_json_and_the_same_seed_says_the_same(file, capsys):
    words = ("costs", "project", "-c", file, "--json", "--months", "12", "--seed", "7", *FEW)
    first, again = (json.loads(run(capsys, *words)[1]) for _ in range(2))
    for found in (first, again):
        del found["begins"]
    assert first == again
    assert (first["months"], first["seed"], first["draws"]) == (12, 7, 200)
    stay = first["options"][0]
    assert len(stay["cumulative"]["p50"]) == 12
    assert float(stay["cumulative"]["p10"][-1]) <= float(stay["cumulative"]["p50"][-1])
    assert first["options"][1]["saved"] is None


def test_one_process_alone_can_be_projected(file, capsys):
    found = json.loads(run(capsys, "costs", "project", "-c", file, "--process", "claims", "--json", *FEW)[1])
    (claims,) = found["usage"]
    assert (claims["process"], claims["calls"]) == ("claims", pytest.approx(60 * 730.5))
    assert not any("mail" in gap or "tell no usage" in gap for gap in found["gaps"])


def test_where_nothing_has_a_price_nothing_is_projected_and_the_exit_code_says_so(file, capsys):
    code, told = run(capsys, "costs", "project", "-c", file, "--process", "mail", *FEW)
    assert code == 3
    assert "Nothing can be projected: " in told
    assert "no price for acme/nobody-knows; state one under upstreams.unpriced.price" in told
    assert run(capsys, "costs", "project", "-c", file, "--process", "notes")[0] == 3
