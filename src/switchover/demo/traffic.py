"""The demo's applications: they call the gateway through the official OpenAI SDK and know nothing of Switchover."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from openai import APIError, AsyncOpenAI

from switchover.testing.inbox import Claim, Message

from .insurer import Desk


@dataclass(slots=True)
class Tally:
    """What callers saw. Moments are of the monotonic clock."""

    answered: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    upstreams: Counter[str] = field(default_factory=Counter)
    first_answer_by: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Application:
    """One application: its route, what it says to the model before the customer's text, and the longest answer."""

    base_url: str
    key: str = field(repr=False)
    route: str
    prompt: str
    max_tokens: int

    def client(self) -> AsyncOpenAI:
        """The official client. It does not retry, so that no failure is hidden."""
        return AsyncOpenAI(base_url=self.base_url, api_key=self.key, max_retries=0)

    async def ask(self, client: AsyncOpenAI, row: Message | Claim, tally: Tally) -> None:
        """One call; its outcome is counted."""
        kind = row.kind if isinstance(row, Message) else "claim"
        try:
            reply = await client.chat.completions.with_raw_response.create(
                model=self.route,
                messages=[{"role": "system", "content": self.prompt}, {"role": "user", "content": row.text}],
                metadata={"kind": kind},
                temperature=0,
                max_tokens=self.max_tokens,
            )
        except APIError as error:
            tally.failed += 1
            tally.errors[error.message] += 1
            return
        upstream = reply.headers.get("x-switchover-upstream", "unknown")
        tally.answered += 1
        tally.upstreams[upstream] += 1
        tally.first_answer_by.setdefault(upstream, time.monotonic())


def application(desk: Desk, base_url: str, key: str) -> Application:
    """The application of a process."""
    return Application(base_url, key, desk.route, desk.prompt, desk.longest)


async def admitted(*applications: Application) -> None:
    """Returns once every application's new key has reached the gateway; raises APIError when it does not within 5 s."""
    for application in applications:
        async with application.client() as client:
            for left in range(50, -1, -1):
                try:
                    await client.models.list()
                    break
                except APIError:
                    if not left:
                        raise
                    await asyncio.sleep(0.1)


async def send(
    application: Application,
    rows: Sequence[Message | Claim],
    *,
    concurrency: int = 8,
    pause: float = 0.0,
    tally: Tally | None = None,
    progress: Callable[[int], None] = lambda _: None,
    until: asyncio.Event | None = None,
) -> Tally:
    """Sends every row, ``concurrency`` at a time and ``pause`` seconds apart for each caller.

    With ``until``, goes round the rows until the event is set.
    """
    counted = tally if tally is not None else Tally()
    queue = iter(rows) if until is None else _round(rows, until)

    async with application.client() as client:

        async def caller() -> None:
            for row in queue:
                await application.ask(client, row, counted)
                progress(1)
                if pause:
                    await asyncio.sleep(pause)

        await asyncio.gather(*(caller() for _ in range(concurrency)))
    return counted


def _round(rows: Sequence[Message | Claim], until: asyncio.Event) -> Iterator[Message | Claim]:
    while not until.is_set():
        for row in rows:
            if until.is_set():
                return
            yield row
