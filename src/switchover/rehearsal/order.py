"""What is to be rehearsed, and the cell that its verdict belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.domain.candidate import Cell, epoch_of, fingerprint, grader_id
from switchover.domain.process import Process, RehearsalTerms, UpstreamSpec
from switchover.errors import OperatorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to rehearse. ``prompt_version`` is an id; ``timeout`` in seconds; ``budget_calls`` overrides the terms'."""

    process: Process
    baseline: UpstreamSpec
    candidate: UpstreamSpec
    prompt_version: str
    seed: int = 1
    concurrency: int = 4
    timeout: float = 60.0
    budget_calls: int | None = None


def cell_of(order: Order) -> Cell:
    """The cell the order's verdict belongs to; its epoch is the baseline as it is asked today."""
    return Cell(
        process=order.process.name,
        upstream=order.candidate.name,
        fingerprint=fingerprint(order.candidate),
        prompt_version=order.prompt_version,
        grader=grader_id(terms_of(order)),
        epoch=epoch_of(order.baseline),
    )


def nothing_to_replay(process: Process) -> OperatorError:
    """What to say where no recorded exchange can be asked again, as its process keeps no bodies."""
    return OperatorError(
        f"nothing of {process.name} can be asked again: it is recorded with `recording: {process.recording.bodies}`, "
        "so that no requests and answers are kept",
        mend=f"write processes.{process.name}.recording: redacted (or full), or import exchanges from elsewhere",
    )


def terms_of(order: Order) -> RehearsalTerms:
    """How its process judges candidates. Raises OperatorError when it does not say."""
    if order.process.rehearse is None:
        raise OperatorError(
            f"{order.process.name} does not say how candidates are judged",
            mend=f"write processes.{order.process.name}.rehearse in the configuration",
        )
    return order.process.rehearse
