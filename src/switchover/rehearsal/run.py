"""The story of a rehearsal: recorded requests are replayed on a candidate until its verdict is clear.

Every scored case is saved at once, so that whatever stops a rehearsal loses nothing and the next one goes on from
there. Which cases are replayed, and after which ones a verdict is tried, depends on the record and the seed alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from switchover.clock import Clock
from switchover.domain.candidate import Cell, Proof, ScoredCase, State, Verdict, digest, fingerprint, grader_id
from switchover.domain.exchange import Exchange
from switchover.domain.ports import Grader
from switchover.domain.process import Process, RehearsalTerms, UpstreamSpec
from switchover.errors import OperatorError
from switchover.evidence import events
from switchover.graders import DETERMINISTIC
from switchover.stats.noninferiority import DAY
from switchover.store import Store
from switchover.store import facts as fact_rows
from switchover.store.exchanges import iter_exchanges
from switchover.store.proofs import latest_verdict, revoke_proofs, save_proof, save_verdict
from switchover.store.trials import baseline_samples, save_baseline_sample, save_score, scored_cases
from switchover.trial.cases import Case, cases_of
from switchover.trial.decide import Decision, Facts, decide
from switchover.trial.grade import grade
from switchover.trial.replay import Ask, Reply, ask_in_time, replay
from switchover.trial.sample import Planned, natural_mix, plan_cases
from switchover.trial.split import Split, split
from switchover.trial.topics import fit

# Cases between two looks. Not the concurrency: how many run at once must not change which cases count.
ROUND = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to rehearse. ``prompt_version`` is an id; ``timeout`` in seconds; ``budget_calls`` overrides the terms'."""

    process: Process
    baseline: UpstreamSpec
    candidate: UpstreamSpec
    prompt_version: str
    seed: int = 1
    concurrency: int = 4
    timeout: float = 60.0
    budget_calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a rehearsal stands after a replay or a look: ``calls`` of at most ``budget`` in this run."""

    calls: int
    budget: int
    replays: int
    decision: Decision | None


def cell_of(order: Order) -> Cell:
    """The cell the order's verdict belongs to; its epoch is the baseline as it is asked today."""
    return Cell(
        process=order.process.name,
        upstream=order.candidate.name,
        fingerprint=fingerprint(order.candidate),
        prompt_version=order.prompt_version,
        grader=grader_id(_terms(order)),
        epoch=digest([fingerprint(order.baseline), "as-is"]),
    )


async def rehearse(
    order: Order,
    *,
    store: Store,
    ask: Ask,
    baseline_ask: Ask,
    grader: Grader,
    clock: Clock,
    progress: Callable[[Progress], None] = lambda _: None,
    anchor: Callable[[Exchange], str | None] | None = None,
    note: events.Note = events.unnoted,
) -> Verdict:
    """Replays until READY for a week, NOT READY, out of budget or out of cases; saves the verdict and any proof.

    Cancelled, it saves the verdict as it stands and passes the cancellation on. Raises OperatorError for a process
    without terms, StoreUnavailable when the store can't be read or written.
    """
    trial = _Trial(order, store, grader, clock, ask, baseline_ask, anchor, note)
    budget = order.budget_calls or _terms(order).budget_calls
    decision = trial.judge()
    try:
        for batch in trial.rounds():
            if trial.is_between_rounds(batch) and _is_settled(decision):
                break
            pending = trial.pending(batch)[: budget - trial.calls]
            await replay(pending, trial.play, order.concurrency)
            decision = trial.judge()
            progress(Progress(calls=trial.calls, budget=budget, replays=len(trial.rows), decision=decision))
            if _is_settled(decision) or trial.calls >= budget:
                break
    except asyncio.CancelledError:
        trial.conclude(trial.judge())
        raise
    return trial.conclude(decision)


def _is_settled(decision: Decision) -> bool:
    """True when further replays would not change what is concluded.

    The estimate of replays still needed is shown and not acted on: taken after the first 60 replays it would give up
    on one equal candidate in seven, and the budget ends the others anyway.
    """
    return decision.state is State.NOT_READY or decision.lasts


def _terms(order: Order) -> RehearsalTerms:
    if order.process.rehearse is None:
        raise OperatorError(
            f"{order.process.name} does not say how candidates are judged",
            mend=f"write processes.{order.process.name}.rehearse in the configuration",
        )
    return order.process.rehearse


class _Trial:
    """One rehearsal under way: its plan, its ledger and what it writes down."""

    def __init__(
        self,
        order: Order,
        store: Store,
        grader: Grader,
        clock: Clock,
        ask: Ask,
        baseline_ask: Ask,
        anchor: Callable[[Exchange], str | None] | None,
        note: events.Note,
    ) -> None:
        self.order, self.store, self.grader, self.clock = order, store, grader, clock
        self.ask, self.baseline_ask, self.anchor, self.note = ask, baseline_ask, anchor, note
        self.terms, self.cell = _terms(order), cell_of(order)
        self.rows = scored_cases(store, self.cell.id)
        self.samples = baseline_samples(store, order.process.name, self.cell.epoch)
        last = latest_verdict(store, self.cell.id)
        self.before = last.state if last is not None else None
        self.was_ready = self.before in (State.READY, State.PROVISIONAL, State.EXPIRED)
        self.calls = 0
        self._plan()

    def _plan(self) -> None:
        """Reads the record: what the baseline answered may be replayed; all of it is the traffic to cover."""
        everything = cases_of(iter_exchanges(self.store, self.order.process.name), self.terms.slices)
        oldest_first = sorted(everything, key=lambda case: (case.exchange.started_at, case.order))
        found = fit([case.text for case in oldest_first]).of([case.text for case in oldest_first])
        self.topics = {case.exchange.id: topic for case, topic in zip(oldest_first, found, strict=True)}
        self.traffic = [(case.exchange.started_at, self.topics[case.exchange.id]) for case in oldest_first]
        self.keys = {case.exchange.id: case.key for case in everything}
        by_baseline = [case for case in everything if case.exchange.upstream == self.order.process.baseline]
        verdict_half = split(by_baseline, self.order.process.name)[Split.VERDICT]
        self.planned = plan_cases(verdict_half, self.order.seed)
        critical = sum(bool(p.case.slices) for p in self.planned)
        self.slice_share = critical / len(self.planned) if self.planned else 0.0

    def rounds(self) -> list[list[Planned]]:
        """The plan in rounds of fixed places, those that are done left out."""
        rounds = [self.planned[at : at + ROUND] for at in range(0, len(self.planned), ROUND)]
        return [batch for batch in rounds if self.pending(batch)]

    def pending(self, batch: Sequence[Planned]) -> list[Planned]:
        """Those of a round whose copy group was not replayed within a half-life."""
        since = self.clock.now() - self.terms.half_life * DAY
        done = {row.exchange_id for row in self.rows if row.graded_at > since}
        return [p for p in batch if not any(case.exchange.id in done for case in p.group.cases)]

    def is_between_rounds(self, batch: Sequence[Planned]) -> bool:
        """False for a round that an interruption left half done: it is finished before anything is concluded."""
        return len(self.pending(batch)) == len(batch)

    async def play(self, planned: Planned) -> None:
        """Replays, grades and saves one case."""
        case = planned.case
        second = await self._second_sample(case)
        reply = Reply(None)
        if second is not None and case.reference is not None:
            self.calls += 1
            reply = await ask_in_time(self.ask, case.request, self.order.timeout, self.clock)
        plain = self.anchor(case.exchange) if self.anchor is not None else None
        graded = grade(self.grader, reply, second, case.reference, plain)
        row = ScoredCase(
            cell_id=self.cell.id,
            exchange_id=case.exchange.id,
            graded_at=self.clock.now(),
            candidate=graded.candidate,
            baseline=graded.baseline,
            reason=graded.reason,
            slices=case.slices,
            topic=self.topics[case.exchange.id],
            seconds=reply.seconds,
            answer=reply.text,
            anchor=graded.anchor,
        )
        save_score(self.store, row)
        self.rows.append(row)

    async def _second_sample(self, case: Case) -> str | None:
        """What the baseline answers when asked again: drawn once per exchange, kept for all candidates."""
        kept = self.samples.get(case.exchange.id)
        if kept is not None:
            return kept
        reply = await ask_in_time(self.baseline_ask, case.request, self.order.timeout, self.clock)
        if reply.text is not None:
            self.samples[case.exchange.id] = reply.text
            process, epoch = self.order.process.name, self.cell.epoch
            save_baseline_sample(self.store, process, case.exchange.id, epoch, reply.text, self.clock.now())
        return reply.text

    def judge(self) -> Decision:
        """The verdict as the ledger stands."""
        facts = Facts(
            rows=self.rows,
            mix=natural_mix(self.rows, self.keys, self.slice_share, self.order.seed),
            topics=self.topics,
            traffic=self.traffic,
            calibrated=self.terms.grader in DETERMINISTIC,
            was_ready=self.was_ready,
        )
        return decide(facts, self.terms, self.clock.now())

    def conclude(self, decision: Decision) -> Verdict:
        """Saves the verdict and, when it holds, the proof; NOT READY ends the proofs there were."""
        now = self.clock.now()
        timed = [row.seconds for row in self.rows if row.answer is not None]
        verdict = Verdict(
            id=digest([self.cell.id, self.order.seed, now, len(self.rows), decision.state]),
            cell=self.cell,
            state=decision.state,
            evidence=decision.evidence,
            made_at=now,
            expires_at=decision.expires_at,
            seed=self.order.seed,
            calls=self.calls,
            seconds_per_replay=sum(timed) / len(timed) if timed else None,
        )
        self.note(events.verdict(save_verdict(self.store, verdict), verdict, self.before))
        if decision.expires_at is not None:
            proof = _proof(verdict, decision.expires_at)
            self.note(events.proof(save_proof(self.store, proof), proof))
        if decision.state is State.NOT_READY:
            cell = self.cell
            revoke_proofs(
                self.store,
                at=now,
                process=cell.process,
                upstream=cell.upstream,
                fingerprint=cell.fingerprint,
                prompt_version=cell.prompt_version,
                grader=cell.grader,
                epoch=cell.epoch,
            )
            for fact in fact_rows.ended(self.store, "proof", now):
                self.note(events.ended(fact))
        return verdict


def _proof(verdict: Verdict, expires_at: float) -> Proof:
    cell, overall = verdict.cell, verdict.evidence.overall
    return Proof(
        id=f"proof-{verdict.id}",
        process=cell.process,
        upstream=cell.upstream,
        fingerprint=cell.fingerprint,
        prompt_version=cell.prompt_version,
        grader=cell.grader,
        epoch=cell.epoch,
        state=verdict.state,
        margin=overall.margin,
        lower=overall.lower,
        replays=overall.replays,
        made_at=verdict.made_at,
        expires_at=expires_at,
    )
