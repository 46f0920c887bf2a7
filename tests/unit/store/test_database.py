"""Opening, sharing and losing the database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading

import pytest
from sqlalchemy import func, select, text, update

from switchover.errors import StoreUnavailable
from switchover.store import Store, schema
from switchover.store.exchanges import count_exchanges
from switchover.store.indexing import save_exchanges
from switchover.store.register import bump_register, register_version
from switchover.testing.builders import make_exchange


def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


def test_a_store_that_is_up_to_date_opens_without_alembic(tmp_path):
    Store.open(url(tmp_path)).close()
    code = (
        "import sys; from switchover.store import Store; "
        "Store.open(sys.argv[1]).close(); print('alembic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code, url(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_sqlite_runs_with_a_log_full_syncs_and_foreign_keys(tmp_path):
    with Store.open(url(tmp_path)) as store, store.read() as connection:
        asked = {p: connection.scalar(text(f"PRAGMA {p}")) for p in ("journal_mode", "synchronous", "foreign_keys")}
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_the_file_is_readable_by_its_owner_only(tmp_path):
    Store.open(url(tmp_path)).close()
    assert os.stat(tmp_path / "store.sqlite").st_mode & 0o077 == 0


def test_concurrent_writers_wait_for_each_other_and_lose_nothing(database):
    errors = []

    def go(writer):
        try:
            with Store.open(database, busy_seconds=60) as store:
                for number in range(15):
                    save_exchanges(store, [make_exchange(id=f"{writer}-{number}")])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Store.open(database) as store:
        assert count_exchanges(store) == 60


def test_what_was_read_before_a_change_still_holds_when_it_is_made(database):
    """Two that read a number and write it back raised by one: neither is lost, whatever the database."""

    def go():
        with Store.open(database, busy_seconds=60) as store:
            for _ in range(10):
                with store.write() as connection:
                    found = connection.execute(select(schema.register_version)).one()
                    connection.execute(update(schema.register_version).values(version=found.version + 1))

    with Store.open(database) as store:
        bump_register(store)
    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store.open(database) as store:
        assert register_version(store) == 31


def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(store):
    save_exchanges(store, [make_exchange(id="before")])
    with store.read() as connection:
        counted = select(func.count()).select_from(schema.exchange)
        first = connection.scalar(counted)
        save_exchanges(store, [make_exchange(id="meanwhile")])
        assert (first, connection.scalar(counted)) == (1, 1)
    assert count_exchanges(store) == 2


def test_what_fails_within_a_transaction_leaves_nothing(store):
    def fail_midway():
        with store.write() as connection:
            connection.execute(text("INSERT INTO spool_mark VALUES ('w0', 1, 1)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_midway()
    with store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM spool_mark")) == 0


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("sqlite:////nowhere/at/all/store.sqlite", "make the folder"),
        ("mystery://x/y", "sqlite:///FILE"),
        ("nonsense", "sqlite:///FILE"),
    ],
)
def test_a_store_that_cannot_be_opened_says_how_to_mend_it(address, hint):
    with pytest.raises(StoreUnavailable, match="To mend it") as error:
        Store.open(address)
    assert hint in error.value.mend


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "store.sqlite").write_bytes(b"not at all" * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store.open(url(tmp_path))


def test_a_locked_store_is_said_after_the_wait(tmp_path):
    with Store.open(url(tmp_path), busy_seconds=0.1) as store:
        raw = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked") as error:
            save_exchanges(store, [make_exchange(id="x")])
        raw.rollback()
        raw.close()
        assert "wait for the other program" in error.value.mend
        assert save_exchanges(store, [make_exchange(id="x")]) == 1


def test_a_full_disk_is_said(tmp_path):
    with Store.open(url(tmp_path)) as store:
        with store.read() as connection:
            connection.execute(text("PRAGMA max_page_count=60"))
        with pytest.raises(StoreUnavailable, match="full") as error:
            save_exchanges(store, [make_exchange(id=f"x{number}" + "y" * 2000) for number in range(400)])
        assert "make room" in error.value.mend


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+nodriver://me:hunter2@127.0.0.1/x",
        "mysql://me:hunter2@127.0.0.1/x",
        "postgresql://me:hun:hunter2@127.0.0.1/x",
        "postgresql://me:hunter2@127.0.0.1:9/x",
        "postgresql://me@127.0.0.1:9/x?password=hunter2",
    ],
)
def test_a_password_in_the_address_is_never_shown(address):
    with pytest.raises(StoreUnavailable) as error:
        Store.open(address)
    told: BaseException | None = error.value
    while told is not None:
        assert "hunter2" not in str(told)
        told = told.__cause__
    assert "hunter2" not in error.value.mend


def test_a_driver_that_is_missing_is_named_by_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreUnavailable, match=r"switchover\[postgres\]"):
        Store.open("postgresql://me@127.0.0.1/x")
