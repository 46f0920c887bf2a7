"""One request's place in a trace: W3C trace context in and out, and when each of its attempts began."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from switchover.domain.process import UpstreamSpec

from .asgi_types import Header

TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"
# https://www.w3.org/TR/trace-context/#traceparent-header: later versions begin as version 00 does.
PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
STATE = re.compile(rb"[\x20-\x7e]{1,512}")

# Seeded by the system once; ids are names, not secrets.
IDS = random.Random()  # noqa: S311  # as above


@dataclass(slots=True)
class Try:
    """One attempt under way or over: its span, its upstream, and when it began, on the monotonic clock."""

    span: str
    upstream: UpstreamSpec
    begun: float


class Trace:
    """The span of one request and those of its attempts.

    ``parent`` is the caller's span, or empty; an unsampled trace is passed on and not told to the collector.
    """

    __slots__ = ("_pass_to", "id", "parent", "sampled", "span", "state", "tries")

    def __init__(self, trace_id: str, parent: str, state: str, sampled: bool, pass_to: frozenset[str]) -> None:
        self.id, self.parent, self.state, self.sampled = trace_id, parent, state, sampled
        self.span = new_span()
        self.tries: list[Try] = []
        self._pass_to = pass_to

    def began(self, upstream: UpstreamSpec, at: float) -> None:
        """An attempt begins."""
        self.tries.append(Try(new_span(), upstream, at))

    def unsent(self) -> None:
        """The attempt begun last was none: nothing was sent."""
        self.tries.pop()

    def passed(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers for the attempt begun last, with the trace's where its upstream may know of it."""
        last = self.tries[-1]
        if not last.upstream.is_own and last.upstream.name not in self._pass_to:
            return headers
        more = {"traceparent": f"00-{self.id}-{last.span}-{'01' if self.sampled else '00'}"}
        if self.state:
            more["tracestate"] = self.state
        return {**headers, **more}


def begin(headers: list[Header], sample: float, pass_to: frozenset[str]) -> Trace:
    """The caller's trace goes on, with the caller's word on whether it is sampled; else a new one, ``sample`` of them.

    What is no trace context, or comes twice, counts as none.
    """
    said = [value for name, value in headers if name == TRACEPARENT]
    match = PARENT.fullmatch(said[0].strip()) if len(said) == 1 else None
    if match is None or (match[1] == b"00" and match[5] is not None):
        return Trace(f"{_number(128):032x}", "", "", IDS.random() < sample, pass_to)
    state = b",".join([value.strip() for name, value in headers if name == TRACESTATE])
    kept = state.decode("ascii") if STATE.fullmatch(state) else ""
    sampled = bool(int(match[4], 16) & 1)
    return Trace(match[2].decode(), match[3].decode(), kept, sampled, pass_to)


def new_span() -> str:
    """A new span id."""
    return f"{_number(64):016x}"


def _number(bits: int) -> int:
    """Any but 0, which stands for none."""
    return IDS.getrandbits(bits) or 1
