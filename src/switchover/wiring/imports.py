"""An import with its store and its spool.

What is imported goes the way of what is recorded here: into a spool of its own, then into the store. So a store that is
filled anew from the spools has it, too, and `switchover up` may run beside it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from switchover.domain.exchange import Exchange
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable
from switchover.evidence import events
from switchover.importers.halves import Halves
from switchover.importers.recognise import SOURCES
from switchover.importers.run import Import, Kept
from switchover.importers.tally import Tally
from switchover.importers.understand import Terms
from switchover.privacy.keyring import subject_hash
from switchover.privacy.sealing import Sealer
from switchover.processes.indexing import index_worker
from switchover.store import Store
from switchover.store.exchanges import known_exchanges
from switchover.store.machine import machine_of
from switchover.store.spool import Spool

from .evidence import noting
from .parts import CLOCK, open_store, ring_of, unwritable

# The spool's name beside those of the workers.
WORKER = "import"
FORMATS = tuple(SOURCES)
# A batch is a few megabytes: a disk that does not take them within this time is in trouble.
PATIENCE_S = 60.0
# More than a batch, with one exchange of the longest kind in it.
MEMORY = 256 << 20


class Spooled:
    """Keeps exchanges in the spool ``import`` and indexes them; one import of a data folder at a time."""

    def __init__(self, settings: Settings, store: Store, sealer: Sealer, runner: asyncio.Runner) -> None:
        self.spools, self.store, self._sealer, self._runner = Path(settings.data_dir, "spool"), store, sealer, runner
        self._machine = machine_of(settings.data_dir)
        self._spool: Spool | None = None

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these are in the store."""
        return known_exchanges(self.store, ids)

    def save(self, exchanges: Sequence[Exchange]) -> None:
        """Returns once they are durable and indexed. Raises StoreUnavailable."""
        if self._spool is None:
            spool = Spool(self.spools / WORKER, clock=CLOCK, seal=self._sealer.seal, max_pending_bytes=MEMORY)
            spool.start()
            self._spool = spool
        numbers = [self._spool.append(exchange) for exchange in exchanges]
        durable = min(numbers) > 0 and self._runner.run(self._spool.wait_durable(max(numbers), PATIENCE_S))
        if not durable:
            why = self._spool.trouble or "the disk is too slow"
            raise StoreUnavailable(
                f"{self.spools / WORKER} does not take what is imported: {why}",
                mend="make room on the disk that holds the data folder, then import again: it goes on where it stopped",
            )
        self.index()

    def index(self) -> None:
        """Brings what is in the spool and not yet in the store there; the keeper does the same where it runs."""
        index_worker(self.store, self.spools, WORKER, CLOCK.now(), machine=self._machine)

    def close(self) -> None:
        """Ends the spool's thread."""
        if self._spool is not None:
            self._spool.close()


class Unkept:
    """Keeps nothing, and knows what the store has, if there is one."""

    def __init__(self, store: Store | None) -> None:
        self.store, self._seen = store, set[str]()

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these are in the store, or would be."""
        there = known_exchanges(self.store, ids) if self.store is not None else set[str]()
        return there | self._seen.intersection(ids)

    def save(self, exchanges: Sequence[Exchange]) -> None:
        """Remembers that they would be there."""
        self._seen.update(exchange.id for exchange in exchanges)


def import_files(
    settings: Settings,
    files: Sequence[Path],
    terms: Terms,
    *,
    actor: Actor | None = None,
    format: str | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda read: None,
    waiting: Callable[[], None] = lambda: None,
) -> Tally:
    """Imports files; what was taken is noted in the evidence log, by the files' hashes.

    ``waiting`` is called when another import must end first. Raises OperatorError for a file of no known form.
    """
    sealer = Sealer(ring_of(settings))

    def named(value: str) -> str:
        # A dry run makes no key.
        return "" if dry_run else subject_hash(sealer.ring.subject_key(), value)

    with _kept(settings, sealer, dry_run, waiting) as (kept, halves):
        story = Import(
            files, terms, settings, kept=kept, halves=halves, format=format, progress=progress, dry_run=dry_run,
            subject_named=named,
        )  # fmt: skip
        if dry_run:
            return story.run()
        try:
            return story.run()
        finally:
            _note(settings, story.tally, actor)


def _note(settings: Settings, tally: Tally, actor: Actor | None) -> None:
    """One entry a file that something was taken from, however the import ended."""
    taken = [file for file in tally.files if file.taken]
    if not taken:
        return
    with noting(settings, actor) as note:
        for file in taken:
            note(
                events.imported(
                    file.format,
                    file.sha256,
                    taken=file.taken,
                    known=file.known,
                    skipped=file.skipped_count,
                    processes=sorted(file.processes),
                    upstreams=sorted(file.upstreams),
                )
            )


@contextmanager
def _kept(
    settings: Settings, sealer: Sealer, dry_run: bool, waiting: Callable[[], None]
) -> Iterator[tuple[Kept, Halves]]:
    folder = Path(settings.data_dir)
    if dry_run:
        # A dry run leaves nothing behind, not even an empty store.
        store = open_store(settings) if folder.is_dir() else None
        halves = Halves(folder if store is not None else None)
        try:
            yield Unkept(store), halves
        finally:
            halves.close()
            if store is not None:
                store.close()
        return
    with open_store(settings) as store, _alone(folder / "spool" / WORKER, waiting), asyncio.Runner() as runner:
        spooled, halves = Spooled(settings, store, sealer, runner), Halves(folder)
        try:
            # What an import that was killed left in the spool is known before anything is taken.
            spooled.index()
            yield spooled, halves
        finally:
            spooled.close()
            halves.close()


@contextmanager
def _alone(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Two that write one spool would spoil it: the second waits for the first."""
    try:
        folder.parent.mkdir(exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as cause:
        raise unwritable(str(folder), cause) from cause
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
