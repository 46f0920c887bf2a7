"""People: a case waits for them, and is graded once somebody has marked both answers."""

from __future__ import annotations

from switchover.domain.ports import Question, Score

# The reason of a case that is ungraded until a person has looked at it.
WAITING = "waits for people"


class Human:
    """Scores nothing by itself: labels are given with `switchover label`, and a verdict is drawn from them."""

    name = "human"
    by_merit = True

    async def score(self, answer: str | None, question: Question) -> Score:
        """Ungraded: it waits."""
        return Score(None, WAITING)
