"""``switchover import`` says what it took and what not, and ends with the code that says so, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from switchover import cli

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
upstreams:
  mini: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: gpt-4o-mini, developer: acme, host: acme}
processes:
  letters: {owner: mail-room, criticality: important, data: internal, baseline: mini}
  claims: {owner: head-of-claims, criticality: important, data: internal, baseline: mini}
"""
RECORDED = Path(__file__).parents[2] / "recordings" / "imports"


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a valid configuration, and we are in it."""
    (tmp_path / "switchover.yaml").write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def exit_code(*words: str) -> int:
    try:
        cli.main(("import", *words))
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    return 0


def test_it_says_what_was_taken_and_what_was_not_with_lines_and_what_to_do(capsys: pytest.CaptureFixture[str]):
    assert exit_code(str(RECORDED / "litellm_table.csv"), "--process", "letters") == 0
    said = capsys.readouterr().out
    assert "litellm_table.csv  litellm      3              0        5" in said
    assert "skipped 1: LiteLLM did not store the prompt and the answer (line 3)" in said
    assert "To mend it: set general_settings.store_prompts_in_spend_logs: true" in said
    assert "process: letters 3" in said
    assert "answered by: mini 3" in said
    assert "from 2026-05-03 09:00:00 to 2026-05-03 09:07:00 UTC" in said
    assert exit_code(str(RECORDED / "litellm_table.csv"), "--process", "letters") == 0
    assert "litellm      0              3        5" in capsys.readouterr().out


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]):
    file = RECORDED / "openai_training.jsonl"
    assert exit_code(str(file), "--process", "letters", "--upstream", "mini", "--at", "2026-03-01", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["taken"], told["known"], told["skipped"], told["undated"]) == (4, 1, 2, 4)
    assert told["processes"] == {"letters": 4}
    assert told["files"][0]["skipped"][0]["lines"] == [5]
    assert len(told["files"][0]["sha256"]) == 64


def test_nothing_to_take_is_another_exit_code(capsys: pytest.CaptureFixture[str]):
    assert exit_code(str(RECORDED / "openai_training.jsonl"), "--process", "letters") == 3
    said = capsys.readouterr().out
    assert "skipped 5: no model recorded" in said
    assert "say which upstream answered: --upstream NAME" in said


def test_a_dry_run_keeps_nothing(capsys: pytest.CaptureFixture[str], configured: Path):
    assert exit_code(str(RECORDED / "langfuse_table.csv"), "--process", "letters", "--dry-run") == 0
    assert "would be taken" in capsys.readouterr().out
    assert [path.name for path in configured.iterdir()] == ["switchover.yaml"]


def test_whose_it_is_may_stand_in_the_record(capsys: pytest.CaptureFixture[str]):
    words = (str(RECORDED / "otel_spans.jsonl"), "--process-from", "service.name", "--map", "mail-room=letters")
    assert exit_code(*words) == 0
    assert "process: letters 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--process NAME, or --process-from FIELD"),
        (("--process", "letters", "--process-from", "x"), 2, "--process NAME, or --process-from FIELD"),
        (("--process", "post"), 1, "there is no process 'post'"),
        (("--process", "letters", "--map", "a=claims"), 2, "--process-from"),
        (("--process-from", "x", "--map", "claims"), 2, "VALUE=PROCESS"),
        (("--process-from", "x", "--map", "a=post"), 1, "there is no process 'post'"),
        (("--process", "letters", "--upstream", "maxi"), 1, "there is no upstream 'maxi'"),
        (("--process", "letters", "--format", "csv"), 2, "none of otel, litellm, langfuse, openai"),
        (("--process", "letters", "--since", "yesterday"), 2, "no moment such as 2026-03-01"),
        (("--process", "letters", "--at", "0"), 2, "no moment such as 2026-03-01"),
    ],
)
def test_an_option_that_is_wrong_is_named(
    words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str], configured: Path
):
    assert exit_code(str(RECORDED / "otel_spans.jsonl"), *words) == code
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not (configured / "data").exists()


def test_a_file_that_is_not_there_or_of_no_known_form_is_named(capsys: pytest.CaptureFixture[str], configured: Path):
    assert exit_code("nowhere.jsonl", "--process", "letters") == 1
    assert "nowhere.jsonl: No such file" in capsys.readouterr().err
    (configured / "people.json").write_text('[{"name": "canary", "street": "canary"}]', encoding="utf-8")
    assert exit_code("people.json", "--process", "letters") == 1
    said = capsys.readouterr().err
    assert "people.json is in no format that is known: its first record has the fields name, street" in said
    assert "canary" not in said
    assert "To mend it" in said
