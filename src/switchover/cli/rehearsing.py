"""How a rehearsal under way is shown: a line for each candidate, redrawn on a terminal, plain and seldom elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from switchover.domain.budget import dollars
from switchover.rehearsal import Progress as Step

from .common import console, visible

# A log of a rehearsal overnight stays readable.
EVERY_S = 10.0

Show = Callable[[Step], None]


@contextmanager
def shown(process: str, candidates: Sequence[str], *, quiet: bool) -> Iterator[Show]:
    """A function that shows where each of the candidates stands."""
    if quiet:
        yield lambda step: None
    elif not console().is_terminal:
        yield _lines(process)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console(), transient=True) as bar:
            tasks = {name: bar.add_task(f"{process} on {name}", total=None) for name in candidates}

            def show(step: Step) -> None:
                told = f"{process} on {step.upstream}  {words_of(step)}"
                bar.update(tasks[step.upstream], completed=step.calls, total=step.budget, description=told)

            yield show


def _lines(process: str) -> Show:
    told: dict[str, tuple[float, str]] = {}

    def show(step: Step) -> None:
        at, waiting = told.get(step.upstream, (float("-inf"), ""))
        now = time.monotonic()
        if now - at < EVERY_S and step.waiting == waiting:
            return
        told[step.upstream] = now, step.waiting
        print(f"{process} on {step.upstream}: {step.calls} of {step.budget} calls, {words_of(step)}", file=sys.stderr)

    return show


def words_of(step: Step) -> str:
    """State, replays, lower bound, rate, time left, money, and what is waited for."""
    parts = []
    if step.decision is not None:
        lower = step.decision.evidence.overall.lower
        parts.append(f"{step.decision.state}, {step.replays} replays, lower bound {lower:+.3f}")
    if step.per_second is not None:
        parts.append(f"{step.per_second:.1f}/s, {step.at_once} at once")
    if step.seconds_left is not None:
        parts.append(f"about {_span(step.seconds_left)} to READY")
    if step.spent is not None and (step.spent or step.money is not None):
        parts.append(dollars(step.spent) + (f" of {dollars(step.money)}" if step.money is not None else ""))
    if step.waiting:
        parts.append(f"waiting: {visible(step.waiting)}")
    return ", ".join(parts)


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
