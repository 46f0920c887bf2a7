"""The verdict: ledgers, coverage and freshness against the states of ``specs/verdict.md``, in its order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from switchover.domain.candidate import Continuation, Continuing, Evidence, ScoredCase, SliceEvidence, State
from switchover.domain.process import RehearsalTerms
from switchover.stats.noninferiority import DAY, Ledger, Terms, Weighed, weigh

from .sample import coverage, replayed_topics

COVERED = 0.95
TRAFFIC_DAYS = 30.0
FRESH_DAYS = 7.0
MOST_UNGRADED = 0.05
WORSE = "worse than the margin allows"
STANDS_DAYS = 7.0  # a rehearsal goes on until its proof would stand so long without another replay


def difference(row: ScoredCase) -> float | None:
    """d of a case as its grader has it; None where it is ungraded."""
    return None if row.candidate is None or row.baseline is None else row.candidate - row.baseline


# What a case counts with, within the reach of its ledger; None: it is ungraded.
Value = Callable[[ScoredCase], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a verdict is made from.

    ``rows`` is the whole cell and ``mix`` those rows of it that count overall. ``topics`` gives each row's topic by
    exchange id; ``traffic`` is (moment, topic) of every recorded exchange. ``calibrated`` is False for a judge that
    no human has rectified; ``was_ready`` is True when the cell had a proof before. A row counts with its ``value``, in
    [-reach, reach]; ``lacking``: what else stands between the cell and READY.
    """

    rows: Sequence[ScoredCase]
    mix: Sequence[ScoredCase]
    topics: Mapping[str, int]
    traffic: Sequence[tuple[float, int]]
    calibrated: bool = True
    was_ready: bool = False
    value: Value = difference
    reach: float = 1.0
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A state with its evidence; ``expires_at`` is when a READY or PROVISIONAL would end without new replays.

    ``lasts``: replays beyond these would not change what is concluded.
    """

    state: State
    evidence: Evidence
    expires_at: float | None
    lasts: bool


def decide(facts: Facts, terms: RehearsalTerms, now: float) -> Decision:
    """Judges a cell at ``now``: NOT READY, READY, PROVISIONAL, EXPIRED or UNPROVEN, the first that fits."""
    value, reach = facts.value, facts.reach
    overall = weigh(_ledger(facts.mix, value, reach), now, _terms(terms, terms.margin))
    slices = {
        part.name: weigh(
            _ledger(_of_slice(facts.rows, part.name), value, reach), now, _terms(terms, terms.slice_margin)
        )
        for part in terms.slices
    }
    graded = [row for row in facts.rows if value(row) is not None]
    topics = [facts.topics.get(row.exchange_id, row.topic) for row in graded]
    recent = [topic for at, topic in facts.traffic if at > now - TRAFFIC_DAYS * DAY]
    covered = coverage(recent, topics)
    newest = max((row.graded_at for row in graded), default=None)
    lacking = _lacking(overall, slices, facts, graded, covered, newest, now)
    failing = [name for name, weighed in {"overall": overall, **slices}.items() if weighed.fails]
    state = _state(failing, lacking, facts)
    evidence = _evidence(facts, graded, overall, slices, covered, _reasons(state, failing, lacking))
    expires = None
    if state in (State.READY, State.PROVISIONAL) and newest is not None:
        expires = _expires(facts.traffic, topics, [overall, *slices.values()], newest, now)
    lasts = expires is not None and newest is not None and expires >= newest + STANDS_DAYS * DAY
    return Decision(state, evidence, expires, lasts)


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
    weighed = weigh(_ledger(rows), now, _terms(terms, terms.slice_margin))
    newest = max((row.graded_at for row in rows if row.candidate is not None), default=None)
    lacking = [] if weighed.passes else [_shows("continuing", weighed)]
    lacking += _stale(newest, now) + _ungraded(rows, difference)
    if weighed.fails:
        return Continuing(state=State.NOT_READY, way=way, evidence=_numbers("continuing", weighed), reason=WORSE)
    state = State.EXPIRED if was_ready else State.UNPROVEN
    expires = None
    if not lacking and newest is not None:
        state = State.READY if calibrated else State.PROVISIONAL
        expires = min([newest + FRESH_DAYS * DAY, *([weighed.good_until] if weighed.good_until is not None else [])])
    return Continuing(
        state=state,
        way=way,
        evidence=_numbers("continuing", weighed),
        expires_at=expires,
        reason="; ".join(lacking),
    )


def _state(failing: Sequence[str], lacking: Sequence[str], facts: Facts) -> State:
    if failing:
        return State.NOT_READY
    if not lacking:
        return State.READY if facts.calibrated else State.PROVISIONAL
    return State.EXPIRED if facts.was_ready else State.UNPROVEN


def _reasons(state: State, failing: Sequence[str], lacking: Sequence[str]) -> tuple[str, ...]:
    if state is State.NOT_READY:
        return tuple(f"{name}: {WORSE}" for name in failing)
    return tuple(lacking) if lacking else () if state is State.READY else ("its judge is not rectified by humans",)


def _lacking(
    overall: Weighed,
    slices: Mapping[str, Weighed],
    facts: Facts,
    graded: Sequence[ScoredCase],
    covered: float,
    newest: float | None,
    now: float,
) -> list[str]:
    """What stands between the cell and READY, one plain sentence each."""
    lacking = []
    for name, weighed in {"overall": overall, **slices}.items():
        if not weighed.passes:
            lacking.append(_shows(name, weighed))
    if covered < COVERED:
        lacking.append(f"replayed topics cover {covered:.0%} of the last 30 days' traffic; wanted {COVERED:.0%}")
    return [*lacking, *_stale(newest, now), *_ungraded(facts.rows, facts.value), *facts.lacking]


def _shows(name: str, weighed: Weighed) -> str:
    return (
        f"{name}: {weighed.replays} replays show no more than {weighed.lower:+.3f}; wanted above {-weighed.margin:+.3f}"
    )


def _stale(newest: float | None, now: float) -> list[str]:
    if newest is None:
        return ["nothing was graded yet"]
    return ["the newest replay is older than 7 days"] if now - newest > FRESH_DAYS * DAY else []


def _ungraded(rows: Sequence[ScoredCase], value: Value) -> list[str]:
    ungraded = sum(value(row) is None for row in rows)
    if not rows or ungraded / len(rows) <= MOST_UNGRADED:
        return []
    return [f"{ungraded} of {len(rows)} replays could not be graded; at most 5 % may"]


def _expires(
    traffic: Sequence[tuple[float, int]],
    topics: Sequence[int],
    ledgers: Sequence[Weighed],
    newest: float,
    now: float,
) -> float:
    """The earliest moment at which a READY condition fails without new replays."""
    moments = [newest + FRESH_DAYS * DAY]
    moments += [weighed.good_until for weighed in ledgers if weighed.good_until is not None]
    replayed = replayed_topics(topics)
    hit = 0
    # From the newest exchange back: what is left of the traffic's window when all that came before has left it.
    for inside, (at, topic) in enumerate(sorted(traffic, reverse=True)):
        leaves = at + TRAFFIC_DAYS * DAY
        if inside and hit / inside < COVERED and leaves > now:
            moments.append(leaves)
        hit += topic in replayed
    return min(moments)


def _terms(terms: RehearsalTerms, margin: float) -> Terms:
    return Terms(margin=margin, alpha=terms.alpha, beta=terms.beta, half_life=terms.half_life)


def _of_slice(rows: Sequence[ScoredCase], name: str) -> list[ScoredCase]:
    return [row for row in rows if name in row.slices]


def _ledger(rows: Sequence[ScoredCase], value: Value = difference, reach: float = 1.0) -> Ledger:
    return Ledger.of(((row.graded_at, d) for row in rows if (d := value(row)) is not None), reach)


def _evidence(
    facts: Facts,
    graded: Sequence[ScoredCase],
    overall: Weighed,
    slices: Mapping[str, Weighed],
    covered: float,
    reasons: tuple[str, ...],
) -> Evidence:
    mix = [row for row in facts.mix if facts.value(row) is not None]
    return Evidence(
        overall=_numbers("overall", overall),
        slices=tuple(_numbers(name, weighed) for name, weighed in slices.items()),
        ungraded=len(facts.rows) - len(graded),
        coverage=covered,
        candidate_score=_mean([row.candidate for row in mix]),
        baseline_self_agreement=_mean([row.baseline for row in mix]),
        anchor_score=_mean([row.anchor for row in mix]),
        still_needed=_still_needed(overall, slices, len(graded)),
        reasons=reasons,
        **judging(facts.rows),
    )


def judging(rows: Sequence[ScoredCase]) -> dict[str, Any]:
    """What judging the rows took, as fields of the evidence."""
    paid = [row.judge_nusd for row in rows if row.judge_calls]
    known = [amount for amount in paid if amount is not None]
    return {
        "judge_calls": sum(row.judge_calls for row in rows),
        "judge_usd": Decimal(sum(known)) / 1_000_000_000 if known else None,
        "judge_unpriced": len(paid) - len(known),
    }


def _numbers(name: str, weighed: Weighed) -> SliceEvidence:
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


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
