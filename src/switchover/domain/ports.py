"""The four plug-in protocols: upstream, grader, fault, dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import UpstreamError
from .exchange import Usage


@dataclass(slots=True, kw_only=True)
class OutboundRequest:
    """One call to an upstream: ``body`` is in the upstream's dialect; timeouts in seconds.

    ``name`` is ours for this attempt: sent along, so that a provider who echoes it tells whose the answer is.
    """

    body: bytes
    stream: bool
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    connect_timeout: float = 3.0
    answer_timeout: float = 600.0


class Answer(Protocol):
    """What an upstream sent back. The body must be read to its end or closed.

    ``chunks`` yields body bytes as they arrive and raises an :class:`~switchover.errors.UpstreamError` when the
    transport breaks before the body's proper end; ``pour`` hands the rest over without a task in between.
    """

    status: int

    @property
    def total(self) -> int:
        """How many bytes of the body have come."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers; names are in lower case."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the body came to its proper end."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Body bytes in order of arrival."""
        ...

    async def whole(self, most: int) -> bytes | None:
        """The whole body, or None as soon as it exceeds so many bytes. Raises as ``chunks`` does."""
        ...

    def pour(self, take: Callable[[bytes], None], over: Callable[[UpstreamError | None], None]) -> None:
        """From now on calls ``take`` with body bytes as they arrive, and ``over`` at the end, with what broke it off.

        What has arrived is handed over before this returns. Called again, it replaces both.
        """
        ...

    def pause(self) -> None:
        """Reads no further until ``resume``; little may still come."""
        ...

    def resume(self) -> None:
        """Reads on."""
        ...

    def close(self) -> None:
        """Stops reading; an unfinished body closes its connection so that the provider stops too."""
        ...


class Upstream(Protocol):
    """Endpoint + model + credential. ``others`` is the same in the other dialects it speaks, by their names."""

    name: str
    model: str
    dialect: str
    others: Mapping[str, Upstream]

    async def answer(self, request: OutboundRequest) -> Answer:
        """Sends the request; returns at the response head, whatever its status.

        Raises an :class:`~switchover.errors.UpstreamError` when there is no response head.
        """
        ...


class Fault(Protocol):
    """One way to lose an upstream."""

    async def call(self, upstream: Upstream, request: OutboundRequest) -> Answer:
        """As :meth:`Upstream.answer`, with the fault in between."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """0–1, or ungraded (``value`` None) with a reason.

    ``remark`` is what a judge or a hook says of it in words of its own, which may be those of the request or an answer.
    A judge was asked ``calls`` times, for ``nusd`` billionths of a dollar; None: at a price that is not known.
    """

    value: float | None
    reason: str = ""
    calls: int = 0
    nusd: int | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer is graded against: the recorded answer's text (None where it has none) and the chat request."""

    reference: str | None
    request: Mapping[str, Any] = field(default_factory=dict)


class Grader(Protocol):
    """Scores an answer's text: by how it agrees with the recorded answer, or ``by_merit``, needing no reference."""

    name: str
    by_merit: bool

    async def score(self, answer: str | None, question: Question) -> Score:
        """``answer`` None means that there was none; an answer that is absent or of the wrong form scores 0.

        Ungraded is only for what the grader itself, or the reference, can't support.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A stream or body that ended as its dialect says it must."""

    reason: str | None
    usage: Usage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """A stream that ended before its terminal event; ``why`` is a fault id of the catalogue."""

    why: str


class Decoder(Protocol):
    """Fed the bytes of one streamed answer, under any split; forwards only whole frames.

    ``feed`` returns the raw whole frames that may be relayed (verbatim, possibly empty). ``committed`` turns True with
    the first content event, ``finished`` with the terminal one. ``failure`` is set to ``(fault id, http status or None,
    message)`` when an error event or an unparsable frame was met; the offending frame is never returned.
    """

    committed: bool
    finished: bool
    failure: tuple[str, int | None, str] | None
    usage: Usage | None
    model: str | None

    def feed(self, data: bytes) -> bytes:
        """Takes bytes, returns whole frames."""
        ...

    def close(self) -> Finished | Truncated:
        """Says how the stream ended, once its bytes are at an end."""
        ...


class Dialect(Protocol):
    """One wire format: bytes ↔ domain, without I/O. ``written`` names the dialect that its requests are written in."""

    name: str
    path: str
    written: str

    def error_body(self, *, code: str, message: str, status: int, exchange: str | None) -> bytes:
        """The body of an error answer."""
        ...

    def error_frame(self, *, code: str, message: str, status: int, exchange: str | None) -> bytes:
        """The in-band frame that ends a cut stream."""
        ...

    def decoder(self) -> Decoder:
        """A decoder for one streamed answer."""
        ...

    def models_page(self, names: Iterable[str]) -> bytes:
        """The body of ``GET /v1/models``."""
        ...
