"""A drill against a small world on a manual clock: callers, a gateway that switches, and a real store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from switchover.domain.cut_off import Target
from switchover.domain.exchange import AttemptRecord, Outcome
from switchover.domain.process import Bodies, Recording
from switchover.domain.register import Suspension
from switchover.drill import DrillOrder, run_drill
from switchover.drill.cut_off import GRACE_S, LOST_AFTER_S
from switchover.errors import NotFound, OperatorError, StoreUnavailable
from switchover.store import Store
from switchover.store.drills import cut_offs, drills, place_cut_off, save_drill
from switchover.store.facts import facts
from switchover.store.indexing import save_exchanges
from switchover.store.proofs import save_proof
from switchover.store.register import set_suspension
from switchover.testing.builders import NOW, make_cut_off, make_drill, make_exchange, make_proof, make_settings
from switchover.testing.clock import ManualClock

STEP = 0.5


def order(**changes):
    terms = {
        "target": Target.parse("upstream:vendor"),
        "fault": "vanished",
        "approver": "boss",
        "operator": "me",
        "share": 1.0,
        "duration": 20.0,
        "steady_for": 5.0,
        "warm_up": 5.0,
    }
    return DrillOrder.of(make_settings(), "customer-messages", **terms | changes)


class World:
    """Five calls each half second. ``heals_after``: seconds in which callers who meet the fault are refused."""

    def __init__(self, heals_after=0.0, traffic=True, at=None):
        self.store = Store.open("sqlite://")
        self.clock = ManualClock()
        self.heals_after, self.traffic, self.at = heals_after, traffic, dict(at or {})
        self.noted = []
        save_proof(self.store, make_proof())

    def tick(self):
        now = self.clock.now()
        cut = next((c for c in cut_offs(self.store, in_force_at=now) if c.fault), None)
        if self.traffic:
            save_exchanges(self.store, [self.call(now, cut) for _ in range(5)])
        for moment in [m for m in self.at if now - NOW >= m]:
            self.at.pop(moment)(self)

    def call(self, now, cut):
        plain = make_exchange(started_at=now - 0.1, elapsed_ms=50.0)
        if cut is None or now - 0.1 < cut.placed_at or not cut.reaches(plain.id):
            return plain
        since = now - cut.placed_at
        met = AttemptRecord(
            upstream="vendor", model="b", fault="model-missing", status=404, elapsed_ms=1, cut_off=cut.id
        )
        if since < self.heals_after:
            refused = {"outcome": Outcome.FAILED, "status": 503, "upstream": None}
            return replace(plain, attempts=(met,), **refused)
        # Once the breaker holds, nobody asks the vendor any more.
        attempts = (met,) if since < self.heals_after + 1 else ()
        return replace(plain, upstream="student", attempts=attempts)

    async def play(self, wanted, seconds=90.0):
        running = asyncio.create_task(run_drill(wanted, store=self.store, clock=self.clock, note=self.noted.append))
        for _ in range(int(seconds / STEP)):
            for _ in range(5):
                await asyncio.sleep(0)
            if running.done():
                break
            self.clock.advance(STEP)
            self.tick()
        else:
            running.cancel()
        return await running


def run(wanted, **world):
    made = World(**world)
    try:
        drill = asyncio.run(made.play(wanted))
        return made, drill
    finally:
        made.store.close()


def test_a_drill_in_which_the_replacement_takes_over_passes():
    world, drill = run(order())
    outcome = drill.outcome
    assert (drill.state, outcome.result, outcome.reasons) == ("done", "passed", ())
    assert outcome.failed == 0
    assert outcome.requests > 100
    assert outcome.rto < 2
    assert (drill.replacement, drill.steady["error_share"]) == ("student", 0.0)
    assert world.clock.now() - NOW < 40


def test_what_was_recorded_elsewhere_says_nothing_of_a_drill():
    _, alone = run(order())
    elsewhere = [
        make_exchange(id=f"import-otel-{n}", started_at=NOW + n, elapsed_ms=90_000.0, upstream="vendor")
        for n in range(60)
    ]
    _, beside = run(order(), at={1: lambda w: save_exchanges(w.store, elsewhere)})
    assert (beside.steady, beside.outcome) == (alone.steady, alone.outcome)


def test_time_to_recover_counts_callers_who_were_refused():
    _, drill = run(order(stop_error_share=1.0), heals_after=4.0)
    assert drill.outcome.result == "failed"
    assert drill.outcome.failed > 10
    assert 3.5 <= drill.outcome.rto <= 5.0


def test_callers_who_fail_lift_the_drill_within_five_seconds():
    made = World(heals_after=100.0)
    drill = asyncio.run(made.play(order()))
    outcome = drill.outcome
    assert (drill.state, outcome.result) == ("stopped", "stopped")
    assert "callers failed" in outcome.reasons[0]
    assert outcome.lifted_at - outcome.first_fault_at <= 5.0
    assert cut_offs(made.store, in_force_at=outcome.lifted_at) == []
    made.store.close()


def test_half_the_traffic_is_the_control():
    _, drill = run(order(share=0.5))
    outcome = drill.outcome
    assert outcome.result == "passed"
    assert 0.3 < outcome.requests / (outcome.requests + outcome.control_requests) < 0.7
    assert outcome.control_p95_ms == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ({"traffic": False}, "too few to tell"),
        ({"at": {1: lambda w: place_cut_off(w.store, make_cut_off())}}, "cut off for real"),
    ],
)
def test_without_a_steady_state_nothing_is_cut_off(world, said):
    made = World(**world)
    drill = asyncio.run(made.play(order()))
    assert drill.state == drill.outcome.result == "not exercised"
    assert said in " ".join(drill.outcome.reasons)
    assert [c for c in cut_offs(made.store) if c.drill] == []
    made.store.close()


def test_without_a_proof_that_outlasts_it_nothing_is_cut_off():
    made = World()
    made.store.close()
    made.store = Store.open("sqlite://")
    save_proof(made.store, make_proof(expires_at=NOW + 10))
    drill = asyncio.run(made.play(order()))
    assert drill.state == "not exercised"
    assert "proof in date" in drill.outcome.reasons[0]
    made.store.close()


def test_a_process_that_records_nothing_begins_no_drill():
    unseen = order()
    unseen = replace(unseen, process=replace(unseen.process, recording=Recording(bodies=Bodies.NONE)))
    made = World()
    drill = asyncio.run(made.play(unseen))
    assert drill.state == "not exercised"
    assert "recording: none" in drill.outcome.reasons[0]
    made.store.close()


def test_a_suspended_proof_begins_no_drill():
    made = World()
    set_suspension(made.store, "student", Suspension(at=NOW, why="answered as 'b'"))
    drill = asyncio.run(made.play(order()))
    assert drill.state == "not exercised"
    assert "proof in date" in drill.outcome.reasons[0]
    made.store.close()


def test_a_real_cut_off_ends_a_drill():
    _, drill = run(order(), at={10: lambda w: place_cut_off(w.store, make_cut_off(placed_at=w.clock.now()))})
    assert drill.state == "stopped"
    assert "for real" in drill.outcome.reasons[0]


def test_a_clock_that_is_set_back_makes_no_drill_longer(monkeypatch):
    def back(world):
        clock = world.clock
        monkeypatch.setattr(clock, "now", lambda: clock.monotonic() - 3600.0)

    made, drill = run(order(), at={10.0: back})
    # The world plays for 90 seconds: without an end of its own it would have been broken off.
    assert drill.state != "running"
    assert made.clock.monotonic() - NOW < 40


def test_an_interrupted_drill_is_lifted_and_recorded():
    made = World()

    async def interrupted():
        with pytest.raises(asyncio.CancelledError):
            await made.play(order(duration=500.0), seconds=15.0)

    asyncio.run(interrupted())
    assert cut_offs(made.store, in_force_at=made.clock.now()) == []
    (drill,) = drills(made.store)
    assert (drill.state, drill.outcome.reasons) == ("stopped", ("interrupted by the operator",))
    made.store.close()


def test_one_that_is_interrupted_before_it_began_is_recorded_as_not_exercised():
    made = World()

    async def interrupted():
        with pytest.raises(asyncio.CancelledError):
            await made.play(order(), seconds=3.0)

    asyncio.run(interrupted())
    (drill,) = drills(made.store)
    assert (drill.state, drill.outcome.reasons) == ("not exercised", ("interrupted by the operator",))
    made.store.close()


def test_a_store_that_is_away_for_a_moment_after_the_lift_costs_no_outcome(monkeypatch):
    beaten = []

    def away(store, cut, at):
        beaten.append(at)
        raise StoreUnavailable("the store is locked", mend="wait")

    monkeypatch.setattr("switchover.drill.run.heartbeat", away)
    _, drill = run(order())
    assert beaten
    assert (drill.state, drill.outcome.result) == ("done", "passed")


def test_a_dead_drill_is_recorded_as_abandoned_by_the_next_one():
    made = World()
    dead = make_drill(begun_at=NOW - LOST_AFTER_S - 1)
    save_drill(made.store, dead)
    place_cut_off(made.store, make_cut_off(fault="vanished", drill=dead.id, expires_at=NOW + 60, placed_at=NOW - 6))
    drill = asyncio.run(made.play(order()))
    assert drill.state == "done"
    assert {d.id: d.state for d in drills(made.store)}[dead.id] == "abandoned"
    made.store.close()


def test_a_drill_that_lives_keeps_others_out():
    made = World()
    save_drill(made.store, make_drill())
    with pytest.raises(OperatorError, match="one at a time"):
        asyncio.run(made.play(order()))
    made.store.close()


def test_the_cut_off_has_an_expiry_and_names_its_drill():
    made = World()
    drill = asyncio.run(made.play(order()))
    (cut,) = cut_offs(made.store)
    assert cut.drill == drill.id
    assert cut.expires_at == cut.placed_at + 20.0 + GRACE_S
    assert cut.lifted_at == drill.outcome.lifted_at < cut.expires_at
    made.store.close()


def test_the_report_is_written_and_says_what_is_simulated(tmp_path):
    _, drill = run(order(reports=tmp_path, simulated="the vendor of the demo <b>"))
    page = (tmp_path / f"{drill.id}.html").read_text()
    assert "Simulated vendor" in page
    assert "<b>" not in page
    assert "passed" in (tmp_path / f"{drill.id}.md").read_text()


@pytest.mark.parametrize(
    "wrong",
    [{"fault": "earthquake"}, {"share": 0.0}, {"duration": 1.0}, {"target": Target.parse("upstream:student")}],
)
def test_an_order_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(OperatorError):
        order(**wrong)


def test_an_unknown_process_is_named():
    with pytest.raises(NotFound, match="nobody"):
        DrillOrder.of(
            make_settings(),
            "nobody",
            target=Target.parse("upstream:vendor"),
            fault="vanished",
            approver="a",
            operator="b",
        )


def test_each_step_is_noted_in_its_order_with_the_hashes_of_row_and_report(tmp_path):
    made = World()
    drill = asyncio.run(made.play(order(reports=tmp_path)))
    steps = [(entry["event"], entry.get("state")) for entry in made.noted]
    assert steps == [
        ("drill", "planned"), ("drill", "running"),
        ("cut-off placed", None), ("cut-off lifted", None), ("drill", "done"),
    ]  # fmt: skip
    last = made.noted[-1]
    for report in last["reports"]:
        assert sha256((tmp_path / report["file"]).read_bytes()).hexdigest() == report["sha256"]
    assert [report["file"] for report in last["reports"]] == [f"{drill.id}.html", f"{drill.id}.md"]
    rows = {(fact.kind, fact.id): fact for fact in facts(made.store)}
    assert rows["drill", drill.id].sha256 == last["sha256"]
    assert rows["cut-off", f"{drill.id}-cut"].sha256 == made.noted[2]["sha256"]
    assert rows["cut-off", f"{drill.id}-cut"].end_sha256 == made.noted[3]["sha256"]
    assert last["result"] == "passed"
    made.store.close()


def test_one_that_never_began_is_noted_as_that_and_a_dead_one_as_abandoned():
    made = World(traffic=False)
    dead = make_drill(begun_at=NOW - LOST_AFTER_S - 1)
    save_drill(made.store, dead)
    asyncio.run(made.play(order()))
    assert [(e["id"] == dead.id, e["state"]) for e in made.noted] == [
        (True, "abandoned"), (False, "planned"), (False, "not exercised")
    ]  # fmt: skip
    made.store.close()
