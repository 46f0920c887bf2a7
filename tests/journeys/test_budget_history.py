"""A short history of `make budget`: workers killed and paused, and a planted race that has to be caught."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HISTORIES = Path(__file__).parents[1] / "budget"


def test_at_every_prefix_of_a_history_no_more_is_served_than_the_cap():
    command = [sys.executable, str(HISTORIES), "5", "1", "120"]
    # A ledger of its own, whatever the environment names for the long run.
    env = {name: value for name, value in os.environ.items() if name != "BUDGET_URL"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the planted race was caught" in done.stdout
    assert not done.stderr, done.stderr
