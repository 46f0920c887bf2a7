"""How long planning a rehearsal takes, and how much memory: ``python benchmarks/planning.py 100000``.

The record is made up: 60 words drawn from 4,000, a fifth of them near copies of another request, one system prompt.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator

import numpy as np

from switchover.domain.exchange import Exchange
from switchover.domain.process import RehearsalTerms, SlicePredicate
from switchover.store import Store
from switchover.testing.builders import make_exchange, make_process
from switchover.trial import cases as cases_module
from switchover.trial.record import read_record
from switchover.trial.split import group_copies
from switchover.trial.topics import fit

SLICES = (SlicePredicate(name="rare", path="metadata.kind", equals="rare"),)
SYSTEM = "You sort messages from customers of an insurer. " * 20


def record(many: int) -> Iterator[Exchange]:
    """Exchanges, one by one."""
    rng = np.random.default_rng(5)
    known = np.array(["".join(chr(97 + int(letter)) for letter in rng.integers(0, 26, 6)) for _ in range(4_000)])
    text = ""
    for number in range(many):
        if number % 5 or not text:
            text = " ".join(known[rng.integers(0, 4_000, 60)])
        yield make_exchange(
            f"{text} {number}", id=f"x{number:06d}", process="p", started_at=1e9 + number, upstream="vendor",
            metadata={"kind": "rare" if number % 20 == 0 else "often"},
        )  # fmt: skip


def main() -> None:
    """Prints the seconds of each part and the peak of memory."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    process = make_process("p", baseline="vendor", rehearse=RehearsalTerms(grader="label", slices=SLICES))
    exchanges = list(record(many))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    found = cases_module.cases_of(exchanges, SLICES)
    print(f"{many} exchanges: cases {time.process_time() - begun:.1f} s", flush=True)
    begun = time.process_time()
    groups = group_copies(found)
    print(f"  {len(groups)} copy groups {time.process_time() - begun:.1f} s", flush=True)
    begun = time.process_time()
    topics = fit([case.text for case in found], [case.id for case in found])
    print(f"  {len(topics.centres)} topics fitted {time.process_time() - begun:.1f} s", flush=True)
    begun = time.process_time()
    topics.of([case.text for case in found])
    print(f"  topics of all {time.process_time() - begun:.1f} s", flush=True)
    del found, groups
    begun = time.process_time()
    with Store.open("sqlite://") as store:
        planned = read_record(store, process, exchanges, epoch="e", seed=1, now=2e9, refit=False).planned
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"  {len(planned)} planned, all in all {time.process_time() - begun:.1f} s, {more:.0f} MiB more", flush=True)


if __name__ == "__main__":
    main()
