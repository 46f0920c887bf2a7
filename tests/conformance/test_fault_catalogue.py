"""The run of the fault catalogue: every row has its place in it, some of it runs here, and it can turn red.

All of it: `make faults`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "faults"
ENV = {**os.environ, "STRICT": "1", "PYTHONPATH": os.pathsep.join([str(FOLDER), *filter(None, sys.path)])}
# One of each kind: held, counted and tried again, waited for, cut midway, told in its own way.
SOME = ("key-revoked", "server-error", "local-loading", "reset-midway", "tool-call-cut", "stale-pooled-connection")
PLACES = """
from catalogue import DIFFERS, ELSEWHERE_SHOWN, SAME, rows
from injectors import INJECTIONS
from particular import PARTICULAR
known = [row.id for row in rows()]
others = {*ELSEWHERE_SHOWN, "budget-short-for-failover", "ledger-unreachable", "price-changed"}
ours = {row.id for row in rows() if row.owner == "gateway" or row.id in others}
run = [*INJECTIONS, *PARTICULAR, *ELSEWHERE_SHOWN]
assert len(known) == len(set(known)) == 99, len(known)
assert sorted(run) == sorted(ours), (ours ^ set(run), len(run))
assert DIFFERS.keys() | SAME.keys() <= ours
"""
LIES = """
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from catalogue import rows
from run import run
row = next(one for one in rows() if one.id == "server-error")
told = lambda lie: run(replace(row, **lie), "chat", streamed=False, places={}).wrong
lies = (dict(), dict(caller="400 bad_request"), dict(caller="502 upstream_cut"), dict(retry="none"),
        dict(failover="stop"), dict(effect="none"), dict(effect="hold"))
# Most of it is an official client that waits before it tries again.
with ThreadPoolExecutor(len(lies)) as pool:
    [truth, *found] = pool.map(told, lies)
assert not truth, truth
assert all(found), found
"""


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], env=ENV, capture_output=True, text=True, check=False)


def test_every_row_of_the_gateway_is_run_or_named_as_not_built():
    done = python("-c", PLACES)
    assert done.returncode == 0, done.stderr


def test_some_rows_behave_as_the_catalogue_says():
    done = python(str(FOLDER), *SOME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "22 as expected"


def test_an_expectation_that_is_not_met_is_noticed():
    done = python("-c", LIES)
    assert done.returncode == 0, done.stderr
