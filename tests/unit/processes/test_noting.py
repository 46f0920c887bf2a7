"""What the keeper notes: settings, who serves, held breakers, what ran out, what others forgot; and when it signs."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from switchover.domain.exchange import AttemptRecord, Outcome
from switchover.evidence.verify import Check, Key
from switchover.log import OncePerChange
from switchover.processes.noting import CATCH_UP_S, SIGN_S, Noting
from switchover.store import Store
from switchover.store.drills import place_cut_off
from switchover.store.held import clear_held, held_path, note_held
from switchover.store.proofs import save_proof
from switchover.testing.builders import NOW, make_cut_off, make_exchange, make_proof, make_settings
from switchover.testing.clock import ManualClock

PROCESS = "customer-messages"


class Desk:
    """A keeper's noting with a store, and what was logged."""

    def __init__(self, folder):
        self.folder, self.clock, self.logged = folder, ManualClock(), []
        (folder / "run").mkdir()
        source = folder / "switchover.yaml"
        source.write_text("one", encoding="utf-8")
        self.settings = make_settings(source=str(source), data_dir=str(folder))
        self.store = Store.open("sqlite://")
        self.start()

    def start(self):
        self.noting = Noting(self.folder, self.clock, OncePerChange(lambda event, **more: self.logged.append(event)))
        self.noting.configuration(None, self.settings)

    def look(self, seconds=1.0):
        self.clock.advance(seconds)
        self.noting.round(self.store)

    def answer(self, *upstreams, **more):
        """Exchanges one after the other; None: nobody answered."""
        self.noting.answered([self.exchange(upstream, **more) for upstream in upstreams])

    def exchange(self, upstream, **more):
        outcome = Outcome.COMPLETE if upstream else Outcome.FAILED
        self.clock.advance(0.01)
        return make_exchange(upstream=upstream, outcome=outcome, started_at=self.clock.now(), **more)

    def told(self, *events):
        found = [json.loads(entry) for entry in self.noting.log.entries()]
        return [entry for entry in found if not events or entry["event"] in events]

    def switches(self):
        return [(entry["from"], entry["to"]) for entry in self.told("failover")]


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_a_start_notes_the_configuration_once_and_a_change_by_its_paths_without_a_value(desk):
    desk.look()
    assert [entry["event"] for entry in desk.told()] == ["log began", "configuration"]
    desk.start()
    desk.look()
    assert len(desk.told("configuration")) == 1
    (desk.folder / "switchover.yaml").write_text("two", encoding="utf-8")
    upstreams = {**desk.settings.upstreams, "vendor": replace(desk.settings.upstreams["vendor"], model="other-secret")}
    processes = {PROCESS: replace(desk.settings.processes[PROCESS], rto=7.0)}
    changed = replace(desk.settings, upstreams=upstreams, processes=processes)
    desk.noting.configuration(desk.settings, changed)
    desk.look()
    entry = desk.told("configuration")[-1]
    assert entry["changed"] == [f"processes.{PROCESS}.rto", "upstreams.vendor.model"]
    assert "other-secret" not in json.dumps(desk.told())


def test_a_changed_configuration_is_noted_at_the_next_start(desk):
    desk.look()
    (desk.folder / "switchover.yaml").write_text("changed while down", encoding="utf-8")
    desk.start()
    desk.look()
    first, second = desk.told("configuration")
    assert first["sha256"] != second["sha256"]
    assert "changed" not in second


def test_what_a_crash_left_half_written_is_cut_at_the_next_start(desk):
    desk.look()
    with (desk.folder / "evidence/tail/0").open("ab") as file:
        file.write(b"\x01")
    desk.start()
    desk.look()
    assert [entry["event"] for entry in desk.told()] == ["log began", "configuration", "log recovered"]


def test_a_process_that_switches_and_returns_is_noted_twice_with_the_first_exchange(desk):
    desk.answer("vendor", "vendor")
    desk.look()
    assert desk.switches() == []
    desk.noting.answered([desk.exchange("student", id=f"s{n}") for n in range(40)])
    desk.look()
    desk.answer(*["vendor"] * 5)
    desk.look()
    assert desk.switches() == [("vendor", "student"), ("student", "vendor")]
    assert desk.told("failover")[0]["exchange"] == "s0"


def test_a_hiccup_is_no_failover(desk):
    desk.answer(*["vendor", "student", "student", "vendor"] * 20)
    desk.look()
    assert desk.switches() == []


def test_what_was_recorded_elsewhere_is_no_failover_of_ours(desk):
    desk.answer("vendor", "vendor")
    desk.noting.answered([desk.exchange("student", id=f"import-openai-{n}") for n in range(40)])
    desk.look()
    assert desk.switches() == []


def test_a_process_that_nobody_serves_is_noted_and_what_says_nothing_of_upstreams_is_not(desk):
    desk.answer("vendor", None, None)
    desk.noting.answered([replace(desk.exchange(None), outcome=Outcome.REJECTED)])
    desk.answer(None)
    desk.look()
    assert desk.switches() == [("vendor", None)]


def test_workers_whose_spools_are_read_one_after_the_other_are_put_in_order(desk):
    first = [desk.exchange("vendor") for _ in range(4)]
    then = [desk.exchange("student") for _ in range(4)]
    desk.noting.answered([*then[::2], *first[::2]])
    desk.noting.answered([*then[1::2], *first[1::2]])
    desk.look()
    assert desk.switches() == [("vendor", "student")]


def test_who_served_is_known_again_after_a_restart(desk):
    desk.answer(*["student"] * 3)
    desk.look()
    desk.start()
    desk.answer(*["student"] * 3)
    desk.look()
    desk.answer(*["vendor"] * 3)
    desk.look()
    assert desk.switches() == [("vendor", "student"), ("student", "vendor")]


def test_the_share_that_a_drill_takes_is_told_by_the_drill(desk):
    drilled = make_cut_off(id="c", fault="vanished", drill="d", expires_at=NOW + 60, share=1.0, processes=(PROCESS,))
    place_cut_off(desk.store, drilled)
    desk.answer(*["student"] * 6)
    desk.look()
    assert desk.switches() == []
    desk.clock.advance(100)
    desk.answer(*["student"] * 3)
    desk.look()
    assert desk.switches() == [("vendor", "student")]


def test_breakers_held_and_let_go_are_noted_once_each_also_over_a_restart(desk):
    note_held(held_path(desk.folder, "w0"), "vendor", True, desk.clock.now())
    for _ in range(3):
        desk.look()
    desk.start()
    desk.look()
    assert [entry["upstream"] for entry in desk.told("breaker held")] == ["vendor"]
    clear_held(desk.folder, "vendor", desk.clock.now())
    desk.look()
    desk.look()
    assert [e["event"] for e in desk.told("breaker held", "breaker restored")] == ["breaker held", "breaker restored"]


def test_a_proof_that_runs_out_is_noted_once(desk):
    save_proof(desk.store, make_proof(id="proof-1", expires_at=NOW + 30))
    for _ in range(8):
        desk.look(CATCH_UP_S)
    desk.start()
    desk.look(CATCH_UP_S)
    (expired,) = desk.told("proof expired")
    assert (expired["id"], expired["since"]) == ("proof-1", "2026-05-28T20:27:10.000000Z")
    (given,) = desk.told("proof given")
    assert given["late"] is True


def test_no_entry_waits_longer_than_a_minute_for_a_checkpoint(desk):
    desk.look()
    assert desk.noting.log.checkpoint() is None
    for _ in range(int(SIGN_S)):
        desk.look()
    assert desk.noting.log.checkpoint().size == 2
    desk.look()
    desk.answer(*["student"] * 3)
    desk.look()
    for _ in range(int(SIGN_S) - 1):
        desk.look()
    assert desk.noting.log.checkpoint().size == 2
    desk.look()
    assert desk.noting.log.checkpoint().size == 3
    # What another process appended and left unsigned, too.
    desk.noting.log.append({"event": "x"})
    for _ in range(int(SIGN_S) + 2):
        desk.look()
    assert desk.noting.log.checkpoint().size == 4


def test_at_the_end_everything_is_signed(desk):
    desk.look()
    desk.answer(*["student"] * 3)
    desk.look()
    desk.noting.close()
    assert desk.noting.log.checkpoint().size == len(desk.told()) == 3
    assert Check(desk.noting.log.folder, Key(str(desk.noting.log.public_key()))).wrong == []


def test_a_log_that_takes_nothing_is_said_once_and_gets_it_when_it_can(desk):
    desk.look()
    os.chmod(desk.folder / "evidence.key", 0o644)
    desk.answer(*["student"] * 3)
    for _ in range(5):
        desk.look()
    assert "may be read by others" in desk.noting.trouble
    assert desk.logged.count("evidence log not written") == 1
    os.chmod(desk.folder / "evidence.key", 0o600)
    desk.look()
    assert desk.noting.trouble == ""
    assert desk.switches() == [("vendor", "student")]


def test_attempts_that_came_to_nothing_are_no_matter(desk):
    failed = AttemptRecord(upstream="vendor", model="m", fault="overloaded", status=529, elapsed_ms=1.0)
    desk.answer(*["vendor"] * 4, attempts=(failed, failed))
    desk.look()
    assert desk.switches() == []
