"""What a rehearsal writes while it replays: in groups, beside the replays, and known to be there.

One transaction takes all that came since the last one, so that a slow disk makes groups larger and replays no slower.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from switchover.clock import Clock
from switchover.domain.candidate import ScoredCase
from switchover.errors import StoreUnavailable
from switchover.store import Store
from switchover.store.trials import BaselineSample, Batch, save_batch

# A store that is restarted, or locked by a backup, is back by then; what is waiting is kept meanwhile.
PAUSES_S = (0.2, 1.0, 3.0)


class Saving:
    """Saves for every rehearsal of a run. Once a group could not be saved, nothing more is: ``failure`` says why."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.failure: Exception | None = None
        self._store, self._clock = store, clock
        self._next, self._saved = Batch(), asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def count(self, rows: Sequence[ScoredCase]) -> None:
        """The turn of these has come; they are saved together."""
        for row in rows:
            self._next.count(row)

    def keep(self, sample: BaselineSample) -> None:
        """A second sample of the baseline's."""
        self._next.samples.append(sample)

    async def wait(self, row: ScoredCase) -> None:
        """Returns once a case that was scored ahead of its turn is on the disk. Raises StoreUnavailable."""
        self._next.wait(row)
        await self.done()

    async def done(self) -> None:
        """Returns once all that was handed in so far is on the disk. Raises StoreUnavailable."""
        if self._next and self.failure is None:
            saved = self._saved
            if self._writer is None or self._writer.done():
                self._writer = asyncio.create_task(self._write())
            await saved.wait()
        elif self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])
        if self.failure is not None:
            raise self.failure

    async def _write(self) -> None:
        while self._next and self.failure is None:
            batch, saved = self._next, self._saved
            self._next, self._saved = Batch(), asyncio.Event()
            try:
                await self._save(batch)
            except Exception as error:  # whatever it is, whoever waits must not take it for saved
                self.failure = error
                self._saved.set()
            finally:
                saved.set()

    async def _save(self, batch: Batch) -> None:
        for pause in (*PAUSES_S, None):
            try:
                if self._store.is_shared:
                    await asyncio.to_thread(save_batch, self._store, batch)
                else:
                    save_batch(self._store, batch)
                return
            except StoreUnavailable:
                if pause is None:
                    raise
            await self._clock.sleep(pause)
