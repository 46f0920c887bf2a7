"""The candidates of a process side by side, from the store as it is."""

from __future__ import annotations

from collections.abc import Callable

from switchover.domain.candidate import Verdict
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.evidence import events
from switchover.report.comparison import WORST, Comparison, compare, each

from . import access
from .evidence import noting
from .parts import CLOCK, open_store
from .templates import with_templates


def comparison(
    settings: Settings,
    process: str,
    *,
    actor: Actor | None = None,
    worst: int = WORST,
    of: Callable[[int, Verdict], bool] = each,
) -> tuple[Comparison, bool]:
    """The candidates of a process, and whether with texts: to whom may not read what was said there are none.

    ``of`` chooses whose cases are read, see :func:`~switchover.report.comparison.compare`. Which words a person is
    shown is noted. Raises NotFound.
    """
    words = actor is None or access.may(actor, "bodies", process)
    with open_store(settings) as store:
        found = compare(
            store, with_templates(settings, idle=True), process, CLOCK.now(), worst=worst, of=of, words=words
        )
    if words and actor is not None and actor.is_person:
        with noting(settings, actor) as note:
            for exchange in dict.fromkeys(name for one in found.candidates for name in one.shown):
                note(events.shown(exchange, process))
    return found, words
