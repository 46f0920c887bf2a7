"""The real spool in a child process, and what a child that breaks the rules does otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

from switchover.clock import SystemClock
from switchover.domain.exchange import Exchange, Intent
from switchover.errors import StoreUnavailable
from switchover.store import files, segment, spool_reader, spool_writer
from switchover.store.spool import LOST, Spool
from switchover.testing.builders import make_exchange

# A disk that fails is tried again so soon, instead of after 0.2 s.
RETRY_S = 0.005
SEGMENT_BYTES = (3_000, 20_000, 1 << 20)


def body(name: str, length: int) -> bytes:
    """The bytes that belong to a name, so that whoever reads them can tell."""
    one = hashlib.sha256(name.encode()).digest()
    return (one * (length // len(one) + 1))[:length]


def name_of(cycle: int, number: int) -> str:
    """Names that sort as they were appended."""
    return f"{cycle:02d}-{number:07d}"


def record(name: str, chance: random.Random) -> Intent | Exchange:
    """One in three is an intent, which the event loop writes itself."""
    if chance.random() < 0.3:
        return Intent(id=name, process="p", route="r", dialect="openai_chat", started_at=1.0)
    length = chance.choice((0, 40, 700, 5_000))
    return make_exchange(id=name, request=body(name, length), attempts=())


def is_whole(found: Intent | Exchange) -> bool:
    """Whether a record bears what was appended under its name."""
    return isinstance(found, Intent) or found.request == body(found.id, len(found.request))


def write(folder: Path, cycle: int, seed: str, ack: int, *, most: int | None = None) -> None:
    """Appends until it is killed, or has appended ``most``; tells the names that became durable to ``ack``."""
    spool_writer.RETRY_SECONDS = RETRY_S
    with contextlib.suppress(StoreUnavailable):
        asyncio.run(_write(folder, cycle, random.Random(seed), ack, most))


async def _write(folder: Path, cycle: int, chance: random.Random, ack: int, most: int | None) -> None:
    spool = Spool(folder, clock=SystemClock(), segment_bytes=chance.choice(SEGMENT_BYTES), max_pending_bytes=200_000)
    spool.start()
    names, told, number = list[str](), 0, 0
    while most is None or number < most:
        for _ in range(chance.randint(1, 12)):
            number += 1
            name = name_of(cycle, number)
            if spool.append(record(name, chance)) != LOST:
                names.append(name)
        wait = chance.random()
        if wait < 0.4:
            await spool.wait_durable(len(names), 1.0)
        elif wait < 0.8:
            await spool.wait_written(len(names))
        else:
            await asyncio.sleep(chance.choice((0, 0.001, 0.006)))
        told = _tell(names, told, spool.durable, ack)
    spool.close()
    _tell(names, told, spool.durable, ack)


def _tell(names: list[str], told: int, durable: int, ack: int) -> int:
    if durable > told:
        os.write(ack, "".join(f"{name}\n" for name in names[told:durable]).encode())
    return max(durable, told)


# What a child does otherwise. Each must be found out.


def no_syncs() -> None:
    """Nothing is ever synced."""
    os.fsync = os.fdatasync = lambda handle: None  # type: ignore[assignment]


def no_folder_syncs() -> None:
    """Bytes are synced, names are not."""
    for module in (files, segment, spool_reader):
        module.sync_folder = lambda folder: None  # type: ignore[attr-defined]


def sync_again() -> None:
    """A sync that failed is asked for again, and believed."""
    once = segment.Segment.sync

    def twice(self: segment.Segment) -> None:
        try:
            once(self)
        except OSError:
            once(self)

    segment.Segment.sync = twice  # type: ignore[method-assign]


def told_early() -> None:
    """What is written is called durable."""
    moved = spool_writer.Writer._take_in

    def early(self: spool_writer.Writer, *given: object) -> None:
        moved(self, *given)  # type: ignore[arg-type]
        self.durable = max(self.durable, self.written)

    spool_writer.Writer._take_in = early  # type: ignore[assignment]


MUTATIONS: dict[str, Callable[[], None]] = {
    "no sync at all": no_syncs,
    "no sync of folders": no_folder_syncs,
    "a failed sync asked for again": sync_again,
    "durable said of what is only written": told_early,
}
