"""The fault catalogue, row by row, against the real gateway: expected and seen, as a table.

`python tests/faults [ROW…]`. Exit status: 1 when something was not as expected, or when STRICT=1 and a row was not run.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from catalogue import Row, rows
from injectors import INJECTIONS
from run import Result, run
from switchover.gateway import relay
from wires import WIRES

# Beyond this an upstream is silent: seconds instead of most of a minute.
IDLE_S = 0.5
AT_ONCE = 8


def cases(row: Row) -> list[tuple[str, bool]]:
    """Dialect and whether it is streamed, for each way the fault exists."""
    injection = INJECTIONS[row.id]
    ways = [streamed for streamed in (False, True) if (injection.streams if streamed else injection.wholes)]
    return [(dialect, streamed) for dialect in WIRES for streamed in ways]


def line(row: Row, dialect: str, streamed: bool | None, wanted: str, seen: str, verdict: str) -> str:
    """One line of the table."""
    kind = "" if streamed is None else "stream" if streamed else "whole"
    return f"| {row.layer} | {row.id} | {dialect} | {kind} | {wanted} | {seen} | {verdict} |"


def show(result: Result) -> str:
    """One case that ran."""
    verdict = "NOT as expected" if result.wrong else "as expected"
    return line(
        result.row, result.dialect, result.streamed, "; ".join(result.expected), "; ".join(result.seen), verdict
    )


def main(only: list[str]) -> int:
    """Runs and prints; the exit status."""
    relay.IDLE_S = IDLE_S
    wanted = [row for row in rows() if not only or row.id in only]
    counts: Counter[str] = Counter()
    print("| layer | fault | dialect | answer | expected | seen | verdict |\n|-|-|-|-|-|-|-|")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {
            row.id: [pool.submit(run, row, dialect, streamed=streamed) for dialect, streamed in cases(row)]
            for row in wanted
            if row.owner == "gateway" and row.id in INJECTIONS
        }
        for row in wanted:
            if row.owner != "gateway":
                counts["open"] += 1
                print(line(row, "", None, "", "", f"open ({row.owner})"))
            elif row.id not in running:
                counts["not run"] += 1
                print(line(row, "", None, "", "", "not run: no injector"))
            for future in running.get(row.id, []):
                result = future.result()
                counts["not as expected" if result.wrong else "as expected"] += 1
                print(show(result), flush=True)
    print("\n" + ", ".join(f"{count} {what}" for what, count in counts.items()))
    strict = os.environ.get("STRICT") == "1"
    return 1 if counts["not as expected"] or (strict and counts["not run"]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
