"""What the record survives: `make crash`, or `python tests/crash` with fewer seeds.

First the spool on a disk that forgets what was not synced, then the same with a writer that breaks a rule, which must
be found out, then `kill -9` of any process under load. Exit status: 1 when something was lost, or not found out, or
when STRICT=1 and a part was not run.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

import kills
import power
from mount import Mounted, mounted, why_not
from writer import MUTATIONS

EVERY = 25


def on_a_lossy_disk(disk: Mounted, first: int, count: int) -> bool:
    """The writer as it is: whether nothing was lost with any seed."""
    begun, losses, acknowledged, wrong = time.monotonic(), 0, 0, 0
    for number in range(first, first + count):
        seed = power.run(disk, number)
        losses, acknowledged, wrong = losses + seed.losses, acknowledged + seed.acknowledged, wrong + bool(seed.wrong)
        for line in seed.wrong:
            print(f"  seed {number}: {line}; again with --first {number} --seeds 1 --kills 0", flush=True)
        if (number - first + 1) % EVERY == 0 or number == first + count - 1:
            told = f"{number - first + 1} seeds, {losses} losses of power, {acknowledged} records acknowledged"
            print(f"  {told}, {wrong} seeds wrong; {time.monotonic() - begun:.0f} s", flush=True)
    if not wrong:
        print("  0 acknowledged records lost, order kept")
    return not wrong


def mutated(disk: Mounted, name: str, mutate: Callable[[], None], count: int) -> bool:
    """A writer that breaks a rule: whether any seed finds it out."""
    caught = sum(bool(power.run(disk, number, mutate).wrong) for number in range(count))
    print(f"  {name}: found out with {caught} of {count} seeds" + ("" if caught else " — NOT FOUND OUT"), flush=True)
    return bool(caught)


def killed(count: int, seed: int) -> bool:
    """Processes killed at random: whether nothing was lost."""
    begun = time.monotonic()
    found = kills.run(count, seed, lambda line: print(f"  {line}", flush=True))
    which = ", ".join(f"{name} {times} times" for name, times in sorted(found.killed.items()))
    print(f"  killed: {which}; {time.monotonic() - begun:.0f} s")
    print(f"  {found.answered} exchanges answered, {found.acknowledged} of them acknowledged, "
          f"{found.unfinished} shown as unfinished")  # fmt: skip
    for line in found.wrong:
        print(f"  WRONG: {line}")
    if not found.wrong:
        print("  0 acknowledged exchanges lost, the store equal to the spool")
    return not found.wrong


def main(given: list[str]) -> int:
    """Runs and prints; the exit status."""
    options = argparse.ArgumentParser(prog="python tests/crash", description=__doc__)
    options.add_argument("--seeds", type=int, default=300)
    options.add_argument("--first", type=int, default=0, help="the first seed, to go on where a run was broken off")
    options.add_argument("--mutated", type=int, default=40, help="seeds for each writer that breaks a rule")
    options.add_argument("--rule", choices=MUTATIONS, action="append", help="only writers that break this one")
    options.add_argument("--kills", type=int, default=100)
    chosen = options.parse_args(given)
    good, why = True, why_not() if chosen.seeds or chosen.mutated else ""
    if why:
        print(f"lossy disk: not run: {why}")
        good = os.environ.get("STRICT") != "1"
    elif chosen.seeds or chosen.mutated:
        with mounted() as disk:
            if chosen.seeds:
                print(f"The spool on a disk that forgets what was not synced: {chosen.seeds} seeds")
                good = on_a_lossy_disk(disk, chosen.first, chosen.seeds)
            if chosen.mutated:
                print(f"The same with a writer that breaks a rule: {chosen.mutated} seeds each")
                for name in chosen.rule or MUTATIONS:
                    good = mutated(disk, name, MUTATIONS[name], chosen.mutated) and good
    if chosen.kills:
        print(f"kill -9 of workers, keeper and supervisor under load: {chosen.kills} times")
        good = killed(chosen.kills, chosen.first + 1) and good
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("broken off; --first goes on from a seed")
        sys.exit(130)
