"""A student as a way to propose: a classifier distilled from recorded baseline answers, for a closed set of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.domain.ports import Grader, Question
from switchover.domain.process import Process, UpstreamSpec
from switchover.trial.cases import Case

# Fewer recorded answers than this per label teach nothing that would pass a rehearsal.
FEWEST_PER_LABEL = 5


async def lessons(process: Process, cases: Sequence[Case], grader: Grader) -> list[tuple[str, str]]:
    """(text, label) per case whose recorded answer gives one of the process's labels; the truth is never seen."""
    labels = _labels(process)
    found = []
    for case in cases:
        for name in labels:
            if (await grader.score(case.reference, Question(name, case.request))).value == 1.0 and case.text.strip():
                found.append((case.text, name))
                break
    return found


def suits(process: Process, taught: Sequence[tuple[str, str]]) -> str | None:
    """None when a student can be made; otherwise why not, as one sentence."""
    labels = _labels(process)
    if not labels:
        return "a student needs a closed set of answers, and this process has none"
    seen = [label for _, label in taught]
    rare = [label for label in labels if seen.count(label) < FEWEST_PER_LABEL]
    if rare:
        return f"fewer than {FEWEST_PER_LABEL} recorded answers for {', '.join(rare)}"
    return None


def propose(
    process: Process,
    spec: UpstreamSpec,
    taught: Sequence[tuple[str, str]],
    keep: Callable[[bytes], str],
    *,
    seed: int,
    now: float,
) -> PromptVersion:
    """A version that asks a student of ``taught``; ``keep`` stores the artefact and returns its name."""
    from switchover.upstreams.student import train

    student = train([text for text, _ in taught], [label for _, label in taught], seed=seed)
    return PromptVersion.make(
        process=process.name,
        upstream=spec.name,
        kind=PromptKind.STUDENT,
        parameters={"pairs": len(taught), "seed": seed},
        artefact=keep(student.to_bytes()),
        made_at=now,
    )


def _labels(process: Process) -> tuple[str, ...]:
    terms = process.rehearse
    labels = terms.settings.get("labels") if terms is not None and terms.grader == "label" else None
    return tuple(str(label) for label in labels) if isinstance(labels, list | tuple) else ()
