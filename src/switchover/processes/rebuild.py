"""A store filled anew: from the spool what the spool holds, from the old store what only that had."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from switchover.domain.exchange import Exchange
from switchover.store import Store
from switchover.store.copying import address_of, as_one_file, carry_over
from switchover.store.counting import Meter, unmetered
from switchover.store.words import Sealer

from .indexing import index_all

# A draft that is older may hold what was since erased.
DRAFT_SECONDS = 86_400.0
FILES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """``exchanges`` are those that the spool gave in this run; ``kept`` rows by table came from the old store.

    ``lost``: tables of the old store that could not be read to their end, and why. ``missing`` is what the spool lacks.
    """

    exchanges: int
    kept: Mapping[str, int]
    lost: Mapping[str, str]
    missing: Sequence[str]


def fill_draft(
    draft: Path,
    old: Store | None,
    spools: Path,
    machine: str,
    now: float,
    told: Callable[[int], None],
    sealer: Sealer | None = None,
    meter: Meter = unmetered,
) -> Filled:
    """Fills the store in the file ``draft``. One that was interrupted goes on where it was.

    ``told`` gets the number of exchanges read so far. ``sealer`` seals what lies in the spool in clear. ``meter``
    prices anew what no old store has the price of.
    """
    if draft.exists() and now - draft.stat().st_mtime > DRAFT_SECONDS:
        drop(draft)
    read = 0

    def seen(exchanges: Sequence[Exchange]) -> None:
        nonlocal read
        read += len(exchanges)
        told(read)

    with Store.open(address_of(draft), sealer=sealer) as made:
        _, missing = index_all(made, spools, now, seen, machine, meter)
        kept, lost = carry_over(old, made, machine) if old is not None else ({}, {})
    as_one_file(draft)
    return Filled(exchanges=read, kept=kept, lost=lost, missing=missing)


def drop(draft: Path) -> None:
    """Removes a draft."""
    for suffix in FILES:
        Path(f"{draft}{suffix}").unlink(missing_ok=True)


def set_aside(file: Path, now: float) -> Path:
    """Moves an SQLite store that is damaged out of the way, its log first: a new store must not meet the old log."""
    aside = Path(f"{file}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}")
    for suffix in reversed(FILES):
        there = Path(f"{file}{suffix}")
        if there.exists():
            there.replace(f"{aside}{suffix}")
    return aside
