"""From an empty database and from every earlier schema, on either database: revisions to come are walked, too."""

from __future__ import annotations

import os
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, insert, select

import switchover.store.migrations as migrations
from switchover.domain.candidate import Continuation
from switchover.errors import StoreUnavailable
from switchover.store import Store, database
from switchover.store.migrations import migrate
from switchover.store.proofs import proofs, save_proof
from switchover.store.schema import metadata
from switchover.store.trials import scored_cases
from switchover.testing.builders import make_proof


def scripts():
    config = Config()
    config.set_main_option("script_location", os.path.dirname(migrations.__file__))
    return ScriptDirectory.from_config(config)


# What judges said lay in clear until 0026, which deletes it.
REWRITTEN = {"scored_case": {"reason"}}
REVISIONS = [script.revision for script in scripts().walk_revisions()][::-1]


def store_of(revision, url, monkeypatch):
    """A store as the Switchover of that revision left it."""
    with monkeypatch.context() as patch:
        for module in (migrations, migrate, database):
            patch.setattr(module, "HEAD", revision)
        Store.open(url).close()


def unlike(url):
    with Store.open(url) as store, store.read() as connection:
        return compare_metadata(MigrationContext.configure(connection), metadata)


def test_migrating_an_empty_database_gives_exactly_the_tables_of_the_schema(blank):
    assert unlike(blank) == []


def test_a_store_of_every_earlier_schema_is_brought_up_to_date_with_its_rows(blank, row_of, monkeypatch):
    """Each revision leaves rows of its own behind in every table that it knows; the newest has all of them."""
    left = []
    for number, revision in enumerate(REVISIONS, 1):
        store_of(revision, blank, monkeypatch)
        was = MetaData()
        with database.Store(*database.engine_of(blank, 5.0)) as old:
            with old.read() as connection:
                was.reflect(connection)
            tables = [table for table in was.sorted_tables if table.name != "alembic_version"]
            rows = {table.name: row_of(table, number) for table in tables}
            with old.write() as connection:
                for table in tables:
                    connection.execute(insert(table), [rows[table.name]])
        left.append(rows)
    assert len(left) == len(REVISIONS)
    assert unlike(blank) == []
    with Store.open(blank) as store, store.read() as connection:
        for table in metadata.sorted_tables:
            found = [row._mapping for row in connection.execute(select(table))]
            for rows in left:
                row = rows.get(table.name, {})
                kept = (row.keys() & table.columns.keys()) - REWRITTEN.get(table.name, set())
                assert not row or {name: row[name] for name in kept} in [
                    {name: one[name] for name in kept} for one in found
                ], f"{table.name} of {row}"


def test_what_judges_had_said_in_clear_is_deleted_and_why_others_scored_as_they_did_stays(blank, monkeypatch):
    store_of("0025", blank, monkeypatch)
    with database.Store(*database.engine_of(blank, 5.0)) as old:
        was = MetaData()
        with old.read() as connection:
            was.reflect(connection, only=["scored_case"])
        shared = {"cell_id": "c", "graded_at": 1.0, "slices": "[]", "topic": 0, "seconds": 1.0, "baseline": 1.0}
        cases = [("judged", 0.5, 2), ("unread", None, 2), ("plain", 0.5, 0)]
        rows = [
            {**shared, "exchange_id": name, "candidate": score, "judge_calls": calls, "reason": f"why {name}"}
            for name, score, calls in cases
        ]
        with old.write() as connection:
            connection.execute(insert(was.tables["scored_case"]), rows)
    with Store.open(blank) as store:
        found = {row.exchange_id: (row.reason, row.remark) for row in scored_cases(store, "c")}
    assert found == {"judged": ("", ""), "unread": ("why unread", ""), "plain": ("why plain", "")}


def test_a_proof_of_the_first_release_is_in_force_afterwards_and_new_ones_are_saved_beside_it(blank, monkeypatch):
    store_of("0001", blank, monkeypatch)
    proof = make_proof(id="old")
    with database.Store(*database.engine_of(blank, 5.0)) as old:
        was = MetaData()
        with old.read() as connection:
            was.reflect(connection, only=["proof"])
        with old.write() as connection:
            table = was.tables["proof"]
            row = {
                name: getattr(proof, name)
                for name in [column.name for column in table.columns]
                if name not in ("revoked_at", "state")
            }
            connection.execute(insert(table), [{**row, "state": proof.state.value}])
    with Store.open(blank) as store:
        [kept] = proofs(store)
        assert (kept.id, kept.continuation, kept.continues_until) == ("old", None, None)
        save_proof(store, make_proof(id="new", continuation=Continuation.QUOTE, continues_until=5.0))
        assert {proof.id: proof.continuation for proof in proofs(store)} == {"old": None, "new": Continuation.QUOTE}


@pytest.mark.parametrize("begun", [False, True])
def test_several_that_open_an_empty_or_an_early_store_at_once_all_succeed(blank, begun, monkeypatch):
    if begun:
        store_of("0001", blank, monkeypatch)
    errors = []

    def go():
        try:
            Store.open(blank, busy_seconds=60).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_the_head_that_opening_looks_for_is_the_newest_revision():
    assert scripts().get_heads() == [migrations.HEAD]


def test_a_store_of_a_newer_switchover_is_left_alone(blank):
    with Store.open(blank) as store, store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match="newer Switchover"):
        Store.open(blank)
