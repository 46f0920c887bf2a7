"""``kill -9`` of a worker, the keeper and the engine while callers go on: what was recorded stays, the rest goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field

import openai
import pytest

from switchover.domain.exchange import Exchange, Intent
from switchover.store.spool_reader import read_spool

CALLERS = 16
# A record is durable within 5 ms of its end; the rest is room for a busy machine.
DURABLE_BY = 0.25
ENGINE = "  own: {kind: local, weights: starter, model: smollm2, developer: hf, host: own, context: 512, threads: 1}"
SORTING = """\
  sorting:
    owner: head-of-service
    criticality: ordinary
    data: internal
    baseline: own
"""


@dataclass
class Caller:
    """One application with a connection of its own."""

    done: list[tuple[float, str]] = field(default_factory=list)
    failed: list[tuple[float, Exception, str | None]] = field(default_factory=list)


@pytest.fixture(scope="module")
def running(stage, weights):
    stage.env["SWITCHOVER_WEIGHTS"] = str(weights.parent)
    stage.write(workers=2, upstreams=ENGINE, process=SORTING)
    stage.vendor.control(latency=0.06)
    stage.up("worker-0", "worker-1", "keeper", "engine-own")
    stage.token = stage.key()
    stage.sorting = stage.key("sorting")
    return stage


async def _calls(stage, say, caller, stop):
    async with openai.AsyncOpenAI(base_url=f"{stage.url}/v1", api_key=stage.token, max_retries=0) as client:
        while not stop.is_set():
            try:
                raw = await client.chat.completions.with_raw_response.create(model="messages", messages=say)
                assert raw.parse().choices[0].message.content == "claim_status"
            except openai.APIError as error:
                caller.failed.append((time.monotonic(), error, caller.done[-1][1] if caller.done else None))
            else:
                caller.done.append((time.monotonic(), raw.headers["x-switchover-exchange"]))


def under_load(stage, say, story):
    """Runs the story (seconds before, what to do, seconds after) while callers call."""
    callers = [Caller() for _ in range(CALLERS)]

    async def main():
        stop = asyncio.Event()
        calls = []
        for caller in callers:
            calls.append(asyncio.create_task(_calls(stage, say, caller, stop)))
            # One after the other: of connections that come at once, one worker may accept all.
            await asyncio.sleep(0.03)
        before, act, after = story
        await asyncio.sleep(before)
        at = time.monotonic()
        await asyncio.to_thread(act)
        await asyncio.sleep(max(0.0, after - (time.monotonic() - at)))
        stop.set()
        await asyncio.gather(*calls)
        return at

    return callers, asyncio.run(main())


def kill(stage, name, helpers):
    """Kills a child and returns once the supervisor has another one; how many seconds that took."""
    before, begun = stage.children()[name], time.monotonic()
    os.kill(before["pid"], signal.SIGKILL)

    def back():
        now = stage.children()[name]
        return now["pid"] not in (None, before["pid"]) and now["ready"] and now["restarts"] > before["restarts"]

    helpers.wait_until(back, 20, stage.said)
    assert stage.children()[name]["last_exit"] == -signal.SIGKILL
    return time.monotonic() - begun


def spooled(stage, worker):
    """Ids of the exchanges and of the intents in a worker's whole frames."""
    found = [record for _, record in read_spool(stage.data / "spool" / worker)]
    return {r.id for r in found if isinstance(r, Exchange)}, {r.id for r in found if isinstance(r, Intent)}


def test_a_killed_worker_takes_along_only_its_own_calls_and_nothing_recorded(running, helpers, capsys):
    callers, at = under_load(running, helpers.say, (1.5, lambda: kill(running, "worker-0", helpers), 2.5))
    # The last answers came a moment before their records were sealed.
    ended = {name for caller in callers for _, name in caller.done}
    known = ("complete", "unfinished")
    helpers.wait_until(lambda: ended <= {e.id for outcome in known for e in running.recorded(outcome=outcome)}, 10)
    whole, begun = spooled(running, "worker-0")
    other, _ = spooled(running, "worker-1")
    failed = [f for caller in callers for f in caller.failed]
    done = [d for caller in callers for d in caller.done]
    assert whole
    assert other
    assert len(failed) <= CALLERS
    for moment, error, last in failed:
        assert isinstance(error, openai.APIConnectionError), error
        assert moment - at < 1.0
        # The caller's connection led to the worker that was killed.
        assert last in begun
    untouched = [c for c in callers if not c.failed]
    assert untouched
    helpers.wait_until(lambda: {e.id for e in running.recorded(outcome="complete")} >= whole | other, 5)
    stored = {e.id for e in running.recorded(outcome="complete")}
    acknowledged = {name for moment, name in done if moment < at - DURABLE_BY}
    assert acknowledged <= stored
    # The successor's start is what tells the keeper that nobody will end them.
    helpers.wait_until(lambda: {e.id for e in running.recorded(outcome="unfinished")} == begun - whole, 10)
    unfinished = {e.id for e in running.recorded(outcome="unfinished")}
    lost = {name for _, name in done} - stored
    assert unfinished == begun - whole
    assert lost <= unfinished
    assert failed
    # A call without an end is one whose caller saw the connection break, or one whose answer outran its last record.
    # Some callers broke before the worker had even read their request: those left no trace, and nothing was asked.
    assert len(unfinished - lost) <= len(failed)
    assert any(moment > at + 1.5 for moment, _ in done)
    with capsys.disabled():
        print(
            f"\nworker killed: {len(done)} answered, {len(failed)} connections broken, {len(unfinished)} unfinished; "
            f"{len(acknowledged)} acknowledged before the kill, all {len(acknowledged & stored)} in the store"
        )


def test_a_killed_keeper_costs_no_call_and_its_successor_goes_on(running, helpers, capsys):
    took = []
    callers, _ = under_load(running, helpers.say, (0.5, lambda: took.append(kill(running, "keeper", helpers)), 2.0))
    done = {name for caller in callers for _, name in caller.done}
    assert [f for caller in callers for f in caller.failed] == []
    helpers.wait_until(lambda: {e.id for e in running.recorded()} >= done, 8)
    assert running.key()
    with capsys.disabled():
        print(f"\nkeeper killed: {len(done)} answered, 0 failed, all in the store; back after {took[0]:.2f} s")


def test_a_killed_engine_stops_only_what_rests_on_it_until_it_is_back(running, helpers, capsys):
    statuses = set()

    def sorted_by_own():
        with running.client(running.sorting) as client:
            return client.chat.completions.create(model="sorting", messages=helpers.say, max_tokens=4)

    def answered():
        try:
            return bool(sorted_by_own())
        except openai.APIStatusError as error:
            statuses.add(error.status_code)
            return False

    helpers.wait_until(answered, 20)
    took = []

    def act():
        begun = time.monotonic()
        os.kill(running.children()["engine-own"]["pid"], signal.SIGKILL)
        time.sleep(0.3)
        with pytest.raises(openai.APIStatusError) as refused:
            sorted_by_own()
        assert refused.value.status_code == 503
        assert "own" in refused.value.message
        helpers.wait_until(answered, 30)
        took.append(time.monotonic() - begun)

    callers, _ = under_load(running, helpers.say, (0.2, act, 1.0))
    assert [f for caller in callers for f in caller.failed] == []
    assert statuses <= {503}
    assert running.children()["engine-own"]["restarts"] >= 1
    with capsys.disabled():
        print(
            f"\nengine killed: {sum(len(c.done) for c in callers)} other calls answered, 0 failed; "
            f"the engine answered again after {took[0]:.1f} s"
        )


def test_a_killed_supervisor_takes_everything_along_and_the_next_start_goes_on(running, helpers):
    pids = [child["pid"] for child in running.children().values()]
    before = {e.id for e in running.recorded()}
    running.child.kill()
    running.child.wait()
    running.child = None

    def gone(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    helpers.wait_until(lambda: all(gone(pid) for pid in pids), 5)
    assert "not running" in running.run("doctor").stdout
    running.up("worker-0", "keeper")
    assert running.key()
    with running.client(running.token) as client:
        assert client.chat.completions.create(model="messages", messages=helpers.say)
    assert before <= {e.id for e in running.recorded()}
    assert running.down() == 0
