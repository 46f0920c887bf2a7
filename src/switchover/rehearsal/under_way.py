"""One rehearsal under way: its ledgers, what is in flight, and what it writes down."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from switchover.clock import Clock
from switchover.domain.candidate import Cell, Continuing, Proof, ScoredCase, State, Verdict, digest
from switchover.domain.ports import Grader
from switchover.evidence import events
from switchover.graders.human import WAITING
from switchover.store import Store, facts
from switchover.store.acceptances import end_acceptances
from switchover.store.proofs import end_continuations, latest_verdict, revoke_proofs, save_proof, save_verdict
from switchover.trial.continuing import Continuer
from switchover.trial.decide import Decision
from switchover.trial.gate import Gate
from switchover.trial.grade import NO_SAMPLE
from switchover.trial.purse import Purse
from switchover.trial.replay import Ask
from switchover.trial.sample import Planned

from .among import Among
from .continuing import NO_WAY, NOT_SHOWN, CutCases
from .cut_back import cut_back
from .flights import Flights, Turn
from .order import Order, cell_of, terms_of
from .plain import Anchor, Plain, is_settled
from .track import ROUND, Track

SPENT_CALLS, SPENT_MONEY = "its budget of calls is used up", "its budget of money is used up"
NO_BASELINE = "the baseline gave no second sample in a whole round"


class UnderWay:
    """A rehearsal between its first case and its verdict: goes on from what earlier runs saved."""

    def __init__(
        self,
        order: Order,
        among: Among,
        *,
        store: Store,
        grader: Grader,
        clock: Clock,
        ask: Ask,
        anchor: Anchor | None,
        purse: Purse,
        gate: Gate,
        note: events.Note,
        cell: Cell | None = None,
    ) -> None:
        self.order, self.store, self.grader, self.clock, self.note = order, store, grader, clock, note
        self.among, self.purse, self.gate = among, purse, gate
        self.terms, self.cell = terms_of(order), cell or cell_of(order)
        self.budget = order.budget_calls or self.terms.budget_calls
        last = latest_verdict(store, self.cell.id)
        self.before = last.state if last is not None else None
        self.last_continuing = last.evidence.continuing if last is not None else None
        self.plain = Plain(
            self.cell,
            self.terms,
            among.record,
            timeout=order.timeout,
            store=store,
            grader=grader,
            clock=clock,
            ask=ask,
            gate=gate,
            samples=among.samples,
            anchor=anchor,
            was_ready=self.before in (State.READY, State.PROVISIONAL, State.EXPIRED),
        )
        self.cuts: CutCases | None = None
        self.continuing: Continuing | None = None
        self.stopped = ""
        self.flights = Flights(self._play, among.saving.wait)
        self._begun = 0
        self._ahead: deque[Turn] = deque()
        self._filled = 0

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
            self.among.record,
            seed=self.order.seed,
            timeout=self.order.timeout,
            store=self.store,
            grader=self.grader,
            clock=self.clock,
            continuer=continuer,
            way=way,
            gate=self.gate,
            samples=self.among.samples,
            before=self.last_continuing,
        )

    @property
    def calls(self) -> int:
        """Calls of the candidate in this run."""
        return sum(track.calls for track in self._tracks())

    @property
    def rows(self) -> list[ScoredCase]:
        """The cell's cases so far."""
        return self.plain.rows

    def _tracks(self) -> list[Track]:
        return [self.plain] if self.cuts is None else [self.plain, self.cuts]

    def is_settled(self, decision: Decision) -> bool:
        """True when further replays would change neither verdict, and as many were made as were asked for."""
        if decision.state is State.NOT_READY or self.cuts is None:
            return self._is_plainly_settled(decision)
        return self._is_plainly_settled(decision) and self.cuts.is_settled

    def _is_plainly_settled(self, decision: Decision) -> bool:
        """The same of the overall verdict alone."""
        if decision.state is not State.NOT_READY and self.plain.calls < self.order.fewest:
            return False
        return is_settled(decision)

    def rounds(self) -> Iterator[tuple[int, Sequence[Planned]]]:
        """The plan in rounds of fixed places, with where each begins; those that are done are left out."""
        for at in range(0, len(self.among.record.planned), ROUND):
            batch = self.among.record.planned[at : at + ROUND]
            if any(track.pending(batch) for track in self._tracks()):
                yield at, batch

    def is_between_rounds(self, batch: Sequence[Planned]) -> bool:
        """False for a round that is half done: it is finished before anything is concluded."""
        return not any(track.is_half_done(batch) for track in self._tracks())

    def turns(self, batch: Sequence[Planned], decision: Decision) -> list[Turn]:
        """What a round still needs, first the plain cases, then the cut ones."""
        found: list[Turn] = []
        if not self._is_plainly_settled(decision) or self.plain.is_half_done(batch):
            found += [Turn(self.plain.id, planned) for planned in self.plain.pending(batch)]
        cuts = self.cuts
        if cuts is not None and (not cuts.is_settled or cuts.is_half_done(batch)):
            found += [Turn(cuts.id, planned) for planned in cuts.pending(batch)]
        return found

    async def play_round(self, at: int, turns: Sequence[Turn], decision: Decision) -> bool:
        """Plays a round's turns and counts them; False where nothing more can be played, and ``stopped`` says why.

        Of a round that ends early those count that come before the first one missing, where it is the budget that ends
        it. Where else a run ends is chance: then none of them counts before the next run has finished the round.
        """
        self._ahead, self._filled = deque(turns), at + ROUND
        self._set_aside({turn.ledger for turn in turns})
        rows: list[ScoredCase] = []
        for turn in turns:
            row = await self._row(turn, decision)
            if row is None:
                break
            rows.append(row)
        is_whole = len(rows) == len(turns)
        if is_whole or self.stopped in (SPENT_CALLS, SPENT_MONEY):
            self._count(rows)
        if is_whole:
            self.stopped = _ungraded(rows)
        return not self.stopped

    def _set_aside(self, wanted: set[str]) -> None:
        """Cases of a ledger that is clear by now wait, lest they hold up those of the other one."""
        for track in self._tracks():
            if track.id not in wanted:
                track.waiting |= self.flights.take_landed(track.id)

    def _count(self, rows: Sequence[ScoredCase]) -> None:
        for track in self._tracks():
            track.take([row for row in rows if row.cell_id == track.id])
        self.among.saving.count(rows)

    async def _row(self, turn: Turn, decision: Decision) -> ScoredCase | None:
        """A turn's case, once it is scored; None where it can't be in this run."""
        waiting = self._track(turn).waiting.get(turn.key[1])
        if waiting is not None:
            return waiting
        while turn.key not in self.flights.landed:
            self._launch(turn, decision)
            if not self.flights.is_flying(turn) and (self.flights.put_off or not len(self.flights)):
                self.stopped = self.flights.put_off or self._spent_out() or self.stopped
                return None
            await self.flights.news()
        return self.flights.landed.pop(turn.key)

    def _launch(self, due: Turn, decision: Decision) -> None:
        """Begins as many cases as may be in flight, in the order of the plan, beginning with the one that is due."""
        # Twice what the candidate takes at once: so many wait for the baseline, or for the disk. And twice that may be
        # back before the one that is due: what a verdict leaves behind is paid for in vain.
        most = 2 * self.gate.pace.limit
        while len(self.flights) < most and not self.flights.put_off:
            if len(self.flights.landed) >= 2 * most and self.flights.is_begun(due):
                return
            turn = self._next(decision)
            if turn is None or self._spent_out():
                return
            self._ahead.popleft()
            self._begun += 1
            self.flights.begin(turn)

    def _next(self, decision: Decision) -> Turn | None:
        """The first turn that is neither begun nor waiting; None at the end of the plan."""
        planned = self.among.record.planned
        while True:
            while self._ahead:
                turn = self._ahead[0]
                if not self.flights.is_begun(turn) and turn.key[1] not in self._track(turn).waiting:
                    return turn
                self._ahead.popleft()
            if self._filled >= len(planned):
                return None
            self._ahead.extend(self.turns(planned[self._filled : self._filled + ROUND], decision))
            self._filled += ROUND

    def _spent_out(self) -> str:
        if self._begun >= self.budget:
            return SPENT_CALLS
        return "" if self.purse.fits(len(self.flights)) else SPENT_MONEY

    def _track(self, turn: Turn) -> Track:
        return self.plain if self.cuts is None or turn.ledger == self.plain.id else self.cuts

    async def _play(self, turn: Turn) -> ScoredCase:
        played = await self._track(turn).play(turn.planned)
        self.purse.pay(played.costs)
        if not played.asked:
            self._begun -= 1
        return played.row

    def judge(self) -> Decision:
        """The verdict as the ledger stands, and beside it the one on continuing."""
        if self.cuts is not None:
            self.continuing = self.cuts.judge()
        return self.plain.book.decide(self.clock.now())

    async def land(self) -> None:
        """Waits for what is in flight, for a while, and for all of it to be saved. Raises StoreUnavailable."""
        await self.flights.land()
        await self.among.saving.done()

    def conclude(self, decision: Decision) -> Verdict:
        """Saves the verdict and, when it holds, the proof; earlier ones stand no longer than what is known now says."""
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
            spent=self.purse.spent,
            stopped="" if self.is_settled(decision) else self.stopped,
        )
        self.note(events.verdict(save_verdict(self.store, verdict), verdict, self.before))
        if decision.holds_until is not None and decision.state is not State.NOT_READY:
            cut_back(self.store, self.cell, decision.holds_until, now=now, note=self.note)
        if decision.expires_at is not None:
            proof = _proof(verdict, decision.expires_at)
            self.note(events.proof(save_proof(self.store, proof), proof))
        if decision.state is State.NOT_READY:
            revoke_proofs(self.store, at=now, **asdict(self.cell))
            made_with = (self.cell.fingerprint, self.cell.prompt_version)
            process, upstream = self.cell.process, self.cell.upstream
            for fact in end_acceptances(self.store, process, upstream, at=now, by=verdict.id, unknown_only=made_with):
                self.note(events.ended(fact))
            for fact in facts.ended(self.store, "proof", now):
                self.note(events.ended(fact))
        elif self.continuing is not None and self.continuing.state is State.NOT_READY:
            end_continuations(self.store, **asdict(self.cell))
        return verdict


def _ungraded(rows: Sequence[ScoredCase]) -> str:
    """Why a whole round could not be graded, where it is one reason for all: it would be that of the next one, too."""
    reasons = {row.reason for row in rows}
    if any(row.graded for row in rows) or len(reasons) != 1 or WAITING in reasons:
        return ""
    return NO_BASELINE if NO_SAMPLE in reasons else f"a whole round could not be graded: {reasons.pop()}"


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
