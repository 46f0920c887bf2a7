"""One disk through several losses of power: what was acknowledged is there afterwards, in order, and nothing else."""

from __future__ import annotations

import os
import random
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from disk import Trouble
from mount import Mounted
from writer import is_whole, write

from switchover.domain.exchange import Exchange, Intent
from switchover.store.spool import read_spool

# Longer than any cycle takes; a writer that hangs is an error of its own.
PATIENCE_S = 120.0
LAST_RECORDS = 20


@dataclass
class Seed:
    """What came of one seed."""

    number: int
    losses: int = 0
    acknowledged: int = 0
    failed_syncs: int = 0
    wrong: list[str] = field(default_factory=list)


def run(disk: Mounted, number: int, mutate: Callable[[], None] = lambda: None) -> Seed:
    """Writes, loses power, recovers and writes on, some times; then ends in peace and reads all of it."""
    chance, seed = random.Random(number), Seed(number)
    folder, acknowledged = disk.new(number, f"seed-{number}") / "spool" / "w0", list[str]()
    cycles = chance.randint(1, 4)
    for cycle in range(cycles):
        trouble = _trouble(chance)
        seed.failed_syncs += len(trouble.failing_syncs)
        disk.begin(trouble)
        acknowledged += _until_off(disk, folder, cycle, f"{number} {cycle}", mutate)
        disk.lose_power()
        seed.losses += 1
    disk.begin()
    last = _in_peace(folder, cycles, f"{number} last", mutate)
    acknowledged += last
    seed.acknowledged = len(acknowledged)
    if len(last) < LAST_RECORDS:
        seed.wrong.append(f"only {len(last)} of {LAST_RECORDS} were acknowledged in peace")
    seed.wrong += _judge(folder, acknowledged)
    return seed


def _trouble(chance: random.Random) -> Trouble:
    """The power goes early or late; some syncs fail, and for some time the disk may be full."""
    off = round(4 * 60 ** chance.random())
    failing = frozenset(chance.sample(range(1, off // 3 + 3), 2)) if chance.random() < 0.4 else frozenset()
    begin = chance.randint(1, off)
    full = (begin, begin + chance.randint(1, 30)) if chance.random() < 0.3 else (0, 0)
    return Trouble(off, failing, full)


def _until_off(disk: Mounted, folder: Path, cycle: int, seed: str, mutate: Callable[[], None]) -> list[str]:
    """Names acknowledged by a writer that is killed as the power goes."""
    child, ack = _fork(lambda to: write(folder, cycle, seed, to), mutate)
    told, end = b"", time.monotonic() + PATIENCE_S
    try:
        while True:
            ready, _, _ = select.select([ack, disk.says], [], [], max(0.0, end - time.monotonic()))
            if ack in ready:
                some = os.read(ack, 1 << 16)
                told += some
                if not some:
                    raise RuntimeError(f"a writer ended by itself (seed {seed})")
            if disk.says in ready:
                disk.went_off()
                break
            if not ready:
                raise RuntimeError(f"a writer hangs (seed {seed})")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return _names(told + _rest(ack))


def _in_peace(folder: Path, cycle: int, seed: str, mutate: Callable[[], None]) -> list[str]:
    """Names acknowledged by a writer that recovers, appends a few and ends."""
    child, ack = _fork(lambda to: write(folder, cycle, seed, to, most=LAST_RECORDS), mutate)
    told = _rest(ack)
    os.waitpid(child, 0)
    return _names(told)


def _fork(work: Callable[[int], None], mutate: Callable[[], None]) -> tuple[int, int]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child:
        os.close(theirs)
        return child, ours
    try:
        # Were the disk's pipes open here too, it would not end with whoever mounted it.
        os.closerange(3, theirs)
        os.closerange(theirs + 1, 256)
        mutate()
        work(theirs)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _rest(ack: int) -> bytes:
    with os.fdopen(ack, "rb") as pipe:
        return pipe.read()


def _names(told: bytes) -> list[str]:
    return told.decode().split("\n")[:-1]


def _judge(folder: Path, acknowledged: list[str]) -> list[str]:
    """What is wrong with what is there.

    Order is that of the last places: what was not synced when a disk failed stands again in the next segment, and bits
    of it may come back in the old one.
    """
    found = [one for _, one in read_spool(folder) if isinstance(one, Intent | Exchange)]
    last = {one.id: place for place, one in enumerate(found)}
    lost = [name for name in acknowledged if name not in last]
    wrong = [f"{len(lost)} acknowledged records are lost, the first {lost[0]}"] if lost else []
    places = [last[name] for name in acknowledged if name in last]
    if places != sorted(places):
        wrong.append("the order is not kept")
    wrong += [f"{one.id} is not what was appended" for one in found if not is_whole(one)]
    return wrong
