"""Beside the keeper's rounds: alerts on their way to the channels of the configuration, tried until they are there.

Each channel has its own turn, so that a receiver that is slow or down delays no other; a delivery is taken for a while
in the store, so that two keepers never try it at once, and tried by whoever comes next should this one be killed. What
was delivered, and not saved as such before the kill, comes twice: with the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from switchover.clock import Clock
from switchover.domain.alert import Alert
from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable, SwitchoverError
from switchover.log import Log
from switchover.notify.channel import SEND_S
from switchover.store import Store
from switchover.store.alerts import delivered, give_back, give_up_without_channel, not_delivered, take_delivery

LOOK_S = 1.0
# Longer than a try takes with all that is around it.
TAKEN_S = 3 * SEND_S
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 3600.0
# After three days whoever looks into it looks at `switchover alerts`.
GIVE_UP_S = 3 * 86_400.0
# What waits for a channel that is gone is looked for so often, and given up after an hour: another keeper may not have
# read a new configuration yet.
SWEEP_S, UNKNOWN_S = 600.0, 3600.0

T = TypeVar("T")
# Sends an alert by a channel of the configuration. Raises SwitchoverError where it may not have arrived.
Send = Callable[[Settings, str, Alert], Awaitable[None]]


class Delivering:
    """Delivers what is due by the ``settings()`` in force; ``trouble`` is what keeps it from its work, or nothing."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        clock: Clock,
        log: Log,
        send: Send,
        open_store: Callable[[Settings], Store],
    ) -> None:
        self.settings, self.clock, self.log, self.send, self.open_store = settings, clock, log, send, open_store
        self.holder = f"{os.uname().nodename}:{os.getpid()}:{secrets.token_hex(4)}"[-128:]
        self.trouble = ""
        self._store: Store | None = None
        self._opening = asyncio.Lock()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._sweep_at = clock.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until ``stop`` is set; what is under way then is broken off, and tried again by the next one."""
        try:
            while not stop.is_set():
                await self.look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_S)
        finally:
            await self.close()

    async def look(self) -> None:
        """One look: every channel that is not busy gets its turn."""
        settings = self.settings()
        channels = settings.alerts.names
        if self.clock.monotonic() >= self._sweep_at and await self._sweep(settings):
            self._sweep_at = self.clock.monotonic() + SWEEP_S
        for name in channels:
            task = self._busy.get(name)
            if task is None or task.done():
                self._busy[name] = asyncio.create_task(self._turn(settings, name), name=f"alerts by {name}")

    async def idle(self) -> None:
        """Waits until no channel has anything under way."""
        await asyncio.gather(*self._busy.values())

    async def close(self) -> None:
        """Breaks off what is under way, and closes the store."""
        for task in self._busy.values():
            task.cancel()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)
        self._busy.clear()
        if self._store is not None:
            store, self._store = self._store, None
            await asyncio.to_thread(store.close)

    async def _turn(self, settings: Settings, channel: str) -> None:
        """Tries what is due for a channel, one after the other."""
        try:
            while taken := await self._with_store(
                settings, lambda store: take_delivery(store, channel, self.holder, self.clock.now(), TAKEN_S)
            ):
                await self._try(settings, channel, *taken)
            self._say("")
        except StoreUnavailable as error:
            self._say(str(error))
        except asyncio.CancelledError:
            # Whether what was under way is there nobody knows: at the next start it is tried again, with its id.
            with contextlib.suppress(StoreUnavailable):
                await self._with_store(settings, lambda store: give_back(store, channel, self.holder))
            raise

    async def _try(self, settings: Settings, channel: str, alert: Alert, tries: int) -> None:
        trouble = ""
        try:
            await self.send(settings, channel, alert)
        except SwitchoverError as error:
            trouble = str(error).partition("\n")[0]
        except Exception as error:  # whatever a channel trips over, the others and the next try are to come
            trouble = f"{type(error).__name__} in the channel"
        now = self.clock.now()
        if not trouble:
            await self._with_store(settings, lambda store: delivered(store, alert.id, channel, now))
            self.log("alert delivered", alert=alert.id, channel=channel, tries=tries + 1)
            return
        wait = min(FIRST_WAIT_S * 2 ** min(tries, 16), LONGEST_WAIT_S)
        again = None if now - alert.at >= GIVE_UP_S else now + wait
        await self._with_store(
            settings,
            lambda store: not_delivered(store, alert.id, channel, self.holder, trouble, again_at=again, at=now),
        )
        said = "alert given up" if again is None else "alert not delivered: tried again later"
        self.log(said, level="error", alert=alert.id, channel=channel, tries=tries + 1, detail=trouble)

    async def _sweep(self, settings: Settings) -> bool:
        """Gives up what waits for channels that are gone; False where the store can't be had."""
        now, names = self.clock.now(), settings.alerts.names
        try:
            gone = await self._with_store(
                settings, lambda store: give_up_without_channel(store, names, now, now - UNKNOWN_S)
            )
        except StoreUnavailable as error:
            self._say(str(error))
            return False
        if gone:
            self.log("alerts given up: their channel is gone", level="warning", alerts=gone)
        return True

    async def _with_store(self, settings: Settings, work: Callable[[Store], T]) -> T:
        """``work`` in a thread. Who is cancelled waits for its end first, so that what it did can be undone."""
        task = asyncio.ensure_future(self._in_thread(settings, work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _in_thread(self, settings: Settings, work: Callable[[Store], T]) -> T:
        async with self._opening:
            if self._store is None:
                self._store = await asyncio.to_thread(self.open_store, settings)
        return await asyncio.to_thread(work, self._store)

    def _say(self, trouble: str) -> None:
        """Says once what keeps alerts from being delivered."""
        if trouble and not self.trouble:
            self.log("alerts held up: trying again", level="error", detail=trouble)
        self.trouble = trouble
