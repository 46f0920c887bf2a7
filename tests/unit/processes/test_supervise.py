"""Children that die, hang, change and outlive nobody."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

from switchover.clock import SystemClock
from switchover.processes.supervise import ChildSpec, Supervisor

SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"


def spec(name="child", code=SLEEP, **changes):
    return ChildSpec(name=name, argv=(sys.executable, "-c", code), env=dict(os.environ), **changes)


def supervised(children, story, into=None, **settings):
    """Runs the story beside a supervisor over the list ``children``, which the story may change."""
    logged = into if into is not None else []

    async def main():
        stop = asyncio.Event()
        log = lambda event, **fields: logged.append((event, fields))  # noqa: E731
        supervisor = Supervisor(lambda: list(children), SystemClock(), log, **settings)
        task = asyncio.create_task(supervisor.run(stop))
        try:
            await story(supervisor)
        finally:
            stop.set()
            await task

    asyncio.run(main())
    return logged


async def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        await asyncio.sleep(0.01)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_child_comes_back_and_is_drained_at_the_end(tmp_path):
    pids = []

    async def story(supervisor):
        for _ in range(2):
            await until(
                lambda: supervisor.state()["child"]["pid"] not in (None, *pids) if supervisor.state() else False
            )
            pids.append(supervisor.state()["child"]["pid"])
            if len(pids) == 1:
                os.kill(pids[0], signal.SIGKILL)
        await until(lambda: (tmp_path / "supervisor.json").exists())
        await until(
            lambda: json.loads((tmp_path / "supervisor.json").read_text())["children"]["child"]["restarts"] == 1
        )

    supervised([spec()], story, status=tmp_path / "supervisor.json")
    assert not any(alive(pid) for pid in pids)


def test_a_child_without_a_pulse_is_killed_and_comes_back_and_one_with_a_pulse_is_left_alone():
    """It ignores SIGTERM, as one does that hangs."""
    asked = {"hung": 0, "well": 0}

    def pulse(name, answer):
        async def beats():
            asked[name] += 1
            return answer(asked[name])

        return beats

    async def story(supervisor):
        await until(lambda: supervisor.state().get("hung", {}).get("restarts") == 1 and asked["well"] > 5)
        assert supervisor.state()["well"]["restarts"] == 0
        await until(lambda: asked["hung"] > 5)
        assert supervisor.state()["hung"]["restarts"] == 1

    children = [
        spec("hung", STUBBORN, pulse=pulse("hung", lambda number: number != 3), pulse_every=0.01),
        spec("well", pulse=pulse("well", lambda number: True), pulse_every=0.01),
    ]
    logged = supervised(children, story, drain=0.5)
    assert [fields["child"] for event, fields in logged if "hangs" in event] == ["hung"]


def test_a_pulse_that_can_not_be_felt_is_told_and_costs_no_life():
    async def fails():
        raise ValueError("no such thing")

    async def story(supervisor):
        await until(lambda: any(event == "pulse not felt" for event, _ in told))
        assert supervisor.state()["child"]["restarts"] == 0

    told = []
    supervised([spec(pulse=fails, pulse_every=0.01)], story, into=told)


def test_a_child_that_keeps_dying_is_started_ever_less_often():
    async def story(supervisor):
        await until(lambda: supervisor.state().get("child", {}).get("restarts", 0) >= 3)

    logged = supervised([spec(code="raise SystemExit(3)")], story)
    waits = [fields["again_in"] for event, fields in logged if event == "child ended"]
    assert waits[:3] == [0.2, 0.4, 0.8]
    assert {fields["status"] for event, fields in logged if event == "child ended"} == {3}


def test_a_child_that_ignores_the_request_to_end_is_killed_after_the_limit():
    pids = []

    async def story(supervisor):
        await until(lambda: supervisor.state().get("child", {}).get("pid"))
        pids.append(supervisor.state()["child"]["pid"])
        await asyncio.sleep(0.5)

    begin = time.monotonic()
    supervised([spec(code=STUBBORN)], story, drain=0.3)
    assert time.monotonic() - begin < 50  # it would go on for 60
    assert not alive(pids[0])


def test_the_children_follow_the_list():
    children = [spec("a"), spec("b")]

    async def story(supervisor):
        await until(
            lambda: set(supervisor.state()) == {"a", "b"} and all(c["pid"] for c in supervisor.state().values())
        )
        before = {name: child["pid"] for name, child in supervisor.state().items()}
        children[:] = [spec("b", SLEEP + "  # changed"), spec("c")]
        await until(
            lambda: set(supervisor.state()) == {"b", "c"} and all(c["pid"] for c in supervisor.state().values())
        )
        await until(lambda: not any(alive(pid) for pid in before.values()))

    supervised(children, story)


def test_a_command_that_is_not_there_is_said_and_tried_again():
    async def story(supervisor):
        await until(lambda: supervisor.state().get("child", {}).get("restarts", 0) >= 1)

    logged = supervised([ChildSpec(name="child", argv=("/nowhere/at-all",), env={})], story)
    assert logged[0][0] == "child can't be started"


def test_a_child_is_ready_when_its_check_says_so():
    answers = iter([False, False, True])

    async def story(supervisor):
        await until(lambda: supervisor.state().get("child", {}).get("ready"))

    supervised([spec(ready_check=lambda: next(answers, True))], story)


PARENT = """
import asyncio, os, sys
from switchover.clock import SystemClock
from switchover.processes.supervise import ChildSpec, Supervisor

child = ChildSpec(name="c", argv=(sys.executable, "-c", "import time; time.sleep(60)"), env=dict(os.environ))

def log(event, **fields):
    if "pid" in fields:
        print(fields["pid"], flush=True)

asyncio.run(Supervisor(lambda: [child], SystemClock(), log).run(asyncio.Event()))
"""


def test_no_child_outlives_a_killed_supervisor():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        end = time.monotonic() + 60
        while alive(pid) and time.monotonic() < end:
            time.sleep(0.01)
    assert not alive(pid)
