"""``switchover cut``: once for one target, and for a time if that is wanted."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from switchover import cli
from switchover.testing.sample_candidates import CONFIGURATION


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "switchover.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")

    def run(*words):
        return CliRunner().invoke(cli.build(words[0]), [*words, "--config", str(path)], catch_exceptions=False)

    return run


def test_a_cut_off_ends_when_it_is_said_to_and_a_second_is_told_whose_there_is(run):
    placed = json.loads(run("cut", "provider:acme", "--reason", "a letter", "--for", "4h", "--json").stdout)
    cut = placed["cut_off"]
    assert placed["new"]
    assert cut["expires_at"] == cut["placed_at"] + 4 * 3600
    again = run("cut", "provider:acme", "--reason", "another", "--for", "1h").stdout
    assert "provider:acme was cut off already until 20" in again
    assert f"({cut['id']}), since 20" in again
    assert ": a letter" in again
    longer = run("cut", "provider:acme", "--reason", "for good").stdout
    assert "provider:acme is cut off (cut-" in longer
    assert "2 cut-offs lifted" in run("restore", "provider:acme").stdout
