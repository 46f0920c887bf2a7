"""A drill that a page started: it runs in a thread of the pages' process, and lapses by itself should that end."""

from __future__ import annotations

import asyncio
import logging
import threading

from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import SwitchoverError
from switchover.web.sources import DrillAsked

from . import trials

# So long a page waits to hear that a drill has begun, or why it can't.
BEGINS_S = 5.0

log = logging.getLogger(__name__)


def start(settings: Settings, asked: DrillAsked, actor: Actor) -> None:
    """Begins a drill and returns. Raises what keeps it from beginning: OperatorError, ApprovalNeeded, Forbidden."""
    known, alone, failed = threading.Event(), threading.Event(), list[Exception]()

    def run() -> None:
        try:
            asyncio.run(
                trials.drill(
                    settings,
                    asked.process,
                    target=asked.target,
                    fault=asked.fault,
                    approver=asked.approver,
                    operator=actor.name,
                    actor=actor,
                    progress=lambda phase, part: known.set(),
                    hypothesis=asked.hypothesis or None,
                    share=asked.share,
                    duration=asked.seconds,
                )
            )
        except Exception as error:  # told to who asked, or to the log once nobody waits any more
            failed.append(error)
            if known.is_set() or alone.is_set() or not isinstance(error, SwitchoverError):
                log.exception("a drill that was started on a page failed")
        finally:
            known.set()

    threading.Thread(target=run, name="drill", daemon=True).start()
    known.wait(BEGINS_S)
    # What comes from here on is the log's; what came before is found below.
    alone.set()
    if failed:
        raise failed[0]
