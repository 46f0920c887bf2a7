"""A judge: what it goes by where nothing else is said, and that it is of a third family, as models favour their own."""

from __future__ import annotations

from .model_name import are_kin
from .process import UpstreamSpec

# Names the wording of ``graders/rubric.py`` in a grader's id: another wording is another grader, with an empty ledger.
PROMPT_VERSION = "1"
RUBRIC = (
    "1.0: does what the request asks, correctly and completely. 0.5: useful, but with a gap or an error that its "
    "reader would have to mend. 0.0: wrong, harmful, off the point, or no answer."
)


def partiality(judge: UpstreamSpec, other: UpstreamSpec) -> str | None:
    """Why ``judge`` may not judge what ``other`` answers; None: it is of another developer and family."""
    if judge.developer == other.developer:
        return f"{judge.name}, by {judge.developer} as is {other.name}"
    if any(are_kin(one, beside) for one in _names(judge) for beside in _names(other)):
        return f"{judge.name} ({judge.model}), of the family of {other.name} ({other.model})"
    return None


def _names(spec: UpstreamSpec) -> tuple[str, ...]:
    return (spec.model, *spec.answers_as)
