"""Second samples of the baseline: drawn once while the baseline is there, and kept for all candidates."""

from __future__ import annotations

import asyncio

from switchover.clock import Clock
from switchover.store import Store
from switchover.store.trials import BaselineSample, baseline_samples
from switchover.trial.cases import Case
from switchover.trial.gate import Gate
from switchover.trial.replay import FREE, Ask, Reply, ask_in_time

from .saving import Saving


class Samples:
    """The samples of a process in one epoch of its baseline, for all candidates that are rehearsed side by side."""

    def __init__(
        self,
        store: Store,
        process: str,
        epoch: str,
        ask: Ask,
        gate: Gate,
        saving: Saving,
        clock: Clock,
        timeout: float,
    ) -> None:
        self.gate = gate
        self._process, self._epoch = process, epoch
        self._ask, self._saving, self._clock, self._timeout = ask, saving, clock, timeout
        self._kept = {name: text for name, text in baseline_samples(store, self._process, self._epoch).items() if text}
        self._drawing: dict[str, asyncio.Task[Reply]] = {}

    def has(self, case: Case) -> bool:
        """Whether it is there without a call."""
        return case.id in self._kept

    async def of(self, case: Case) -> tuple[str | None, int | None]:
        """What the baseline answers when it is asked again, and what asking cost (micro-USD; None: not known).

        Two who want it at the same moment ask once, and the first of them pays. Raises PutOff.
        """
        name = case.id
        if name in self._kept:
            return self._kept[name], FREE
        task, is_first = self._drawing.get(name), False
        if task is None:
            is_first = True
            task = self._drawing[name] = asyncio.create_task(self._draw(case))
            task.add_done_callback(lambda done: self._drawn(name, done))
        # Whoever is cancelled leaves the call to the others who wait for it.
        reply = await asyncio.shield(task)
        return reply.text, reply.cost if is_first else FREE

    async def _draw(self, case: Case) -> Reply:
        request = case.request
        reply = await self.gate.through(lambda: ask_in_time(self._ask, request, self._timeout, self._clock))
        if reply.text is not None:
            self._kept[case.id] = reply.text
            self._saving.keep(
                BaselineSample(
                    process=self._process,
                    epoch=self._epoch,
                    exchange_id=case.id,
                    answer_text=reply.text,
                    taken_at=self._clock.now(),
                )
            )
        return reply

    def _drawn(self, name: str, task: asyncio.Task[Reply]) -> None:
        del self._drawing[name]
        if not task.cancelled():
            task.exception()  # told to whoever waits; where nobody does any more, it is nobody's affair

    async def close(self) -> None:
        """Gives up what is still being asked."""
        tasks = list(self._drawing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
