"""The projection, kept from one page to the next for as long as all that it rests on is the same.

Thousands of futures take seconds to draw. They are drawn beside the pages, and whoever comes waits a little; after that
the page says that it is not done yet.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass

from switchover.costs.ahead import Inputs, weighed
from switchover.costs.outlook import Outlook

PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Projected:
    """What was found: the projection, or why there is none, and the moment (Unix seconds) it was begun at."""

    outlook: Outlook | str
    at: float


@dataclass(frozen=True, slots=True)
class _Kept:
    inputs: Inputs
    at: float
    found: Future[Outlook | str]

    @property
    def failed(self) -> bool:
        return self.found.done() and self.found.exception() is not None


class Projections:
    """One projection at a time; the newest is kept."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s, self._lock = patience_s, threading.Lock()
        self._kept: _Kept | None = None
        self._drawing = ThreadPoolExecutor(1, thread_name_prefix="projection")

    def of(self, inputs: Inputs, now: float) -> Projected | None:
        """What rests on these inputs; None while it is not drawn yet. Raises whatever drawing it raised."""
        # Another one, for what was so before, may have to be finished first.
        for _ in range(2):
            kept = self._begun(inputs, now)
            try:
                outlook = kept.found.result(self._patience_s)
            except TooLong:
                return None
            if kept.inputs.is_like(inputs):
                return Projected(outlook, kept.at)
        return None

    def _begun(self, inputs: Inputs, now: float) -> _Kept:
        """The projection for these inputs, or another one that is still being drawn."""
        with self._lock:
            kept = self._kept
            fits = kept is not None and not kept.failed and kept.inputs.is_like(inputs)
            if kept is None or (kept.found.done() and not fits):
                kept = self._kept = _Kept(inputs, now, self._drawing.submit(weighed, inputs))
            return kept
