"""Happy eyeballs: of several addresses, the first that takes a connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar

from .addresses import Address

# RFC 8305, section 5: the recommended delay between attempts.
STAGGER_S = 0.25

Made = TypeVar("Made")


async def race(
    addresses: Sequence[Address],
    connect: Callable[[Address], Coroutine[None, None, Made]],
    drop: Callable[[Made], None],
    *,
    stagger: float = STAGGER_S,
) -> Made:
    """The first connection made; the next address starts after ``stagger`` s, or at once when one failed.

    What else was made meanwhile is dropped. Raises the last failure, or the one that speaks of TLS: an address without
    a route says less than a certificate that nobody can trust.
    """
    if len(addresses) == 1:
        return await connect(addresses[0])
    waiting = list(addresses)
    running: set[asyncio.Task[Made]] = set()
    failure: BaseException = OSError("no address")
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(connect(waiting.pop(0))))
            done, _ = await asyncio.wait(
                running, timeout=stagger if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                running.discard(task)
                error = task.exception()
                if error is None:
                    return task.result()
                failure = failure if isinstance(failure, ssl.SSLError) else error
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in running:
            if not task.cancelled() and task.exception() is None:
                drop(task.result())
    raise failure
