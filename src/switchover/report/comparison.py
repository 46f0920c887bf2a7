"""Many candidates of one process side by side: who is READY at what margin, cost and latency, and where each fails."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from switchover.domain.candidate import State, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """A case in which the candidate fell behind, as people read it: texts, never trusted, may be long or hostile.

    ``baseline`` is the recorded answer. Scores are 0–1, ``difference`` is candidate less baseline. Texts are None where
    they were erased or are not kept.
    """

    exchange: str
    slices: tuple[str, ...]
    asked: str | None
    baseline: str | None
    candidate: str | None
    difference: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One candidate (upstream with prompt version) by its cell's newest verdict.

    ``void`` says why the verdict says no more (other settings, epoch or grader), None where it stands. ``tightest`` is
    the smallest margin at which it would be READY by its overall ledger, None where none below 1 would do. ``seconds``
    is the mean time of its replays; ``usd_per_1000`` what 1,000 calls of this process cost, None where unpriced.
    ``fails_at`` are the slices and topics in which it falls behind most, worst first.
    """

    verdict: Verdict
    void: str | None
    tightest: float | None
    seconds: float | None
    usd_per_1000: Decimal | None
    fails_at: tuple[str, ...]
    worst: tuple[WorstCase, ...]

    @property
    def state(self) -> State:
        """The verdict's state."""
        return self.verdict.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A process and every candidate that was rehearsed for it: READY ones first, then by lower bound."""

    process: str
    margin: float
    grader: str
    candidates: tuple[Compared, ...]
    untested: tuple[str, ...]
