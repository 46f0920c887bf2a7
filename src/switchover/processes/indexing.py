"""Spools → store: in order, idempotent, the mark saved with the batch.

Segments are kept once they are indexed. Retention will delete those that lie wholly before every mark
(``spool_mark``) and whose day the archive holds; nothing else may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from switchover.domain.exchange import Exchange, Intent
from switchover.store import Store
from switchover.store.counting import Meter, unmetered
from switchover.store.indexing import give_up_intents, save_spooled, spool_mark
from switchover.store.machine import spool_of
from switchover.store.spool_frames import Began, Gap, Position, Rot
from switchover.store.spool_reader import read_spool

BATCH_RECORDS = 1000
BATCH_BYTES = 8 << 20
# A request can't run longer than this: what is still open then belonged to a worker that never came back.
GIVE_UP_SECONDS = 3600.0


@dataclass(slots=True)
class _Batch:
    restarted: bool = False
    exchanges: list[Exchange] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    gaps: list[tuple[Position, Gap | Rot]] = field(default_factory=list)
    size: int = 0
    count: int = 0

    def take(self, where: Position, record: Intent | Exchange | Gap | Rot) -> None:
        self.count += 1
        if isinstance(record, Exchange):
            self.exchanges.append(record)
            self.size += len(record.sealed.content) if record.sealed else len(record.request) + len(record.answer)
        elif isinstance(record, Intent):
            self.intents.append(record)
        else:
            self.gaps.append((where, record))

    @property
    def full(self) -> bool:
        return self.count >= BATCH_RECORDS or self.size >= BATCH_BYTES


def workers(spools: Path) -> list[str]:
    """Names of the workers that have a spool."""
    try:
        return sorted(folder.name for folder in spools.iterdir() if folder.is_dir())
    except OSError:
        return []


# Is shown the exchanges of each batch once they are in the store.
Seen = Callable[[Sequence[Exchange]], None]


def index_all(
    store: Store,
    spools: Path,
    now: float,
    seen: Seen = lambda exchanges: None,
    machine: str = "",
    meter: Meter = unmetered,
) -> tuple[int, list[str]]:
    """Indexes what is new in every worker's folder: how many exchanges, and what was missing ("w0: 3 lost: …").

    ``machine`` tells these workers from those of others that share the store.
    """
    new, missing = 0, list[str]()
    for worker in workers(spools):
        count, found = index_worker(store, spools, worker, now, seen, machine, meter)
        new += count
        missing += found
    give_up_intents(store, now - GIVE_UP_SECONDS)
    return new, missing


def index_worker(
    store: Store,
    spools: Path,
    worker: str,
    now: float,
    seen: Seen = lambda exchanges: None,
    machine: str = "",
    meter: Meter = unmetered,
) -> tuple[int, list[str]]:
    """Indexes what is new in one worker's folder."""
    new, missing, batch = 0, list[str](), _Batch()
    name = spool_of(machine, worker)
    position = mark = spool_mark(store, name)

    def save() -> int:
        args = (store, name, position, batch.exchanges, batch.intents, batch.gaps)
        saved = save_spooled(*args, restarted=batch.restarted, at=now, meter=meter)
        seen(batch.exchanges)
        return saved

    for where, record in read_spool(spools / worker, position):
        if isinstance(record, Began):
            # What came before the restart is saved before what was open then is given up.
            if batch.count or batch.restarted:
                new += save()
                mark = position
            batch = _Batch(restarted=True)
        else:
            if isinstance(record, Gap | Rot):
                missing.append(f"{worker}: {describe(record)}")
            batch.take(where, record)
        position = where
        if batch.full:
            new += save()
            mark, batch = position, _Batch()
    if position != mark:
        new += save()
    return new, missing


def describe(missing: Gap | Rot) -> str:
    """What the record lacks, in words."""
    if isinstance(missing, Rot):
        return f"{missing.length} bytes unreadable: {missing.reason}"
    return f"{missing.records} lost: {missing.reason}" if missing.records else missing.reason
