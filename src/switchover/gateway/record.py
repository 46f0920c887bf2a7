"""What a call is recorded with: an intent before the upstream is asked, the exchange after. Never waits for a disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from switchover.domain.exchange import AttemptRecord, Exchange, Intent, Usage
from switchover.errors import RecordingFailed

from .admit import Call, routes_of
from .relay import Sent

# specs/recording.md: past this the route's gap rule applies; a route that requires its record waits in ``kept.py``.
INTENT_WAIT_S = 0.020


class Recorder(Protocol):
    """The spool, as the gateway sees it; see ``store/spool.py``."""

    @property
    def written(self) -> int:
        """Number of the last record that is written."""
        ...

    @property
    def healthy(self) -> bool:
        """False from a failed write or sync until the batch is safe elsewhere."""
        ...

    @property
    def failing(self) -> bool:
        """True while what comes can't be made safe."""
        ...

    @property
    def gaps(self) -> int:
        """How many records were lost."""
        ...

    def append(self, record: Intent | Exchange, *, at_once: bool = False) -> int:
        """Hands a record over, ``at_once`` where somebody waits for it; returns its number; never blocks."""
        ...

    async def wait_written(self, number: int, timeout: float = ...) -> bool:  # noqa: ASYNC109  # the spool's own name
        """True once the record is written, False when the time is up."""
        ...

    async def wait_durable(self, number: int, timeout: float = ...) -> bool:  # noqa: ASYNC109  # as above
        """True once the record would survive a loss of power, False when the time is up."""
        ...


def begin(spool: Recorder, call: Call) -> int:
    """Records that a call was begun; returns the record's number."""
    intent = Intent(
        id=call.id,
        process=call.process.name,
        route=call.peek.model,
        dialect=call.dialect.name,
        started_at=call.started_at,
    )
    return spool.append(intent)


def exchange_of(
    call: Call,
    sent: Sent,
    attempts: Sequence[AttemptRecord],
    upstream: str | None,
    dropped: tuple[str, ...],
    *,
    model: str | None,
    usage: Usage | None,
    first: float | None,
    elapsed: float,
    code: str | None,
    subject: str | None = None,
) -> Exchange:
    """The exchange as it ended; ``first`` content and ``elapsed`` in seconds, ``code`` that of the caller's error."""
    return Exchange(
        id=call.id,
        process=call.process.name,
        # A route that there is not is the caller's own words.
        route=call.peek.model if call.peek.model in routes_of(call.process) else "",
        dialect=call.dialect.name,
        stream=call.peek.stream,
        started_at=call.started_at,
        outcome=sent.outcome,
        status=sent.status,
        request=call.body,
        answer=sent.parts[0] if len(sent.parts) == 1 else b"".join(sent.parts),
        upstream=upstream,
        model=model,
        attempts=tuple(attempts),
        usage=usage,
        first_content_ms=None if first is None else first * 1000,
        elapsed_ms=elapsed * 1000,
        error_code=code,
        dropped=dropped,
        metadata=call.peek.metadata,
        subject=subject,
        data=call.data,
    )


def ended_otherwise(exchange: Exchange, sent: Sent) -> Exchange:
    """The exchange, once its answer ended in the error that it could not be recorded."""
    answer, code = b"".join(sent.parts), RecordingFailed.code
    return replace(exchange, outcome=sent.outcome, status=sent.status, answer=answer, error_code=code)
