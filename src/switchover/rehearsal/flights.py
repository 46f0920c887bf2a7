"""Cases in flight: begun in the order of the plan, ahead of their turn, and back in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from switchover.domain.candidate import ScoredCase
from switchover.trial.gate import PutOff
from switchover.trial.sample import Planned

# What was asked is paid for, so whoever stops waits for it. Longer than most answers take, and no longer than whoever
# pressed Ctrl-C puts up with.
LANDING_S = 10.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A planned case in one ledger, named by its id: its turn comes once all before it had theirs."""

    ledger: str
    planned: Planned

    @property
    def key(self) -> tuple[str, str]:
        """The ledger and the exchange."""
        return self.ledger, self.planned.case.id


class Flights:
    """Plays turns with ``play`` and saves what comes of it with ``save``; only then is a flight over.

    ``landed`` holds those whose turn is to come.

    ``put_off`` says why a case has to be left for a later run, "" while none has. What else goes wrong is raised by
    :meth:`news`.
    """

    def __init__(
        self, play: Callable[[Turn], Awaitable[ScoredCase]], save: Callable[[ScoredCase], Awaitable[None]]
    ) -> None:
        self.landed: dict[tuple[str, str], ScoredCase] = {}
        self.put_off = ""
        self._play, self._save = play, save
        self._begun: set[tuple[str, str]] = set()
        self._flying: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._failure: BaseException | None = None

    def __len__(self) -> int:
        return len(self._flying)

    def is_begun(self, turn: Turn) -> bool:
        """Whether it is in flight, back, or had its turn."""
        return turn.key in self._begun

    def is_flying(self, turn: Turn) -> bool:
        """Whether it is in flight."""
        return turn.key in self._flying

    def take_landed(self, ledger: str) -> dict[str, ScoredCase]:
        """Takes away those of a ledger that are back, by exchange id."""
        found = [key for key in self.landed if key[0] == ledger]
        return {key[1]: self.landed.pop(key) for key in found}

    def begin(self, turn: Turn) -> None:
        """One more in flight."""
        task = asyncio.create_task(self._fly(turn))
        self._begun.add(turn.key)
        self._flying[turn.key] = task
        task.add_done_callback(lambda done: self._over(turn, done))

    async def _fly(self, turn: Turn) -> None:
        row = await self._play(turn)
        self.landed[turn.key] = row
        self._news.set()
        await self._save(row)

    def _over(self, turn: Turn, task: asyncio.Task[None]) -> None:
        del self._flying[turn.key]
        self._news.set()
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, PutOff):
            self.put_off = self.put_off or str(error)
        elif error is not None and self._failure is None:
            self._failure = error

    async def news(self) -> None:
        """Returns when a flight is over. Raises what one of them failed with."""
        await self._news.wait()
        self._news.clear()
        if self._failure is not None:
            raise self._failure

    async def land(self, within: float = LANDING_S) -> None:
        """Waits for those in flight, so many seconds, and gives up the others; cancelled, at once. Raises nothing."""
        flying = list(self._flying.values())
        try:
            if flying:
                await asyncio.wait(flying, timeout=within)
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)
