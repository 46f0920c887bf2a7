"""What people say of a candidate's answer and the recorded one, without knowing which is which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# How a person marks an answer, best first; a pair of which they can't tell has no marks.
MARKS: Mapping[str, float] = {"good": 1.0, "half": 0.5, "bad": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """How one person marked both answers of a case, 0–1 each; both None: they could not tell.

    ``case_at`` is when the case was graded: a label is about the answers of that moment, so that a case replayed since
    waits for people again. ``candidate_left`` says what was shown on the left. ``source``: terminal, page or file.
    """

    cell_id: str
    exchange_id: str
    person: str
    at: float
    case_at: float
    candidate: float | None
    baseline: float | None
    candidate_left: bool
    source: str

    @property
    def difference(self) -> float | None:
        """d as people see it, in [-1, 1]."""
        if self.candidate is None or self.baseline is None:
            return None
        return self.candidate - self.baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far people agree who marked the same pairs.

    ``same`` is the share of answers that two people marked alike; ``alpha`` is Krippendorff's, of interval data: 1 is
    full agreement, 0 what chance would give; None where every mark is the same.
    """

    pairs: int
    same: float
    alpha: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """How far people have looked at a cell.

    ``share`` is the chance with which a case is drawn for them; ``drawn`` those that need one, ``labelled`` those that
    have a label (``unclear`` of them say that nobody can tell), ``counted`` the cases that the people's ledger rests
    on. ``needed`` estimates labels still to come until READY, None where it can't be estimated; ``budget`` is how many
    may wait at once.
    """

    share: float
    drawn: int
    labelled: int
    unclear: int
    counted: int
    needed: int | None
    budget: int
    agreement: Agreement | None

    @property
    def waiting(self) -> int:
        """Cases that wait for a label."""
        return self.drawn - self.labelled
