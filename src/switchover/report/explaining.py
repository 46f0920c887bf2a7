"""A verdict in plain words: what it means, what it rests on, what it does not show, what to do next. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from switchover.domain.candidate import Continuing, SliceEvidence, State, Verdict
from switchover.domain.label import People
from switchover.domain.process import Process, RehearsalTerms

from .wording import moment, span

COVERED, MOST_UNGRADED = 0.95, 0.05
SOON_S = 3 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One thing that a verdict rests on: ``what`` it is, and what there is to say of it in a sentence.

    ``holds`` False: it stands in the way of READY; None: it does not decide.
    """

    what: str
    said: str
    holds: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A verdict for whoever knows no statistics. ``command`` carries out the ``next_step``."""

    sentence: str
    rests_on: tuple[Ground, ...]
    not_shown: tuple[str, ...]
    next_step: str
    command: str


def state_at(verdict: Verdict, now: float) -> State:
    """The state by ``now``: what was READY or PROVISIONAL is EXPIRED once its time has passed."""
    proves = verdict.state in (State.READY, State.PROVISIONAL)
    passed = proves and verdict.expires_at is not None and verdict.expires_at <= now
    return State.EXPIRED if passed else verdict.state


def explain(verdict: Verdict, process: Process, now: float, *, void: str | None = None) -> Explained:
    """The verdict as it stands at ``now`` (Unix seconds); ``void`` says why it says no more of what would answer."""
    terms = process.rehearse or RehearsalTerms(grader=verdict.cell.grader.partition(":")[0])
    state = state_at(verdict, now)
    step, command = _next_step(verdict, process, state, void)
    return Explained(
        sentence=_sentence(verdict, process, terms, state, void),
        rests_on=tuple(_grounds(verdict, process, terms, now)),
        not_shown=_not_shown(verdict, process),
        next_step=step,
        command=command,
    )


def points(value: float, *, signed: bool = False) -> str:
    """A difference or share of 0–1 as points of 100: "4.8 points", "+1 point"."""
    scaled = value * 100
    size = f"{abs(scaled):.1f}".removesuffix(".0")
    sign = "" if not signed or size == "0" else "+" if scaled > 0 else "−"
    return f"{sign}{size} point{'' if size == '1' else 's'}"


def worse(lower: float) -> str:
    """A lower bound on the difference, as how much worse it may be at most."""
    return "no worse" if lower >= -0.0005 else f"at most {points(lower)} of 100 worse"


def _sentence(verdict: Verdict, process: Process, terms: RehearsalTerms, state: State, void: str | None) -> str:
    name, baseline, overall = verdict.cell.upstream, process.baseline, verdict.evidence.overall
    if void is not None:
        return f"This verdict says nothing of what {name} would answer today: {void}."
    shown = (
        f"its answers to {overall.replays:,} recorded requests are {worse(overall.lower)} than {baseline}'s, "
        f"and {points(overall.margin)} are accepted"
    )
    if state is State.READY:
        return f"{name} is good enough to stand in for {baseline}: {shown}."
    if state is State.PROVISIONAL:
        return (
            f"{name} looks good enough to stand in for {baseline}, but only a model has judged its answers, and too "
            "few of that model's judgements were checked by people."
        )
    if state is State.EXPIRED:
        return (
            f"{name} was good enough to stand in for {baseline} once; what showed it is out of date, so it does not "
            "count any more."
        )
    if state is State.NOT_READY:
        return f"{name} must not stand in for {baseline}: {_worse_where(verdict, terms, baseline)}."
    if not overall.replays:
        return f"Nobody can say yet whether {name} could stand in for {baseline}: nothing was compared."
    may_be = worse(overall.lower).replace("at most", "as much as")
    return (
        f"Nobody can say yet whether {name} could stand in for {baseline}: by {overall.replays:,} recorded requests "
        f"its answers may be {may_be}, and {points(overall.margin)} are accepted."
    )


def _worse_where(verdict: Verdict, terms: RehearsalTerms, baseline: str) -> str:
    overall = verdict.evidence.overall
    if fails(overall, terms):
        return (
            f"its answers to {overall.replays:,} recorded requests are worse than {baseline}'s, by more than the "
            f"{points(overall.margin)} of 100 that are accepted"
        )
    parts = [part for part in verdict.evidence.slices if fails(part, terms)]
    if not parts:
        return "; ".join(verdict.evidence.reasons) or "its answers are worse than is accepted"
    names = " and ".join(part.name for part in parts)
    return (
        f"on {names} its answers are worse by more than the {points(parts[0].margin)} of 100 that are accepted there, "
        "whatever the average says"
    )


def passes(part: SliceEvidence, terms: RehearsalTerms) -> bool:
    """Whether these numbers alone are enough for READY."""
    return part.log_e_ready >= math.log(1 / terms.alpha)


def fails(part: SliceEvidence, terms: RehearsalTerms) -> bool:
    """Whether these numbers alone are enough for NOT READY."""
    return part.log_e_not_ready >= math.log(1 / terms.beta)


def _grounds(verdict: Verdict, process: Process, terms: RehearsalTerms, now: float) -> list[Ground]:
    evidence, baseline = verdict.evidence, process.baseline
    found = [
        Ground(
            what="Answers compared",
            said=f"{evidence.overall.replays:,} recorded requests, asked again in {verdict.calls:,} calls and compared "
            f"with what {baseline} answered, by the grader {verdict.cell.grader.partition(':')[0]}.",
        ),
        _part(evidence.overall, terms, "On all requests together"),
        *(_part(part, terms, f"On {part.name}") for part in evidence.slices),
    ]
    if evidence.candidate_score is not None and evidence.baseline_self_agreement is not None:
        found.append(
            Ground(
                what="Beside the baseline itself",
                said=f"{verdict.cell.upstream} scores {_of_100(evidence.candidate_score)} of 100; {baseline}, asked "
                f"the same a second time, {_of_100(evidence.baseline_self_agreement)}.",
            )
        )
    found.append(
        Ground(
            what="Kinds of request",
            said=f"{evidence.coverage:.0%} of the last 30 days' requests are of a kind that was tried; wanted "
            f"{COVERED:.0%}.",
            holds=evidence.coverage >= COVERED,
        )
    )
    found.append(_ungraded(verdict))
    if evidence.people is not None:
        found.append(_people(evidence.people))
    if evidence.continuing is not None:
        found.append(_continuing(evidence.continuing))
    found.append(
        Ground(
            what="Chance of error",
            said=f"A candidate that is worse than accepted gets READY in at most {terms.alpha * 100:g} of 100 "
            "rehearsals, however often anybody looks at them.",
        )
    )
    found.append(_until(verdict, now))
    return found


def _part(part: SliceEvidence, terms: RehearsalTerms, what: str) -> Ground:
    if part.mean_difference is None or not part.replays:
        return Ground(what=what, said="Nothing was compared.", holds=False)
    level = "as good" if abs(part.mean_difference) < 0.0005 else f"{points(part.mean_difference, signed=True)}"
    return Ground(
        what=what,
        said=f"{part.replays:,} compared: {level} on average, between {points(part.lower, signed=True)} and "
        f"{points(part.upper, signed=True)}; down to {points(-part.margin, signed=True)} is accepted.",
        holds=passes(part, terms),
    )


def _ungraded(verdict: Verdict) -> Ground:
    ungraded, graded = verdict.evidence.ungraded, verdict.evidence.overall.replays
    # Cases of a slice that were taken in advance are graded, too, and not among these: a verdict that proves knew.
    proves = verdict.state in (State.READY, State.PROVISIONAL)
    holds = proves or ungraded <= MOST_UNGRADED * (ungraded + graded)
    said = f"{ungraded:,} answers could not be compared" if ungraded else "Every answer could be compared"
    return Ground(what="Not compared", said=f"{said}; at most {MOST_UNGRADED:.0%} may not be.", holds=holds)


def _people(people: People) -> Ground:
    said = f"People marked {people.labelled:,} of the {people.drawn:,} cases that were drawn for them"
    if people.needed:
        said += f"; about {people.needed:,} more are needed"
    if people.agreement is not None:
        said += f"; where two marked the same, {people.agreement.same:.0%} of the marks are alike"
    return Ground(what="People's word", said=f"{said}.", holds=None if people.needed is None else not people.needed)


def _continuing(continuing: Continuing) -> Ground:
    said = f"Going on with answers that broke off is judged by itself: {continuing.state}"
    reason = f" ({continuing.reason})" if continuing.reason else ""
    return Ground(what="Broken answers", said=f"{said}{reason}.", holds=continuing.state is State.READY)


def _until(verdict: Verdict, now: float) -> Ground:
    if verdict.expires_at is None:
        return Ground(what="Date", said=f"Concluded {moment(verdict.made_at)} UTC. There is no proof to run out.")
    left = verdict.expires_at - now
    told = f"in {span(left)}" if left > 0 else f"{span(-left)} ago"
    word = "runs out" if left > 0 else "ran out"
    return Ground(
        what="Date",
        said=f"Concluded {moment(verdict.made_at)} UTC; {word} {moment(verdict.expires_at)} UTC ({told}) unless more "
        "is replayed.",
        holds=left > 0,
    )


def _not_shown(verdict: Verdict, process: Process) -> tuple[str, ...]:
    """As in docs/explanation/what-a-proof-does-not-show.md."""
    return (
        f"That {process.baseline} is right: its answers are the measure, mistakes included.",
        "How new kinds of request would go: only what was recorded is compared.",
        f"That {verdict.cell.upstream} carries the load, that the contract allows it, or that people are there.",
        "Anything after it runs out, or under another model, chat template, prompt version or grader.",
    )


def _next_step(verdict: Verdict, process: Process, state: State, void: str | None) -> tuple[str, str]:
    """What to do, and the command for it."""
    candidate = f"{process.name} --candidate {verdict.cell.upstream}"
    if void is not None or state is State.EXPIRED:
        return "rehearse it anew", f"switchover rehearse {candidate}"
    if state is State.READY:
        return "try the switch before it is needed", f"switchover drill {process.name} --fault vanished --approver ROLE"
    if state is State.PROVISIONAL:
        return "let people mark a share of its answers", f"switchover label {candidate}"
    if state is State.NOT_READY:
        return "look where it fails, then adapt it or take another", f"switchover adapt {process.name}"
    people = verdict.evidence.people
    if people is not None and people.waiting:
        return "let people mark the answers that wait for them", f"switchover label {candidate}"
    needed = verdict.evidence.still_needed
    more = f"; about {needed:,} more replays are needed" if needed else ""
    return f"go on with the rehearsal{more}", f"switchover rehearse {candidate}"


def _of_100(score: float) -> str:
    return f"{score * 100:.1f}".removesuffix(".0")
