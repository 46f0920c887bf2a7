"""A store on each database that there is: SQLite, and a real PostgreSQL."""

from __future__ import annotations

import itertools
import os

import hypothesis
import pytest
from sqlalchemy import Boolean, Float, Integer, LargeBinary

from switchover.store import Store
from switchover.store.schema import metadata
from switchover.testing.postgres import NoPostgres, PostgresServer

DATABASES = ("sqlite", "postgresql")
# Both at the newest schema; one is used and emptied, the other only copied.
NEWEST, PRISTINE = "newest", "pristine"
_numbers = itertools.count()

# How long something takes on a busy machine is no property of it. With STRICT=1, as before a landing, the same examples
# are tried each time; whoever works on something meets new ones.
hypothesis.settings.register_profile(
    "untimed",
    deadline=None,
    derandomize=os.environ.get("STRICT") == "1",
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres():
    """A server for this session; without one a test is left out, or fails when nothing may be."""
    try:
        server = PostgresServer()
    except NoPostgres as missing:
        if os.environ.get("STRICT") == "1":
            pytest.fail(f"STRICT=1 wants PostgreSQL: {missing}")
        pytest.skip(f"no PostgreSQL on this machine: {missing}")
    with server, server.database(PRISTINE) as url:
        Store.open(url).close()
        with server.database(NEWEST, PRISTINE):
            yield server


@pytest.fixture(scope="session")
def newest_file(tmp_path_factory):
    """The bytes of an SQLite store at the newest schema."""
    path = tmp_path_factory.mktemp("newest") / "store.sqlite"
    Store.open(f"sqlite:///{path}").close()
    return path.read_bytes()


@pytest.fixture(params=DATABASES)
def blank(request, tmp_path):
    """The address of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite'}"
        return
    with request.getfixturevalue("postgres").database(f"t{next(_numbers)}") as url:
        yield url


@pytest.fixture
def postgres_url(postgres):
    """The address of an empty store at the newest schema, on PostgreSQL."""
    # Emptied, not made anew: that takes 2 ms instead of 100.
    postgres.run("; ".join(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables)), NEWEST)
    return postgres.url(NEWEST)


@pytest.fixture
def second_url(postgres):
    """The address of another such store beside it."""
    with postgres.database(f"t{next(_numbers)}", PRISTINE) as url:
        yield url


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    """The address of an empty store at the newest schema, on either database."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres_url")
        return
    path = tmp_path / "store.sqlite"
    path.write_bytes(request.getfixturevalue("newest_file"))
    yield f"sqlite:///{path}"


@pytest.fixture
def store(database):
    """An empty store, on either database."""
    with Store.open(database) as opened:
        yield opened


@pytest.fixture
def row_of():
    """Makes a row with something in every column of a table; keys alike, so that one row may refer to another."""

    # What a migration reads has to be what was once written.
    read = {"exchange": {"outcome": "complete", "attempts": "[]", "dropped": "[]"}}

    def made(table, number=1):
        values = {Boolean: True, Float: number + 0.5, Integer: number, LargeBinary: b"\x00\xff"}
        return {
            column.name: next(
                (value for kind, value in values.items() if isinstance(column.type, kind)),
                f"a{number}" if getattr(column.type, "length", None) else "{}",
            )
            for column in table.columns
        } | {name: value for name, value in read.get(table.name, {}).items() if name in table.columns}

    return made
