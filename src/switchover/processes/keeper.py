"""The keeper: indexes spools, refreshes the snapshot, and holds what the register needs holding."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from switchover.clock import Clock
from switchover.domain.cut_off import CutOff
from switchover.domain.process import Process, Settings
from switchover.errors import StoreUnavailable
from switchover.store import Store
from switchover.store.drills import cut_offs, expire_cut_offs
from switchover.store.files import write_whole
from switchover.store.held import clear_held, held_upstreams
from switchover.store.register import (
    baseline_lost,
    build_snapshot,
    bump_register,
    register_version,
    set_baseline_lost,
    write_snapshot,
)

from .indexing import index_all
from .lease import STORIES, Lease
from .log import Log, OncePerChange
from .noting import Noting
from .reload import WatchedSettings

POLL_SECONDS = 0.1
RENEW_SECONDS = 5.0


class Keeper:
    """Does its round every 0.1 s, and goes on whatever happens to the store.

    ``load(path)`` reads the configuration, ``endpoints(settings)`` gives the base URLs of own engines that run now,
    ``open_store(url)`` opens the store. ``run/keeper.json`` says how it goes: ``store``, ``configuration`` and
    ``evidence`` are "ok" or what is wrong and how to mend it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        log: Log,
        load: Callable[[str], Settings],
        endpoints: Callable[[Settings], Mapping[str, str]],
        open_store: Callable[[str], Store] = Store.open,
    ) -> None:
        self.clock, self.open_store, self.endpoints_of = clock, open_store, endpoints
        self.settings = WatchedSettings(settings, load)
        self.log, self.say = log, OncePerChange(log)
        self.lease = Lease(STORIES, f"{os.uname().nodename}:{os.getpid()}", clock=clock)
        self.data = Path(settings.data_dir)
        self.noting = Noting(self.data, clock, self.say)
        self.noting.configuration(None, settings)
        self.store: Store | None = None
        self.indexed = self.lost = 0
        self._written: tuple[int, Mapping[str, str]] | None = None
        self._stale = True
        self._renew_at = 0.0
        self._told = b""

    async def run(self, stop: asyncio.Event) -> None:
        """Rounds until ``stop`` is set; then one more, so that what was recorded is indexed."""
        while not stop.is_set():
            await asyncio.to_thread(self.round)
            await self.clock.sleep(POLL_SECONDS)
        await asyncio.to_thread(self.round)
        self.close()

    def round(self) -> None:
        """One round: configuration, spools, cut-offs, what is lost, snapshot, evidence, status."""
        earlier = self.settings.current
        before = earlier.upstreams
        if self.settings.changed():
            # Workers let go of a breaker whose upstream changed: neither is its baseline lost any more.
            for name, spec in self.settings.current.upstreams.items():
                if before.get(name) != spec:
                    clear_held(self.data, name, self.clock.now())
            self.log("configuration in force", source=self.settings.current.source)
            self.noting.configuration(earlier, self.settings.current)
            self._stale = True
        self.say("configuration", "configuration refused" if self.settings.trouble else "", self.settings.trouble)
        trouble = ""
        try:
            self._with_store(self._opened())
        except StoreUnavailable as error:
            trouble = str(error)
        self.say("store", "store unavailable: trying again" if trouble else "store in use", trouble)
        self._tell(trouble)

    def close(self) -> None:
        """Signs what was noted, gives the lease back and closes the store."""
        self.noting.close()
        if self.store is not None:
            try:
                self.lease.release(self.store)
            except StoreUnavailable as error:
                self.say("store", "lease left to lapse", str(error))
            self.store.close()
            self.store = None

    def _opened(self) -> Store:
        if self.store is None:
            self.store = self.open_store(self.settings.current.database)
        return self.store

    def _with_store(self, store: Store) -> None:
        now = self.clock.now()
        if self.clock.monotonic() >= self._renew_at:
            self.lease.renew(store)
            self._renew_at = self.clock.monotonic() + RENEW_SECONDS
        expire_cut_offs(store, now)
        hold_what_is_lost(store, self.settings.current, self.data, now)
        # The snapshot goes first: a cut must not wait for a long batch of records.
        self._refresh(store, now)
        new, missing = index_all(store, self.data / "spool", now, self.noting.answered)
        self.indexed += new
        self.lost += len(missing)
        for line in missing:
            self.log("records missing", detail=line)
        self.noting.round(store)

    def _refresh(self, store: Store, now: float) -> None:
        endpoints = dict(self.endpoints_of(self.settings.current))
        before = self._written
        if self._stale or before is None or before[1] != endpoints:
            bump_register(store)
            self._stale = True
        version = register_version(store)
        if not self._stale and before is not None and before[0] == version:
            return
        snapshot = build_snapshot(store, self.settings.current, endpoints, now)
        write_snapshot(self.data / "snapshot.json", snapshot)
        self._written, self._stale = (snapshot.version, endpoints), False

    def _tell(self, trouble: str) -> None:
        """Writes ``run/keeper.json`` when something in it changed."""
        told = msgspec.json.encode(
            {
                "pid": os.getpid(),
                "store": trouble or "ok",
                "configuration": self.settings.trouble or "ok",
                "evidence": self.noting.trouble or "ok",
                "snapshot_version": self._written[0] if self._written else None,
                "indexed": self.indexed,
                "missing": self.lost,
                "runs_stories": self.lease.held,
            }
        )
        if told == self._told:
            return
        try:
            (self.data / "run").mkdir(mode=0o700, exist_ok=True)
            write_whole(self.data / "run" / "keeper.json", told)
            self._told = told
        except (StoreUnavailable, OSError) as error:
            self.say("status", "status not written", str(error))


def hold_what_is_lost(store: Store, settings: Settings, data: Path, now: float) -> None:
    """Sets since when each process's baseline is gone, by a real cut-off or a worker's held breaker, and clears it."""
    known = baseline_lost(store)
    real = [cut for cut in cut_offs(store, in_force_at=now) if cut.fault is None]
    held = held_upstreams(data)
    for process in settings.processes.values():
        since = _lost_since(process, settings, real, held)
        if (since is None) != (process.name not in known):
            set_baseline_lost(store, process.name, since)


def _lost_since(process: Process, settings: Settings, real: list[CutOff], held: Mapping[str, float]) -> float | None:
    spec = settings.upstreams[process.baseline]
    moments = [
        cut.placed_at
        for cut in real
        if cut.target.covers(spec, settings.providers) and (not cut.processes or process.name in cut.processes)
    ]
    if spec.name in held:
        moments.append(held[spec.name])
    return min(moments, default=None)
