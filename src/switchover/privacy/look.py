"""Which kinds of personal data a request holds. Pure."""

from __future__ import annotations

from typing import Any

from .detect import Detector
from .walk import Walk, parse


def kinds_in(body: bytes, detector: Detector) -> set[str]:
    """The kinds found in a request's texts, "unread" among them where something in it can't be read.

    Raises DetectionFailed, and whatever the detector raises.
    """
    found: set[str] = set()

    def text(said: str) -> str:
        found.update(one.kind for one in detector.find(said))
        return said

    def unread(kind: str, said: Any) -> Any:
        # Sealed is what a provider gave us to hand back: it knows it already.
        if kind != "sealed":
            found.add("unread")
        return said

    Walk(text, unread).value(parse(body))
    return found
