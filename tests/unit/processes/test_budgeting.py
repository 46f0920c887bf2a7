"""What the keeper does for budgets: prices, leases of the dead, what was settled when, and each alert once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from switchover.costs.budget import RESERVED, SETTLED, SOFT, Ask, grant
from switchover.domain.alert import AlertKind, Channels, Webhook
from switchover.domain.process import Budget, Price, Settings
from switchover.domain.register import CallerKey
from switchover.log import OncePerChange
from switchover.processes.alarming import Alarming
from switchover.processes.budgeting import Budgeting
from switchover.store import Store
from switchover.store.alerts import newest_alerts
from switchover.store.lease_file import LeaseFile
from switchover.store.ledger import Ledger
from switchover.store.register import replace_key, save_key
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
            alerts=Channels(webhooks={"ops": Webhook(url="https://hooks.example.net/x", secret="env:HOOK")}),
        )  # fmt: skip
        self.ledger = Ledger.open(folder, "sqlite://", busy_s=0.05)
        self.store = Store.open(f"sqlite:///{folder / 'store.sqlite'}")
        self.part, self.alarming = self.made()

    def made(self) -> tuple[Budgeting, Alarming]:
        """A keeper's part: as it was started anew, or another keeper's on the same store."""

        def log(event: str, **fields: Any) -> None:
            self.logged.append((event, fields))

        part = Budgeting(self.folder, self.clock, log, OncePerChange(log))
        return part, Alarming(self.clock, log, part)

    def anew(self) -> None:
        self.part.close()
        self.part, self.alarming = self.made()

    def spend(self, micro: int, *, budget: str = "process:p", period: str = DAY) -> None:
        """A worker's life: it takes a lease and is gone once so much is settled on it."""
        file = LeaseFile(self.folder, "w")
        counts = file.counts(budget, period)
        asked = Ask(budget=budget, period=period, limit=None, settled=0, unknown=0, returned=0, need=0, want=micro)
        self.ledger.exchange(file.holder, [asked], grant)
        counts[SETTLED] = micro
        file.close(remove=False)

    def look(self, after: float = 1.0) -> list[tuple[object, ...]]:
        """What is to be noted after some seconds."""
        self.clock.advance(after)
        found = self.alarming.look(self.settings, self.store) if self.part.look(self.settings) else ()
        return [(one["event"], one["budget"], one.get("percent")) for one in found]

    def cap(self, **terms: Any) -> None:
        self.settings = replace(self.settings, processes={"p": make_process("p", budget=Budget(**terms))})


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.part.close()
    kept.ledger.close()
    kept.store.close()


def test_each_mark_is_told_once_to_the_log_the_evidence_and_every_channel(kept: Kept) -> None:
    kept.spend(CAP // 10)
    assert kept.look() == []
    kept.spend(CAP // 5 * 2)
    assert kept.look() == [("budget reached", "process:p", 50)]
    assert kept.look() == []
    kept.spend(CAP // 10 * 3)
    assert kept.look() == [("budget reached", "process:p", 80)]
    kept.spend(CAP // 5)
    # Of two marks at once the higher says it all.
    assert kept.look() == [("budget reached", "process:p", 100)]
    told = [(fields["percent"], fields["level"]) for event, fields in kept.logged if event == "budget reached"]
    assert told == [(50, "warning"), (80, "warning"), (100, "error")]
    kept.anew()
    assert kept.look() == []
    raised = newest_alerts(kept.store, 9)
    assert [(alert.percent, [way.channel for way in ways]) for alert, ways in raised] == [
        (mark, ["webhook:ops"]) for mark in (100, 80, 50)
    ]
    assert raised[0][0].said.startswith("budget of p, 2026-11-25: used up; 1.00 USD of 1.00 USD spent; until ")


def test_two_keepers_at_once_raise_it_once(kept: Kept) -> None:
    kept.spend(CAP // 2)
    other, others = kept.made()
    kept.clock.advance(1.0)
    assert kept.part.look(kept.settings)
    assert other.look(kept.settings)
    both = [list(one.look(kept.settings, kept.store)) for one in (kept.alarming, others)]
    other.close()
    assert [len(one) for one in both] == [1, 0]
    assert len(newest_alerts(kept.store, 9)) == 1


def test_a_cap_that_is_raised_is_told_of_anew_and_one_that_is_put_back_is_not(kept: Kept) -> None:
    kept.spend(CAP // 5 * 4)
    assert kept.look() == [("budget reached", "process:p", 80)]
    kept.cap(day=CAP * 10)
    assert kept.look() == []
    kept.cap(day=CAP)
    assert kept.look() == []
    kept.cap(day=CAP * 10)
    kept.spend(CAP * 5)
    assert kept.look() == [("budget reached", "process:p", 50)]
    kept.cap(day=CAP * 6)
    assert kept.look() == [("budget reached", "process:p", 95)]


def test_a_budget_that_will_not_last_is_told_with_the_moment_once_there_is_a_rate(kept: Kept) -> None:
    kept.spend(CAP // 10 * 3)
    assert kept.look() == []
    told = []
    # A twentieth in each quarter of an hour, from noon on: at one o'clock half of it is left for ten quarters.
    for _ in range(4):
        kept.spend(CAP // 20)
        told += kept.look(900)
    assert told == [("budget reached", "process:p", 50), ("budget will not last", "process:p", None)]
    fields = next(fields for event, fields in kept.logged if event == "budget will not last")
    assert datetime.fromtimestamp(fields["ends_at"], UTC).strftime("%H:%M") == "15:30"
    # A keeper that is started anew knows what was seen, and has nothing more to tell.
    kept.anew()
    kept.spend(CAP // 20)
    assert kept.look(900) == []
    assert len(kept.part.seen["process:p", DAY]) == 6
    (alert,) = [one for one, _ in newest_alerts(kept.store, 9) if one.kind is AlertKind.WILL_NOT_LAST]
    assert alert.headline == "budget of p, 2026-11-25: will not last, ends on 2026-11-25 15:30 UTC"
    kept.clock.advance(86_400)
    kept.look()
    assert {period for _, period in kept.part.seen} == {"2026-11-26", "2026-11"}
    assert {period for _, period in kept.ledger.seen()} == {"2026-11-26", "2026-11"}


def test_a_key_is_told_of_under_the_first_of_those_made_in_its_place(kept: Kept) -> None:
    kept.settings = replace(
        kept.settings, processes={"p": make_process("p", key_budget=Budget(day=CAP))},
        budgets={"key:secondkk": Budget(day=CAP // 10, kind="soft")},
    )  # fmt: skip
    first = CallerKey(id="firstkey", process="p", mac="00", made_at=1.0)
    save_key(kept.store, first)
    save_key(kept.store, replace(first, id="secondkk"))
    save_key(kept.store, replace(first, id="othersxx", process="gone"))
    replace_key(kept.store, "firstkey", replace(first, id="inplacex", made_at=2.0), 50.0)
    kept.spend(CAP // 2, budget="key:firstkey")
    kept.spend(CAP // 2, budget="key:secondkk")
    kept.spend(CAP // 2, budget="key:othersxx")
    assert sorted(kept.look(), key=str) == [
        ("budget reached", "key:firstkey", 50), ("budget reached", "key:secondkk", 100),
    ]  # fmt: skip
    said = {alert.about: alert.said for alert, _ in newest_alerts(kept.store, 9)}
    assert "budget of key firstkey" in said["key:firstkey"]
    assert "calls go on" in said["key:secondkk"]


def test_an_upstream_whose_price_is_gone_is_told_of_where_a_budget_is_about_it(kept: Kept) -> None:
    kept.spend(1)
    assert kept.look() == []
    vendor = replace(kept.settings.upstreams["vendor"], price=None, model="nobody-knows-it")
    kept.settings = replace(kept.settings, upstreams={**kept.settings.upstreams, "vendor": vendor})
    kept.look()
    kept.look()
    kept.anew()
    kept.look()
    (alert,) = [one for one, _ in newest_alerts(kept.store, 9)]
    assert (alert.kind, alert.about, alert.period) == (AlertKind.NO_PRICE, "upstream:vendor", "2026-11")
    assert "upstreams.vendor.price" in alert.said
    assert [event for event, _ in kept.logged].count("price missing") == 1


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


def test_of_a_soft_cap_a_dead_worker_leaves_more_than_it_was_granted(kept: Kept) -> None:
    file = LeaseFile(kept.folder, "w")
    counts = file.counts("process:p", DAY)
    asked = Ask(budget="process:p", period=DAY, limit=None, settled=0, unknown=0, returned=0, need=90, want=90)
    kept.ledger.exchange(file.holder, [asked], grant)
    counts[SETTLED], counts[RESERVED], counts[SOFT] = 100, 50, 1
    file.close(remove=False)
    kept.look()
    account = kept.ledger.accounts()[0]
    assert (account.settled, account.unknown, account.leased) == (150, 50, 0)


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
    assert not kept.part.look(without)
    assert kept.part.accounts is None


def test_a_price_by_the_hour_is_theirs_as_soon_as_it_begins(kept: Kept) -> None:
    # deepseek-v4-pro is twice as dear from 01:00 to 04:00 UTC.
    by_hour = make_upstream(model="deepseek-v4-pro", host="deepseek")
    kept.settings = replace(kept.settings, upstreams={**kept.settings.upstreams, "vendor": by_hour})
    kept.clock.advance(13 * 3600 - 420)
    cheap = kept.part.prices(kept.settings)["vendor"].rates[0]
    kept.clock.advance(420)
    dear = kept.part.prices(kept.settings)["vendor"].rates[0]
    assert (dear.input, dear.output) == (2 * cheap.input, 2 * cheap.output)
