"""Work that would hold up the event loop, on one thread beside it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from time import sleep
from typing import Any, TypeVar

from switchover.clock import Clock

T = TypeVar("T")


class Aside:
    """Does one piece of work after another; its thread begins with the first, and ends with the process."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._work: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]] = (
            SimpleQueue()
        )
        self._thread: threading.Thread | None = None
        self._since = 0.0

    @property
    def busy_for(self) -> float:
        """For how many seconds it has been at the same piece of work; 0 when it has none."""
        since = self._since
        return self._clock.monotonic() - since if since else 0.0

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """What the work gives, or raises."""
        if self._thread is None:
            # A daemon: what hangs in somebody else's code must not keep the worker from ending.
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._work.put((loop, future, work))
        return future

    def _serve(self) -> None:
        while True:
            loop, future, work = self._work.get()
            if future.cancelled():
                continue
            self._since = self._clock.monotonic()
            result, error = None, None
            try:
                result = work()
            except Exception as failure:  # it is whoever waits who must know
                error = failure
            self._since = 0.0
            with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
                loop.call_soon_threadsafe(_settle, future, result, error)


def in_turns(late: Callable[[], bool]) -> Callable[[], bool]:
    """The question whether it is late, asked so often that the event loop gets its turn each time.

    Else it would wait until this thread is done or the interpreter takes its turn away, which is after 5 ms.
    """

    def ask() -> bool:
        sleep(0)
        return late()

    return ask


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
