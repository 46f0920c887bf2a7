"""Runs one row in one dialect, streamed or not, and says what was expected and what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalogue import SAME, Row, expected, tries
from injectors import INJECTIONS, Injection
from more import MORE
from result import Result
from stage import DEADLINE_S, FIRST_CONTENT_S, OWN, OWN_IN_FORM, Said, Stage, staged
from wires import WIRES

from switchover.domain.candidate import Continuation
from switchover.domain.process import Midstream
from switchover.planning import BreakerState
from switchover.testing.clock import FastClock, ManualClock
from switchover.testing.scripted import Script

# What came out of order came after the answer's finish reason: there is no rest.
NOT_CONTINUED = frozenset([("events-out-of-order", "chat")])
# Breakers open at five failures in a row.
OPENS_AFTER = 5
# Seconds that are waited for, such as those of a Retry-After, pass so much faster.
TIMES = 20.0


def run(row: Row, dialect: str, *, streamed: bool, places: Mapping[str, str]) -> Result:
    """Alone (what the caller is told, how often it is tried, the breaker), then with a replacement behind."""
    injection = INJECTIONS[row.id]
    result = Result(row, dialect, streamed)
    script = injection.script(WIRES[dialect], streamed)
    clock = FastClock(TIMES) if row.retry == "after-wait" else None
    url = places[injection.place] if injection.place else None
    deadline = DEADLINE_S if injection.after_deadline else None
    late = {"first_content_timeout": FIRST_CONTENT_S} if injection.after_deadline else {}
    as_it_is: dict[str, Any] = {"clock": clock, "url": url, "model": injection.model, **late, **injection.process}
    with staged(dialect, script, backed=False, streamed=streamed, **as_it_is) as stage:
        said = stage.ask(
            streamed=streamed,
            retries=0 if expected(row, stream=streamed).retry_after else 2,
            deadline=deadline,
            **injection.more,
        )
        _judge_caller(result, said)
        _judge_tries(result, stage, url is None)
        _judge_breaker(result, stage, injection, deadline)
    if injection.pause:
        _judge_pause(result, script, injection.pause)
    own_text = OWN_IN_FORM if "schema" in injection.more else OWN
    with staged(dialect, script, backed=True, streamed=streamed, own_text=own_text, **as_it_is) as stage:
        _judge_failover(result, stage, stage.ask(streamed=streamed, **injection.more))
        if row.effect == "slow":
            _judge_slow(result, stage, injection)
    if row.id in MORE:
        MORE[row.id](result)
    if _is_midway(result):
        terms = {"midstream": Midstream.CONTINUE, "continuation": Continuation.QUOTE}
        with staged(dialect, script, backed=True, streamed=True, clock=clock, url=url, **terms) as stage:
            _judge_continued(result, stage.ask(streamed=True, **injection.more))
    return result


def _is_midway(result: Result) -> bool:
    """Whether something had been relayed when it broke, so that the process's mode applies."""
    return result.streamed and result.row.failover == "midstream" and not INJECTIONS[result.row.id].before


def _judge_continued(result: Result, said: Said) -> None:
    if (result.row.id, result.dialect) in NOT_CONTINUED:
        result.note("in mode continue", "an error frame", said, said.in_band)
    else:
        behind = said.answered and said.text.endswith(OWN) and said.text != OWN
        result.note("in mode continue", "the replacement goes on with it", said, behind)


def _judge_caller(result: Result, said: Said) -> None:
    wanted = expected(result.row, stream=result.streamed and not INJECTIONS[result.row.id].before)
    if wanted.silent:
        return
    if said.answered:
        good = wanted.answer
    elif said.in_band:
        good = wanted.in_band
    else:
        named = said.status in wanted.statuses if wanted.statuses else wanted.retry_after
        waits = not wanted.retry_after or 0 < int(said.headers.get("retry-after", "0")) <= 60
        good = named and waits and wanted.code in (None, said.code) and bool(said.code)
    result.note("caller", wanted, said, good and "crashed" not in said.code)
    ends = INJECTIONS[result.row.id].ends
    if ends:
        # What came whole is not made to look cut.
        ends = ends if result.streamed else "stop"
        result.note("finish reason", ends, said.reason or "none", said.reason == ends)


def _judge_tries(result: Result, stage: Stage, reaches: bool) -> None:
    row = result.row
    wanted = 2 if row.retry == "after-wait" else tries(row)
    midway = _is_midway(result)
    if reaches:
        got = len(stage.vendor.seen)
        result.note("calls", 1 if midway else wanted, got, got == (1 if midway else wanted))
    faults = sorted(set(stage.faults()))
    if row.effect != "none" or row.retry != "none" or INJECTIONS[row.id].ends:
        name = SAME.get(row.id, row.id)
        result.note("recorded as", name, ", ".join(faults) or "no fault", faults == [name])


def _judge_breaker(result: Result, stage: Stage, injection: Injection, deadline: float | None) -> None:
    row, streamed = result.row, result.streamed
    first = stage.breakers()
    if row.effect in ("hold", "trip"):
        state = BreakerState.HELD if row.effect == "hold" else BreakerState.OPEN
        shut = [f"{scope} {found}" for scope, found in first.items() if found is not BreakerState.CLOSED]
        result.note("breaker", f"{row.scope} {state}", ", ".join(shut) or "closed", shut == [f"{row.scope} {state}"])
    elif row.effect in ("count", "none"):
        for _ in range(OPENS_AFTER - 1):
            stage.ask(streamed=streamed, retries=0, deadline=deadline, **injection.more)
        shut = [f"{scope} {found}" for scope, found in stage.breakers().items() if found is not BreakerState.CLOSED]
        wanted = f"{row.scope} open after {OPENS_AFTER}" if row.effect == "count" else "closed"
        good = shut == ([f"{row.scope} open"] if row.effect == "count" else [])
        result.note("breaker", wanted, ", ".join(shut) or "closed", good)


def _judge_slow(result: Result, stage: Stage, injection: Injection) -> None:
    for _ in range(OPENS_AFTER - 1):
        stage.ask(streamed=result.streamed, retries=0, **injection.more)
    state = stage.breakers()[result.row.scope]
    result.note("breaker", f"{result.row.scope} open after {OPENS_AFTER}", state, state is BreakerState.OPEN)


def _judge_pause(result: Result, script: Script, seconds: float) -> None:
    """With a replacement behind: whom the upstream is asked by before the time it gave is over, and after."""
    clock = ManualClock()
    with staged(result.dialect, script, backed=True, streamed=result.streamed, clock=clock) as stage:
        asked = []
        for wait in (0.0, seconds - 0.1, 0.2):
            clock.advance(wait)
            stage.ask(streamed=result.streamed)
            asked.append(len(stage.vendor.seen))
    result.note(
        "credential", f"left alone for {seconds:g} s", f"calls before, within and after: {asked}", asked == [1, 1, 2]
    )


def _judge_failover(result: Result, stage: Stage, said: Said) -> None:
    row = result.row
    switched = said.answered and OWN in said.text
    before = not result.streamed or INJECTIONS[row.id].before
    if row.failover == "next" or (row.failover == "midstream" and before):
        result.note("with a replacement", "its answer", said, switched)
    elif row.failover == "midstream":
        result.note("with a replacement", "an error frame", said, said.in_band)
    else:
        asked = len(stage.own.seen)
        result.note("with a replacement", "it is not asked", f"{said}, it was asked {asked} times", asked == 0)
