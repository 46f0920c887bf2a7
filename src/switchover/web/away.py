"""What a page can say while the store can't be asked: nothing of anybody, and what the machine's own files tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from starlette.responses import Response

from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable

from .rendering import bare_page
from .sources import Sources


def show(sources: Sources, settings: Settings, error: StoreUnavailable) -> Response:
    """In the place of a page. Whoever asks is not known without the store, so no name of anything is on it."""
    what, _, _ = str(error).partition("\n")
    return bare_page(503, f"{what[:1].upper()}{what[1:]}.", error.mend, tuple(_known(sources, settings)))


def _known(sources: Sources, settings: Settings) -> Iterator[str]:
    running = sources.running(settings)
    yield from running.troubles()
    if running.serving:
        of = f"{running.serving} of {len(running.workers)} workers run" if running.workers else "Workers run"
        if running.register_age is None:
            yield f"{of}."
        else:
            at = datetime.fromtimestamp(sources.clock.now() - running.register_age, UTC).strftime("%Y-%m-%d %H:%M:%S")
            yield f"{of}, and go on answering by what they knew at {at} UTC: they need no store for that."
    yield "A cut-off that was in force stays so until it expires. None can be placed or lifted until the store is back."
    yield "Who you are can't be looked up without the store; so nothing else is shown here."
