"""The matrix of official clients: every cell passes, or it is one that is known not to exist."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from switchover.testing.scripted import ScriptedServer

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"
ROWS = {"python": 2, "javascript": 4}
CASES = 15
PAGE = (ROOT / "docs" / "reference" / "clients.md").read_text(encoding="utf-8").splitlines()
# What a client has no call for, and what no upstream of the other dialect has.
NONE = {
    ("openai", "same"): {"count tokens"},
    ("openai", "cross"): {"count tokens", "embeddings"},
    ("anthropic", "same"): {"responses", "embeddings"},
    ("anthropic", "cross"): {"responses", "embeddings", "count tokens"},
}


@pytest.fixture
def modules(monkeypatch):
    """The matrix's own modules, which are no package."""
    monkeypatch.syspath_prepend(CLIENTS)
    import cases
    import node_runner
    import python_clients
    import upstream

    return cases, node_runner, python_clients, upstream


@pytest.fixture
def drawn(modules):
    """From cells to the table as it is printed."""
    import matrix

    return lambda cells: matrix.drawn([modules[0].Cell(**cell) for cell in cells])


def cells_of(language):
    command = [sys.executable, str(CLIENTS / "matrix.py"), "--json", "--only", language]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ran.stdout, ran.stderr
    cells = json.loads(ran.stdout)
    assert ran.returncode == any(cell["state"] == "FAIL" for cell in cells)
    return cells


def check(language, drawn):
    cells = cells_of(language)
    assert len(cells) == ROWS[language] * CASES * 2
    assert [cell for cell in cells if cell["state"] == "FAIL"] == []
    for cell in cells:
        none = NONE["anthropic" if "anthropic" in cell["row"] else "openai", cell["way"]]
        # Vercel's client counts no tokens.
        none = none | {"count tokens"} if " ai " in cell["row"] else none
        assert (cell["state"] == "none") == (cell["case"] in none), cell
    assert all(cell["reason"] for cell in cells if cell["state"] != "pass")
    table = [line for line in drawn(cells).splitlines() if line.startswith("|")]
    assert len(table) == 2 + ROWS[language]
    assert [line for line in table if line not in PAGE] == [], "put what `make clients` prints on the page"


def test_the_python_clients_get_everything_there_is(drawn):
    check("python", drawn)


def test_the_javascript_clients_get_everything_there_is(modules, drawn):
    _, node_runner, _, _ = modules
    strict = os.environ.get("STRICT") == "1"
    if strict and node_runner.lacking() and shutil.which("npm"):
        subprocess.run(["npm", "ci", "--silent"], cwd=CLIENTS, check=True, timeout=600)
    if missing := node_runner.lacking():
        if strict:
            pytest.fail(f"STRICT=1 wants the JavaScript clients: {missing}")
        pytest.skip(missing)
    check("javascript", drawn)


@pytest.mark.parametrize("name", ["cut", "no route", "wrong key"])
@pytest.mark.parametrize("client", ["openai", "anthropic"])
def test_without_the_gateway_the_cells_that_are_its_work_fail(modules, client, name):
    cases, _, python_clients, upstream = modules
    case = next(one for one in cases.CASES if one.name == name)
    with ScriptedServer(upstream.answer) as vendor:
        job = {"client": client, "act": case.act, "url": vendor.url, "key": "k", "model": case.model, **cases.GIVEN}
        told = python_clients.act({**job, "prompt": case.prompts[0]})
    state, reason = cases.judge(case, client, told)
    assert state == "FAIL"
    assert "nothing was raised" in reason


def test_a_wrong_answer_and_an_upstream_that_goes_on_are_no_pass(modules):
    cases, _, _, _ = modules
    by_name = {case.name: case for case in cases.CASES}
    right = {**cases.expected(by_name["stream"], "openai"), "pieces": 3}
    assert cases.judge(by_name["stream"], "openai", right) == ("pass", "")
    for wrong in ({"text": "forty"}, {"finish": None}, {"usage": [0, 0]}, {"model": "claims"}, {"pieces": 1}):
        assert cases.judge(by_name["stream"], "openai", {**right, **wrong})[0] == "FAIL"
    assert cases.judge(by_name["cancel"], "openai", {"left": True, "left_s": None})[0] == "FAIL"
    error = {"name": "E", "status": 503, "message": "it refused the connection", "library": True}
    assert cases.judge(by_name["refused"], "openai", {"error": error, "asked": 1})[0] == "pass"
    assert cases.judge(by_name["refused"], "openai", {"error": error, "asked": 3})[0] == "FAIL"
    for wrong in ({"library": False}, {"status": 500}, {"message": "no"}):
        told = {"error": {**error, **wrong}, "asked": 1}
        assert cases.judge(by_name["refused"], "openai", told)[0] == "FAIL"


def test_the_lock_names_no_registry():
    lock = json.loads((CLIENTS / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    for name, one in packages.items():
        assert "resolved" not in one, name
        assert one["integrity"], name
