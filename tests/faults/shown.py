"""Rows that other tests show: they are run, and their word is taken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from catalogue import ELSEWHERE_SHOWN

ROOT = Path(__file__).parents[2]


def shown(names: list[str]) -> dict[str, str]:
    """By row "passed", or the end of what the test said. Each test is run once."""
    said = {test: _run(test) for test in sorted({ELSEWHERE_SHOWN[name] for name in names})}
    return {name: said[ELSEWHERE_SHOWN[name]] for name in names}


def _run(test: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *test.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "E  "))]
    return "passed" if done.returncode == 0 else "failed: " + " ".join(" ".join(said).split())[:400]
