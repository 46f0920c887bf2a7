"""Opening, migrating and losing the database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import asdict, replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import switchover.store.migrations as migrations
from switchover.domain.candidate import Continuation
from switchover.errors import StoreUnavailable
from switchover.store import Store, database
from switchover.store.exchanges import count_exchanges
from switchover.store.indexing import save_exchanges
from switchover.store.proofs import proofs, save_proof
from switchover.store.schema import metadata
from switchover.testing.builders import make_exchange, make_proof


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


def test_several_that_open_an_empty_store_at_once_all_succeed(tmp_path):
    assert errors_of_several(tmp_path) == []


def errors_of_several(tmp_path):
    errors = []

    def go():
        try:
            Store.open(url(tmp_path)).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_concurrent_writers_wait_for_each_other_and_lose_nothing(tmp_path):
    Store.open(url(tmp_path)).close()
    errors = []

    def go(writer):
        try:
            with Store.open(url(tmp_path), busy_seconds=20) as store:
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
    with Store.open(url(tmp_path)) as store:
        assert count_exchanges(store) == 60


def test_what_fails_within_a_transaction_leaves_nothing(tmp_path):
    with Store.open(url(tmp_path)) as store:

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


def test_a_store_of_a_newer_switchover_is_left_alone(tmp_path):
    Store.open(url(tmp_path)).close()
    raw = sqlite3.connect(tmp_path / "store.sqlite")
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()
    with pytest.raises(StoreUnavailable, match="newer Switchover"):
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


def test_a_password_in_the_address_is_never_shown(tmp_path):
    with pytest.raises(StoreUnavailable) as error:
        Store.open("postgresql+nodriver://me:hunter2@127.0.0.1/x")
    assert "hunter2" not in str(error.value)
