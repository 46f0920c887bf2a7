"""One rehearsal under way: its plan, its ledgers and what it writes down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial

from switchover.clock import Clock
from switchover.domain.candidate import (
    Cell,
    Continuing,
    Proof,
    ScoredCase,
    State,
    Verdict,
    digest,
)
from switchover.domain.exchange import Exchange
from switchover.domain.ports import Grader, Question
from switchover.evidence import events
from switchover.graders import DETERMINISTIC
from switchover.stats.noninferiority import DAY
from switchover.store import Store, facts
from switchover.store.exchanges import iter_exchanges
from switchover.store.labels import labels_of
from switchover.store.proofs import end_continuations, latest_verdict, revoke_proofs, save_proof, save_verdict
from switchover.store.trials import baseline_samples, save_baseline_sample, save_score, scored_cases
from switchover.trial.book import Book
from switchover.trial.cases import Case, cases_of
from switchover.trial.continuing import Continuer
from switchover.trial.decide import Decision
from switchover.trial.grade import grade
from switchover.trial.labelling import Drawing
from switchover.trial.rectified import RectifiedBook
from switchover.trial.replay import Ask, Reply, ask_in_time, replay
from switchover.trial.sample import Planned, plan_cases
from switchover.trial.split import Split, split
from switchover.trial.topics import fit

from .continuing import NO_WAY, NOT_SHOWN, CutCases
from .order import Order, cell_of, nothing_to_replay, terms_of

# Cases between two looks. Not the concurrency: how many run at once must not change which cases count.
ROUND = 8


def _is_settled(decision: Decision) -> bool:
    """True when further replays would not change what is concluded.

    The estimate of replays still needed is shown and not acted on: taken after the first 60 replays it would give up
    on one equal candidate in seven, and the budget ends the others anyway.
    """
    return decision.state is State.NOT_READY or decision.lasts


class UnderWay:
    """A rehearsal between its first case and its verdict: goes on from what earlier runs saved."""

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
        cell: Cell | None = None,
    ) -> None:
        self.order, self.store, self.grader, self.clock = order, store, grader, clock
        self.ask, self.baseline_ask, self.anchor, self.note = ask, baseline_ask, anchor, note
        self.terms, self.cell = terms_of(order), cell or cell_of(order)
        self.samples = baseline_samples(store, order.process.name, self.cell.epoch)
        last = latest_verdict(store, self.cell.id)
        self.before = last.state if last is not None else None
        self.was_ready = self.before in (State.READY, State.PROVISIONAL, State.EXPIRED)
        self.last_continuing = last.evidence.continuing if last is not None else None
        self.replays = 0
        self.cuts: CutCases | None = None
        self.continuing: Continuing | None = None
        self._plan()
        self.book = self._book()

    async def cut_too(self, continuer: Continuer) -> None:
        """Cut-and-continue cases are replayed from now on, in the first way in which the candidate can go on."""
        if self.terms.grader == "human":
            self.continuing = NOT_SHOWN
            return
        way = await continuer.way()
        if way is None:
            self.continuing = NO_WAY
            return
        self.cuts = CutCases(
            self.cell,
            self.terms,
            self.order.seed,
            self.order.timeout,
            self.store,
            self.grader,
            self.clock,
            continuer,
            way,
            self.last_continuing,
        )

    @property
    def calls(self) -> int:
        """Calls of the candidate in this run."""
        return self.replays + (self.cuts.calls if self.cuts is not None else 0)

    def is_settled(self, decision: Decision) -> bool:
        """True when further replays would change neither verdict."""
        if decision.state is State.NOT_READY or self.cuts is None:
            return _is_settled(decision)
        return _is_settled(decision) and self.cuts.is_settled

    def _plan(self) -> None:
        """Reads the record: what the baseline answered may be replayed; all of it is the traffic to cover."""
        everything = cases_of(iter_exchanges(self.store, self.order.process.name), self.terms.slices)
        if not everything and not self.order.process.recording.keeps_words:
            raise nothing_to_replay(self.order.process)
        oldest_first = sorted(everything, key=lambda case: (case.exchange.started_at, case.order))
        found = fit([case.text for case in oldest_first]).of([case.text for case in oldest_first])
        self.topics = {case.exchange.id: topic for case, topic in zip(oldest_first, found, strict=True)}
        self.traffic = [(case.exchange.started_at, self.topics[case.exchange.id]) for case in oldest_first]
        self.keys = {case.exchange.id: case.key for case in everything}
        self.cases = {case.exchange.id: case for case in everything}
        by_baseline = [case for case in everything if case.exchange.upstream == self.order.process.baseline]
        verdict_half = split(by_baseline, self.order.process.name)[Split.VERDICT]
        self.planned = plan_cases(verdict_half, self.order.seed)
        critical = sum(bool(p.case.slices) for p in self.planned)
        self.slice_share = critical / len(self.planned) if self.planned else 0.0

    def _book(self) -> Book | RectifiedBook:
        open_book = partial(
            Book,
            self.terms,
            topics=self.topics,
            traffic=self.traffic,
            keys=self.keys,
            slice_share=self.slice_share,
            seed=self.order.seed,
            was_ready=self.was_ready,
        )
        rows = scored_cases(self.store, self.cell.id)
        if not self.terms.labels_share:
            return open_book(rows, calibrated=self.terms.grader in DETERMINISTIC)
        drawing = Drawing(self.cell.id, self.terms.labels_share, self.keys)
        labels = labels_of(self.store, self.cell.id)
        return RectifiedBook(self.terms, rows, labels, drawing=drawing, open_book=open_book)

    @property
    def rows(self) -> list[ScoredCase]:
        """The cell's cases so far."""
        return self.book.rows

    def rounds(self) -> list[list[Planned]]:
        """The plan in rounds of fixed places, those that are done left out."""
        rounds = [self.planned[at : at + ROUND] for at in range(0, len(self.planned), ROUND)]
        return [batch for batch in rounds if self.pending(batch) or (self.cuts and self.cuts.pending(batch))]

    def pending(self, batch: Sequence[Planned]) -> list[Planned]:
        """Those of a round whose copy group was not replayed within a half-life."""
        since = self.clock.now() - self.terms.half_life * DAY
        done = {row.exchange_id for row in self.rows if row.graded_at > since}
        return [p for p in batch if not any(case.exchange.id in done for case in p.group.cases)]

    def is_between_rounds(self, batch: Sequence[Planned]) -> bool:
        """False for a round that an interruption left half done: it is finished before anything is concluded."""
        return not self._is_half_done(batch) and not self._is_half_cut(batch)

    def _is_half_done(self, batch: Sequence[Planned]) -> bool:
        return 0 < len(self.pending(batch)) < len(batch)

    def _is_half_cut(self, batch: Sequence[Planned]) -> bool:
        return self.cuts is not None and 0 < len(self.cuts.pending(batch)) < len(self.cuts.drawn(batch))

    async def play_round(self, batch: Sequence[Planned], decision: Decision, budget: int) -> bool:
        """Plays what a round still needs, first the plain cases, then the cut ones; False when that is nothing."""
        plain: list[Planned] = []
        if not _is_settled(decision) or self._is_half_done(batch):
            plain = self.pending(batch)[: budget - self.calls]
            await replay(plain, self.play, self.order.concurrency)
        cut: list[Planned] = []
        if self.cuts is not None and (not self.cuts.is_settled or self._is_half_cut(batch)):
            cut = self.cuts.pending(batch)[: budget - self.calls]
            await replay(cut, self._play_cut, self.order.concurrency)
        return bool(plain or cut)

    async def _play_cut(self, planned: Planned) -> None:
        if self.cuts is not None:
            name = planned.case.exchange.id
            await self.cuts.play(planned, self.samples.get(name), self.topics[name])

    async def play(self, planned: Planned) -> None:
        """Replays, grades and saves one case."""
        case = planned.case
        # By merit the recorded answer itself is graded.
        second = None if self.grader.by_merit else await self._second_sample(case)
        reply = Reply(None)
        if case.reference is not None and (self.grader.by_merit or second is not None):
            self.replays += 1
            reply = await ask_in_time(self.ask, case.request, self.order.timeout, self.clock)
        plain = self.anchor(case.exchange) if self.anchor is not None else None
        graded = await grade(self.grader, reply, second, Question(case.reference, case.request), plain)
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
            judge_calls=graded.calls,
            judge_nusd=graded.nusd,
        )
        save_score(self.store, row)
        self.book.add(row)

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
        """The verdict as the ledger stands, and beside it the one on continuing."""
        if self.cuts is not None:
            self.continuing = self.cuts.judge()
        return self.book.decide(self.clock.now())

    def conclude(self, decision: Decision) -> Verdict:
        """Saves the verdict and, when it holds, the proof; NOT READY ends the proofs there were."""
        now = self.clock.now()
        timed = [row.seconds for row in self.rows if row.answer is not None]
        verdict = Verdict(
            id=digest([self.cell.id, self.order.seed, now, len(self.rows), decision.state]),
            cell=self.cell,
            state=decision.state,
            evidence=replace(decision.evidence, continuing=self.continuing),
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
            revoke_proofs(self.store, at=now, **asdict(self.cell))
            for fact in facts.ended(self.store, "proof", now):
                self.note(events.ended(fact))
        elif self.continuing is not None and self.continuing.state is State.NOT_READY:
            end_continuations(self.store, **asdict(self.cell))
        return verdict


def _proof(verdict: Verdict, expires_at: float) -> Proof:
    cell, overall, continuing = verdict.cell, verdict.evidence.overall, verdict.evidence.continuing
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
        continuation=continuing.way if continuing is not None and continuing.expires_at is not None else None,
        continues_until=continuing.expires_at if continuing is not None else None,
    )
