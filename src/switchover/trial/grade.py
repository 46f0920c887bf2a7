"""Scores of one case: the candidate's answer and a second baseline sample, against the recorded answer.

The second sample is the noise ceiling: without it an equal candidate of a baseline that agrees with itself 85 % of the
time can never pass.

Equality comes first: an answer that is the recorded one agrees with it, and one that is the baseline's own differs from
it by nothing, whatever either is worth. A judge, a hook or a person is not asked then. A deterministic grader costs
nothing and is: it may find that the recorded answer can't be compared with, or that both answers are worth 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from switchover.domain.ports import Grader, Question, Score
from switchover.errors import OperatorError
from switchover.graders import DETERMINISTIC

from .replay import Reply

IDENTICAL = "identical answers"
NO_SAMPLE = "no second baseline sample"
# A judge's or a hook's reason is a sentence of theirs; one of a megabyte would be kept with every case.
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Graded:
    """Scores in 0–1; None with the reason when the case is ungraded. ``anchor`` is the plain candidate's.

    Identical answers count as 1 both: their difference is known, and what they are worth was not asked.
    A judge was asked ``calls`` times for that, for ``nusd`` billionths of a dollar; None: nobody knows for how much.
    """

    candidate: float | None
    baseline: float | None
    reason: str = ""
    anchor: float | None = None
    calls: int = 0
    nusd: int | None = None


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
    if grader.name not in DETERMINISTIC and reply.text is not None and reply.text.strip() == held_against.strip():
        return Graded(1.0, 1.0, IDENTICAL)
    ceiling = await _ceiling(grader, held_against, question)
    if ceiling.value is None:
        return Graded(None, None, ceiling.reason, calls=ceiling.calls, nusd=ceiling.nusd)
    plain = (await grader.score(anchor, question)).value if anchor is not None else None
    try:
        score = await _score(grader, reply.text, question)
    except OperatorError:  # the grader itself is not to be had, whatever was answered
        raise
    except Exception as error:  # whatever a grader trips over, the candidate wrote it: d = -1
        reason = f"the grader failed on the answer: {type(error).__name__}"
        return Graded(0.0, 1.0, reason, plain, ceiling.calls, ceiling.nusd)
    calls, nusd = ceiling.calls + score.calls, _both(ceiling, score)
    if score.value is None:
        return Graded(None, None, score.reason, plain, calls, nusd)
    return Graded(score.value, ceiling.value, reply.error or score.reason, plain, calls, nusd)


async def _ceiling(grader: Grader, answer: str, question: Question) -> Score:
    try:
        return await _score(grader, answer, question)
    except OperatorError:
        raise
    except Exception as error:  # the baseline's answer is no fault of the candidate's
        return Score(None, f"the grader failed on the baseline's answer: {type(error).__name__}")


async def _score(grader: Grader, answer: str | None, question: Question) -> Score:
    """The grader's score; 1 without asking a costly one where the answer is the very one it would be compared with."""
    if answer == question.reference and not grader.by_merit and grader.name not in DETERMINISTIC:
        return Score(1.0, IDENTICAL)
    score = await grader.score(answer, question)
    return replace(score, reason=_storable(score.reason)) if score.reason else score


def _storable(reason: str) -> str:
    """A reason as it can be kept: half of a pair of surrogates, which JSON lets through, is in no encoding."""
    return reason[:LONGEST_REASON].encode("utf-8", "replace").decode()


def _both(one: Score, other: Score) -> int | None:
    """What two scores cost together; None where either was paid for and nobody knows how much."""
    paid = [score.nusd for score in (one, other) if score.calls]
    known = [amount for amount in paid if amount is not None]
    return sum(known) if paid and len(known) == len(paid) else None
