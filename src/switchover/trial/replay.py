"""Asking again: one call with its time limit, and what its reply says of whoever was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from switchover.clock import Clock
from switchover.domain.exchange import Usage
from switchover.errors import Conflict, Denied, Overloaded, RateLimited, SwitchoverError, TooSlow


class Sign(StrEnum):
    """What a reply says of whoever was asked.

    ``strained``: late, or too busy. ``put off``: we are to ask again later (429, loading, a full queue).
    ``turned away``: our key, quota, payment, region or model is not accepted. ``over budget``: nothing was asked, as
    our own budgets have no room for it. The last three say nothing of the model.
    """

    FINE = "fine"
    STRAINED = "strained"
    PUT_OFF = "put off"
    TURNED_AWAY = "turned away"
    OVER_BUDGET = "over budget"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's text, or None with the ``error``; ``seconds`` it took.

    ``cost`` is in micro-USD, None where nobody knows. ``wait``: seconds we were asked to wait. ``left``: the least
    share of a quota that its provider says is left, 0-1.
    """

    text: str | None
    seconds: float = 0.0
    error: str | None = None
    usage: Usage | None = None
    cost: int | None = None
    sign: Sign = Sign.FINE
    wait: float | None = None
    left: float | None = None

    @property
    def tells(self) -> bool:
        """Whether it says something of the model: False where it is not the model that kept an answer from us."""
        return self.sign not in (Sign.PUT_OFF, Sign.TURNED_AWAY, Sign.OVER_BUDGET)


Item = TypeVar("Item")
Ask = Callable[[dict[str, Any]], Awaitable[Reply]]

# What is over before an answer begins costs nothing; what broke later may be billed, and nobody said for how much.
FREE = 0


def sign_of(error: SwitchoverError) -> Sign:
    """What an error says of whoever was asked."""
    if isinstance(error, RateLimited):
        return Sign.PUT_OFF
    if isinstance(error, Denied):
        return Sign.TURNED_AWAY
    return Sign.STRAINED if isinstance(error, (Overloaded, Conflict, TooSlow)) else Sign.FINE


async def ask_in_time(ask: Ask, request: dict[str, Any], limit: float, clock: Clock) -> Reply:
    """One reply; what goes wrong on the way is a reply without text."""
    begun = clock.monotonic()
    try:
        async with asyncio.timeout(limit):
            return await ask(request)
    except TimeoutError:
        return Reply(None, clock.monotonic() - begun, f"no answer within {limit:g} s", sign=Sign.STRAINED)
    except SwitchoverError as error:
        wait = getattr(error, "retry_after", None)
        seconds = clock.monotonic() - begun
        return Reply(None, seconds, type(error).__name__, cost=FREE, sign=sign_of(error), wait=wait)


async def replay(items: Sequence[Item], one: Callable[[Item], Awaitable[None]], concurrency: int) -> None:
    """Runs ``one`` for every item, so many at once; cancelled or failing, the rest is given up."""
    free = asyncio.Semaphore(concurrency)

    async def bounded(item: Item) -> None:
        async with free:
            await one(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(bounded(item))
