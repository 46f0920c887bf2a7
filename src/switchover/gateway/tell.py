"""What the log is told about requests: how each ended, never what was in it."""

from __future__ import annotations

from collections.abc import Callable

from switchover.domain.exchange import AttemptRecord, Exchange, Outcome
from switchover.domain.model_name import name_of
from switchover.log import Level, Log

from .refuse import Refusal

LEVELS: dict[Outcome, Level] = {Outcome.FAILED: "error", Outcome.TRUNCATED: "error"}


class Teller:
    """Tells a log of requests: of ``all``, of those that did not go as they should (``failed``), or of ``none``.

    What did not go as it should: whatever did not complete, and what completed at another attempt than the first.
    ``dropped()`` says how many lines were given up.
    """

    def __init__(self, log: Log, requests: str = "failed", *, dropped: Callable[[], int] = lambda: 0) -> None:
        self.log, self.dropped = log, dropped
        self.tells_all, self.tells_failed = requests == "all", requests != "none"

    def ended(self, exchange: Exchange, routes: tuple[str, ...]) -> None:
        """One request that ended. ``routes`` are those of its process: another name is the caller's own words."""
        if not (self.tells_all or (self.tells_failed and not went_well(exchange))):
            return
        level: Level = LEVELS.get(exchange.outcome, "warning" if len(exchange.attempts) > 1 else "info")
        usage = exchange.usage
        self.log(
            "request",
            level=level,
            exchange=exchange.id,
            process=exchange.process,
            route=exchange.route if exchange.route in routes else None,
            dialect=exchange.dialect,
            stream=exchange.stream,
            outcome=exchange.outcome.value,
            status=exchange.status,
            code=exchange.error_code,
            upstream=exchange.upstream,
            model=name_of(exchange.model),
            attempts=[_attempt(one) for one in exchange.attempts],
            first_content_ms=None if exchange.first_content_ms is None else round(exchange.first_content_ms, 1),
            elapsed_ms=round(exchange.elapsed_ms, 1),
            input_tokens=usage.input if usage else None,
            output_tokens=usage.output if usage else None,
        )

    def refused(self, dialect: str, refused: Refusal) -> None:
        """One request that was refused before it was known whose it is or what it asks for."""
        if self.tells_failed:
            self.log(
                "request",
                dialect=dialect,
                outcome=Outcome.REJECTED.value,
                status=refused.status,
                code=refused.code,
            )


def went_well(exchange: Exchange) -> bool:
    """Complete, at the first attempt."""
    return exchange.outcome is Outcome.COMPLETE and len(exchange.attempts) == 1


def _attempt(one: AttemptRecord) -> dict[str, object]:
    told: dict[str, object] = {
        "upstream": one.upstream,
        "fault": one.fault,
        "status": one.status,
        "ms": round(one.elapsed_ms, 1),
    }
    if one.cut_off is not None:
        told["cut_off"] = one.cut_off
    return told
