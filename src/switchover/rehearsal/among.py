"""What candidates of one process share when they are rehearsed side by side."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.clock import Clock
from switchover.domain.candidate import Cell
from switchover.domain.process import UpstreamSpec
from switchover.planning.breaker import scopes
from switchover.planning.pauses import Pauses
from switchover.store import Store
from switchover.store.exchanges import iter_exchanges
from switchover.trial.gate import Gate
from switchover.trial.pace import Pace
from switchover.trial.record import Record, read_record
from switchover.trial.replay import Ask

from .order import Order, cell_of, nothing_to_replay, terms_of
from .samples import Samples
from .saving import Saving


@dataclass(frozen=True, slots=True)
class Among:
    """The record, planned once; the baseline's second samples, drawn once; who writes; which credentials wait."""

    record: Record
    samples: Samples
    saving: Saving
    pauses: Pauses

    @classmethod
    def of(cls, order: Order, *, store: Store, baseline_ask: Ask, clock: Clock, cell: Cell | None = None) -> Among:
        """For all orders of the same process, baseline, seed and time limit; ``cell`` None: the order's own.

        Raises OperatorError, StoreUnavailable.
        """
        epoch = order.baseline_epoch if cell is None or cell == cell_of(order) else cell.epoch
        saving, pauses, baseline = Saving(store, clock), Pauses(), order.baseline
        # Callers are what the baseline serves: its quota is theirs first. One that turns us away is gone, and what is
        # missing then is a sample, which the candidate has no part in.
        gate = Gate(
            baseline.name,
            pace_of(order, baseline),
            clock,
            pauses=pauses,
            credential=credential(baseline),
            live=True,
            must_answer=False,
        )
        samples = Samples(store, order.process.name, epoch, baseline_ask, gate, saving, clock, order.timeout)
        return cls(_record(order, epoch, store, clock), samples, saving, pauses)

    async def close(self) -> None:
        """Gives up what nobody waits for any more."""
        await self.samples.close()


def _record(order: Order, epoch: str, store: Store, clock: Clock) -> Record:
    process = order.process
    record = read_record(
        store,
        process,
        iter_exchanges(store, process.name, since=order.marks.since),
        epoch=epoch,
        seed=order.seed,
        now=clock.now(),
        refit=order.refit,
    )
    if not record.traffic and not process.recording.keeps_words:
        raise nothing_to_replay(process)
    return record


def pace_of(order: Order, spec: UpstreamSpec) -> Pace:
    """At most so many calls at once as an own engine has slots, or as the order says."""
    most = spec.slots if spec.kind == "local" else order.concurrency
    return Pace(min(most, order.concurrency), per_second=terms_of(order).pace)


def credential(spec: UpstreamSpec) -> tuple[str, str]:
    """Upstreams with the same one share a quota."""
    return scopes(spec)["credential"]
