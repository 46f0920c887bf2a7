"""Finds personal data and secrets in a text: patterns propose, checksums and issued ranges dispose. Pure.

A number is looked for only where enough digits stand close together, which most text has nowhere; a secret where its
mark stands. So a text costs little unless there is something in it, and time grows with its length alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from switchover.domain.personal import Privacy
from switchover.errors import DetectionFailed

from .kinds import SECRETS
from .normal import normal
from .numbers import forms, groups_in, islands, numbers, without_names
from .phones import phones, warm

_LOCAL = re.compile(r"[\w.%+'-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,63}(?![\w-])")
_LOCAL_LONGEST = 64
# Of what is found: a@b.nl.
_SHORTEST = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: its kind, and where in the text it begins and ends."""

    kind: str
    start: int
    end: int


class Detector(Protocol):
    """Finds personal data in a text. May raise whatever it likes: then everything counts as found."""

    def find(self, text: str) -> list[Finding]:
        """What is in the text, in order; no two overlap."""
        ...


class Patterns:
    """What can be told by its form alone.

    ``late`` is asked now and then whether there is no time left; then :class:`DetectionFailed` is raised.
    """

    def __init__(self, privacy: Privacy, *, late: Callable[[], bool] = lambda: False) -> None:
        self._countries, self._without, self._late = privacy.countries, frozenset(privacy.without), late

    def warm(self) -> None:
        """Loads what the first text would wait for."""
        if "phone" not in self._without:
            warm(self._countries)

    def find(self, text: str) -> list[Finding]:
        """See :class:`Detector`."""
        if len(text) < _SHORTEST:
            return []
        read, places = normal(text)
        found = apart(self._all(read))
        if places is None:
            return found
        return [Finding(one.kind, places[one.start], places[one.end - 1] + 1) for one in found]

    def _all(self, text: str) -> Iterator[Finding]:
        self._check_time()
        if "key" not in self._without:
            yield from self._secrets(text)
        if "e-mail" not in self._without:
            yield from self._addresses(text)
        read: str | None = None
        for start, end in islands(text):
            self._check_time()
            text = read = without_names(text) if read is None else read
            groups = groups_in(text, start, end)
            for kind, place in chain(forms(text, start, end, self._without), numbers(text, groups, self._without)):
                yield Finding(kind, *place)
            if "phone" not in self._without:
                for place in phones(text, groups, self._countries):
                    yield Finding("phone", *place)

    def _secrets(self, text: str) -> Iterator[Finding]:
        for secret in SECRETS:
            at = text.find(secret.mark)
            while at >= 0:
                self._check_time()
                match = secret.pattern.match(text, at)
                if match is not None and secret.check(match[0]):
                    yield Finding("key", at, match.end())
                at = text.find(secret.mark, match.end() if match else at + 1)

    def _addresses(self, text: str) -> Iterator[Finding]:
        """E-mail addresses (RFC 5321 without quoted local parts), in letters of any script."""
        at = text.find("@")
        while at >= 0:
            self._check_time()
            local = _LOCAL.search(text[max(at - _LOCAL_LONGEST, 0) : at])
            domain = _DOMAIN.match(text, at + 1) if local else None
            if local and domain:
                yield Finding("e-mail", at - len(local[0]), domain.end())
            at = text.find("@", at + 1)

    def _check_time(self) -> None:
        if self._late():
            raise DetectionFailed("the text took too long to read")


class Several:
    """What any of several detectors finds; one that fails fails them all."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = detectors

    def find(self, text: str) -> list[Finding]:
        """See :class:`Detector`."""
        return apart(one for detector in self._detectors for one in detector.find(text))


def apart(found: Iterable[Finding]) -> list[Finding]:
    """The findings in order, each place once: of two that overlap the one that begins first, else the longer."""
    kept: list[Finding] = []
    for one in sorted(found, key=lambda finding: (finding.start, -finding.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif one.end > kept[-1].end:
            # Both are personal: what is left out or replaced reaches to the end of either.
            kept[-1] = Finding(kept[-1].kind, kept[-1].start, one.end)
    return kept
