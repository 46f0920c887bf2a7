"""Prints the table of ``specs/verdict.md`` as it is measured; exit status 1 when a target is missed."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from . import figures, judged
from .others import OTHERS
from .table import Beside, Line

Job = Callable[[], list[Line]]


def targets(runs: int, seed: int) -> list[Job]:
    """Everything that has a target."""
    found: list[Job] = [partial(figures.null, name, runs, seed) for name in figures.NULLS]
    found += [partial(figures.looking_on, runs, seed), partial(figures.ageing, runs, seed)]
    found += [partial(figures.biased_judge, name, runs, seed) for name in judged.JUDGES]
    for measure in (figures.equal, figures.others_than_equal, figures.critical_slice):
        found.append(partial(measure, runs, seed))
    found += [partial(figures.labels, name, m, runs, seed) for name in judged.JUDGES for m in (0.05, 0.10)]
    return [*found, partial(figures.drift, runs, seed), partial(figures.many_cells, runs, seed)]


def contrasts(runs: int, seed: int) -> list[Job]:
    """What is expected to miss: traps without their guards, and a judge nobody sets right."""
    found: list[Job] = [partial(figures.unguarded, name, runs, seed) for name in figures.UNGUARDED]
    return found + [partial(figures.judge_alone, name, runs, seed) for name in judged.JUDGES]


def run(job: Job) -> list[Line]:
    """One job's lines, in a process of its own."""
    return job()


def shown(title: str, found: Iterator[list[Line]]) -> list[Line]:
    """Prints a part of the table as it comes."""
    print(f"\n{title}")
    lines = []
    for part in found:
        for line in part:
            print(f"  {line}", flush=True)
            lines.append(line)
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all of it, on every core."""
    parser = argparse.ArgumentParser(prog="verdicts", description=__doc__)
    parser.add_argument("--runs", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    # Before the others, which would slow it down.
    cpu = figures.cpu_per_replay()
    print(f"{options.runs:,} seeded runs each, seed {options.seed}; targets may be missed by chance once in a hundred")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        wanted = pool.map(run, targets(options.runs, options.seed))
        unguarded = pool.map(run, contrasts(options.runs, options.seed))
        rules = pool.map(partial(figures.beside, runs=options.runs, seed=options.seed), (figures.OURS, *OTHERS))
        lines = [cpu, *shown("Targets", wanted)]
        print(f"  {cpu}")
        shown("Without a guard (expected to miss)", unguarded)
        print(f"\nREADY by this rule and by others\n  {Beside.HEADING}")
        for row in rules:
            print(f"  {row}", flush=True)
    print(f"\n{time.monotonic() - begun:.0f} s")
    return 0 if all(line.holds for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
