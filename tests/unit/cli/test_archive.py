"""``switchover archive`` and ``switchover retention``, as somebody at a terminal sees them."""

from __future__ import annotations

import json
import time

import pytest

from switchover import cli
from switchover.config import load
from switchover.domain.exchange import Outcome
from switchover.errors import OperatorError
from switchover.store import Store
from switchover.store.archive import columns
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.testing.object_store import KEY_ID, REGION, SECRET, object_store
from switchover.wiring import archive as wired

DAY = 86_400.0
CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
archive: {to: ./archive}
retention: {exchanges: 90d}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
processes:
  claims: {owner: head-of-claims, criticality: important, data: internal, baseline: vendor}
"""


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A folder with a configuration and a store with exchanges of two days that are over; we are in it."""
    (tmp_path / "switchover.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    settings = load("switchover.yaml")
    midnight = time.time() // DAY * DAY
    (tmp_path / "switchover-data").mkdir()
    with Store.open(settings.database) as store:
        made = [
            make_exchange(id=f"x{day}-{n}", process="claims", started_at=midnight - day * DAY + n * 60)
            for day in (100, 3)
            for n in range(3)
        ]
        save_exchanges(store, [*made, make_exchange(id="f", outcome=Outcome.FAILED, started_at=midnight - 3 * DAY)])
    return tmp_path


def said(capsys, *words, code=0):
    """What a command prints, once it has ended as it should."""
    try:
        cli.main(words)
        ended = 0
    except SystemExit as left:
        ended = left.code
    out = capsys.readouterr()
    assert ended == code, out.err
    return out.out + out.err


def test_days_are_archived_listed_verified_opened_and_deleted(recorded, capsys):
    assert "process=claims/day=" in said(capsys, "archive", "run")
    assert said(capsys, "archive", "run") == "Every finished day is archived.\n"
    listed = json.loads(said(capsys, "archive", "list", "--json"))
    assert [(row["process"], row["rows"]) for row in listed] == [("claims", 3), ("claims", 3), ("customer-messages", 1)]
    assert "3 exchanges" in said(capsys, "archive", "list")
    assert "3 days in 3 files with 7 exchanges are as" in said(capsys, "archive", "verify")
    opened = said(capsys, "archive", "open", "claims", listed[0]["day"], "--to", "clear")
    assert opened == "3 exchanges in clear in clear\n"
    assert said(capsys, "archive", "adopt") == "0 files taken for archived.\n"

    would = said(capsys, "retention", "--dry-run")
    assert "3 exchanges of claims from before" in would
    assert "would go" in would
    assert "3 exchanges of claims from before" in said(capsys, "retention")
    assert said(capsys, "retention") == "Nothing has had its time.\n"

    next((recorded / "archive").rglob("*.parquet")).write_bytes(b"PAR1")
    assert "was changed" in said(capsys, "archive", "verify", code=3)
    assert json.loads(said(capsys, "archive", "verify", "--json", code=3))["wrong"]


def test_without_an_archive_the_commands_say_what_to_configure(recorded, capsys):
    text = CONFIGURATION.replace("archive: {to: ./archive}\n", "")
    (recorded / "switchover.yaml").write_text(text)
    for words in (("run",), ("list",), ("verify",), ("adopt",), ("open", "claims", "2026-01-01", "--to", "x")):
        assert "under archive.to" in said(capsys, "archive", *words, code=1)


def test_without_pyarrow_it_is_said_how_to_get_it(recorded, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(OperatorError, match="not installed"):
        columns.library()
    assert "pip install 'switchover[archive]'" in said(capsys, "archive", "run", code=1)


def test_an_object_store_is_reached_by_what_the_configuration_says(recorded, capsys, monkeypatch):
    with object_store() as served:
        to = f"archive: {{to: s3://records/all, endpoint: '{served.url}', region: {REGION}, key: env:ARCHIVE_KEY}}"
        (recorded / "switchover.yaml").write_text(CONFIGURATION.replace("archive: {to: ./archive}", to))
        assert "ARCHIVE_KEY" in said(capsys, "archive", "run", code=1)
        monkeypatch.setenv("ARCHIVE_KEY", "no-colon")
        assert "ID:SECRET" in said(capsys, "archive", "run", code=1)
        monkeypatch.setenv("ARCHIVE_KEY", f"{KEY_ID}:{SECRET}")
        assert "process=claims/day=" in said(capsys, "archive", "run")
        assert "3 days in 3 files" in said(capsys, "archive", "verify")
        assert all(name.startswith("records/all/process=") for name in served.files)


def test_one_command_at_a_time_archives(recorded, capsys):
    settings = load("switchover.yaml")
    with Store.open(settings.database) as store, wired._alone(store):
        assert "another archives, deletes or verifies right now" in said(capsys, "archive", "run", code=1)
