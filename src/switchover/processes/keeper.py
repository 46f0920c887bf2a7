"""The keeper: indexes spools, refreshes the snapshot, and holds what the register needs holding."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from switchover.clock import Clock
from switchover.costs.estimates import Ratios, ratios_of
from switchover.costs.metering import meter
from switchover.domain.budget import Tariff
from switchover.domain.cut_off import CutOff
from switchover.domain.process import Process, Settings, UpstreamSpec
from switchover.drill.cut_off import Deserted
from switchover.errors import StoreUnavailable
from switchover.log import Log, OncePerChange
from switchover.store import Store
from switchover.store.drills import cut_offs, expire_cut_offs
from switchover.store.files import write_whole
from switchover.store.held import clear_held, held_upstreams, restored_upstreams, suspended_upstreams
from switchover.store.indexing import adopt_spools
from switchover.store.machine import machine_of
from switchover.store.register import (
    baseline_lost,
    build_snapshot,
    bump_register,
    register_version,
    set_baseline_lost,
    set_suspension,
    suspensions,
)
from switchover.store.snapshot import write_snapshot
from switchover.store.spending import learned

from .alarming import Alarming
from .budgeting import Budgeting
from .indexing import index_all
from .lease import STORIES, Lease
from .noting import Noting
from .reload import WatchedSettings

POLL_SECONDS = 0.1
RENEW_SECONDS = 5.0
LEARN_SECONDS = 60.0
PULSE_SECONDS = 1.0


class Keeper:
    """Does its round every 0.1 s, and goes on whatever happens to the store.

    ``load(path)`` reads the configuration, ``endpoints(settings)`` gives the base URLs of own engines that run now,
    ``as_seen(settings)`` adds what upstreams were seen to be (their chat templates), ``open_store(settings)`` opens the
    store. ``run/keeper.json`` says how it goes: ``store``, ``configuration``, ``evidence`` and ``budgets`` are "ok" or
    what is wrong and how to mend it; the file is as old as the last round, to a second.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        log: Log,
        load: Callable[[str], Settings],
        endpoints: Callable[[Settings], Mapping[str, str]],
        as_seen: Callable[[Settings], Settings] = lambda settings: settings,
        open_store: Callable[[Settings], Store] = lambda settings: Store.open(settings.database),
    ) -> None:
        self.clock, self.open_store, self.endpoints_of, self.as_seen = clock, open_store, endpoints, as_seen
        self.settings = WatchedSettings(settings, load)
        self.log, self.say = log, OncePerChange(log)
        self.data = Path(settings.data_dir)
        self._machine = ""
        self.lease = Lease(STORIES, "", clock=clock)
        self.noting = Noting(self.data, clock, self.say)
        self.noting.configuration(None, settings)
        self.budgeting = Budgeting(self.data, clock, log, self.say)
        self.alarming = Alarming(clock, log, self.budgeting)
        self.deserted = Deserted(clock)
        self._alarms_due = False
        self.store: Store | None = None
        self.indexed = self.lost = 0
        self._written: tuple[int, Mapping[str, str], Mapping[str, UpstreamSpec], Mapping[str, Tariff]] | None = None
        self._cuts: dict[str, CutOff] = {}
        self._stale = True
        self._renew_at = self._learn_at = self._pulse_at = 0.0
        self._ratios: Ratios = {}
        # Upstreams with new settings, whose suspensions are to be lifted once the store can be had.
        self._changed: set[str] = set()
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
                    self._changed.add(name)
            self.log("configuration in force", source=self.settings.current.source)
            self.noting.configuration(earlier, self.settings.current)
            self._stale = True
        refused = "configuration refused" if self.settings.trouble else ""
        self.say("configuration", refused, self.settings.trouble, level="error")
        trouble = ""
        # Before the store: the ledger is another one, and what a dead worker held is wanted.
        self._alarms_due = self.budgeting.look(self.settings.current) or self._alarms_due
        try:
            self._with_store(self._opened())
        except StoreUnavailable as error:
            trouble = str(error)
        said = "store unavailable: trying again" if trouble else "store in use"
        self.say("store", said, trouble, level="error" if trouble else "info")
        self._tell(trouble)

    def close(self) -> None:
        """Signs what was noted, gives the lease back and closes the store."""
        self.noting.close()
        self.budgeting.close()
        if self.store is not None:
            try:
                self.lease.release(self.store)
            except StoreUnavailable as error:
                self.say("store", "lease left to lapse", str(error), level="warning")
            self.store.close()
            self.store = None

    def _opened(self) -> Store:
        if self.store is None:
            if not self._machine:
                self._machine = machine_of(self.data)
                # Containers may share a host's name and number their processes alike.
                self.lease.holder = f"{os.uname().nodename}:{os.getpid()}:{self._machine}"
            store = self.open_store(self.settings.current)
            try:
                if store.embedded:
                    adopt_spools(store, self._machine)
            except StoreUnavailable:
                store.close()
                raise
            self.store = store
        return self.store

    def _with_store(self, store: Store) -> None:
        now = self.clock.now()
        if self.clock.monotonic() >= self._renew_at:
            self.lease.renew(store)
            self._renew_at = self.clock.monotonic() + RENEW_SECONDS
        expire_cut_offs(store, now)
        for cut in self.deserted.lift(store):
            self.log("drilled cut-off lifted: its drill is gone", level="error", cut_off=cut.id, drill=cut.drill)
        hold_what_is_lost(store, self.settings.current, self.data, now, self._machine)
        for name in sorted(self._changed):
            set_suspension(store, name, None)
            self._changed.discard(name)
        for name, why in suspend_what_is_doubted(store, self.settings.current, self.data):
            self.log("proofs suspended", level="warning", upstream=name, why=why)
        # The snapshot goes first: a cut must not wait for a long batch of records.
        self._refresh(store, now)
        if self._alarms_due:
            for event in self.alarming.look(self.settings.current, store):
                self.noting.note(event)
            self._alarms_due = False
        upstreams, ratios = self.settings.current.upstreams, self._learned(store)
        new, missing = index_all(
            store,
            self.data / "spool",
            now,
            self.noting.answered,
            self._machine,
            lambda exchange: meter(exchange, upstreams, ratios),
        )
        self.indexed += new
        self.lost += len(missing)
        for line in missing:
            self.log("records missing", level="error", detail=line)
        if missing:
            self.noting.missing()
        self.noting.round(store)

    def _learned(self, store: Store) -> Ratios:
        """What the record has taught of each model's tokens, looked at once a minute."""
        now = self.clock.monotonic()
        if now >= self._learn_at:
            self._learn_at, self._ratios = now + LEARN_SECONDS, ratios_of(learned(store))
        return self._ratios

    def _refresh(self, store: Store, now: float) -> None:
        settings = self.as_seen(self.settings.current)
        endpoints, prices = dict(self.endpoints_of(settings)), self.budgeting.prices(self.settings.current)
        before = self._written
        if self._stale or before is None or before[1:] != (endpoints, settings.upstreams, prices):
            bump_register(store)
            self._stale = True
        version = register_version(store)
        if not self._stale and before is not None and before[0] == version:
            return
        snapshot = build_snapshot(store, settings, endpoints, now, prices)
        write_snapshot(self.data / "snapshot.json", snapshot)
        self._tell_cuts(snapshot.cut_offs)
        self._written = (snapshot.version, endpoints, settings.upstreams, prices)
        self._stale = False

    def _tell_cuts(self, cuts: Iterable[CutOff]) -> None:
        """Logs the cut-offs that came into force or ended. Who placed them and why is in the store."""
        before, self._cuts = self._cuts, {cut.id: cut for cut in cuts}
        for event, ones, others in (("cut-off placed", self._cuts, before), ("cut-off over", before, self._cuts)):
            for name, cut in ones.items():
                if name not in others:
                    drilled = {"drill": cut.drill, "fault": cut.fault, "share": cut.share} if cut.fault else {}
                    self.log(event, level="warning", cut_off=name, target=str(cut.target), **drilled)

    def _tell(self, trouble: str) -> None:
        """Writes ``run/keeper.json`` when something in it changed; touches it once a second, as its pulse."""
        told = msgspec.json.encode(
            {
                "pid": os.getpid(),
                "store": trouble or "ok",
                "configuration": self.settings.trouble or "ok",
                "evidence": self.noting.trouble or "ok",
                "budgets": self.budgeting.trouble or "ok",
                "snapshot_version": self._written[0] if self._written else None,
                "indexed": self.indexed,
                "missing": self.lost,
                "runs_stories": self.lease.held,
            }
        )
        path, elapsed = self.data / "run" / "keeper.json", self.clock.monotonic()
        if told == self._told and elapsed < self._pulse_at:
            return
        try:
            if told == self._told and path.exists():
                os.utime(path)
            else:
                path.parent.mkdir(mode=0o700, exist_ok=True)
                write_whole(path, told)
            self._told, self._pulse_at = told, elapsed + PULSE_SECONDS
        except (StoreUnavailable, OSError) as error:
            self.say("status", "status not written", str(error), level="error")


def hold_what_is_lost(store: Store, settings: Settings, data: Path, now: float, machine: str = "") -> None:
    """Sets since when each process's baseline is gone, by a real cut-off or a worker's held breaker, and clears it.

    Each ``machine`` says so for itself: what another one's workers hold, only that one can see.
    """
    known = baseline_lost(store, machine)
    real = [cut for cut in cut_offs(store, in_force_at=now) if cut.fault is None]
    held = held_upstreams(data)
    for process in settings.processes.values():
        since = _lost_since(process, settings, real, held)
        if (since is None) != (process.name not in known):
            set_baseline_lost(store, process.name, since, machine)


def suspend_what_is_doubted(store: Store, settings: Settings, data: Path) -> list[tuple[str, str]]:
    """Suspends the proofs of upstreams that a worker doubts, and takes back what was restored since; what is new."""
    known, told, restored = suspensions(store), suspended_upstreams(data), restored_upstreams(data)
    for name, found in known.items():
        # A restoration that came while a worker's word was being saved.
        if name not in told and restored.get(name, 0.0) >= found.at:
            set_suspension(store, name, None)
    new = {name: one for name, one in told.items() if name in settings.upstreams and name not in known}
    return [(name, one.why) for name, one in new.items() if set_suspension(store, name, one)]


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
