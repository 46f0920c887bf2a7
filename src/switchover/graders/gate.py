"""Checks before a grader: an answer that fails one scores 0, and the grader is not asked."""

from __future__ import annotations

from switchover.domain.ports import Grader, Question, Score

from .checks import Gate


class Gated:
    """A grader behind checks.

    Candidate and baseline are held to the same: a second sample, or by merit a recorded answer, that fails one scores
    0, too. A recorded answer that fails one is nothing to agree with, so that a case graded by agreement is ungraded.
    """

    def __init__(self, inner: Grader, gate: Gate) -> None:
        self.name, self.by_merit = inner.name, inner.by_merit
        self._inner, self._gate = inner, gate

    async def score(self, answer: str | None, question: Question) -> Score:
        """0 with what failed, else the grader's own score."""
        if self._gate.impossible:
            return Score(None, self._gate.impossible)
        if not self.by_merit and question.reference is not None:
            failed = self._gate.why(question.reference, question)
            if failed:
                return Score(None, f"the recorded answer fails a check: {failed}")
        failed = self._gate.why(answer, question) if answer is not None else ""
        return Score(0.0, failed) if failed else await self._inner.score(answer, question)
