"""The keeper's rounds: spools into the store, the register into the snapshot, whatever happens in between."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from pathlib import Path

import pytest

from switchover.clock import SystemClock
from switchover.domain.cut_off import CutOff, Target
from switchover.domain.exchange import Intent, Outcome
from switchover.domain.process import (
    Criticality,
    DataClass,
    Listen,
    Logging,
    Process,
    Provider,
    Settings,
    Tracing,
    UpstreamSpec,
)
from switchover.domain.register import Suspension
from switchover.errors import ConfigError
from switchover.evidence import EvidenceLog, canonical
from switchover.processes import indexing
from switchover.processes.child import announce, fresh_key
from switchover.processes.keeper import Keeper
from switchover.processes.lease import Lease
from switchover.store import Store
from switchover.store.drills import lift_cut_off, place_cut_off
from switchover.store.exchanges import count_exchanges, each_exchange, list_exchanges
from switchover.store.gaps import list_gaps
from switchover.store.held import clear_held, forget_held, held_path, note_held, note_suspended
from switchover.store.machine import machine_of, spool_of
from switchover.store.register import baseline_lost, set_suspension, suspensions
from switchover.store.snapshot import read_snapshot
from switchover.store.spool import Spool
from switchover.testing.builders import make_exchange
from switchover.testing.clock import ManualClock
from switchover.upstreams.local import EngineFacts, key_file, state_file
from switchover.wiring.register import lift_cut
from switchover.wiring.running import endpoints
from switchover.wiring.templates import with_templates


def exchange(name):
    return make_exchange(id=name, process="claims", route="claims")


def intent(name, at=1_780_000_000.0):
    return Intent(id=name, process="claims", route="claims", dialect="openai_chat", started_at=at)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "switchover.yaml").write_text("one")
    (tmp_path / "run").mkdir()
    vendor = UpstreamSpec(
        name="vendor", kind="openai", model="big", developer="acme", host="acme", base_url="https://x"
    )
    own = UpstreamSpec(name="own", kind="local", model="small", developer="hf", host="own", weights="starter")
    process = Process(
        name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
    )
    return Settings(
        source=str(tmp_path / "switchover.yaml"),
        organisation={},
        data_dir=str(tmp_path),
        database=f"sqlite:///{tmp_path / 'store.sqlite'}",
        gateway=Listen(),
        providers={"acme": Provider(name="acme", home="US"), "own": Provider(name="own", home="NL")},
        upstreams={"vendor": vendor, "own": own},
        processes={"claims": process},
    )


class Kept:
    """A keeper with everything that it was handed."""

    def __init__(self, settings):
        self.clock, self.logged, self.settings = ManualClock(), [], settings
        self.answer = settings
        self.keeper = Keeper(
            settings,
            clock=self.clock,
            log=lambda event, **fields: self.logged.append((event, fields)),
            load=self.load,
            endpoints=endpoints,
            open_store=lambda settings: Store.open(settings.database, busy_seconds=0.05),
        )

    def load(self, path):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def status(self):
        with open(os.path.join(self.settings.data_dir, "run", "keeper.json")) as file:
            return json.load(file)


@pytest.fixture
def kept(settings):
    kept = Kept(settings)
    yield kept
    kept.keeper.close()


def spooled(settings, records, worker="w0"):
    spool = Spool(os.path.join(settings.data_dir, "spool", worker), clock=SystemClock())
    spool.start()
    for record in records:
        spool.append(record)
    spool.close()


def test_its_status_is_as_old_as_its_last_round_and_not_written_anew_for_that(kept):
    kept.keeper.round()
    path = os.path.join(kept.settings.data_dir, "run", "keeper.json")
    for seconds, is_touched in ((0.5, False), (0.6, True), (0.5, False)):
        os.utime(path, (1.0, 1.0))
        before = os.stat(path).st_ino
        kept.clock.advance(seconds)
        kept.keeper.round()
        assert (os.stat(path).st_mtime > 1.0) == is_touched
        assert os.stat(path).st_ino == before
    os.remove(path)
    kept.clock.advance(1.0)
    kept.keeper.round()
    assert kept.status()["store"] == "ok"


def test_every_spool_is_indexed_once_and_what_is_left_open_by_a_restart_is_unfinished(kept, settings):
    spooled(settings, [intent("a"), exchange("a"), intent("b")])
    spooled(settings, [exchange("c")], worker="w1")
    kept.keeper.round()
    kept.keeper.round()
    store = kept.keeper.store
    assert {e.id for e in each_exchange(store)} == {"a", "c"}
    spooled(settings, [exchange("d")])
    kept.keeper.round()
    assert {(e.id, str(e.outcome)) for e in each_exchange(store)} == {
        ("a", "complete"),
        ("b", "unfinished"),
        ("c", "complete"),
        ("d", "complete"),
    }
    assert kept.status()["indexed"] == 3


def test_a_worker_that_never_came_back_leaves_unfinished_requests_after_an_hour(kept, settings):
    spooled(settings, [intent("a", at=kept.clock.now())])
    kept.keeper.round()
    assert count_exchanges(kept.keeper.store) == 0
    kept.clock.advance(3601)
    kept.keeper.round()
    assert [e.outcome for e in list_exchanges(kept.keeper.store)] == [Outcome.UNFINISHED]


def test_what_an_engine_runs_is_in_the_snapshot_as_soon_as_it_changes(kept, settings):
    kept.keeper.as_seen = with_templates
    snapshot = os.path.join(settings.data_dir, "snapshot.json")
    kept.keeper.round()
    first = read_snapshot(snapshot)
    assert first.upstreams["own"].template is None
    for digest in ("0" * 16, "1" * 16):
        fresh_key(Path(settings.data_dir), "own")
        facts = EngineFacts(template=digest, context=512, template_tokens=20)
        announce(Path(settings.data_dir), "own", "http://127.0.0.1:9", facts)
        kept.keeper.round()
        seen = read_snapshot(snapshot)
        assert (seen.upstreams["own"].template, seen.version > first.version) == (digest, True)
    kept.keeper.round()
    assert read_snapshot(snapshot).version == seen.version


@pytest.mark.parametrize("dies_at", range(1, 6))
def test_a_keeper_killed_between_batches_and_begun_anew_ends_with_the_store_equal_to_the_spool(
    kept, settings, monkeypatch, dies_at
):
    names = [f"x{n:03d}" for n in range(57)]
    spooled(settings, [record for name in names for record in (intent(name), exchange(name))])
    monkeypatch.setattr(indexing, "BATCH_RECORDS", 20)
    real, calls = indexing.save_spooled, []

    def save(*args, **kwargs):
        calls.append(1)
        if len(calls) == dies_at:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(indexing, "save_spooled", save)
    with pytest.raises(KeyboardInterrupt):
        kept.keeper.round()
    again = Kept(settings)
    again.keeper.round()
    assert [e.id for e in each_exchange(again.keeper.store)] == names
    again.keeper.close()


def test_bit_rot_is_said_noted_and_signed_and_the_rest_is_indexed(kept, settings):
    spooled(settings, [exchange("a"), exchange("b"), exchange("c")])
    path = os.path.join(settings.data_dir, "spool", "w0", "0000000001.seg")
    with open(path, "r+b") as file:
        whole = file.read()
        file.seek(whole.index(b"\xa1b"))
        file.write(b"\xa1?")
    kept.keeper.round()
    assert {e.id for e in each_exchange(kept.keeper.store)} == {"a", "c"}
    name = spool_of(machine_of(kept.settings.data_dir), "w0")
    assert [(worker, reason) for worker, _, _, reason in list_gaps(kept.keeper.store)] == [(name, "bit-rot")]
    assert any(event == "records missing" for event, _ in kept.logged)
    kept.keeper.close()
    log = EvidenceLog(settings.data_dir, kept.keeper.clock)
    entries = [canonical.decode(entry) for entry in log.entries()]
    (gap,) = [entry for entry in entries if entry["event"] == "gap"]
    assert (gap["worker"], gap["segment"], gap["records"], gap["reason"]) == (name, 1, 1, "bit-rot")
    assert log.checkpoint().size == len(entries), "every entry is signed"


def snapshot(settings):
    return read_snapshot(os.path.join(settings.data_dir, "snapshot.json"))


def test_the_snapshot_follows_the_register_the_settings_and_the_endpoints(kept, settings):
    kept.keeper.round()
    first = snapshot(settings)
    kept.keeper.round()
    assert snapshot(settings) == first, "an unchanged register is not written again"
    cut = CutOff(id="c", target=Target.parse("provider:acme"), reason="r", by="b", placed_at=kept.clock.now())
    place_cut_off(kept.keeper.store, cut)
    kept.keeper.round()
    assert snapshot(settings).cut_offs == (cut,)
    key_file(settings.data_dir, "own").write_text("k")
    state_file(settings.data_dir, "own").write_text(json.dumps({"url": "http://127.0.0.1:9", "pid": os.getpid()}))
    kept.keeper.round()
    second = snapshot(settings)
    assert second.endpoints == {"own": "http://127.0.0.1:9/v1"}
    vendor = dataclasses.replace(settings.upstreams["vendor"], model="big-2")
    kept.answer = dataclasses.replace(settings, upstreams={**settings.upstreams, "vendor": vendor})
    with open(settings.source, "w") as file:
        file.write("another")
    kept.keeper.round()
    third = snapshot(settings)
    assert third.upstreams["vendor"].model == "big-2"
    assert first.version < second.version < third.version


def test_an_invalid_configuration_is_refused_once_the_old_one_stays_and_the_status_says_why(kept, settings):
    kept.keeper.round()
    kept.answer = ConfigError(at="processes.claims.rto", got="4 hrs", want="4h", file="f.yaml", line=3)
    with open(settings.source, "w") as file:
        file.write("broken")
    for _ in range(3):
        kept.keeper.round()
    assert "f.yaml:3: processes.claims.rto: got 4 hrs; want 4h" in kept.status()["configuration"]
    assert [event for event, _ in kept.logged].count("configuration refused") == 1
    assert snapshot(settings).processes.keys() == {"claims"}
    kept.answer = settings
    with open(settings.source, "w") as file:
        file.write("mended!")
    kept.keeper.round()
    assert kept.status()["configuration"] == "ok"


@pytest.mark.parametrize(
    "change",
    [
        {"database": "postgresql://me:hunter2@h/x"},
        {"log": Logging(requests="all")},
        {"traces": Tracing(endpoint="https://collector")},
    ],
)
def test_what_needs_a_restart_is_refused_while_running(kept, settings, change):
    kept.keeper.round()
    kept.answer = dataclasses.replace(settings, **change)
    with open(settings.source, "w") as file:
        file.write("elsewhere")
    kept.keeper.round()
    assert "restart" in kept.status()["configuration"]
    assert "hunter2" not in json.dumps(kept.status())


def test_a_locked_store_is_said_once_and_indexed_when_it_is_free(kept, settings):
    kept.keeper.round()
    spooled(settings, [exchange("a")])
    other = sqlite3.connect(os.path.join(settings.data_dir, "store.sqlite"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        kept.keeper.round()
    assert "locked" in kept.status()["store"]
    assert [event for event, _ in kept.logged].count("store unavailable: trying again") == 1
    other.rollback()
    other.close()
    kept.keeper.round()
    assert kept.status()["store"] == "ok"
    assert count_exchanges(kept.keeper.store) == 1


def test_an_absent_store_is_waited_for(settings, tmp_path):
    away = dataclasses.replace(settings, database=f"sqlite:///{tmp_path / 'later' / 'store.sqlite'}")
    kept = Kept(away)
    spooled(away, [exchange("a")])
    kept.keeper.round()
    assert "make the folder" in kept.status()["store"]
    (tmp_path / "later").mkdir()
    kept.keeper.round()
    assert count_exchanges(kept.keeper.store) == 1
    kept.keeper.close()


def test_a_baseline_is_lost_by_a_real_cut_off_and_not_by_a_drilled_one(kept, settings):
    kept.keeper.round()
    store, now = kept.keeper.store, kept.clock.now()
    cut = CutOff(id="c", target=Target.parse("jurisdiction:US"), reason="r", by="b", placed_at=now - 5)
    place_cut_off(store, dataclasses.replace(cut, id="d", fault="denied", drill="x", expires_at=now + 60))
    kept.keeper.round()
    assert baseline_lost(store) == {}
    place_cut_off(store, cut)
    kept.keeper.round()
    assert baseline_lost(store) == snapshot(settings).baseline_lost == {"claims": now - 5}
    lift_cut_off(store, "c", "b", now)
    kept.keeper.round()
    assert baseline_lost(store) == snapshot(settings).baseline_lost == {}


def test_a_baseline_is_lost_while_a_worker_holds_it(kept, settings):
    path = held_path(settings.data_dir, "w0")
    note_held(path, "vendor", True, 7.0)
    kept.keeper.round()
    assert baseline_lost(kept.keeper.store) == {"claims": 7.0}
    note_held(path, "vendor", False, 8.0)
    kept.keeper.round()
    assert baseline_lost(kept.keeper.store) == {}
    note_held(path, "vendor", True, 9.0)
    forget_held(path)
    kept.keeper.round()
    assert baseline_lost(kept.keeper.store) == {}


def test_a_cut_off_that_expires_leaves_the_snapshot(kept, settings):
    kept.keeper.round()
    now = kept.clock.now()
    place_cut_off(
        kept.keeper.store,
        CutOff(id="c", target=Target.parse("upstream:vendor"), reason="r", by="b", placed_at=now, expires_at=now + 5),
    )
    kept.keeper.round()
    assert len(snapshot(settings).cut_offs) == 1
    kept.clock.advance(6)
    kept.keeper.round()
    assert snapshot(settings).cut_offs == ()


def test_a_drilled_cut_off_whose_drill_is_gone_leaves_the_snapshot_and_the_log_says_so(kept, settings):
    kept.keeper.round()
    now, target = kept.clock.now(), Target.parse("upstream:vendor")
    cut = CutOff(id="c", target=target, reason="r", by="b", placed_at=now, expires_at=now + 9_000, fault="denied")
    place_cut_off(kept.keeper.store, dataclasses.replace(cut, drill="x"))
    for _ in range(8):
        kept.keeper.round()
        kept.clock.advance(1)
    assert snapshot(settings).cut_offs == ()
    told = {"level": "error", "cut_off": "c", "drill": "x"}
    assert ("drilled cut-off lifted: its drill is gone", told) in kept.logged


def test_a_cut_off_is_logged_when_it_comes_into_force_and_when_it_ends_without_who_and_why(kept, settings):
    kept.keeper.round()
    now = kept.clock.now()
    cut = CutOff(id="c", target=Target.parse("upstream:vendor"), reason="private words", by="a person", placed_at=now)
    place_cut_off(kept.keeper.store, cut)
    drilled = dataclasses.replace(cut, id="d", fault="denied", drill="x", share=0.5, expires_at=now + 60)
    place_cut_off(kept.keeper.store, drilled)
    kept.keeper.round()
    kept.keeper.round()
    lift_cut_off(kept.keeper.store, "c", "b", now)
    kept.keeper.round()
    kept.clock.advance(61)
    kept.keeper.round()
    told = [(event, fields) for event, fields in kept.logged if event.startswith("cut-off")]
    of_c = {"level": "warning", "cut_off": "c", "target": "upstream:vendor"}
    of_d = {**of_c, "cut_off": "d", "drill": "x", "fault": "denied", "share": 0.5}
    assert sorted(told[:2], key=str) == sorted([("cut-off placed", of_c), ("cut-off placed", of_d)], key=str)
    assert told[2:] == [("cut-off over", of_c), ("cut-off over", of_d)]


def test_one_keeper_runs_stories_and_another_takes_over_when_the_lease_lapses(settings):
    clock = ManualClock()
    with Store.open(settings.database) as store:
        first, second = (Lease("stories", name, clock=clock, seconds=15) for name in "ab")
        assert first.renew(store)
        assert not second.renew(store)
        assert not second.held
        clock.advance(16)
        assert not first.held
        assert second.renew(store)
        assert not first.renew(store)
        second.release(store)
        assert first.renew(store)


def test_an_upstream_that_a_worker_doubts_is_suspended_in_every_workers_snapshot_until_it_is_restored(kept, settings):
    kept.keeper.round()
    first, second = (held_path(settings.data_dir, name) for name in ("w0", "w1"))
    for path in (first, second):
        note_held(path, "own", False, 5.0)
    note_suspended(second, "vendor", "answered as 'b'", 7.0)
    note_suspended(second, "gone", "it is configured no more", 7.0)
    kept.keeper.round()
    doubt = {"vendor": Suspension(at=7.0, why="answered as 'b'")}
    assert suspensions(kept.keeper.store) == snapshot(settings).suspended == doubt
    assert baseline_lost(kept.keeper.store) == {}, "it still answers"
    assert ("proofs suspended", {"level": "warning", "upstream": "vendor", "why": "answered as 'b'"}) in kept.logged
    forget_held(second)
    kept.keeper.round()
    assert snapshot(settings).suspended == doubt, "a worker's restart takes nothing back"
    lift_cut(settings, Target.parse("upstream:vendor"), by="me")
    kept.keeper.round()
    assert suspensions(kept.keeper.store) == snapshot(settings).suspended == {}


def test_a_restoration_that_meets_a_workers_word_on_its_way_takes_it_back(kept, settings):
    path = held_path(settings.data_dir, "w0")
    kept.keeper.round()
    note_suspended(path, "vendor", "answered as 'b'", 7.0)
    clear_held(settings.data_dir, "vendor", 8.0)
    set_suspension(kept.keeper.store, "vendor", Suspension(at=7.0, why="answered as 'b'"))
    kept.keeper.round()
    assert suspensions(kept.keeper.store) == {}
    note_suspended(path, "vendor", "answered as 'c'", 9.0)
    kept.keeper.round()
    assert suspensions(kept.keeper.store) == {"vendor": Suspension(at=9.0, why="answered as 'c'")}


def test_a_changed_setting_of_an_upstream_ends_its_suspension(kept, settings):
    kept.keeper.round()
    for name in ("vendor", "own"):
        set_suspension(kept.keeper.store, name, Suspension(at=7.0, why="answered as 'b'"))
    vendor = dataclasses.replace(settings.upstreams["vendor"], answers_as=("b",))
    kept.answer = dataclasses.replace(settings, upstreams={**settings.upstreams, "vendor": vendor})
    with open(settings.source, "w") as file:
        file.write("another")
    kept.keeper.round()
    assert set(snapshot(settings).suspended) == {"own"}
