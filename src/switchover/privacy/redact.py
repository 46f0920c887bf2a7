"""An exchange without the personal data in it: typed placeholders, the same for the same value. Pure.

Bodies stay what their dialect asks for, so that a redacted request can be asked again: only what strings say changes,
and what can't be read is named in its place. What can't be parsed is not kept at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from switchover.dialects.said import length_of
from switchover.domain.exchange import MISSING, Exchange
from switchover.domain.process import Bodies, Process
from switchover.errors import Unreadable

from .checks import plain
from .detect import Detector
from .pieces import Streamed
from .walk import Walk, parse


class Redactor:
    """Leaves personal data out of the texts of one exchange; ``left_out`` names what could not be read."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._names: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self.left_out: set[str] = set()
        self._walk = Walk(self.text, self._unread)

    def text(self, said: str) -> str:
        """The text, with placeholders such as ``[e-mail 1]``."""
        found = self._detector.find(said)
        if not found:
            return said
        parts, at = [], 0
        for one in found:
            parts += [said[at : one.start], self._name(one.kind, said[one.start : one.end])]
            at = one.end
        return "".join([*parts, said[at:]])

    def body(self, body: bytes) -> bytes:
        """A body in JSON. Raises Unreadable for what is none."""
        return msgspec.json.encode(self._walk.value(parse(body)))

    def answer(self, dialect: str, body: bytes) -> bytes:
        """An answer, whole or as a stream of events. Raises Unreadable for what is neither."""
        if not body.lstrip().startswith((b"data:", b"event:", b":")):
            return self.body(body)
        streamed = Streamed(dialect, body)
        for event in streamed.events:
            self._walk.value(event)
        streamed.join(self._walk.value)
        return streamed.encode()

    def _name(self, kind: str, said: str) -> str:
        known = (kind, said.casefold() if kind in ("e-mail", "key", "name", "place") else plain(said))
        name = self._names.get(known)
        if name is None:
            self._counts[kind] = count = self._counts.get(kind, 0) + 1
            name = self._names[known] = f"[{kind} {count}]"
        return name

    def _unread(self, kind: str, said: Any) -> Any:
        self.left_out.add(kind)
        if kind == "likelihoods" and isinstance(said, dict):
            return None
        return [] if isinstance(said, list) else f"[{kind} left out]"


def redacted(exchange: Exchange, detector: Detector) -> Exchange:
    """The exchange as it may be kept. Raises whatever the detector raises: then no body may be.

    What is not there any more stands among ``dropped``, as ``recorded.image`` or ``recorded.answer``.
    """
    redactor = Redactor(detector)
    request, answer = b"", b""
    if exchange.request:
        try:
            request = redactor.body(exchange.request)
        except Unreadable:
            redactor.left_out.add("request")
    if exchange.answer:
        try:
            answer = redactor.answer(exchange.dialect, exchange.answer)
        except Unreadable:
            redactor.left_out.add("answer")
    return replace(
        exchange,
        request=request,
        answer=answer,
        bodies=Bodies.REDACTED,
        dropped=(*exchange.dropped, *sorted(f"{MISSING}{kind}" for kind in redactor.left_out)),
        # A route that is none is the caller's own words.
        route=redactor.text(exchange.route),
        metadata={name: redactor.text(value) for name, value in exchange.metadata.items()},
    )


def bare(exchange: Exchange, process: Process) -> Exchange:
    """The exchange without what the caller wrote; of its metadata what the process's slices are told by remains."""
    slices = process.rehearse.slices if process.rehearse is not None else ()
    told = {one.path.removeprefix("metadata.") for one in slices if one.path.startswith("metadata.")}
    # A route that is none is the caller's own words.
    route = exchange.route if exchange.route in (process.routes or (process.name,)) else ""
    metadata = {name: value for name, value in exchange.metadata.items() if name in told}
    return replace(
        exchange, request=b"", answer=b"", route=route, metadata=metadata, bodies=Bodies.METADATA,
        length=length_of(exchange),
    )  # fmt: skip


def permitted(exchange: Exchange, process: Process, detector: Detector) -> Exchange | None:
    """What the process lets be kept of an exchange, None for nothing. Raises whatever the detector raises."""
    mode = process.recording.bodies
    if mode is Bodies.FULL:
        return exchange
    if mode is Bodies.REDACTED:
        return redacted(exchange, detector)
    return bare(exchange, process) if mode is Bodies.METADATA else None
