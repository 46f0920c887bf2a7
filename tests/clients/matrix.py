"""Official clients, unmodified, against the gateway in front of either kind of upstream; prints a matrix.

Exit status 1 when a cell failed or a half could not run. ``--json`` prints the cells instead.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import python_clients
from cases import CALLS, CASES, FAIL, GIVEN, LEAVING_S, NONE, PASS, ROUTE, Case, Cell, judge
from node_runner import Node, lacking, node_version, version_of
from upstream import answer

from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import ScriptedServer
from switchover.testing.served import ServedGateway, register, spec

# Client → the dialect it speaks.
SPEAKS = {"openai": "openai", "anthropic": "anthropic", "ai/openai": "openai", "ai/anthropic": "anthropic"}
PACKAGES = {"ai/openai": ("ai", "@ai-sdk/openai"), "ai/anthropic": ("ai", "@ai-sdk/anthropic"),
            "openai": ("openai",), "anthropic": ("@anthropic-ai/sdk",)}  # fmt: skip
LANGUAGES = {"python": ("openai", "anthropic"), "javascript": tuple(SPEAKS)}
WAYS = ("same", "cross")
SIDE_BY_SIDE = 8
SETTLE_S = 0.05
Act = Callable[[dict[str, Any]], dict[str, Any]]


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__)
    parser.add_argument("--only", choices=LANGUAGES, action="append")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    languages = given.only or list(LANGUAGES)
    missing = lacking() if "javascript" in languages else ""
    if missing:
        print(f"javascript: not run: {missing}", file=sys.stderr)
        languages.remove("javascript")
    cells = run(languages)
    print(json.dumps([asdict(cell) for cell in cells]) if given.json else drawn(cells))
    if "javascript" in languages and not given.json:
        print(f"JavaScript ran on node {node_version()}")
    return int(bool(missing) or any(cell.state == FAIL for cell in cells))


def run(languages: list[str]) -> list[Cell]:
    """Every cell of these languages; rows run side by side, each with servers of its own."""
    rows = [(language, client, way) for language in languages for client in LANGUAGES[language] for way in WAYS]
    with contextlib.ExitStack() as stack:
        acts: dict[str, Act] = {"python": python_clients.act}
        if "javascript" in languages:
            acts["javascript"] = stack.enter_context(Node()).act
        pool = stack.enter_context(ThreadPoolExecutor(SIDE_BY_SIDE))
        return [cell for row in pool.map(lambda row: list(_row(*row, acts[row[0]])), rows) for cell in row]


def _row(language: str, client: str, way: str, act: Act) -> Iterator[Cell]:
    own = SPEAKS[client]
    kind = own if way == "same" else next(k for k in ("openai", "anthropic") if k != own)
    name = row_name(language, client)
    with ScriptedServer(answer) as vendor, _refusing() as closed:
        (snapshot, token), (dead, dead_token) = _register(vendor.url, kind), _register(closed, kind)
        with ServedGateway(snapshot) as gateway, ServedGateway(dead) as cut_off:
            for case in CASES:
                if client not in CALLS.get(case.act, SPEAKS):
                    yield Cell(name, case.name, way, NONE, "this client has no such call")
                    continue
                served, key = (cut_off, dead_token) if case.refused else (gateway, token)
                job = {"client": client, "act": case.act, "url": served.url, "key": key, "model": case.model, **GIVEN}
                if case.wrong_key:
                    job["key"] = "sw_aaaaaaaa_" + "a" * 43
                yield Cell(name, case.name, way, *_worst(case, client, job, act, served, vendor, way))


def _worst(
    case: Case, client: str, job: dict[str, Any], act: Act, served: ServedGateway, vendor: ScriptedServer, way: str
) -> tuple[str, str]:
    """The first prompt of a case that does not come out right speaks for it."""
    state, reason = PASS, ""
    for prompt in case.prompts:
        asked, left = len(served.spool.exchanges), vendor.departures
        told = act({**job, "prompt": prompt})
        if case.refused:
            told["asked"] = _asked(served, asked)
        if case.act == "cancel":
            told["left_s"] = _left(vendor, left)
        state, reason = judge(case, client, told, way)
        if state != PASS:
            break
    return state, f"{prompt}: {reason}" if reason and len(case.prompts) > 1 else reason


def _asked(served: ServedGateway, before: int) -> int:
    """How often the gateway was asked; an exchange is recorded after its answer is out."""
    end = time.monotonic() + LEAVING_S
    while len(served.spool.exchanges) == before and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(SETTLE_S)
    return len(served.spool.exchanges) - before


def _left(vendor: ScriptedServer, before: int) -> float | None:
    """Seconds until the upstream was left; None when it was not."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < LEAVING_S:
        if vendor.departures > before:
            return waited
        time.sleep(0.005)
    return None


def _register(url: str, kind: str) -> Any:
    process = Process(
        name=ROUTE, owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
    )
    return register(process, [spec("vendor", url, kind)])


@contextlib.contextmanager
def _refusing() -> Iterator[str]:
    """An address that refuses connections: bound, but nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def row_name(language: str, client: str) -> str:
    """The row's title: language, packages and their versions."""
    if language == "python":
        return f"Python {client} {importlib.metadata.version(client)}"
    return f"JS {' + '.join(f'{package} {version_of(package)}' for package in PACKAGES[client])}"


def drawn(cells: list[Cell]) -> str:
    """The matrix, a line for every cell that failed, and a line for each reason why cells cannot be had."""
    rows = list(dict.fromkeys(cell.row for cell in cells))
    states = {(cell.row, cell.case, cell.way): cell.state for cell in cells}
    table = [["client (same / cross dialect)", *(case.name for case in CASES)]]
    for row in rows:
        table.append([row, *(" / ".join(states[row, case.name, way] for way in WAYS) for case in CASES)])
    lines = ["| " + " | ".join(line) + " |" for line in table]
    lines.insert(1, "|-" * len(table[0]) + "|")
    lines += ["", *(f"FAIL  {c.row}, {c.case}, {c.way}: {c.reason}" for c in cells if c.state == FAIL)]
    why: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.state == NONE:
            why.setdefault((cell.case, cell.reason), []).append(f"{cell.row} {cell.way}")
    lines += [f"none  {case}: {reason} ({', '.join(where)})" for (case, reason), where in why.items()]
    passed, failed, none = (sum(cell.state == state for cell in cells) for state in (PASS, FAIL, NONE))
    return "\n".join([*lines, "", f"{passed} pass, {failed} fail, {none} cannot be had"])


if __name__ == "__main__":
    sys.exit(main())
