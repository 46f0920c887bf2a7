"""What the keeper does for budgets: prices, leases of the dead, and each alarm once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from switchover.costs.budget import RESERVED, SETTLED, Ask, grant
from switchover.domain.process import Budget, Price, Settings
from switchover.log import OncePerChange
from switchover.processes.budgeting import Budgeting
from switchover.store.lease_file import LeaseFile
from switchover.store.ledger import Ledger
from switchover.testing.builders import make_process, make_settings, make_upstream
from switchover.testing.clock import ManualClock

CAP = 1_000_000
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
DAY = "2026-11-25"


class Kept:
    """The keeper's part, with a clock that is moved by hand and a log that is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.logged = folder, ManualClock(NOON), list[tuple[str, dict[str, Any]]]()
        vendor = make_upstream(price=Price(input_mtok="1", output_mtok="2"))
        self.settings: Settings = replace(
            make_settings(), data_dir=str(folder), upstreams={**make_settings().upstreams, "vendor": vendor},
            processes={"p": make_process("p", budget=Budget(day=CAP))},
            budgets={"organisation": Budget(month=CAP * 10)},
        )  # fmt: skip
        self.ledger = Ledger.open(folder, "sqlite://", busy_s=0.05)
        self.part = self.made()

    def made(self) -> Budgeting:
        def log(event: str, **fields: Any) -> None:
            self.logged.append((event, fields))

        return Budgeting(self.folder, self.clock, log, OncePerChange(log))

    def spend(self, micro: int, *, budget: str = "process:p", period: str = DAY) -> None:
        """A worker's life: it takes a lease and is gone once so much is settled on it."""
        file = LeaseFile(self.folder, "w")
        counts = file.counts(budget, period)
        asked = Ask(budget=budget, period=period, limit=None, settled=0, unknown=0, returned=0, need=0, want=micro)
        self.ledger.exchange(file.holder, [asked], grant)
        counts[SETTLED] = micro
        file.close(remove=False)

    def look(self) -> list[tuple[object, ...]]:
        """What is to be noted after a second."""
        self.clock.advance(1.0)
        found = self.part.look(self.settings)
        return [(one["event"], one["budget"], one.get("percent")) for one in found]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.part.close()
    kept.ledger.close()


def test_each_mark_is_told_once_to_the_log_and_to_the_evidence(kept: Kept) -> None:
    kept.spend(CAP // 10)
    assert kept.look() == []
    kept.spend(CAP // 5 * 2)
    # By noon half of it: at that pace it lasts for the day, and no longer.
    assert kept.look() == [("budget reached", "process:p", 50)]
    assert kept.look() == []
    kept.spend(CAP // 2)
    assert kept.look() == [("budget reached", "process:p", mark) for mark in (80, 95, 100)]
    told = [(fields["percent"], fields["level"]) for event, fields in kept.logged if event == "budget reached"]
    assert told == [(50, "warning"), (80, "warning"), (95, "warning"), (100, "error")]
    kept.part.close()
    kept.part = kept.made()
    assert kept.look() == []


def test_a_budget_that_will_not_last_is_told_before_it_ends(kept: Kept) -> None:
    kept.spend(CAP // 10 * 7)
    assert kept.look() == [("budget reached", "process:p", 50), ("budget will not last", "process:p", None)]
    fields = next(fields for event, fields in kept.logged if event == "budget will not last")
    # 70 % by noon: all of it by eight minutes past five.
    assert datetime.fromtimestamp(fields["ends_at"], UTC).strftime("%H:%M") == "17:08"


def test_what_dead_workers_left_is_settled_and_said(kept: Kept) -> None:
    file = LeaseFile(kept.folder, "w")
    counts = file.counts("process:p", DAY)
    asked = Ask(budget="process:p", period=DAY, limit=CAP, settled=0, unknown=0, returned=0, need=900, want=900)
    kept.ledger.exchange(file.holder, [asked], grant)
    counts[SETTLED], counts[RESERVED] = 100, 50
    file.close(remove=False)
    kept.look()
    account = kept.ledger.accounts()[0]
    assert (account.settled, account.unknown, account.leased) == (150, 50, 0)
    assert ("leases of a dead worker settled", {"level": "warning", "holder": file.holder}) in kept.logged


def test_a_ledger_that_is_away_is_said_once_and_looked_for_again(kept: Kept) -> None:
    kept.spend(10)
    locked = sqlite3.connect(kept.folder / "budget.sqlite", isolation_level=None)
    locked.execute("begin exclusive")
    kept.part._ledger, kept.part._database = kept.ledger, kept.settings.database
    kept.look()
    kept.look()
    assert "locked" in kept.part.trouble
    said = [event for event, _ in kept.logged]
    assert said == ["budget ledger can't be used: workers spend what they hold"]
    locked.execute("rollback")
    locked.close()
    kept.look()
    assert kept.part.trouble == ""


def test_workers_get_the_prices_of_what_a_budget_is_about_and_no_other(kept: Kept) -> None:
    found = kept.part.prices(kept.settings)
    assert list(found) == ["vendor"]
    assert found["vendor"].most_output == 2_000_000
    assert kept.part.prices(kept.settings) is found
    kept.clock.advance(901)
    assert kept.part.prices(kept.settings) == found
    without = replace(kept.settings, budgets={}, processes={"p": make_process("p")})
    assert kept.part.prices(without) == {}
    assert kept.part.look(without) == []
