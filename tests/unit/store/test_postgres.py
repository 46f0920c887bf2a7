"""What a server can do that a file can't: refuse us, be gone, come back, be held by another."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from switchover.errors import StoreUnavailable
from switchover.store import Store
from switchover.store.exchanges import count_exchanges
from switchover.store.indexing import save_exchanges, spool_mark
from switchover.testing.builders import make_exchange
from switchover.testing.postgres import PASSWORD, USER


def refused(address, **options):
    with pytest.raises(StoreUnavailable) as error:
        Store.open(address, **options)
    return error.value


def test_a_wrong_password_an_unknown_user_database_and_host_are_each_said_with_what_mends_them(postgres):
    at = postgres.address
    assert "store_password" in refused(f"postgresql://{USER}:wrong-one@{at}/newest").mend
    assert "store_password" in refused(f"postgresql://{USER}@{at}/newest").mend
    assert "CREATE DATABASE" in refused(f"postgresql://{USER}:{PASSWORD}@{at}/none-such").mend
    assert "create the user" in refused(postgres.url("newest").replace(USER, "nobody-we-know")).mend
    assert "can be resolved" in refused(f"postgresql://{USER}@no-such-host.invalid/newest").mend
    assert "start PostgreSQL" in refused("postgresql://me@127.0.0.1:9/newest").mend
    assert "start PostgreSQL" in refused("postgresql://me@/newest?host=/nowhere/at/all").mend


def test_a_password_is_asked_for_at_each_connection_so_that_one_that_was_changed_is_taken(postgres, postgres_url):
    given = ["wrong-one"]
    address = f"postgresql://{USER}@{postgres.address}/newest"
    error = refused(address, password=lambda: given[-1])
    assert "wrong-one" not in str(error)
    given.append(PASSWORD)
    with Store.open(address, password=lambda: given[-1]) as store:
        assert count_exchanges(store) == 0


def test_a_plain_address_is_taken_as_what_we_speak(postgres):
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        Store.open(f"{scheme}://{USER}:{PASSWORD}@{postgres.address}/newest").close()


def test_a_server_that_is_restarted_is_away_for_as_long_and_then_goes_on(postgres, postgres_url):
    with Store.open(postgres_url) as store:
        save_exchanges(store, [make_exchange(id="before")])

        def caught_midway():
            with store.write() as connection:
                connection.execute(text("INSERT INTO spool_mark VALUES ('w0', 1, 1)"))
                postgres.stop()
                connection.execute(text("SELECT 1"))

        try:
            with pytest.raises(StoreUnavailable, match="can't be used"):
                caught_midway()
            with pytest.raises(StoreUnavailable) as error:
                count_exchanges(store)
        finally:
            postgres.start()
        assert "start PostgreSQL" in error.value.mend
        assert spool_mark(store, "w0") == (0, 0)
        assert save_exchanges(store, [make_exchange(id="after")]) == 1
        assert count_exchanges(store) == 2


def test_a_writer_waits_for_another_one_and_then_says_so(postgres_url):
    with Store.open(postgres_url, busy_seconds=0.05) as store, Store.open(postgres_url) as other:
        with other.write():
            with pytest.raises(StoreUnavailable, match="lock timeout") as error:
                save_exchanges(store, [make_exchange(id="x")])
            assert "wait for the other program" in error.value.mend
            assert count_exchanges(store) == 0, "readers wait for nobody"
        assert save_exchanges(store, [make_exchange(id="x")]) == 1


def test_a_row_that_is_refused_shows_none_of_its_values(postgres_url):
    with Store.open(postgres_url) as store, pytest.raises(StoreUnavailable) as error:
        save_exchanges(store, [make_exchange(id="x" * 65, request=b"a secret of somebody's")])
    assert "too long" in str(error.value)
    assert "secret" not in f"{error.value}{error.value.__cause__}"


def test_a_database_that_keeps_text_as_bytes_of_no_known_kind_is_refused(postgres):
    postgres.run("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C' LOCALE_PROVIDER libc")
    try:
        assert "UTF8" in refused(postgres.url("bytes")).mend
    finally:
        postgres.run("DROP DATABASE bytes WITH (FORCE)")


def test_a_user_that_may_only_read_is_told_what_it_lacks(postgres, postgres_url):
    postgres.run("CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", "newest")
    try:
        with Store.open(postgres_url.replace(USER, "reader")) as store:
            with pytest.raises(StoreUnavailable, match="permission denied") as error:
                save_exchanges(store, [make_exchange(id="x")])
            assert "let the user" in error.value.mend
    finally:
        postgres.run("DROP OWNED BY reader; DROP ROLE reader", "newest")


def test_more_threads_than_connections_wait_for_their_turn(postgres_url):
    errors = []
    with Store.open(postgres_url) as store:

        def go():
            try:
                count_exchanges(store)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=go) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
