"""Scores of one case: the candidate's answer and a second baseline sample, against the recorded answer.

The second sample is the noise ceiling: without it an equal candidate of a baseline that agrees with itself 85 % of the
time can never pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from switchover.domain.ports import Grader, Question, Score

from .replay import Reply

NO_SAMPLE = "no second baseline sample"


@dataclass(frozen=True, slots=True)
class Graded:
    """Scores in 0–1; None with the reason when the case is ungraded. ``anchor`` is the plain candidate's."""

    candidate: float | None
    baseline: float | None
    reason: str = ""
    anchor: float | None = None


async def grade(
    grader: Grader, reply: Reply, second: str | None, question: Question, anchor: str | None = None
) -> Graded:
    """Grades a case. Ungraded is only for what the grader or the baseline could not do.

    ``second`` is the baseline's second sample; by merit the recorded answer itself is graded instead.
    """
    if question.reference is None:
        return Graded(None, None, "the recorded answer has no text")
    held_against = question.reference if grader.by_merit else second
    if held_against is None:
        return Graded(None, None, NO_SAMPLE)
    ceiling = await _ceiling(grader, held_against, question)
    if ceiling.value is None:
        return Graded(None, None, ceiling.reason)
    plain = (await grader.score(anchor, question)).value if anchor is not None else None
    try:
        score = await grader.score(reply.text, question)
    except Exception as error:  # whatever a grader trips over, the candidate wrote it: d = -1
        return Graded(0.0, 1.0, f"the grader failed on the answer: {type(error).__name__}", plain)
    if score.value is None:
        return Graded(None, None, score.reason, plain)
    return Graded(score.value, ceiling.value, reply.error or score.reason, plain)


async def _ceiling(grader: Grader, answer: str, question: Question) -> Score:
    try:
        return await grader.score(answer, question)
    except Exception as error:  # the baseline's answer is no fault of the candidate's
        return Score(None, f"the grader failed on the baseline's answer: {type(error).__name__}")
