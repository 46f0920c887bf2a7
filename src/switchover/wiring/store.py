"""The store as a whole: copied, put back, filled anew, looked through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from switchover.costs.metering import meter
from switchover.domain.charge import Metered
from switchover.domain.exchange import Exchange
from switchover.domain.process import Settings
from switchover.errors import OperatorError, StoreUnavailable
from switchover.evidence import events
from switchover.privacy.sealing import Sealer
from switchover.processes.indexing import workers
from switchover.processes.lease import STORIES
from switchover.processes.rebuild import Filled, drop, fill_draft, set_aside
from switchover.store import Store
from switchover.store import backup as backups
from switchover.store.backup import Manifest
from switchover.store.check import Compared, compare, faults_of, first_line, is_damaged, read_through
from switchover.store.copying import Told, file_of, replace_all
from switchover.store.indexing import adopt_spools
from switchover.store.leases import lease_holder
from switchover.store.machine import machine_of

from .evidence import noting
from .parts import CLOCK, open_store, ring_of
from .running import alone

T = TypeVar("T")
DRAFT = "rebuild.sqlite"


def back_up(settings: Settings, to: Path, told: Told) -> Manifest:
    """Copies the store to a file, while everything runs."""
    with _opened(settings) as store, noting(settings) as note:
        manifest = backups.write_backup(store, to, CLOCK.now(), told)
        note(events.store_copied("backed up", manifest.sha256, manifest.schema, manifest.rows))
    return manifest


def restore(settings: Settings, source: Path, *, replace: bool, told: Told) -> tuple[Manifest, Path | None]:
    """Puts a backup into the store; a damaged file in its place is moved aside, and named. Nothing may run then."""
    with alone(settings), noting(settings) as note:
        # Looked at first: nothing is set aside for a backup that can't be used.
        verified = backups.verify_backup(source)

        def fill(store: Store) -> Manifest:
            return backups.restore_backup(store, source, replace=replace, told=told, verified=verified)

        manifest, aside = _filled(settings, fill, may_set_aside=replace)
        note(events.store_copied("restored", manifest.sha256, manifest.schema, manifest.rows))
    return manifest, aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild did; ``aside`` is where the damaged store lies now."""

    filled: Filled
    rows: Mapping[str, int]
    aside: Path | None


def rebuild(settings: Settings, told: Callable[[int], None]) -> Rebuilt:
    """Fills the store anew from the spool, and with what only the old one held. Nothing may run meanwhile."""
    data, draft = Path(settings.data_dir), Path(settings.data_dir, DRAFT)
    with alone(settings), noting(settings) as note:
        filled = _drafted(settings, data, draft, told)
        # What could not be read is not written to again, either.
        rows, aside = _filled(
            settings, lambda store: replace_all(store, draft), may_set_aside=True, damaged=bool(filled.lost)
        )
        drop(draft)
        note(events.store_rebuilt(rows.get("exchange", 0), filled.kept, tuple(filled.lost)))
    return Rebuilt(filled=filled, rows=rows, aside=aside)


def _drafted(settings: Settings, data: Path, draft: Path, told: Callable[[int], None]) -> Filled:
    name, now = machine_of(data), CLOCK.now()

    def priced(exchange: Exchange) -> Metered:
        return meter(exchange, settings.upstreams)

    sealer = Sealer(ring_of(settings))
    try:
        old = _opened(settings)
    except StoreUnavailable as error:
        if not is_damaged(error):
            raise
        filled = fill_draft(draft, None, data / "spool", name, now, told, sealer, priced)
        return Filled(
            exchanges=filled.exchanges,
            kept={},
            lost={"everything": first_line(error)},
            missing=filled.missing,
        )
    with old:
        _unused(old)
        return fill_draft(draft, old, data / "spool", name, now, told, sealer, priced)


def _opened(settings: Settings) -> Store:
    """The store, its spools named as the keeper names them: a copy of it may be read beside other machines'."""
    store = open_store(settings)
    if store.embedded:
        # One that is damaged is looked at all the same.
        with suppress(StoreUnavailable):
            adopt_spools(store, machine_of(settings.data_dir))
    return store


def _filled(
    settings: Settings, fill: Callable[[Store], T], *, may_set_aside: bool, damaged: bool = False
) -> tuple[T, Path | None]:
    """Fills the store; a file that turns out to be damaged is moved aside for a new one, where that may be."""
    try:
        if not damaged:
            with open_store(settings) as store:
                _unused(store)
                if may_set_aside and (faults := faults_of(store)):
                    raise StoreUnavailable(f"the store {store.name} is malformed: {faults[0]}", mend="see above")
                return fill(store), None
    except StoreUnavailable as error:
        if not (may_set_aside and is_damaged(error) and file_of(settings.database)):
            raise
    file = file_of(settings.database)
    aside = set_aside(file, CLOCK.now()) if file is not None else None
    with open_store(settings) as store:
        return fill(store), aside


def _unused(store: Store) -> None:
    """Raises OperatorError while a keeper, here or on another machine, uses the store."""
    holder = None if store.embedded else lease_holder(store, STORIES, now=CLOCK.now())
    if holder is not None:
        raise OperatorError(
            f"a keeper uses the store {store.name}: {holder}",
            mend="stop `switchover up` on every machine; one that was killed is forgotten after 15 s",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found: rows by table, each worker's spool against the store, and what is ``wrong``."""

    store: str
    rows: Mapping[str, int]
    spools: tuple[Compared, ...]
    wrong: tuple[str, ...]


def check(settings: Settings, told: Told) -> Checked:
    """Looks whether the store is sound, can be read to the end, and holds what the spool does."""
    data = Path(settings.data_dir)
    with _opened(settings) as store:
        wrong = faults_of(store)
        rows, unread = read_through(store, told)
        wrong += unread
        name = machine_of(data)
        spools = [] if unread else [compare(store, data / "spool", name, worker) for worker in workers(data / "spool")]
        wrong += [f"{one.worker}: {line}" for one in spools for line in one.wrong]
        return Checked(store=store.name, rows=rows, spools=tuple(spools), wrong=tuple(wrong))
