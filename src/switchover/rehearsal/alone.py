"""One rehearsal of a cell at a time: two at once would ask every case twice, and each would judge half a ledger."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
from collections.abc import AsyncIterator
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.candidate import Cell
from switchover.errors import OperatorError, StoreUnavailable
from switchover.store import Store
from switchover.store.leases import lease_holder, release_lease, take_lease

# Renewed three times before it lapses: one that the store missed is made good.
LEASE_S, RENEW_S = 60.0, 20.0
# States of a process that has ended and whose parent has not asked yet.
GONE = ("Z", "X")
BOOT = Path("/proc/sys/kernel/random/boot_id")


@contextlib.asynccontextmanager
async def alone(store: Store, cell: Cell, clock: Clock) -> AsyncIterator[None]:
    """Holds the right to rehearse a cell for as long as this lasts.

    The right of a process of this machine that is gone, killed or not, is taken over at once; one of another machine's
    when it lapses. Raises OperatorError while somebody else has it, and cancels the rehearsal for that where this
    machine stood still for so long that somebody else took it.
    """
    name = f"rehearse:{cell.id}"
    found = lease_holder(store, name, now=clock.now())
    if found is not None and _is_gone(found):
        release_lease(store, name, found)
    right = _Right(store, name, clock)
    if not right.take():
        raise _taken(cell)
    renewing = asyncio.create_task(right.keep(asyncio.current_task()))
    try:
        yield
    except asyncio.CancelledError:
        if not right.is_lost or _cancelled_by_others():
            raise
        raise _taken(cell) from None
    finally:
        renewing.cancel()
        right.give_back()


def _taken(cell: Cell) -> OperatorError:
    return OperatorError(
        f"{cell.process} is being rehearsed on {cell.upstream} by somebody else at this moment",
        mend="let that rehearsal end, or interrupt it; if its machine is gone, its right lapses within a minute",
    )


def _cancelled_by_others() -> bool:
    """Takes back our own cancelling of this task; whether somebody else wants it cancelled as well."""
    task = asyncio.current_task()
    return task is None or task.uncancel() > 0


class _Right:
    """A lease that is renewed in a thread, and by none that is late once it was given back."""

    def __init__(self, store: Store, name: str, clock: Clock) -> None:
        self._store, self._name, self._clock, self._holder = store, name, clock, _me()
        self._lock, self._over = threading.Lock(), False
        self.is_lost = False

    def take(self) -> bool:
        """Takes or renews it; False where somebody else has it. Raises StoreUnavailable."""
        with self._lock:
            now = self._clock.now()
            return self._over or take_lease(self._store, self._name, self._holder, now=now, seconds=LEASE_S)

    def give_back(self) -> None:
        """Lets go of it for good; one that can't be given back lapses."""
        with self._lock, contextlib.suppress(StoreUnavailable):
            self._over = True
            release_lease(self._store, self._name, self._holder)

    async def keep(self, task: asyncio.Task[object] | None) -> None:
        """Renews it, and cancels ``task`` once it is somebody else's."""
        while not self.is_lost:
            await self._clock.sleep(RENEW_S)
            # A store that is away is told of by whoever saves.
            with contextlib.suppress(StoreUnavailable):
                self.is_lost = not (await asyncio.to_thread(self.take) if self._store.is_shared else self.take())
        if task is not None:
            task.cancel()


def _me() -> str:
    """Names this process among all that may share a store; those of one process have different names, too."""
    pid = os.getpid()
    return f"{_world()}/{pid}/{_begun(pid)}/{secrets.token_hex(4)}"


def _is_gone(holder: str) -> bool:
    """True for a process of this machine that runs no more; False where that can't be known."""
    world, _, rest = holder.partition("/")
    pid, begun, _ = rest.split("/") if rest.count("/") == 2 else ("", "", "")
    if not pid.isdigit() or not begun or world != _world():
        return False
    return _begun(int(pid)) != begun


def _world() -> str:
    """Names the boot and the process namespace in which a process id means something; "" where nobody tells."""
    try:
        return f"{BOOT.read_text(encoding='ascii').strip()}:{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _begun(pid: int) -> str:
    """When a process began, in ticks since the boot, as ids are used again; "" for one that runs no more."""
    try:
        # The program's name, in brackets, may hold anything.
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if told[0] in GONE else told[19]
    except (OSError, IndexError):
        return ""
