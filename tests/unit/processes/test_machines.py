"""Two machines on one PostgreSQL: each with a worker of the same name, and one of them runs the stories."""

from __future__ import annotations

import dataclasses

import pytest

from switchover.domain.exchange import Intent
from switchover.errors import StoreUnavailable
from switchover.processes.keeper import Keeper
from switchover.store import Store
from switchover.store.exchanges import each_exchange
from switchover.store.gaps import list_gaps
from switchover.store.held import held_path, note_held
from switchover.store.indexing import adopt_spools, save_spooled, spool_mark
from switchover.store.leases import lease_holder
from switchover.store.machine import machine_of
from switchover.store.register import baseline_lost, register_version, set_baseline_lost
from switchover.store.spool import Spool
from switchover.store.spool_frames import Gap, Position
from switchover.testing.builders import make_exchange, make_settings
from switchover.testing.clock import ManualClock


class Machine:
    """A data folder, and its keeper on the store that all share."""

    def __init__(self, folder, url, clock):
        (folder / "run").mkdir(parents=True)
        source = folder / "switchover.yaml"
        source.write_text("a configuration")
        self.settings = dataclasses.replace(make_settings(), data_dir=str(folder), database=url, source=str(source))
        self.folder, self.clock = folder, clock
        self.keeper = Keeper(
            self.settings, clock=clock, log=lambda event, **fields: None, load=lambda path: self.settings,
            endpoints=lambda settings: {},
        )  # fmt: skip

    def record(self, *names):
        spool = Spool(self.folder / "spool" / "worker-0", clock=self.clock)
        spool.start()
        for name in names:
            spool.append(make_exchange(id=name, started_at=self.clock.now()))
        spool.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def machines(tmp_path, postgres_url, clock):
    made = [Machine(tmp_path / name, postgres_url, clock) for name in ("a", "b")]
    yield made
    for machine in made:
        machine.keeper.close()


@pytest.fixture
def shared(postgres_url):
    with Store.open(postgres_url) as store:
        yield store


def test_workers_of_the_same_name_on_two_machines_are_read_each_to_its_own_mark(machines, shared):
    first, second = machines
    first.record("a1", "a2", "a3")
    first.keeper.round()
    second.record("b1")
    second.keeper.round()
    first.record("a4")
    second.record("b2")
    for machine in machines:
        machine.keeper.round()
    assert {e.id for e in each_exchange(shared)} == {"a1", "a2", "a3", "a4", "b1", "b2"}
    assert first.keeper.indexed == 4
    assert second.keeper.indexed == 2


def test_one_of_two_keepers_runs_stories_and_the_other_after_it(machines, shared, clock):
    first, second = machines
    first.keeper.round()
    second.keeper.round()
    assert (first.keeper.lease.held, second.keeper.lease.held) == (True, False)
    holder = lease_holder(shared, "stories", now=clock.now())
    assert machine_of(first.folder) in holder
    # The first dies without a word; its lease lapses.
    clock.advance(16)
    second.keeper.round()
    first.keeper.round()
    assert (first.keeper.lease.held, second.keeper.lease.held) == (False, True)
    second.keeper.close()
    clock.advance(6)
    first.keeper.round()
    assert first.keeper.lease.held


def test_what_one_machines_workers_hold_another_one_does_not_let_go(machines, shared, clock):
    first, second = machines
    baseline = next(iter(first.settings.processes.values())).baseline
    note_held(held_path(first.folder, "worker-0"), baseline, True, 50.0)
    for machine in machines:
        machine.keeper.round()
    lost = baseline_lost(shared)
    assert set(lost.values()) == {50.0}
    version = register_version(shared)
    for machine in (second, first, second):
        machine.keeper.round()
    assert (baseline_lost(shared), register_version(shared)) == (lost, version)
    note_held(held_path(first.folder, "worker-0"), baseline, False, 60.0)
    first.keeper.round()
    assert baseline_lost(shared) == {}


def test_a_baseline_is_back_for_one_machine_or_for_all(store):
    set_baseline_lost(store, "claims", 5.0, "a")
    set_baseline_lost(store, "claims", 3.0, "b")
    assert baseline_lost(store) == {"claims": 3.0}
    set_baseline_lost(store, "claims", None, "b")
    assert (baseline_lost(store), baseline_lost(store, "b")) == ({"claims": 5.0}, {})
    set_baseline_lost(store, "claims", None)
    assert baseline_lost(store) == {}


def test_spools_that_were_read_before_machines_had_names_go_on_where_they_were(store):
    lost = [(Position(1, 40), Gap(at=1.0, records=2, reason="full"))]
    opened = Intent(id="x1", process="p", route="r", dialect="openai_chat", started_at=1.0)
    save_spooled(store, "worker-0", Position(3, 90), [], [opened], lost)
    save_spooled(store, "other/worker-0", Position(7, 1), [], [])
    for _ in range(2):
        adopt_spools(store, "abc")
    assert (spool_mark(store, "abc/worker-0"), spool_mark(store, "worker-0")) == ((3, 90), (0, 0))
    assert spool_mark(store, "other/worker-0") == (7, 1)
    assert [name for name, *_ in list_gaps(store)] == ["abc/worker-0"]


def test_a_machine_keeps_its_name_and_a_file_that_holds_none_is_said(tmp_path):
    name = machine_of(tmp_path)
    assert machine_of(tmp_path) == name
    assert (tmp_path / "machine").stat().st_mode & 0o077 == 0
    (tmp_path / "machine").write_text("../../etc\n")
    with pytest.raises(StoreUnavailable, match="remove it"):
        machine_of(tmp_path)
