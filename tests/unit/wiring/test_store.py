"""The store filled anew from the spool, put back, and looked through, as the commands do it."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from switchover.cli import store as command
from switchover.clock import SystemClock
from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.domain.exchange import Intent, Outcome
from switchover.domain.register import CallerKey
from switchover.errors import OperatorError, StoreUnavailable
from switchover.processes.indexing import index_all
from switchover.store import Store
from switchover.store.copying import counts
from switchover.store.exchanges import count_exchanges, each_exchange, get_exchange
from switchover.store.gaps import list_gaps
from switchover.store.indexing import save_exchanges, save_spooled, spool_mark
from switchover.store.leases import take_lease
from switchover.store.machine import machine_of
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import proofs, save_proof
from switchover.store.register import caller_keys, save_key
from switchover.store.spool import Spool
from switchover.testing.builders import make_exchange, make_proof, make_settings
from switchover.testing.clock import ManualClock
from switchover.wiring import evidence
from switchover.wiring import store as stores
from switchover.wiring.parts import open_store
from switchover.wiring.running import alone

# What does not depend on the database is tried on one.
FILE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NAMES = [f"x{n:02d}" for n in range(30)]
KEY = CallerKey(id="k", process="p", mac="mac-of-a-key", made_at=1.0)


@pytest.fixture
def settings(database, tmp_path):
    data = tmp_path / "data"
    (data / "run").mkdir(parents=True)
    return dataclasses.replace(make_settings(), data_dir=str(data), database=database)


def record(settings, records, worker="worker-0"):
    spool = Spool(Path(settings.data_dir, "spool", worker), clock=ManualClock())
    spool.start()
    for one in records:
        spool.append(one)
    spool.close()


@pytest.fixture
def recorded(settings):
    """A spool, indexed, with rot in it; and what lives in the store alone."""
    opened = Intent(id="open", process="p", route="r", dialect="openai_chat", started_at=SystemClock().now())
    for first in range(0, 30, 10):
        record(settings, [make_exchange(id=name) for name in NAMES[first : first + 10]])
    record(settings, [opened])
    segment = sorted(Path(settings.data_dir, "spool", "worker-0").glob("*.seg"))[1]
    data = bytearray(segment.read_bytes())
    data[200] ^= 1
    segment.write_bytes(data)
    with open_store(settings) as store:
        index(settings, store)
        save_proof(store, make_proof(id="proof"))
        save_key(store, KEY)
        save_prompt_version(store, PromptVersion.make(process="p", upstream="u", kind=PromptKind.AS_IS))
        # What another machine recorded, and what was imported: no spool here has either.
        save_spooled(store, "fffffffffffe/worker-0", (4, 9), [make_exchange(id="elsewhere")], [])
        save_exchanges(store, [make_exchange(id="imported")])
        return counts(store)


def index(settings, store):
    spools = Path(settings.data_dir, "spool")
    index_all(store, spools, SystemClock().now(), machine=machine_of(settings.data_dir))


def marks(settings, store):
    return spool_mark(store, f"{machine_of(settings.data_dir)}/worker-0"), spool_mark(store, "fffffffffffe/worker-0")


def silent(*told):
    pass


def test_a_store_that_is_rebuilt_holds_what_it_held_and_what_the_spool_holds(settings, recorded):
    with open_store(settings) as store:
        before = {e.id: e for e in each_exchange(store)}, list_gaps(store), marks(settings, store)
        with store.write() as connection:
            connection.exec_driver_sql("UPDATE exchange SET status = 599 WHERE id = 'x03'")
            connection.exec_driver_sql("DELETE FROM exchange WHERE id IN ('x04', 'x05')")
    told = []
    done = stores.rebuild(settings, told.append)
    assert done.filled.lost == {}
    assert done.aside is None
    assert done.filled.kept["exchange"] == 2
    assert told
    assert told == sorted(told)
    with open_store(settings) as store:
        assert ({e.id: e for e in each_exchange(store)}, list_gaps(store), marks(settings, store)) == before
        assert counts(store) == recorded
        assert [proof.id for proof in proofs(store)] == ["proof"]
    assert not list(Path(settings.data_dir).glob("rebuild.sqlite*"))
    [noted] = [entry for entry in evidence.entries(settings, None) if entry["event"] == "store rebuilt"]
    assert noted["exchanges"] == recorded["exchange"]
    assert {"table": "proof", "rows": 1} in noted["kept"]


def test_a_store_that_is_gone_is_filled_from_the_spool(settings, recorded):
    if settings.database.startswith("sqlite"):
        Path(settings.database.removeprefix("sqlite:///")).unlink()
    else:
        with open_store(settings) as store, store.write() as connection:
            connection.exec_driver_sql("DELETE FROM exchange; DELETE FROM spool_mark; DELETE FROM open_intent")
            connection.exec_driver_sql("DELETE FROM caller_key; DELETE FROM gap")
    stores.rebuild(settings, silent)
    with open_store(settings) as store:
        assert {e.id for e in each_exchange(store)} <= set(NAMES)
        assert count_exchanges(store) == recorded["exchange"] - 2
        assert caller_keys(store) == []
        index(settings, store)
        assert count_exchanges(store) == recorded["exchange"] - 2
    assert stores.check(settings, silent).wrong == ()


@FILE
def test_a_rebuild_that_is_interrupted_changes_nothing_and_goes_on_when_it_is_run_again(settings, recorded):
    with open_store(settings) as store, store.write() as connection:
        connection.exec_driver_sql("DELETE FROM exchange WHERE id = 'x04'")

    def interrupted(read):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stores.rebuild(settings, interrupted)
    with open_store(settings) as store:
        assert count_exchanges(store) == recorded["exchange"] - 1
    draft = Path(settings.data_dir, "rebuild.sqlite")
    assert draft.exists()
    read = []
    stores.rebuild(settings, read.append)
    assert not draft.exists()
    with open_store(settings) as store:
        assert counts(store) == recorded
    assert not read or read[-1] < len(NAMES), "what the first run had read is not read again"


def test_nothing_is_rebuilt_or_restored_while_something_runs_on_it(settings, recorded, tmp_path):
    stores.back_up(settings, tmp_path / "backup", silent)
    with alone(settings):
        for go in (lambda: stores.rebuild(settings, silent), lambda: restore(settings, tmp_path / "backup")):
            with pytest.raises(OperatorError, match="another `switchover up` runs"):
                go()
    if not settings.database.startswith("sqlite"):
        with open_store(settings) as store:
            take_lease(store, "stories", "other:1:fffffffffffe", now=SystemClock().now(), seconds=15)
        for go in (lambda: stores.rebuild(settings, silent), lambda: restore(settings, tmp_path / "backup")):
            with pytest.raises(OperatorError, match="on every machine"):
                go()
    with open_store(settings) as store:
        assert counts(store) == recorded


def restore(settings, source):
    return stores.restore(settings, source, replace=True, told=silent)


def test_after_a_restoration_the_store_goes_on_from_the_spool(settings, recorded, tmp_path):
    made = stores.back_up(settings, tmp_path / "backup", silent)
    record(settings, [make_exchange(id="later")])
    with open_store(settings) as store:
        index(settings, store)
        assert get_exchange(store, "later") is not None
    assert restore(settings, tmp_path / "backup")[0] == made
    with open_store(settings) as store:
        assert get_exchange(store, "later") is None
        index(settings, store)
        assert get_exchange(store, "later") is not None
        assert get_exchange(store, "open").outcome is Outcome.UNFINISHED
    noted = [entry for entry in evidence.entries(settings, None) if str(entry["event"]).startswith("store")]
    assert [(entry["event"], entry["sha256"]) for entry in noted] == [
        ("store backed up", made.sha256),
        ("store restored", made.sha256),
    ]


@FILE
def test_what_the_store_lacks_of_the_spool_is_found_and_mended_by_a_rebuild(settings, recorded):
    assert stores.check(settings, silent).wrong == ()
    record(settings, [make_exchange(id="later")])
    [compared] = stores.check(settings, silent).spools
    assert compared.waiting == 1
    with open_store(settings) as store, store.write() as connection:
        connection.exec_driver_sql("DELETE FROM exchange WHERE id IN ('x04', 'x05')")
    [wrong] = stores.check(settings, silent).wrong
    assert "2 exchanges of the spool are not in the store: x04, x05" in wrong
    stores.rebuild(settings, silent)
    assert stores.check(settings, silent).wrong == ()


class TestFile:
    """What only a file suffers."""

    @pytest.fixture
    def database(self, tmp_path):
        return f"sqlite:///{tmp_path / 'store.sqlite'}"

    def tear(self, settings):
        """Writes over the pages of tables of the register, so that these can't be read."""
        path = Path(settings.database.removeprefix("sqlite:///"))
        with open_store(settings) as store, store.read() as connection:
            wanted = "SELECT rootpage FROM sqlite_master WHERE name IN ('proof', 'caller_key', 'prompt_version')"
            pages = [number for (number,) in connection.exec_driver_sql(wanted)]
        data = bytearray(path.read_bytes())
        for page in pages:
            data[(page - 1) * 4096 : (page - 1) * 4096 + 300] = bytes(300)
        path.write_bytes(data)
        return path

    def test_a_damaged_file_is_set_aside_and_what_could_not_be_read_of_it_is_named(self, settings, recorded):
        path = self.tear(settings)
        assert stores.check(settings, silent).wrong
        done = stores.rebuild(settings, silent)
        assert done.filled.lost
        assert done.aside is not None
        assert done.aside.exists()
        with open_store(settings) as store:
            # One rotted in the spool, and the old store may have had it.
            assert len({name for name in NAMES if get_exchange(store, name)}) >= len(NAMES) - 1
        assert stores.check(settings, silent).wrong == ()
        assert path.stat().st_mode & 0o077 == 0

    def test_a_file_that_is_no_database_any_more_is_set_aside(self, settings, recorded):
        path = Path(settings.database.removeprefix("sqlite:///"))
        path.write_bytes(b"zeros, perhaps" * 4000)
        with pytest.raises(StoreUnavailable, match="store rebuild"):
            open_store(settings)
        done = stores.rebuild(settings, silent)
        assert "everything" in done.filled.lost
        assert done.aside.read_bytes().startswith(b"zeros")
        assert stores.check(settings, silent).wrong == ()

    def test_a_backup_takes_the_place_of_a_damaged_file(self, settings, recorded, tmp_path):
        stores.back_up(settings, tmp_path / "backup", silent)
        Path(settings.database.removeprefix("sqlite:///")).write_bytes(b"zeros, perhaps" * 4000)
        damaged = bytearray((tmp_path / "backup").read_bytes())
        damaged[damaged.index(b"mac-of-a-key") + 3] ^= 1
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(StoreUnavailable, match="damaged"):
            restore(settings, tmp_path / "damaged")
        assert Path(settings.database.removeprefix("sqlite:///")).read_bytes().startswith(b"zeros")
        _, aside = restore(settings, tmp_path / "backup")
        assert aside is not None
        with open_store(settings) as store:
            assert counts(store) == recorded

    def test_spools_without_a_machines_name_are_given_it_on_the_way(self, settings, recorded, tmp_path):
        name = machine_of(settings.data_dir)
        with open_store(settings) as store, store.write() as connection:
            for table in ("spool_mark", "gap", "open_intent"):
                connection.exec_driver_sql(f"UPDATE {table} SET worker = 'worker-0' WHERE worker = '{name}/worker-0'")
        stores.back_up(settings, tmp_path / "backup", silent)
        with open_store(settings) as store:
            assert marks(settings, store)[0] > (0, 0)
            assert {worker for worker, *_ in list_gaps(store)} == {f"{name}/worker-0"}
        stores.rebuild(settings, silent)
        with open_store(settings) as store:
            assert counts(store) == recorded

    def test_a_draft_that_was_left_for_days_is_begun_anew(self, settings, recorded, tmp_path):
        draft = Path(settings.data_dir, "rebuild.sqlite")
        with Store.open(f"sqlite:///{draft}") as old:
            save_exchanges(old, [make_exchange(id="erased-since")])
        os.utime(draft, (1.0, 1.0))
        stores.rebuild(settings, silent)
        with open_store(settings) as store:
            assert get_exchange(store, "erased-since") is None


@FILE
def test_the_commands_say_what_they_did_and_exit_3_where_the_answer_is_no(settings, recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "settings", lambda path: settings)
    run = CliRunner().invoke
    made = run(command.app, ["backup", str(tmp_path / "backup")])
    assert (made.exit_code, "schema" in made.output, "copy those beside it" in made.output) == (0, True, True)
    told = json.loads(run(command.app, ["check", "--json"]).stdout)
    assert (told["wrong"], told["rows"]["proof"]) == ([], 1)
    with open_store(settings) as store, store.write() as connection:
        connection.exec_driver_sql("DELETE FROM exchange WHERE id = 'x04'")
    checked = run(command.app, ["check"])
    assert checked.exit_code == 3
    assert "WRONG  worker-0: 1 exchanges of the spool" in checked.output
    rebuilt = run(command.app, ["rebuild"])
    assert (rebuilt.exit_code, "1 row of proof" in rebuilt.output) == (0, True)
    restored = run(command.app, ["restore", str(tmp_path / "backup"), "--replace"])
    assert (restored.exit_code, "sha256" in restored.output) == (0, True)
    assert isinstance(run(command.app, ["restore", str(tmp_path / "backup")]).exception, OperatorError)


@FILE
def test_the_way_from_a_file_to_postgresql_keeps_every_mark(tmp_path, settings, recorded, second_url):
    stores.back_up(settings, tmp_path / "backup", silent)
    moved = dataclasses.replace(settings, database=second_url)
    stores.restore(moved, tmp_path / "backup", replace=False, told=silent)
    with Store.open(second_url) as store, open_store(settings) as old:
        assert counts(store) == recorded
        assert marks(settings, store) == marks(settings, old)
