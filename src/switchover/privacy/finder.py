"""The detector that a configuration asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from switchover.domain.personal import Privacy

from .detect import Detector, Patterns, Several
from .presidio import Presidio


class Finder(Protocol):
    """Makes detectors for one text or one exchange after another.

    ``keeps_time``: they give up when told to, so that they may be asked on an event loop.
    """

    @property
    def keeps_time(self) -> bool:
        """Whether they do."""
        ...

    def warm(self) -> None:
        """Loads what the first of them would wait for."""
        ...

    def within(self, late: Callable[[], bool]) -> Detector:
        """A detector that gives up once ``late`` says so."""
        ...


class OwnFinder:
    """Our own patterns, and Presidio where the configuration asks for it."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._presidio = Presidio(privacy.presidio) if privacy.presidio else None

    @property
    def keeps_time(self) -> bool:
        """See :class:`Finder`. Presidio looks at no clock, and takes milliseconds for a sentence."""
        return self._presidio is None

    def warm(self) -> None:
        """See :class:`Finder`. Raises DetectionFailed where Presidio is asked for and missing."""
        Patterns(self._privacy).warm()
        if self._presidio is not None:
            self._presidio.find("")

    def within(self, late: Callable[[], bool]) -> Detector:
        """See :class:`Finder`."""
        patterns = Patterns(self._privacy, late=late)
        return patterns if self._presidio is None else Several([patterns, self._presidio])
