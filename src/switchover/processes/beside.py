"""What runs beside the keeper's rounds: a part that trips is told to the log, and begun again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from switchover.log import Log, where

AGAIN_S = 60.0


async def lasting(name: str, begin: Callable[[], Awaitable[None]], stop: asyncio.Event, log: Log) -> None:
    """Runs a part until it ends by itself; one that trips is begun again a minute later, unless ``stop`` is set.

    Each part says by itself what may go wrong. This is for what nobody thought of: it costs neither the other parts nor
    the rounds anything, and nobody finds out by what is missing weeks later.
    """
    while not stop.is_set():
        try:
            await begin()
        except Exception as error:  # whatever it is, the part is needed again
            raised = {"raised": type(error).__name__, "where": where(error.__traceback__)}
            log("part of the keeper tripped: it is begun again", level="error", name=name, again_in=AGAIN_S, **raised)
        else:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), AGAIN_S)
