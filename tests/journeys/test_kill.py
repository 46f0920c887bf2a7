"""``kill -9`` of a worker, the keeper and the engine while callers go on: what was recorded stays, the rest goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field

import openai
import pytest

from switchover.domain.exchange import Exchange, Intent
from switchover.store.spool_reader import read_spool

CALLERS = 16
# So often everybody is answered before something is killed, and after it.
SEVERAL = 8
# Seconds; it ends what hangs and measures nothing.
PATIENCE = 240.0
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

    done: list[str] = field(default_factory=list)
    failed: list[tuple[Exception, str | None]] = field(default_factory=list)


@pytest.fixture(scope="module")
def running(stage, weights):
    stage.env["SWITCHOVER_WEIGHTS"] = str(weights.parent)
    stage.write(workers=2, upstreams=ENGINE, process=SORTING)
    stage.vendor.control(latency=0.06)
    stage.up("worker-0", "worker-1", "keeper", "engine-own")
    stage.token = stage.key()
    stage.sorting = stage.key("sorting")
    return stage


async def _calls(stage, say, number, caller, stop):
    async with openai.AsyncOpenAI(base_url=f"{stage.url}/v1", api_key=stage.token, max_retries=0) as client:
        # Half of them at each worker: of connections that come at once, one may accept all.
        while f'"worker":"worker-{number % 2}"' not in (await client._client.get(f"{stage.url}/readyz")).text:
            await client._client.get(f"{stage.url}/livez", headers={"connection": "close"})
        while not stop.is_set():
            try:
                raw = await client.chat.completions.with_raw_response.create(model="messages", messages=say)
                assert raw.parse().choices[0].message.content == "claim_status"
            except openai.APIError as error:
                caller.failed.append((error, caller.done[-1] if caller.done else None))
            else:
                caller.done.append(raw.headers["x-switchover-exchange"])


def under_load(stage, say, act):
    """What callers got who call before, while and after something is done to what they call."""
    callers = [Caller() for _ in range(CALLERS)]

    async def all_answered(times):
        wanted = [len(caller.done) + times for caller in callers]
        while any(len(caller.done) < so_many for caller, so_many in zip(callers, wanted, strict=True)):
            assert not all(one.done() for one in calls), "nobody calls any more"
            await asyncio.sleep(0.02)

    async def main():
        stop = asyncio.Event()
        calls.extend(asyncio.create_task(_calls(stage, say, *one, stop)) for one in enumerate(callers))
        async with asyncio.timeout(PATIENCE):
            await all_answered(SEVERAL)
            await asyncio.to_thread(act, callers)
            await all_answered(SEVERAL)
        stop.set()
        await asyncio.gather(*calls)

    calls = []
    asyncio.run(main())
    return callers


def kill(stage, name, helpers):
    """Kills a child and returns once the supervisor has another one."""
    before = stage.children()[name]
    os.kill(before["pid"], signal.SIGKILL)

    def back():
        now = stage.children()[name]
        return now["pid"] not in (None, before["pid"]) and now["ready"] and now["restarts"] > before["restarts"]

    helpers.wait_until(back, stage.said)
    assert stage.children()[name]["last_exit"] == -signal.SIGKILL


def gone(pid):
    """Whether a process is dead, collected or not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def spooled(stage, worker):
    """Ids of the exchanges and of the intents in a worker's whole frames."""
    found = [record for _, record in read_spool(stage.data / "spool" / worker)]
    return {r.id for r in found if isinstance(r, Exchange)}, {r.id for r in found if isinstance(r, Intent)}


def test_a_killed_worker_takes_along_only_its_own_calls_and_nothing_recorded(running, helpers, capsys):
    acknowledged = set()

    def act(callers):
        # The last answers came a moment before their records were sealed.
        acknowledged.update(name for caller in callers for name in caller.done)
        helpers.wait_until(lambda: acknowledged <= spooled(running, "worker-0")[0] | spooled(running, "worker-1")[0])
        kill(running, "worker-0", helpers)

    callers = under_load(running, helpers.say, act)
    done = [name for caller in callers for name in caller.done]
    failed = [one for caller in callers for one in caller.failed]
    known = ("complete", "unfinished")
    helpers.wait_until(lambda: set(done) <= {e.id for outcome in known for e in running.recorded(outcome=outcome)})
    whole, begun = spooled(running, "worker-0")
    other, _ = spooled(running, "worker-1")
    assert whole
    assert other
    # Half of the callers had a connection to it.
    assert 0 < len(failed) <= CALLERS // 2
    assert all(len(caller.failed) <= 1 for caller in callers)
    for error, last in failed:
        assert isinstance(error, openai.APIConnectionError), error
        assert last in begun
    helpers.wait_until(lambda: {e.id for e in running.recorded(outcome="complete")} >= whole | other)
    stored = {e.id for e in running.recorded(outcome="complete")}
    assert acknowledged <= stored
    # The successor's start is what tells the keeper that nobody will end them.
    helpers.wait_until(lambda: {e.id for e in running.recorded(outcome="unfinished")} == begun - whole)
    unfinished = begun - whole
    lost = set(done) - stored
    assert lost <= unfinished
    # A call without an end is one whose caller saw the connection break, or one whose answer outran its last record.
    # Some callers broke before the worker had even read their request: those left no trace, and nothing was asked.
    assert len(unfinished - lost) <= len(failed)
    with capsys.disabled():
        print(
            f"\nworker killed: {len(done)} answered, {len(failed)} connections broken, {len(unfinished)} unfinished; "
            f"{len(acknowledged)} on its disk before the kill, all {len(acknowledged & stored)} in the store"
        )


def test_a_killed_keeper_costs_no_call_and_its_successor_goes_on(running, helpers):
    callers = under_load(running, helpers.say, lambda _: kill(running, "keeper", helpers))
    done = {name for caller in callers for name in caller.done}
    assert [f for caller in callers for f in caller.failed] == []
    helpers.wait_until(lambda: {e.id for e in running.recorded()} >= done)
    assert running.key()


def test_a_killed_engine_stops_only_what_rests_on_it_until_it_is_back(running, helpers):
    told = []

    def is_answered():
        with running.client(running.sorting) as client:
            try:
                return bool(client.chat.completions.create(model="sorting", messages=helpers.say, max_tokens=4))
            except openai.APIStatusError as error:
                told.append(error)
                return False

    helpers.wait_until(is_answered)
    told.clear()

    def is_refused():
        """Asked at once; where the machine let us wait until the next engine was there, that is killed as well."""
        if (pid := running.children()["engine-own"]["pid"]) is not None and not gone(pid):
            os.kill(pid, signal.SIGKILL)
            helpers.wait_until(lambda: gone(pid))
        return not is_answered()

    def act(_):
        helpers.wait_until(is_refused)
        helpers.wait_until(is_answered)

    callers = under_load(running, helpers.say, act)
    assert [f for caller in callers for f in caller.failed] == []
    assert {error.status_code for error in told} == {503}
    # Until its supervisor has noticed, its address is still asked.
    assert "own" in told[0].message or "refused the connection" in told[0].message
    assert running.children()["engine-own"]["restarts"] >= 1


def test_a_killed_supervisor_takes_everything_along_and_the_next_start_goes_on(running, helpers):
    pids = [child["pid"] for child in running.children().values()]
    before = {e.id for e in running.recorded()}
    running.child.kill()
    running.child.wait()
    running.child = None

    helpers.wait_until(lambda: all(gone(pid) for pid in pids))
    assert "not running" in running.run("doctor").stdout
    with (running.data / "run" / "gateway.json").open("rb") as left:
        told = left.read()
        running.up("worker-0", "keeper")
        # Put in its place, not written over: whoever reads it meanwhile has the one or the other, whole.
        left.seek(0)
        assert left.read() == told
    assert running.key()
    with running.client(running.token) as client:
        assert client.chat.completions.create(model="messages", messages=helpers.say)
    assert before <= {e.id for e in running.recorded()}
    assert running.down() == 0
