"""What a rehearsal does while cases are in flight: counts in order, saves in groups, waits, pays, and is alone."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from switchover.domain.candidate import State
from switchover.domain.ports import Score
from switchover.domain.process import RehearsalTerms
from switchover.errors import OperatorError, RateLimited, StoreUnavailable
from switchover.graders import grader
from switchover.rehearsal import Among, Order, cell_of, rehearse, saving
from switchover.rehearsal import alone as module
from switchover.rehearsal.alone import LEASE_S, RENEW_S, _begun, _world, alone
from switchover.rehearsal.run import INTERRUPTED, NO_CASES, NO_RECORD
from switchover.rehearsal.under_way import NO_BASELINE, SPENT_CALLS, SPENT_MONEY
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.store.leases import lease_holder, release_lease, take_lease
from switchover.store.proofs import latest_verdict
from switchover.store.trials import baseline_samples, save_batch, scored_cases, waiting_cases
from switchover.testing.builders import NOW, make_exchange, make_process, make_upstream
from switchover.testing.clock import FastClock, ManualClock
from switchover.trial.replay import Reply

LABELS = ("billing", "claim", "cancel", "travel")
TERMS = RehearsalTerms(grader="label", settings={"labels": list(LABELS), "aliases": {}}, margin=0.10)
PROCESS = make_process(fallbacks=("first", "second"), rehearse=TERMS)
ORDER = Order(
    process=PROCESS, baseline=make_upstream(), candidate=make_upstream("first"), prompt_version="as-is", concurrency=8
)
OTHER = replace(ORDER, candidate=make_upstream("second"))
ROUND = 8


def drawn(*parts):
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:8], 16)


def text_of(n):
    return " ".join(hashlib.sha256(f"{n} {place}".encode()).hexdigest()[:7] for place in range(9))


def truth(text):
    return LABELS[drawn(text) % 4]


def record(count=300):
    return [make_exchange(text_of(n), truth(text_of(n)), started_at=NOW - 9_000 + n) for n in range(count)]


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        save_exchanges(opened, record())
        yield opened


class Model:
    """Knows the truth; ``late`` says how long a text takes it, ``then`` is called before each answer."""

    def __init__(self, *, late=lambda text: 0.0, then=lambda number: None, cost=None):
        self.asked, self.late, self.then, self.cost = [], late, then, cost

    async def __call__(self, request):
        text = request["messages"][-1]["content"]
        self.asked.append(text)
        told = self.then(len(self.asked))
        await asyncio.sleep(self.late(text))
        return told or Reply(truth(text), 0.01, cost=self.cost)


def start(store, model, *, order=ORDER, baseline=None, clock=None, **more):
    return rehearse(
        order,
        store=store,
        ask=model,
        baseline_ask=baseline or Model(),
        grader=more.pop("grader", None) or grader(order.process.rehearse),
        clock=clock or ManualClock(NOW),
        **more,
    )


def run(*given, **more):
    return asyncio.run(start(*given, **more))


def test_answers_that_overtake_each_other_count_in_the_order_of_the_plan(store):
    straight = Model()
    run(store, straight, order=replace(ORDER, concurrency=1))
    mixed = Model(late=lambda text: drawn("late", text) % 5 / 500)
    verdict = run(store, mixed, order=OTHER)
    counted = [row.exchange_id for row in scored_cases(store, cell_of(ORDER).id)]
    assert verdict.evidence == latest_verdict(store, cell_of(ORDER).id).evidence
    assert {row.exchange_id for row in scored_cases(store, cell_of(OTHER).id)} == set(counted)
    assert len(mixed.asked) == len(set(mixed.asked))


def test_what_came_ahead_of_the_look_is_kept_and_does_not_count(store):
    straight, model = Model(), Model()
    enough = run(store, straight, order=replace(ORDER, concurrency=1)).evidence.overall.replays

    async def ask(request):
        answer = await model(request)
        for _ in range(2_000):
            # The last one before the look comes after one that has no turn yet.
            if request["messages"][-1]["content"] != straight.asked[enough - 1] or len(model.asked) > enough:
                break
            await asyncio.sleep(0.005)
        return answer

    verdict = run(store, ask, order=OTHER)
    waiting = waiting_cases(store, verdict.cell.id)
    assert verdict.state is State.READY
    assert verdict.evidence.overall.replays == len(scored_cases(store, verdict.cell.id)) == verdict.calls - len(waiting)
    assert waiting
    assert not set(waiting) & {row.exchange_id for row in scored_cases(store, verdict.cell.id)}


def test_a_refusal_for_the_moment_is_waited_for_and_scores_nothing_against_the_candidate(store):
    def then(number):
        if number % 20 == 10:
            raise RateLimited("slow down", retry_after=2.0)

    told = []
    verdict = run(store, Model(then=then), clock=FastClock(500.0), progress=told.append)
    assert verdict.state is State.READY
    assert verdict.evidence.candidate_score == 1.0
    assert "first asks us to wait" in {step.waiting for step in told}


def test_a_quota_that_stays_used_up_leaves_the_case_for_a_later_run(store):
    def then(number):
        if number > 20:
            raise RateLimited("tomorrow", retry_after=50_000.0)

    first = run(store, Model(then=then))
    assert first.state is State.UNPROVEN
    assert first.stopped == "first asks us to wait for 50000 s"
    assert {row.reason for row in scored_cases(store, first.cell.id)} == {""}
    assert first.evidence.overall.replays % ROUND == 0
    assert run(store, Model()).evidence == run(store, Model(), order=OTHER).evidence


def test_candidates_side_by_side_ask_the_baseline_once_for_each_case(store):
    baseline, first, second = Model(late=lambda text: 0.001), Model(), Model()

    async def main():
        clock = ManualClock(NOW)
        among = Among.of(ORDER, store=store, baseline_ask=baseline, clock=clock)
        both = await asyncio.gather(
            start(store, first, baseline=baseline, clock=clock, among=among),
            start(store, second, order=OTHER, baseline=baseline, clock=clock, among=among),
        )
        await among.close()
        return both

    one, other = asyncio.run(main())
    assert (one.state, one.evidence) == (other.state, other.evidence)
    assert one.cell.id != other.cell.id
    assert len(baseline.asked) == len(set(baseline.asked)) == len(baseline_samples(store, PROCESS.name, one.cell.epoch))


def test_a_budget_of_money_ends_the_run_and_what_was_spent_is_in_the_verdict(store):
    order = replace(ORDER, budget=1_000)
    verdict = run(store, Model(cost=30), baseline=Model(cost=10), order=order)
    assert verdict.stopped == SPENT_MONEY
    assert 900 <= verdict.spent <= 1_000
    assert verdict.spent == 40 * verdict.calls
    assert run(store, Model(), order=OTHER).spent is None


def test_the_budget_of_calls_and_the_end_of_the_record_are_told_apart(store):
    assert run(store, Model(), order=replace(ORDER, budget_calls=20)).stopped == SPENT_CALLS
    strict = replace(OTHER, process=replace(PROCESS, rehearse=replace(TERMS, margin=0.01)))
    assert run(store, Model(), order=strict).stopped == NO_CASES


def test_a_round_without_a_second_sample_ends_the_run(store):
    gone = Model(then=lambda number: Reply(None, 0.0, "key-revoked"))
    verdict = run(store, Model(), baseline=gone)
    assert (verdict.stopped, verdict.calls, verdict.evidence.ungraded) == (NO_BASELINE, 0, ROUND)


def test_an_empty_record_is_unproven_and_asks_nobody():
    with Store.open("sqlite://") as empty:
        model = Model()
        verdict = run(empty, model)
    assert (verdict.state, verdict.stopped, model.asked) == (State.UNPROVEN, NO_RECORD, [])


def test_a_candidate_that_never_answers_is_asked_one_at_a_time_and_scores_nothing(store):
    order = replace(ORDER, timeout=0.01, budget_calls=16)
    verdict = run(store, Model(late=lambda text: 30.0), order=order)
    assert verdict.state is State.NOT_READY
    assert {row.reason for row in scored_cases(store, verdict.cell.id)} == {"no answer within 0.01 s"}


def test_interrupted_it_waits_for_what_is_in_flight_and_asks_none_of_it_again(store):
    model = Model(late=lambda text: 0.02)

    async def main():
        task = asyncio.create_task(start(store, model))
        model.then = lambda number: task.cancel() and None if number == 30 else None
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    stopped = latest_verdict(store, cell_of(ORDER).id)
    assert stopped.stopped == INTERRUPTED
    kept = len(scored_cases(store, stopped.cell.id)) + len(waiting_cases(store, stopped.cell.id))
    assert kept == len(model.asked)
    again = Model()
    verdict = run(store, again)
    assert not set(again.asked) & set(model.asked)
    assert verdict.evidence == run(store, Model(), order=OTHER).evidence


def test_interrupted_once_it_is_done_it_still_waits_for_what_is_in_flight(store):
    model = Model(late=lambda text: 0.02 + drawn("late", text) % 5 / 200)

    async def main():
        def told(step):
            if step.decision is not None and step.decision.lasts:
                asyncio.get_running_loop().call_soon(task.cancel)

        task = asyncio.create_task(start(store, model, progress=told))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    ended = latest_verdict(store, cell_of(ORDER).id)
    assert (ended.state, ended.stopped) == (State.READY, "")
    waiting = waiting_cases(store, ended.cell.id)
    assert waiting
    assert len(scored_cases(store, ended.cell.id)) + len(waiting) == len(model.asked)


def test_interrupted_twice_it_gives_up_what_is_in_flight(store):
    model, stuck = Model(late=lambda text: 0.0 if len(model.asked) <= 30 else 60.0), asyncio.Event()
    model.then = lambda number: stuck.set() if number > 30 else None

    async def main():
        task = asyncio.create_task(start(store, model))
        await stuck.wait()
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 5.0))
    assert latest_verdict(store, cell_of(ORDER).id).stopped == INTERRUPTED


def test_a_grader_that_grades_nothing_of_a_whole_round_ends_the_run(store):
    class Silent:
        name, by_merit = "hook", False

        async def score(self, answer, question):
            return Score(None, "the hook gave no score within 10 s")

    verdict = run(store, Model(then=lambda number: Reply("another", 0.0)), grader=Silent())
    assert verdict.stopped == "a whole round could not be graded: the hook gave no score within 10 s"
    assert (verdict.state, verdict.evidence.ungraded) == (State.UNPROVEN, ROUND)


def test_a_record_that_grows_meanwhile_is_no_hindrance(store):
    def then(number):
        if number == 20:
            save_exchanges(store, record(400)[300:])

    verdict = run(store, Model(then=then))
    assert verdict.state is State.READY
    assert run(store, Model()).state is State.READY


def test_a_full_disk_is_told_as_it_is_and_the_next_run_goes_on(store, monkeypatch):
    from switchover.rehearsal import saving

    whole, calls = saving.save_batch, []

    def full(kept, batch):
        calls.append(len(batch.waiting))
        if len(calls) > 6:
            raise StoreUnavailable("the store can't be used: database or disk is full", mend="make room on the disk")
        whole(kept, batch)

    monkeypatch.setattr(saving, "save_batch", full)
    model = Model()
    with pytest.raises(StoreUnavailable, match="disk is full"):
        run(store, model, clock=FastClock(1_000.0))
    # Every group but the last was saved; the last was tried a few times.
    assert len(calls) >= 6 + 1 + len(saving.PAUSES_S)
    monkeypatch.undo()
    kept = [*scored_cases(store, cell_of(ORDER).id), *waiting_cases(store, cell_of(ORDER).id).values()]
    again = Model()
    verdict = run(store, again)
    assert verdict.state is State.READY
    assert 0 < len(kept) <= len(model.asked)
    assert len(again.asked) + len(kept) <= len(set(again.asked) | set(model.asked)) + 2 * ORDER.concurrency


def test_two_rehearsals_of_the_same_cell_at_once_are_one_too_many(store):
    async def main():
        clock = ManualClock(NOW)
        async with alone(store, cell_of(ORDER), clock):
            with pytest.raises(OperatorError, match="by somebody else at this moment"):
                await start(store, Model(), clock=clock)
            # Another cell is nobody's business.
            return await start(store, Model(), order=OTHER, clock=clock)

    assert asyncio.run(main()).state is State.READY
    assert run(store, Model()).state is State.READY


def test_the_right_of_a_process_that_is_gone_is_taken_over_and_that_of_another_machine_lapses(store):
    name = f"rehearse:{cell_of(ORDER).id}"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        dead = f"{_world()}/{child.pid}/{_begun(child.pid)}/0"
        assert take_lease(store, name, dead, now=NOW, seconds=60.0)
        with pytest.raises(OperatorError, match="its right lapses within a minute"):
            run(store, Model())
        child.kill()
    assert run(store, Model(), order=replace(ORDER, budget_calls=8)).calls == 8
    # The same id, another process: the number was used again.
    assert take_lease(store, name, f"{_world()}/{os.getpid()}/1/0", now=NOW, seconds=60.0)
    assert run(store, Model(), order=replace(ORDER, budget_calls=8)).calls == 8
    assert take_lease(store, name, "elsewhere:1/1/1/0", now=NOW, seconds=60.0)
    with pytest.raises(OperatorError):
        run(store, Model())
    assert run(store, Model(), clock=ManualClock(NOW + 61)).state is State.READY


def test_interrupted_twice_its_verdict_rests_on_nothing_that_is_not_saved(store, monkeypatch):
    model, held, let_go = Model(), threading.Event(), threading.Event()

    def late(opened, batch):
        if len(model.asked) >= 40:
            held.set()
            let_go.wait(20)
        save_batch(opened, batch)

    monkeypatch.setattr(saving, "save_batch", late)

    async def go():
        rehearsing = asyncio.create_task(start(store, model))
        await asyncio.to_thread(held.wait, 20)
        for _ in range(200):
            # More are answered meanwhile, and counted.
            await asyncio.sleep(0)
        for _ in range(2):
            rehearsing.cancel()
            for _ in range(20):
                await asyncio.sleep(0)
        let_go.set()
        await rehearsing

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go())
    verdict = latest_verdict(store, cell_of(ORDER).id)
    assert verdict.evidence.overall.replays == len(scored_cases(store, verdict.cell.id)) > 0
    waiting = waiting_cases(store, verdict.cell.id)
    assert len(waiting) + len(scored_cases(store, verdict.cell.id)) == verdict.calls


def test_a_renewal_that_was_under_way_at_the_end_takes_nothing_again(store, monkeypatch):
    clock, cell = ManualClock(NOW), cell_of(ORDER)
    renewing, released = threading.Event(), threading.Event()

    def late(*words, **named):
        renewing.set()
        # So long at most: where the end waits for this one, as it should, nothing is released meanwhile.
        released.wait(0.2)
        return take_lease(*words, **named)

    def release(*words):
        release_lease(*words)
        released.set()

    async def go():
        async with alone(store, cell, clock):
            monkeypatch.setattr(module, "take_lease", late)
            monkeypatch.setattr(module, "release_lease", release)
            await asyncio.sleep(0)
            clock.advance(RENEW_S)
            await asyncio.to_thread(renewing.wait, 20)

    asyncio.run(go())
    assert lease_holder(store, f"rehearse:{cell.id}", now=clock.now()) is None


def test_a_machine_that_stood_still_for_too_long_leaves_the_cell_to_whoever_took_it(store):
    clock, name, model = ManualClock(NOW), f"rehearse:{cell_of(ORDER).id}", Model()

    async def go():
        rehearsing = asyncio.current_task()

        async def ask(request):
            if len(model.asked) == 20:
                clock.advance(LEASE_S + 1)
                assert take_lease(store, name, "elsewhere:1/1/1/0", now=clock.now(), seconds=LEASE_S)
            answer = await model(request)
            for _ in range(2_000):
                if len(model.asked) <= 20 or rehearsing.cancelling():
                    break
                await asyncio.sleep(0.005)
            return answer

        await start(store, ask, clock=clock)

    with pytest.raises(OperatorError, match="by somebody else at this moment"):
        asyncio.run(go())
    assert lease_holder(store, name, now=clock.now()) == "elsewhere:1/1/1/0"
    assert latest_verdict(store, cell_of(ORDER).id).stopped == INTERRUPTED
