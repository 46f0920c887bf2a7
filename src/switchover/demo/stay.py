"""After the story: gateway, pages and a little traffic go on, so that what the pages show is alive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from pathlib import Path
from random import Random

from openai import APIConnectionError

from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.wiring import register, running

from .insurer import DESKS, STAFF, Desk
from .screen import Screen
from .setting import again
from .traffic import admitted, application, send

# Seconds between two calls of a process with a hundred a day, and of the one that our own engine answers.
PAUSE, OWN_PAUSE = 60.0, 20.0
PATIENCE = 10.0


def open_again(folder: Path, seed: int, screen: Screen) -> None:
    """Serves what an earlier demo left, with its traffic, until SIGINT. Raises OperatorError."""
    with again(folder, seed) as (_, settings), running.running(settings, log=folder / "up.log") as url:
        screen.address(pages_of(settings))
        stay(settings, url, seed)


def pages_of(settings: Settings) -> str:
    """Where the running pages are. Raises OperatorError where they are not served."""
    place = Path(settings.data_dir, "run", "pages.json")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(place.read_text(encoding="utf-8"))["url"])
        time.sleep(0.05)
    raise OperatorError("the pages are not served", mend=f"see {Path(settings.data_dir).parent / 'up.log'}")


def stay(settings: Settings, url: str, seed: int) -> None:
    """Sends mail of every process, slowly, until SIGINT or SIGTERM."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_traffic(settings, url, seed))


async def _traffic(settings: Settings, url: str, seed: int) -> None:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    senders = [asyncio.create_task(_mail(settings, desk, url, seed, over)) for desk in DESKS.values()]
    await over.wait()
    for sender in senders:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)


async def _mail(settings: Settings, desk: Desk, url: str, seed: int, over: asyncio.Event) -> None:
    key = register.create_key(settings, desk.process)[1].reveal()
    sender = application(desk, f"{url}/v1", key)
    rows = list(desk.mail())
    Random(seed).shuffle(rows)  # noqa: S311  # the order of the mail, nothing secret
    pause = OWN_PAUSE if desk.process == STAFF else PAUSE / desk.a_day
    # The gateway may be on its way down already.
    with contextlib.suppress(APIConnectionError):
        await admitted(sender)
        await send(sender, rows, pause=pause, until=over, concurrency=1)
