"""Asking again: bounded concurrency, time-outs, every reply handed on the moment it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from switchover.clock import Clock
from switchover.domain.exchange import Usage
from switchover.errors import SwitchoverError


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's text, or None with the ``error``; ``seconds`` it took, ``usage`` as the upstream billed it."""

    text: str | None
    seconds: float = 0.0
    error: str | None = None
    usage: Usage | None = None


Item = TypeVar("Item")
Ask = Callable[[dict[str, Any]], Awaitable[Reply]]


async def ask_in_time(ask: Ask, request: dict[str, Any], limit: float, clock: Clock) -> Reply:
    """One reply; what goes wrong on the way is a reply without text."""
    begun = clock.monotonic()
    try:
        async with asyncio.timeout(limit):
            return await ask(request)
    except TimeoutError:
        return Reply(None, clock.monotonic() - begun, f"no answer within {limit:g} s")
    except SwitchoverError as error:
        return Reply(None, clock.monotonic() - begun, type(error).__name__)


async def replay(items: Sequence[Item], one: Callable[[Item], Awaitable[None]], concurrency: int) -> None:
    """Runs ``one`` for every item, so many at once; cancelled or failing, the rest is given up."""
    free = asyncio.Semaphore(concurrency)

    async def bounded(item: Item) -> None:
        async with free:
            await one(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(bounded(item))
