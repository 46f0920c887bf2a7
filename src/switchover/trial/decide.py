"""The verdict: ledgers, coverage and freshness against the states of ``specs/verdict.md``, in its order."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from switchover.domain.candidate import (
    Continuation,
    Continuing,
    Evidence,
    ScoredCase,
    SliceEvidence,
    State,
    TopicEvidence,
)
from switchover.domain.process import RehearsalTerms
from switchover.stats.noninferiority import DAY, Ledger, Terms, Weighed, weigh

from .coverage import COVERED
from .tally import exactly, mean_of

FRESH_DAYS = 7.0
MOST_UNGRADED = 0.05
WORSE = "worse than the margin allows"
STANDS_DAYS = 7.0  # a rehearsal goes on until its proof would stand so long without another replay
# Two to one that a topic is worse than the margin allows keep READY back until more is known; chosen by simulation
# (``docs/design/found-slices.md``): of an equal candidate that delays one rehearsal in fifty.
SUSPECTED = math.log(2.0)


def difference(row: ScoredCase) -> float | None:
    """d of a case as its grader has it; None where it is ungraded."""
    return None if row.candidate is None or row.baseline is None else row.candidate - row.baseline


# What a case counts with, within the reach of its ledger; None: it is ungraded.
Value = Callable[[ScoredCase], float | None]


@dataclass(slots=True)
class Scores:
    """Sums of the scores that count overall: the candidate's, the baseline's, the plain candidate's."""

    sums: list[int] = field(default_factory=lambda: [0, 0, 0])
    many: list[int] = field(default_factory=lambda: [0, 0, 0])

    def add(self, row: ScoredCase, times: int = 1) -> None:
        """One more case, or with -1 one less."""
        for place, score in enumerate((row.candidate, row.baseline, row.anchor)):
            if score is not None:
                self.sums[place] += times * exactly(score)
                self.many[place] += times

    def means(self) -> tuple[float | None, float | None, float | None]:
        """The mean of each, None without any."""
        one, two, three = (mean_of(total, n) for total, n in zip(self.sums, self.many, strict=True))
        return one, two, three


@dataclass(slots=True)
class Judging:
    """What judging cases took: ``calls`` in ``judged`` of them, ``nusd`` for those ``priced``."""

    judged: int = 0
    calls: int = 0
    priced: int = 0
    nusd: int = 0

    def add(self, row: ScoredCase, times: int = 1) -> None:
        """One more case, or with -1 one less."""
        if not row.judge_calls:
            return
        self.judged += times
        self.calls += times * row.judge_calls
        if row.judge_nusd is not None:
            self.priced += times
            self.nusd += times * row.judge_nusd

    def fields(self) -> dict[str, Any]:
        """As fields of the evidence."""
        return {
            "judge_calls": self.calls,
            "judge_usd": Decimal(self.nusd) / 1_000_000_000 if self.priced else None,
            "judge_unpriced": self.judged - self.priced,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a verdict is made from: every ledger as it weighs at the moment of judging.

    ``slices`` are the critical ones, ``told`` those declared for information. ``found`` are topics worse than the
    margin allows, ``suspected`` those that may be. ``cases`` and ``graded`` count all of the cell's, ``coverage_ends``
    is when too little of the traffic will be covered. ``calibrated`` is False for a judge that no human has rectified;
    ``was_ready`` is True when the cell had a proof before. ``lacking``: what else stands between the cell and READY.
    """

    overall: Weighed
    slices: Mapping[str, Weighed]
    cases: int
    graded: int
    newest: float | None
    coverage: float
    coverage_ends: float | None
    scores: Scores
    told: Mapping[str, Weighed] = field(default_factory=dict)
    worst_topic: TopicEvidence | None = None
    found: Sequence[TopicEvidence] = ()
    suspected: Sequence[TopicEvidence] = ()
    calibrated: bool = True
    was_ready: bool = False
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A state with its evidence; ``expires_at`` is when a READY or PROVISIONAL would end without new replays.

    ``lasts``: replays beyond these would not change what is concluded. ``holds_until``: no earlier proof of the cell
    stands longer; None where nothing that is known speaks against them.
    """

    state: State
    evidence: Evidence
    expires_at: float | None
    lasts: bool
    holds_until: float | None = None


def found_at(beta: float, topics: int) -> float:
    """ln E from which a topic is found worse: K/β, so that the chance that any of K is found falsely is at most β."""
    return math.log(topics / beta)


def decide(facts: Facts, terms: RehearsalTerms, now: float) -> Decision:
    """Judges a cell at ``now``: NOT READY, READY, PROVISIONAL, EXPIRED or UNPROVEN, the first that fits."""
    ledgers = {"overall": facts.overall, **facts.slices}
    failing = [f"{name}: {WORSE}" for name, weighed in ledgers.items() if weighed.fails]
    failing += [_worse(topic) for topic in facts.found]
    lacking = _lacking(ledgers, facts, now)
    state = _state(failing, lacking, facts, ledgers.values())
    expires = None
    if state in (State.READY, State.PROVISIONAL) and facts.newest is not None:
        expires = _expires(ledgers.values(), facts.newest, facts.coverage_ends)
    lasts = expires is not None and facts.newest is not None and expires >= facts.newest + STANDS_DAYS * DAY
    holds = now if expires is None and _is_contradicted(facts, ledgers.values()) else expires
    return Decision(state, _evidence(facts, _reasons(state, failing, lacking)), expires, lasts, holds)


def decide_continuing(
    rows: Sequence[ScoredCase],
    terms: RehearsalTerms,
    now: float,
    *,
    way: Continuation,
    calibrated: bool,
    was_ready: bool,
) -> Continuing:
    """Judges cut-and-continue cases as a critical slice is judged, in a verdict of their own.

    Coverage is the overall verdict's affair: without that there is no proof anyway.
    """
    weighed = weigh(_ledger(rows), now, terms_at(terms, terms.slice_margin))
    newest = max((row.graded_at for row in rows if row.candidate is not None), default=None)
    lacking = [] if weighed.passes else [_shows("continuing", weighed)]
    ungraded = _ungraded(len(rows), sum(row.graded for row in rows))
    lacking += _stale(newest, now) + ungraded
    if weighed.fails:
        return Continuing(state=State.NOT_READY, way=way, evidence=numbers("continuing", weighed), reason=WORSE)
    state = State.EXPIRED if was_ready and weighed.passes_unaged and not ungraded else State.UNPROVEN
    expires = None
    if not lacking and newest is not None:
        state = State.READY if calibrated else State.PROVISIONAL
        expires = min([newest + FRESH_DAYS * DAY, *([weighed.good_until] if weighed.good_until is not None else [])])
    return Continuing(
        state=state,
        way=way,
        evidence=numbers("continuing", weighed),
        expires_at=expires,
        reason="; ".join(lacking),
    )


def _state(failing: Sequence[str], lacking: Sequence[str], facts: Facts, ledgers: Collection[Weighed]) -> State:
    if failing:
        return State.NOT_READY
    if not lacking:
        return State.READY if facts.calibrated else State.PROVISIONAL
    return State.EXPIRED if facts.was_ready and _is_out_of_date(facts, ledgers) else State.UNPROVEN


def _is_out_of_date(facts: Facts, ledgers: Iterable[Weighed]) -> bool:
    """Whether age or coverage alone keeps READY back, and neither what came since nor what people said."""
    doubted = facts.suspected or facts.lacking or _ungraded(facts.cases, facts.graded)
    return not doubted and all(weighed.passes_unaged for weighed in ledgers)


def _is_contradicted(facts: Facts, ledgers: Iterable[Weighed]) -> bool:
    """Whether evidence or coverage keeps READY back: what could not be graded says nothing against a candidate."""
    lost = facts.suspected or facts.coverage < COVERED
    return bool(lost) or not all(weighed.passes for weighed in ledgers)


def _reasons(state: State, failing: Sequence[str], lacking: Sequence[str]) -> tuple[str, ...]:
    if state is State.NOT_READY:
        return tuple(failing)
    return tuple(lacking) if lacking else () if state is State.READY else ("its judge is not rectified by humans",)


def _worse(topic: TopicEvidence) -> str:
    like = f", such as {', '.join(topic.examples)}" if topic.examples else ""
    return f"topic {topic.topic} ({topic.share:.0%} of the traffic{like}): {WORSE}"


def _lacking(ledgers: Mapping[str, Weighed], facts: Facts, now: float) -> list[str]:
    """What stands between the cell and READY, one plain sentence each."""
    lacking = [_shows(name, weighed) for name, weighed in ledgers.items() if not weighed.passes]
    for topic in facts.suspected:
        part = topic.evidence
        lacking.append(f"topic {topic.topic}: {part.replays} replays show at most {part.upper:+.3f}; more have to tell")
    if facts.coverage < COVERED:
        covers = f"replayed kinds of request cover {facts.coverage:.0%} of the last 30 days' traffic"
        lacking.append(f"{covers}; wanted {COVERED:.0%}")
    return [*lacking, *_stale(facts.newest, now), *_ungraded(facts.cases, facts.graded), *facts.lacking]


def _shows(name: str, weighed: Weighed) -> str:
    return (
        f"{name}: {weighed.replays} replays show no more than {weighed.lower:+.3f}; wanted above {-weighed.margin:+.3f}"
    )


def _stale(newest: float | None, now: float) -> list[str]:
    if newest is None:
        return ["nothing was graded yet"]
    return ["the newest replay is older than 7 days"] if now - newest > FRESH_DAYS * DAY else []


def _ungraded(cases: int, graded: int) -> list[str]:
    ungraded = cases - graded
    if not cases or ungraded / cases <= MOST_UNGRADED:
        return []
    return [f"{ungraded} of {cases} replays could not be graded; at most 5 % may"]


def _expires(ledgers: Iterable[Weighed], newest: float, coverage_ends: float | None) -> float:
    """The earliest moment at which a READY condition fails without new replays.

    No topic gets suspected by time alone: evidence that fades only comes nearer to none.
    """
    moments = [newest + FRESH_DAYS * DAY]
    moments += [weighed.good_until for weighed in ledgers if weighed.good_until is not None]
    moments += [coverage_ends] if coverage_ends is not None else []
    return min(moments)


def terms_at(terms: RehearsalTerms, margin: float) -> Terms:
    """The terms of a ledger with this margin."""
    return Terms(margin=margin, alpha=terms.alpha, beta=terms.beta, half_life=terms.half_life)


def _ledger(rows: Sequence[ScoredCase]) -> Ledger:
    return Ledger.of((row.graded_at, d) for row in rows if (d := difference(row)) is not None)


def _evidence(facts: Facts, reasons: tuple[str, ...]) -> Evidence:
    candidate, baseline, anchor = facts.scores.means()
    return Evidence(
        overall=numbers("overall", facts.overall),
        slices=tuple(numbers(name, weighed) for name, weighed in facts.slices.items()),
        told=tuple(numbers(name, weighed) for name, weighed in facts.told.items()),
        worst_topic=facts.worst_topic,
        found=tuple(facts.found),
        ungraded=facts.cases - facts.graded,
        coverage=facts.coverage,
        candidate_score=candidate,
        baseline_self_agreement=baseline,
        anchor_score=anchor,
        still_needed=_still_needed(facts.overall, facts.slices, facts.graded),
        reasons=reasons,
    )


def numbers(name: str, weighed: Weighed) -> SliceEvidence:
    """A ledger's figures under its name."""
    return SliceEvidence(
        name=name,
        replays=weighed.replays,
        margin=weighed.margin,
        mean_difference=weighed.mean,
        lower=weighed.lower,
        upper=weighed.upper,
        log_e_ready=weighed.log_e_ready,
        log_e_not_ready=weighed.log_e_not_ready,
    )


def _still_needed(overall: Weighed, slices: Mapping[str, Weighed], replays: int) -> int | None:
    """Replays until the slowest ledger is there, each ledger taking its share of them."""
    needed = 0
    for weighed in (overall, *slices.values()):
        if weighed.still_needed is None or not weighed.replays:
            return None
        needed = max(needed, math.ceil(weighed.still_needed * replays / weighed.replays))
    return needed
