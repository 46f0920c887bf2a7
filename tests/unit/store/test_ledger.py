"""The ledger and a worker's counts: told twice it changes nothing, and of a dead worker nothing is forgotten."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchover.costs.budget import RESERVED, SETTLED, SOFT, UNKNOWN, Ask, grant
from switchover.costs.holding import settle_the_dead
from switchover.errors import StoreUnavailable
from switchover.store import lease_file
from switchover.store.lease_file import LeaseFile, LeftBehind, dead
from switchover.store.ledger import Ledger

MONTH = "2026-11"


def ask(*, settled: int = 0, returned: int = 0, need: int = 0, unknown: int = 0, budget: str = "b") -> Ask:
    return Ask(budget=budget, period=MONTH, limit=1000, settled=settled, unknown=unknown, returned=returned, need=need,
               want=need)  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.open(tmp_path, "sqlite://", busy_s=0.05)
    yield made
    made.close()


def account(ledger: Ledger) -> tuple[int, int, int]:
    one = ledger.accounts()[0]
    return one.settled, one.unknown, one.leased


def gone(folder: Path, ledger: Ledger, worker: str = "w", *, need: int, settled: int = 0, reserved: int = 0) -> str:
    """A worker that held a lease, had settled and reserved this, and was killed."""
    file = LeaseFile(folder, worker)
    counts = file.counts("b", MONTH)
    ledger.exchange(file.holder, [ask(need=need)], grant)
    counts[SETTLED], counts[RESERVED] = settled, reserved
    file.close(remove=False)
    return file.holder


def test_what_is_granted_settled_and_given_back_adds_up_whoever_asks(ledger: Ledger) -> None:
    assert [one[0] for one in ledger.exchange("one", [ask(need=600)], grant)] == [600]
    assert [one[0] for one in ledger.exchange("two", [ask(need=600)], grant)] == [400]
    assert account(ledger) == (0, 0, 1000)
    ledger.exchange("one", [ask(settled=150, unknown=50, returned=300)], grant)
    assert account(ledger) == (150, 50, 550)


def test_a_word_that_is_said_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.exchange("one", [ask(need=600)], grant)
    for _ in range(2):
        ledger.exchange("one", [ask(settled=100, unknown=10, returned=200)], grant)
        assert account(ledger) == (100, 10, 300)


def test_several_budgets_are_asked_in_one_transaction_and_told_in_their_order(ledger: Ledger) -> None:
    found = ledger.exchange("one", [ask(need=5, budget="z"), ask(need=7, budget="a")], grant)
    assert [(granted, told.budget) for granted, told, _ in found] == [(5, "z"), (7, "a")]


def test_of_a_dead_worker_what_it_had_reserved_is_settled_as_unknown_and_the_rest_given_back(
    tmp_path: Path, ledger: Ledger
) -> None:
    holder = gone(tmp_path, ledger, need=600, settled=200, reserved=150)
    assert account(ledger) == (0, 0, 600)
    assert settle_the_dead(ledger, tmp_path) == [holder]
    assert account(ledger) == (350, 150, 0)
    assert not list(tmp_path.glob("budget/*.lease"))
    assert settle_the_dead(ledger, tmp_path) == []


def test_what_a_dead_worker_spent_of_a_soft_budget_before_the_ledger_had_heard_of_it_counts(
    tmp_path: Path, ledger: Ledger
) -> None:
    file = LeaseFile(tmp_path, "w")
    counts = file.counts("b", MONTH)
    counts[SETTLED], counts[RESERVED], counts[SOFT] = 200, 150, 1
    file.counts("untouched", MONTH)
    for _ in range(2):
        ledger.end(file.holder, file.all())
    file.close(remove=False)
    assert settle_the_dead(ledger, tmp_path) == []
    assert [(one.budget, *account(ledger)) for one in ledger.accounts()] == [("b", 350, 150, 0)]


def test_counts_that_were_caught_midway_are_settled_with_no_more_than_was_granted(
    tmp_path: Path, ledger: Ledger
) -> None:
    gone(tmp_path, ledger, need=600, settled=600, reserved=150)
    settle_the_dead(ledger, tmp_path)
    assert account(ledger) == (600, 0, 0)


def test_a_worker_that_lives_is_left_alone(tmp_path: Path, ledger: Ledger) -> None:
    file = LeaseFile(tmp_path, "w")
    file.counts("b", MONTH)
    ledger.exchange(file.holder, [ask(need=600)], grant)
    assert settle_the_dead(ledger, tmp_path) == []
    assert account(ledger) == (0, 0, 600)
    file.close(remove=True)


def test_after_a_loss_of_power_all_that_was_held_is_settled_as_unknown(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone(tmp_path, ledger, need=600, settled=5)
    monkeypatch.setattr(lease_file, "boot_id", lambda: "another run of the machine")
    settle_the_dead(ledger, tmp_path)
    assert account(ledger) == (600, 600, 0)


def test_a_holder_whose_counts_are_gone_is_settled_whole_and_spends_no_more(tmp_path: Path, ledger: Ledger) -> None:
    holder = gone(tmp_path, ledger, need=600)
    (tmp_path / "budget" / f"{holder}.lease").unlink()
    settle_the_dead(ledger, tmp_path)
    assert account(ledger) == (600, 600, 0)
    granted, _, closed = ledger.exchange(holder, [ask(settled=50, need=100)], grant)[0]
    assert (granted, closed) == (600, True)
    assert account(ledger) == (600, 600, 0)


def test_workers_of_another_data_folder_are_none_of_ours(tmp_path: Path, ledger: Ledger) -> None:
    other = tmp_path / "elsewhere"
    gone(other, ledger, need=600)
    assert settle_the_dead(ledger, tmp_path) == []
    assert account(ledger) == (0, 0, 600)


def test_counts_are_found_again_by_name_and_serve_again_once_forgotten(tmp_path: Path) -> None:
    file = LeaseFile(tmp_path, "w")
    first = file.counts("b", "2026-10")
    first[SETTLED], first[UNKNOWN] = 7, 3
    assert file.all() == {("b", "2026-10"): LeftBehind(settled=7, unknown=3, reserved=0)}
    file.forget("b", "2026-10")
    again = file.counts("b", MONTH)
    assert list(again) == [0, 0, 0, 0]
    file.close(remove=False)
    assert [left for _, left, _ in dead(tmp_path)] == [{("b", MONTH): LeftBehind(settled=0, unknown=0, reserved=0)}]


def test_the_ledger_is_readable_by_its_owner_only(tmp_path: Path, ledger: Ledger) -> None:
    ledger.exchange("one", [ask(need=6)], grant)
    LeaseFile(tmp_path, "w").close(remove=False)
    for path in (*tmp_path.glob("budget.sqlite*"), *tmp_path.glob("budget/*")):
        assert os.stat(path).st_mode & 0o077 == 0, path
    assert os.stat(tmp_path / "budget").st_mode & 0o077 == 0


def test_a_ledger_that_is_locked_or_none_is_said_to_be(tmp_path: Path, ledger: Ledger) -> None:
    ledger.accounts()
    with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite", isolation_level=None)) as locked:
        locked.execute("begin exclusive")
        with pytest.raises(StoreUnavailable, match="locked"):
            ledger.exchange("one", [ask(need=6)], grant)
    ledger.exchange("one", [ask(need=6)], grant)
    assert account(ledger) == (0, 0, 6)
    ledger.close()
    (tmp_path / "budget.sqlite").write_bytes(b"no database at all" * 400)
    for companion in tmp_path.glob("budget.sqlite-*"):
        companion.unlink()
    with pytest.raises(StoreUnavailable, match="not a database"):
        ledger.accounts()
