"""Many candidates of one process side by side: who is READY at what margin, cost and latency, and where each fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from switchover.costs.prices import price_call
from switchover.domain.candidate import (
    State,
    Verdict,
    epoch_of,
    fingerprint,
    grader_id,
)
from switchover.domain.exchange import Exchange
from switchover.domain.process import Process, RehearsalTerms, Settings, UpstreamSpec
from switchover.errors import NotFound
from switchover.planning.plan import void
from switchover.store import Store
from switchover.store.changes import changes, marks_in
from switchover.store.exchanges import list_exchanges
from switchover.store.prompt_versions import prompt_versions
from switchover.store.proofs import newest_verdicts, proofs
from switchover.store.register import suspensions
from switchover.store.trials import scored_cases

from .failing import WeakSpot, WorstCase, weak_spots, worst_cases

WORST = 8
# The newest exchanges, each priced by itself: enough that the mean moves by a few per cent at most.
PRICED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What 1,000 calls like the recorded ones cost in USD; ``usd`` None, or less than all, for the ``gap`` given."""

    usd: Decimal | None
    gap: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One candidate (upstream with prompt version) by its cell's newest verdict.

    ``state`` is the verdict's, EXPIRED where its time has passed since. ``void`` says why the verdict says no more of
    what would answer today, None where it stands. ``tightest`` is the smallest margin (0–1) at which the overall ledger
    was READY when it was judged, None where none below 1 would do. ``seconds`` is the mean time of its replays.
    ``fails_at`` are the slices and topics in which it falls behind most, worst first; ``worst`` its worst cases.
    """

    verdict: Verdict
    state: State
    void: str | None
    tightest: float | None
    seconds: float | None
    cost: Cost
    fails_at: tuple[WeakSpot, ...]
    worst: tuple[WorstCase, ...]

    @property
    def name(self) -> str:
        """The upstream with the prompt version."""
        return f"{self.verdict.cell.upstream} ({self.verdict.cell.prompt_version})"

    @property
    def shown(self) -> tuple[str, ...]:
        """The exchanges whose words are among its texts."""
        spots = [spot.exchange for spot in self.fails_at if spot.exchange is not None]
        cases = [one.exchange for one in self.worst if (one.asked, one.baseline, one.candidate) != (None, None, None)]
        return tuple(dict.fromkeys(spots + cases))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A process and every candidate that was rehearsed for it: READY ones first, then by lower bound.

    ``margin`` is the one that its terms set, ``untested`` are the fallbacks that no verdict is about.
    """

    process: str
    margin: float
    grader: str
    candidates: tuple[Compared, ...]
    untested: tuple[str, ...]


def each(_place: int, _verdict: Verdict) -> bool:
    """Chooses every candidate."""
    return True


def compare(
    store: Store,
    settings: Settings,
    process: str,
    now: float,
    *,
    worst: int = WORST,
    of: Callable[[int, Verdict], bool] = each,
    words: bool = True,
) -> Comparison:
    """The candidates of a process as of ``now`` (Unix seconds); those that are chosen with ``worst`` so many cases.

    ``of(place, verdict)`` chooses, place 0 being the best one. ``settings`` are those with the chat templates that run.
    Without ``words`` no text of a request or an answer is handed on. Raises NotFound for a process that does not say
    how candidates are judged, StoreUnavailable.
    """
    found = settings.processes[process]
    terms = _terms_of(found)
    judge = Judge(store, settings, found, terms, now)
    best_first = judge.best_first(newest_verdicts(store, process))
    record = list_exchanges(store, process=process, limit=PRICED, bodies=False) if best_first else []
    return Comparison(
        process=process,
        margin=terms.margin,
        grader=terms.grader,
        candidates=tuple(
            _compared(store, verdict, judge, record, worst if of(place, verdict) else 0, words)
            for place, verdict in enumerate(best_first)
        ),
        untested=tuple(name for name in found.fallbacks if all(v.cell.upstream != name for v in best_first)),
    )


def _compared(
    store: Store, verdict: Verdict, judge: Judge, record: Sequence[Exchange], worst: int, words: bool
) -> Compared:
    rows = scored_cases(store, verdict.cell.id)
    return Compared(
        verdict=verdict,
        state=judge.state(verdict),
        void=judge.void(verdict),
        tightest=tightest(verdict.evidence.overall.lower),
        seconds=verdict.seconds_per_replay,
        cost=_cost(judge.settings.upstreams.get(verdict.cell.upstream), verdict, record, judge.now),
        fails_at=weak_spots(store, rows, words=words and worst > 0),
        worst=worst_cases(store, rows, worst, verdict.cell.grader, words=words),
    )


def tightest(lower: float) -> float | None:
    """The smallest margin at which a ledger with this lower bound on mean(d) is READY; None where none below 1 does."""
    return max(-lower, 0.0) if lower > -1.0 else None


def _terms_of(process: Process) -> RehearsalTerms:
    if process.rehearse is None:
        raise NotFound(
            f"{process.name} does not say how candidates are judged", mend=f"add processes.{process.name}.rehearse"
        )
    return process.rehearse


class Judge:
    """What today's settings and register make of a process's verdicts; ``now`` is in Unix seconds."""

    def __init__(self, store: Store, settings: Settings, process: Process, terms: RehearsalTerms, now: float) -> None:
        self.settings, self.now = settings, now
        self._process, self._grader = process, grader_id(terms)
        known, baseline = changes(store, process.name), settings.upstreams[process.baseline]
        self._epochs = {name: epoch_of(baseline, marks_in(known, process.name, name)) for name in process.fallbacks}
        self._versions = {version.id for version in prompt_versions(store, process.name)}
        self._proven = {proof.id for proof in proofs(store, process.name)}
        self._suspended = suspensions(store)

    def best_first(self, newest: Iterable[Verdict]) -> list[Verdict]:
        """One verdict for each candidate, out of the newest of each cell, newest first."""
        return sorted(_one_each(newest, self), key=self.rank)

    def state(self, verdict: Verdict) -> State:
        """The state it has by now."""
        passed = verdict.expires_at is not None and verdict.expires_at <= self.now
        return State.EXPIRED if passed and _proves(verdict) else verdict.state

    def rank(self, verdict: Verdict) -> tuple[bool, bool, float, str, str]:
        """READY ones that stand first, void ones last, otherwise by lower bound."""
        void, cell = self.void(verdict) is not None, verdict.cell
        is_ready = self.state(verdict) is State.READY and not void
        return not is_ready, void, -verdict.evidence.overall.lower, cell.upstream, cell.prompt_version

    def void(self, verdict: Verdict) -> str | None:
        """Why it says no more of what would answer today; None where it stands."""
        cell, spec = verdict.cell, self.settings.upstreams.get(verdict.cell.upstream)
        if spec is None or cell.upstream not in self._process.fallbacks:
            return "it is no fallback of the process any more"
        if (why := void(cell.fingerprint, spec)) is not None:
            return why
        if cell.fingerprint != fingerprint(spec):
            return "its model, weights or address are others now"
        if cell.grader != self._grader:
            return "answers are graded in another way now"
        if cell.epoch != self._epochs[cell.upstream]:
            return "the baseline is another now, or its prompt is, or the candidate has changed"
        if cell.prompt_version not in self._versions:
            return "its prompt version was withdrawn"
        if cell.upstream in self._suspended:
            return f"its proofs are suspended: {self._suspended[cell.upstream].why}"
        if _proves(verdict) and f"proof-{verdict.id}" not in self._proven:
            return "its proof was withdrawn"
        return None


def _proves(verdict: Verdict) -> bool:
    return verdict.state in (State.READY, State.PROVISIONAL)


def _one_each(newest_first: Iterable[Verdict], judge: Judge) -> list[Verdict]:
    """A verdict for each candidate: its newest one that still stands, else its newest."""
    found: dict[tuple[str, str], Verdict] = {}
    stands: set[tuple[str, str]] = set()
    seen: set[str] = set()
    for verdict in newest_first:
        candidate = (verdict.cell.upstream, verdict.cell.prompt_version)
        if candidate in stands or verdict.cell.id in seen:
            continue
        seen.add(verdict.cell.id)
        if judge.void(verdict) is None:
            stands.add(candidate)
            found[candidate] = verdict
        found.setdefault(candidate, verdict)
    return list(found.values())


def _cost(spec: UpstreamSpec | None, verdict: Verdict, record: Sequence[Exchange], now: float) -> Cost:
    """The recorded use at the candidate's price: what the baseline read and wrote, not what the candidate would."""
    if spec is None:
        return Cost(usd=None, gap=f"{verdict.cell.upstream} is not configured any more")
    priced = [price_call(spec, exchange.usage, now) for exchange in record if exchange.usage is not None]
    amounts = [one.amount for one in priced if one.amount is not None]
    if not amounts:
        gap = next((one.gap for one in priced if one.gap), "no recorded exchange says how many tokens it used")
        return Cost(usd=None, gap=gap)
    more = "its demonstrations come on top" if verdict.cell.prompt_version.startswith("demonstrations-") else None
    return Cost(usd=sum(amounts, Decimal(0)) / len(amounts) * 1000, gap=more)
