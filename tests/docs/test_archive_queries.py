"""The two queries on the page about the archive run on an archive that we wrote, and say what the page shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from switchover.domain.exchange import AttemptRecord, Outcome
from switchover.domain.keeping import Archiving
from switchover.evidence import EvidenceLog
from switchover.processes.archiving import Archiver
from switchover.store import Store
from switchover.store.archive.target import Folder
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.testing.clock import ManualClock

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "archive.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def block(beginning: str) -> tuple[str, str]:
    """The block that begins so, and what the page shows as its result."""
    [place] = [n for n, (_, text) in enumerate(BLOCKS) if text.startswith(beginning)]
    return BLOCKS[place][1], BLOCKS[place + 1][1]


def exchanges(process: str, day: int):
    """Forty of a day. On the first the vendor is overloaded at times, on the second claims goes to the student."""
    for number in range(40):
        claims = process == "claims"
        moved = claims and day == 25
        slow = AttemptRecord(
            upstream="vendor", model="big-1", status=529 if moved else 200,
            elapsed_ms=12.0 if moved else 280.0 + number,
            fault="overloaded" if moved or (claims and number < 2) else None,
        )  # fmt: skip
        taken = AttemptRecord(upstream="student", model="s", fault=None, status=200, elapsed_ms=110.0 + number)
        failed = claims and number < (2 if day == 24 else 1)
        upstream = None if failed else "student" if moved else "vendor"
        yield make_exchange(
            id=f"{process}-{day}-{number}",
            process=process,
            started_at=datetime(2026, 11, day, 9, number, tzinfo=UTC).timestamp(),
            attempts=(slow, taken) if moved and not failed else (slow,),
            upstream=upstream,
            outcome=Outcome.FAILED if failed else Outcome.COMPLETE,
            first_content_ms=None if failed else 100.0 + number,
        )


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder with an archive of two days in it."""
    folder = tmp_path_factory.mktemp("queries")
    clock = ManualClock(datetime(2026, 11, 26, 7, tzinfo=UTC).timestamp())
    target, log = Folder(folder / "archive"), EvidenceLog(folder, clock)
    with Store.open(f"sqlite:///{folder}/store.sqlite") as store:
        save_exchanges(
            store, [one for name in ("claims", "letters") for day in (24, 25) for one in exchanges(name, day)]
        )
        Archiver(folder, Archiving(to=str(folder / "archive")), target, clock, log.append).run(store)
    return folder


def told(names, rows):
    """A result as the page shows it: numbers to the right."""
    cells = [list(names), *([str(value) for value in row] for row in rows)]
    numbers = [all(isinstance(row[n], int | float | None) for row in rows) for n in range(len(names))]
    widths = [max(len(row[n]) for row in cells) for n in range(len(names))]
    lines = [
        "  ".join(
            cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, widths, numbers, strict=True)
        )
        for row in cells
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def test_the_query_in_duckdb_says_what_the_page_shows(archive, monkeypatch):
    monkeypatch.chdir(archive)
    query, shown = block("-- duckdb")
    found = duckdb.sql(query)
    assert told(found.columns, found.fetchall()) == shown


def test_the_query_in_polars_says_what_the_page_shows(archive, monkeypatch):
    monkeypatch.chdir(archive)
    code, shown = block("# polars")
    names: dict[str, object] = {}
    exec(compile(code, "docs/reference/archive.md", "exec"), names)
    tried = names["tried"]
    assert isinstance(tried, pl.DataFrame)
    assert told(tried.columns, tried.rows()) == shown


def test_both_read_every_exchange_with_its_types(archive, monkeypatch):
    monkeypatch.chdir(archive)
    query = "SELECT count(*), count(DISTINCT id), epoch(min(started_at)) FROM 'archive/**/*.parquet'"
    [(count, apart, first)] = duckdb.sql(query).fetchall()
    assert (count, apart, datetime.fromtimestamp(first, UTC)) == (160, 160, datetime(2026, 11, 24, 9, tzinfo=UTC))
    frame = pl.read_parquet("archive/**/*.parquet", hive_partitioning=True)
    assert (frame.height, frame["started_at"].dtype) == (160, pl.Datetime("us", "UTC"))
    assert frame["input_tokens"].sum() == 1600
