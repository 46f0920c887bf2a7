"""The board's four answers, from the store and the register as they are."""

from __future__ import annotations

from collections.abc import Sequence

from switchover.domain.process import Settings
from switchover.report.assemble import assemble
from switchover.report.model import BoardReport

from .evidence import sealed
from .parts import CLOCK, open_store
from .register import snapshot
from .templates import with_templates


def report(settings: Settings, *, simulated: Sequence[str] = ()) -> BoardReport:
    """The four answers as of now."""
    settings = with_templates(settings, idle=True)
    with open_store(settings) as store:
        known = snapshot(settings, store)
        return assemble(store, settings, known, CLOCK.now(), simulated=simulated, sealed=sealed(settings))
