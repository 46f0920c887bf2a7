"""A database that one process opens twice: the second opening takes no lock from the first."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from switchover.store import Store
from switchover.store.files import claim

WRITES = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""


def others_say(path):
    """What another process meets that would write."""
    done = subprocess.run([sys.executable, "-c", WRITES, path], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_log_stays_while_one_store_is_open_and_another_was_opened_beside_it(tmp_path):
    path, log = tmp_path / "store.sqlite", tmp_path / "store.sqlite-wal"
    with Store.open(f"sqlite:///{path}") as first, first.read():
        Store.open(f"sqlite:///{path}").close()
        before = log.stat().st_ino
        # Whoever believes to be the last one takes the log away from under those who still write to it.
        assert others_say(path) == ""
        assert log.stat().st_ino == before


def test_a_rollback_journal_keeps_its_lock_too(tmp_path):
    path = tmp_path / "ring.sqlite"
    claim(path)
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("CREATE TABLE t (x)")
    raw.execute("BEGIN IMMEDIATE")
    claim(path)
    assert others_say(path) == "database is locked"
    raw.close()


def test_a_file_is_made_for_its_owner_alone_and_one_that_is_there_stays_as_it_is(tmp_path):
    path = tmp_path / "new.sqlite"
    claim(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"kept")
    claim(path)
    assert path.read_bytes() == b"kept"
    with pytest.raises(FileNotFoundError):
        claim(tmp_path / "missing" / "new.sqlite")
