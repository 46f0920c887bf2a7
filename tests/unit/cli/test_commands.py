"""Every command explains itself, costs little to ask, and turns an error into one message and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from switchover import cli
from switchover.cli import common
from switchover.cli.common import plain, visible
from switchover.cli.verdicts import table
from switchover.domain.candidate import State
from switchover.domain.register import Suspension
from switchover.domain.secret import Secret
from switchover.store import Store
from switchover.store.proofs import newest_verdicts
from switchover.store.register import set_suspension
from switchover.testing.sample_organisation import NOW, fill, sample_settings

GROUPS = {
    "keys": ("create", "list", "rotate", "revoke"),
    "access": ("init", "add", "list", "revoke", "rotate"),
    "approvals": ("list", "show"),
    "exchanges": ("list", "show"),
    "weights": ("fetch", "check"),
    "evidence": ("log", "checkpoint", "stamp", "key", "prove", "verify"),
    "archive": ("run", "list", "verify", "open", "adopt"),
    "export": ("evidence",),
}
LINES = [(name,) for name in cli.COMMANDS] + [(name, below) for name, all_ in GROUPS.items() for below in all_]

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
processes:
  claims: {owner: head-of-claims, criticality: important, data: internal, baseline: vendor}
"""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a valid configuration, and we are in it."""
    (tmp_path / "switchover.yaml").write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def exit_code(*words: str) -> int:
    """What the shell would see."""
    try:
        cli.main(words)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    return 0


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_command_explains_itself(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*line, "--help") == 0
    assert f" {' '.join(line)} " in capsys.readouterr().out


def test_the_help_names_every_command_and_no_hidden_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == 0
    shown = capsys.readouterr().out
    named = {line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line.strip()}
    assert named == set(cli.COMMANDS)


def test_asking_for_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from switchover.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'rich', 'numpy', 'sqlalchemy', 'pydantic', 'sklearn', 'uvicorn'} & set(sys.modules)\n"
        "sys.stderr.write(' '.join(sorted(heavy)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert result.stderr == ""


def test_options_may_follow_the_arguments(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (configured / "switchover-data").mkdir()
    assert exit_code("explain", "claims", "--without", "provider:acme") == 3
    assert "nothing would answer" in capsys.readouterr().out


def test_a_wrong_configuration_is_one_message_and_exit_2(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (configured / "switchover.yaml").write_text(CONFIGURATION.replace("domicile", "domicil"), encoding="utf-8")
    assert exit_code("check") == 2
    shown = capsys.readouterr()
    assert shown.err == (
        "switchover: switchover.yaml:1: organisation.domicil: got an unknown name; want domicile, perhaps\n"
    )
    assert shown.out == ""


def test_an_error_of_ours_is_one_message_that_says_how_to_mend_it_and_exit_1(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("explain", "nothing-such") == 1
    assert capsys.readouterr().err == (
        "switchover: there is no process 'nothing-such'\n  To mend it: use one of claims\n"
    )


def test_explain_names_the_pause_that_a_worker_keeps_to(
    configured: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("switchover.wiring.explanation.runs", lambda settings: True)
    told = 'switchover_credential_paused_until_seconds{{worker="worker-{}",upstream="vendor"}} {}\n'
    folder = configured / "switchover-data" / "run" / "metrics"
    folder.mkdir(parents=True)
    for worker, until in enumerate((1.0, 4_000_000_000.0, 3_999_999_000.0)):
        (folder / f"worker-{worker}.prom").write_text(told.format(worker, until), encoding="utf-8")
    assert exit_code("explain", "claims") == 3
    assert "vendor: its credential is asked to wait until 07:06:40 UTC\n" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("nonsense",), ("check", "--nonsense"), ("explain",), ("cut", "provider:acme")])
def test_a_wrong_command_line_is_exit_2(words: tuple[str, ...], configured: Path) -> None:
    assert exit_code(*words) == 2


def test_a_draft_is_not_written_over_a_file_that_is_there(configured: Path) -> None:
    assert exit_code("init") == 1
    assert (configured / "switchover.yaml").read_text(encoding="utf-8") == CONFIGURATION
    assert exit_code("init", "--force", "--domicile", "DE") == 0
    assert "domicile: DE" in (configured / "switchover.yaml").read_text(encoding="utf-8")


def test_an_interrupted_command_is_exit_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(called: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build", interrupted)
    assert exit_code("check") == 130


def test_hostile_text_is_shown_and_not_obeyed() -> None:
    hostile = "\x1b]0;owned\x07\x1b[2Jok\r\u202egnp\u200b\x9b31m"
    shown = visible(hostile)
    assert not any(mark in shown for mark in "\x1b\x07\r\u202e\u200b\x9b")
    assert "\\x1b" in shown
    assert "ok" in shown


def test_ordinary_text_is_shown_as_it_is() -> None:
    text = "Wasserschaden in der Küche, €1.450\nzweite Zeile"
    assert visible(text) == text


def test_a_secret_is_not_told_to_machines_either() -> None:
    assert plain({"key": Secret("canary")}) == {"key": "***"}


@pytest.fixture
def doubted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An organisation in which the upstreams of two verdicts are doubted."""
    settings = replace(sample_settings(), data_dir=str(tmp_path), database=f"sqlite:///{tmp_path / 'store.sqlite'}")
    with Store.open(settings.database) as store:
        fill(store, settings)
        for name in ("student", "vendor"):
            set_suspension(store, name, Suspension(at=NOW, why="answered as 'b', not as a"))
    monkeypatch.setattr(common, "load", lambda path, env: settings)
    return tmp_path


def test_verdicts_say_whose_proof_is_suspended_and_how_it_counts_again(
    doubted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("verdicts") == 0
    shown = capsys.readouterr().out
    assert "student: its proof is suspended since 2026-11-01 01:00:00 UTC: answered as 'b', not as a\n" in shown
    assert "switchover restore upstream:student\n" in shown
    assert exit_code("verdicts", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["suspended"] for one in told if one["cell"]["upstream"] == "student"} == {"answered as 'b', not as a"}
    assert exit_code("restore", "all") == 0
    capsys.readouterr()
    assert exit_code("verdicts") == 0
    assert "suspended" not in capsys.readouterr().out


def test_a_verdict_is_listed_with_the_state_that_it_has_by_now(doubted: Path) -> None:
    with Store.open(f"sqlite:///{doubted / 'store.sqlite'}") as store:
        found = [one for one in newest_verdicts(store) if one.state is State.READY]
    assert found

    def listed(at: float) -> set[object]:
        return set(table(found, at).columns[3].cells)

    assert listed(max(one.made_at for one in found)) == {"READY"}
    assert listed(max(one.expires_at or 0.0 for one in found)) == {"EXPIRED"}


def test_explain_says_that_a_baseline_is_in_doubt(doubted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("explain", "claims")
    assert "vendor (big-1): the baseline, in doubt: answered as 'b', not as a" in capsys.readouterr().out
