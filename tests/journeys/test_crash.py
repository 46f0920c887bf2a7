"""A few seeds and kills of `make crash`, through its own command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = (sys.executable, str(Path(__file__).parents[1] / "crash"))


def crash(*words):
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=600, env=os.environ)
    if "not run:" in done.stdout and done.returncode == 0:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_power_lost_at_any_moment_loses_nothing_acknowledged_and_a_writer_without_syncs_is_found_out():
    said = crash("--seeds", "8", "--mutated", "5", "--rule", "no sync at all", "--kills", "0")
    assert "0 acknowledged records lost, order kept" in said
    assert "no sync at all: found out with" in said


def test_killed_midway_nothing_acknowledged_is_lost_and_what_was_open_is_shown_as_unfinished():
    said = crash("--seeds", "0", "--mutated", "0", "--kills", "2")
    assert "0 acknowledged exchanges lost, the store equal to the spool" in said
