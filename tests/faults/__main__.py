"""The fault catalogue, row by row, against the real gateway: expected and seen, as a table.

`python tests/faults [ROW…]`. Exit status: 1 when something was not as expected, or when STRICT=1 and a row was not run.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from catalogue import DIFFERS, ELSEWHERE_SHOWN, Row, rows
from injectors import INJECTIONS
from particular import PARTICULAR, run_particular
from places import places
from result import Result
from run import run
from shown import shown
from wires import WIRES

from switchover.domain.ports import OutboundRequest
from switchover.gateway import classified, guard, relay

# Beyond these an upstream, or a detector, is silent: seconds instead of most of a minute.
IDLE_S = CONNECT_S = 1.5
DETECT_S = 0.5
AT_ONCE = 4


def cases(row: Row) -> list[tuple[str, bool]]:
    """Dialect and whether it is streamed, for each way the fault exists."""
    injection = INJECTIONS.get(row.id)
    ways = [way for way in (False, True) if injection is None or (injection.streams if way else injection.wholes)]
    return [(dialect, streamed) for dialect in WIRES for streamed in ways]


def line(row: Row, dialect: str, kind: str, wanted: str, seen: str, verdict: str) -> str:
    """One line of the table."""
    return f"| {row.layer} | {row.id} | {dialect} | {kind} | {wanted} | {seen} | {verdict} |"


def show(result: Result) -> tuple[str, str]:
    """The kind of verdict on one case that ran, and its line."""
    allowed = DIFFERS.get(result.row.id, {})
    unlike = [what for what in result.wrong if not any(what.startswith(f"{one}:") for one in allowed)]
    kind = "not as expected" if unlike else "differs on purpose" if result.wrong else "as expected"
    verdict = "NOT as expected" if unlike else "; ".join(allowed.values()) if result.wrong else kind
    wanted, seen = "; ".join(result.expected), "; ".join(result.seen)
    return kind, line(result.row, result.dialect, "stream" if result.streamed else "whole", wanted, seen, verdict)


def without_cases(row: Row, proved: dict[str, str]) -> tuple[str, str]:
    """The kind of verdict on a row that is not run here, and its line."""
    if row.id in proved:
        good = proved[row.id] == "passed"
        kind = "as expected" if good else "not as expected"
        return kind, line(row, "", "", f"{ELSEWHERE_SHOWN[row.id]} passes", proved[row.id], kind)
    if row.owner != "gateway":
        return "open", line(row, "", "", "", "", f"open ({row.owner})")
    return "not run", line(row, "", "", "", "", "not run: this machine lacks what brings it about")


def all_lines(wanted: list[Row]) -> Iterable[tuple[str, str]]:
    """Each line with its kind of verdict, in the catalogue's order, as it comes to be known."""
    # Before the others: some of them measure memory and time.
    proved = shown([row.id for row in wanted if row.id in ELSEWHERE_SHOWN])
    with places() as found, ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[str, list[Future[Result]]] = {}
        for row in wanted:
            injection = INJECTIONS.get(row.id)
            if injection is not None and injection.place and injection.place not in found:
                continue
            if injection is not None:
                running[row.id] = [pool.submit(run, row, one, streamed=way, places=found) for one, way in cases(row)]
            elif row.id in PARTICULAR:
                running[row.id] = [pool.submit(run_particular, row, one, streamed=way) for one, way in cases(row)]
        for row in wanted:
            for future in running.get(row.id, []):
                yield show(future.result())
            if row.id not in running:
                yield without_cases(row, proved)


def main(only: list[str]) -> int:
    """Runs and prints; the exit status."""
    # What is logged of the faults, by the gateway and by those who bring them about, would stand amid the table.
    logging.disable(logging.ERROR)
    relay.IDLE_S = IDLE_S
    classified.LONGEST_S = DETECT_S
    # Twenty looks at a stream take one second.
    guard.LOOK_EVERY = 1
    OutboundRequest.__init__.__kwdefaults__["connect_timeout"] = CONNECT_S
    counts: Counter[str] = Counter()
    print("| layer | fault | dialect | answer | expected | seen | verdict |\n|-|-|-|-|-|-|-|")
    for kind, text in all_lines([row for row in rows() if not only or row.id in only]):
        counts[kind] += 1
        print(text, flush=True)
    print("\n" + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    strict = os.environ.get("STRICT") == "1"
    return 1 if counts["not as expected"] or (strict and counts["not run"]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
