"""A backup holds every table of one moment, tells when it is damaged, and comes back whole or not at all."""

from __future__ import annotations

import dataclasses
import sqlite3

import pytest
from sqlalchemy import insert, select

import switchover.store.migrations as migrations
from switchover.errors import OperatorError, StoreUnavailable
from switchover.store import Store, database, schema
from switchover.store import backup as backups
from switchover.store.backup import restore_backup, verify_backup, write_backup
from switchover.store.check import compare, faults_of, read_through
from switchover.store.copying import BATCH, counts, holds_anything, tables
from switchover.store.exchanges import count_exchanges, get_exchange
from switchover.store.indexing import save_exchanges, save_spooled
from switchover.store.migrations import migrate
from switchover.store.register import register_version
from switchover.testing.builders import make_exchange


@pytest.fixture
def file_store(newest_file, tmp_path):
    """A store in a file: what a backup suffers has nothing to do with where it came from."""
    (tmp_path / "file.sqlite").write_bytes(newest_file)
    with Store.open(f"sqlite:///{tmp_path / 'file.sqlite'}") as opened:
        yield opened


def exchange(name, answer=b""):
    return dataclasses.replace(make_exchange(id=name), answer=answer)


@pytest.fixture
def filled(store, row_of):
    """A store with a row in every table, and more exchanges than a batch takes."""
    with store.write() as connection:
        for table in tables():
            connection.execute(insert(table), [row_of(table)])
    save_exchanges(store, [exchange(f"x{n:03d}", bytes([n % 256]) * n) for n in range(BATCH + 50)])
    return store


@pytest.fixture
def other(store, tmp_path, request):
    """A second, empty store, on the other database."""
    address = request.getfixturevalue("second_url") if store.embedded else f"sqlite:///{tmp_path / 'other.sqlite'}"
    with Store.open(address) as opened:
        yield opened


def test_what_is_restored_from_one_database_into_the_other_is_the_same_to_the_last_byte(filled, other, tmp_path):
    told = []
    made = write_backup(filled, tmp_path / "backup", 5.0, lambda table, rows: told.append((table, rows)))
    assert ("exchange", BATCH + 51) in told
    assert verify_backup(tmp_path / "backup") == made
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    assert made.tables.keys() == {table.name for table in tables()}
    assert all(part.rows for part in made.tables.values())
    restore_backup(other, tmp_path / "backup", replace=False)
    again = write_backup(other, tmp_path / "again", 6.0)
    same = {name: part for name, part in again.tables.items() if name != "register_version"}
    assert same == {name: part for name, part in made.tables.items() if name != "register_version"}
    with filled.read() as here, other.read() as there:
        for table in tables():
            if table.name != "register_version":
                rows = [sorted(tuple(row) for row in c.execute(select(table))) for c in (here, there)]
                assert rows[0] == rows[1]


def test_a_backup_is_of_one_moment_while_others_write(store, tmp_path):
    save_exchanges(store, [make_exchange(id=f"x{n}") for n in range(BATCH + 5)])

    def meanwhile(table, rows):
        if table == "exchange" and rows == BATCH:
            save_spooled(store, "w/worker-0", (1, 9), [make_exchange(id="later")], [])

    made = write_backup(store, tmp_path / "backup", 5.0, meanwhile)
    assert (made.tables["exchange"].rows, made.tables["spool_mark"].rows) == (BATCH + 5, 0)
    assert count_exchanges(store) == BATCH + 6


def test_a_store_that_is_not_empty_is_left_alone_unless_it_is_to_be_replaced(filled, other, tmp_path):
    write_backup(filled, tmp_path / "backup", 5.0)
    save_exchanges(other, [make_exchange(id="own")])
    before = register_version(other)
    with pytest.raises(OperatorError, match="not empty") as error:
        restore_backup(other, tmp_path / "backup", replace=False)
    assert "--replace" in error.value.mend
    assert get_exchange(other, "own") is not None
    restore_backup(other, tmp_path / "backup", replace=True)
    assert get_exchange(other, "own") is None
    assert register_version(other) > max(before, register_version(filled))


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE exchange SET status = 599 WHERE id = 'x007'",
        "DELETE FROM exchange WHERE id = 'x007'",
        "UPDATE proof SET margin = 0.9",
        "DROP TABLE verdict",
        "CREATE TABLE more (x)",
    ],
)
def test_a_backup_that_is_not_what_it_was_changes_nothing(file_store, row_of, tmp_path, harm):
    with file_store.write() as connection:
        connection.execute(insert(schema.proof), [row_of(schema.proof)])
    save_exchanges(file_store, [exchange("x007"), exchange("x008")])
    write_backup(file_store, tmp_path / "backup", 5.0)
    raw = sqlite3.connect(tmp_path / "backup")
    raw.execute(harm)
    raw.commit()
    raw.close()
    before = counts(file_store)
    with pytest.raises(StoreUnavailable, match="damaged"):
        restore_backup(file_store, tmp_path / "backup", replace=True)
    assert counts(file_store) == before


def test_bytes_that_rotted_on_the_disk_are_found(file_store, tmp_path):
    save_exchanges(file_store, [exchange(f"x{n}", b"a" * 9000) for n in range(20)])
    path = tmp_path / "backup"
    write_backup(file_store, path, 5.0)
    data = bytearray(path.read_bytes())
    at = data.index(b"a" * 500) + 100
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreUnavailable, match="is not what the manifest says"):
        verify_backup(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(StoreUnavailable):
        verify_backup(path)


def test_a_restoration_that_fails_midway_leaves_the_store_as_it_was(filled, other, tmp_path):
    write_backup(filled, tmp_path / "backup", 5.0)
    save_exchanges(other, [make_exchange(id="own")])

    def fail(table, rows):
        if table == "exchange" and rows > BATCH:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_backup(other, tmp_path / "backup", replace=True, told=fail)
    assert [get_exchange(other, "own").id, count_exchanges(other)] == ["own", 1]


def test_a_backup_that_fails_midway_leaves_no_file_and_one_that_is_there_stays(file_store, tmp_path):
    save_exchanges(file_store, [make_exchange(id="x")])

    def fail(table, rows):
        raise KeyboardInterrupt

    folder = tmp_path / "backups"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        write_backup(file_store, folder / "backup", 5.0, fail)
    assert list(folder.iterdir()) == []
    (folder / "backup").write_text("mine")
    with pytest.raises(StoreUnavailable, match="there already"):
        write_backup(file_store, folder / "backup", 5.0)
    assert (folder / "backup").read_text() == "mine"
    with pytest.raises(StoreUnavailable, match="To mend it"):
        write_backup(file_store, tmp_path / "nowhere" / "backup", 5.0)


def test_a_backup_of_an_earlier_schema_is_brought_up_to_date_and_stays_as_it_is(other, tmp_path, row_of, monkeypatch):
    file = tmp_path / "backup"
    with monkeypatch.context() as patch:
        for module in (migrations, migrate, database):
            patch.setattr(module, "HEAD", "0001")
        Store.open(f"sqlite:///{file}").close()
    raw = sqlite3.connect(file)
    raw.execute("INSERT INTO caller_key VALUES ('k', 'p', 'mac', 1.0, NULL)")
    raw.commit()
    raw.close()
    made = backups._sealed(file, 5.0)
    assert made.schema == "0001"
    before = file.read_bytes()
    restore_backup(other, file, replace=False)
    assert counts(other)["caller_key"] == 1
    assert file.read_bytes() == before


def test_a_backup_of_a_newer_switchover_or_of_nobody_is_refused(file_store, tmp_path):
    raw = sqlite3.connect(tmp_path / "newer")
    raw.execute("CREATE TABLE alembic_version (version_num TEXT)")
    raw.execute("INSERT INTO alembic_version VALUES ('9999')")
    raw.commit()
    raw.close()
    backups._sealed(tmp_path / "newer", 5.0)
    with pytest.raises(StoreUnavailable, match="newer Switchover"):
        restore_backup(file_store, tmp_path / "newer", replace=True)
    (tmp_path / "text").write_text("no database at all" * 100)
    for name in ("text", "nowhere"):
        with pytest.raises(StoreUnavailable, match="store backup"):
            restore_backup(file_store, tmp_path / name, replace=True)
    assert not (tmp_path / "nowhere").exists()
    assert not holds_anything(file_store)


def test_equal_stores_have_equal_digests_and_others_have_not(store, tmp_path):
    save_exchanges(store, [make_exchange(id="x"), make_exchange(id="y")])
    first = write_backup(store, tmp_path / "1", 5.0)
    second = write_backup(store, tmp_path / "2", 6.0)
    save_exchanges(store, [make_exchange(id="z")])
    third = write_backup(store, tmp_path / "3", 6.0)
    assert first.sha256 == second.sha256 != third.sha256
    assert dataclasses.replace(second, made_at=5.0) == first


def test_a_sound_store_is_read_through_and_one_with_a_torn_page_is_not(store, tmp_path):
    save_exchanges(store, [exchange(f"x{n}", b"a" * 3000) for n in range(60)])
    assert faults_of(store) == []
    rows, wrong = read_through(store)
    assert (rows["exchange"], wrong) == (60, [])
    assert compare(store, tmp_path / "spool", "m", "worker-0").wrong == ()


def test_a_torn_page_of_a_file_is_found(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 's'}") as store:
        save_exchanges(store, [exchange(f"x{n}", b"a" * 3000) for n in range(60)])
    data = bytearray((tmp_path / "s").read_bytes())
    for page in range(30, 40):
        data[page * 4096 : page * 4096 + 200] = bytes(200)
    (tmp_path / "s").write_bytes(data)
    with Store.open(f"sqlite:///{tmp_path / 's'}") as store:
        assert faults_of(store)
        assert read_through(store)[1]


def test_a_lease_is_not_copied(store, other, tmp_path):
    with store.write() as connection:
        connection.execute(insert(schema.lease), [{"name": "stories", "holder": "h", "expires_at": 9e9}])
    write_backup(store, tmp_path / "backup", 5.0)
    restore_backup(other, tmp_path / "backup", replace=False)
    with other.read() as connection:
        assert connection.execute(select(schema.lease)).all() == []
