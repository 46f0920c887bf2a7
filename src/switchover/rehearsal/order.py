"""What is to be rehearsed, and the cell that its verdict belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from switchover.domain.candidate import Cell, Marks, epoch_of, fingerprint, grader_id
from switchover.domain.process import Process, RehearsalTerms, UpstreamSpec
from switchover.errors import OperatorError
from switchover.store import Store
from switchover.store.changes import marks

NO_MARKS = Marks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to rehearse. ``prompt_version`` is an id; ``timeout`` in seconds.

    ``concurrency`` is the most calls at once. ``budget_calls`` and ``budget`` (micro-USD) override the terms'.
    ``live``: live routes draw on the candidate's quota, too. ``fewest`` replays are made even of a cell whose verdict
    is clear: so that its proof stays in date. ``refit``: kinds of request are found anew in today's record. ``marks``
    are the changes since which baseline and candidate count as others.
    """

    process: Process
    baseline: UpstreamSpec
    candidate: UpstreamSpec
    prompt_version: str
    seed: int = 1
    concurrency: int = 4
    timeout: float = 60.0
    budget_calls: int | None = None
    budget: int | None = None
    live: bool = False
    fewest: int = 0
    refit: bool = False
    marks: Marks = NO_MARKS

    @property
    def baseline_epoch(self) -> str:
        """The span in which the baseline is the same: a replacement's change is none of it."""
        return epoch_of(self.baseline, replace(self.marks, replacement=""))


def as_marked(order: Order, store: Store) -> Order:
    """The order with the last changes that concern its ledgers. Raises StoreUnavailable."""
    return replace(order, marks=marks(store, order.process.name, order.candidate.name))


def cell_of(order: Order) -> Cell:
    """The cell the order's verdict belongs to; its epoch is the baseline as it is today, since what was marked."""
    return Cell(
        process=order.process.name,
        upstream=order.candidate.name,
        fingerprint=fingerprint(order.candidate),
        prompt_version=order.prompt_version,
        grader=grader_id(terms_of(order)),
        epoch=epoch_of(order.baseline, order.marks),
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
