"""``switchover propose-grader`` and ``switchover init`` write what a grader needs, and the configuration takes it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from switchover import cli
from switchover.config import load
from switchover.domain.process import Settings
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.wiring.access import init
from switchover.wiring.parts import open_store

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
processes:
  claims: {owner: head-of-claims, criticality: important, data: internal, baseline: vendor}
"""


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A folder with a configuration and a record: yes and no, and one answer by another upstream."""
    (tmp_path / "switchover.yaml").write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = load("switchover.yaml")
    rows = [
        replace(make_exchange(f"ask {n}", ["yes", "No"][n % 2], process="claims"), id=f"x-{n}", started_at=1.0 + n)
        for n in range(80)
    ]
    with open_store(found) as store:
        save_exchanges(store, [*rows, make_exchange("ask", "a third", process="claims", upstream="other")])
    return found


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = 0
    try:
        cli.main(words)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_the_section_that_is_printed_is_one_that_the_configuration_takes(recorded, capsys):
    code, out, _ = run(capsys, "propose-grader", "claims")
    assert code == 0
    assert out.startswith("claims: 80 recorded answers; 2 answers make up 100%: a closed set.\n")
    section = yaml.safe_load(out.partition("switchover.yaml:\n")[2].partition("Unsure:")[0])["rehearse"]
    assert section == {"grader": "label", "labels": ["No", "yes"], "margin": 0.05}
    document = yaml.safe_load(CONFIGURATION)
    document["processes"]["claims"]["rehearse"] = section
    Path("switchover.yaml").write_text(json.dumps(document), encoding="utf-8")
    terms = load("switchover.yaml").processes["claims"].rehearse
    assert terms is not None
    assert terms.settings == {"labels": ["No", "yes"], "aliases": {}}
    code, out, _ = run(capsys, "propose-grader", "claims", "--json")
    assert json.loads(out)["section"]["grader"] == "label"


def test_without_a_record_it_says_what_to_do(recorded, capsys):
    text = CONFIGURATION + "  empty: {owner: x, criticality: important, data: internal, baseline: vendor}\n"
    Path("switchover.yaml").write_text(text, encoding="utf-8")
    code, _, err = run(capsys, "propose-grader", "empty")
    assert (code, "empty has no recorded answer of vendor" in err, "switchover import" in err) == (1, True, True)


def test_init_drafts_the_processes_on_record_with_their_graders(recorded, capsys):
    code, out, _ = run(capsys, "init", "--force")
    assert (code, "The graders of claims are proposed" in out) == (0, True)
    text = Path("switchover.yaml").read_text(encoding="utf-8")
    assert "# Seen: 81 recorded answers; 2 answers make up 99%: a closed set." in text
    terms = load("switchover.yaml").processes["claims"].rehearse
    assert terms is not None
    assert terms.grader == "label"


def test_init_shows_nothing_of_the_record_once_people_have_keys(recorded, capsys):
    init(recorded, "the first")
    code, out, _ = run(capsys, "init", "--force")
    assert (code, "proposed" in out) == (0, False)
    assert list(load("switchover.yaml").processes) == ["my-process"]
