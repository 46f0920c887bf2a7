"""Canaries: has a vendor's model changed without a word? Fixed prompts, asked again and graded against kept answers.

Each process keeps some for its baseline and for every replacement with a proof, drawn once by seed from the record and
the ledger: prompts to which that upstream gave the same answer twice. One answer that differs says nothing; a detector
says when fewer agree than did. A baseline's alarm ends its epoch, since proofs were made against what it was; a
replacement's suspends its proofs until a person restores them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from switchover.domain.candidate import PromptKind, PromptVersion, digest, epoch, fingerprint, grader_id
from switchover.domain.ports import Grader, Question
from switchover.domain.process import Process, RehearsalTerms, UpstreamSpec
from switchover.domain.register import Suspension
from switchover.domain.watching import Canary, Change, ChangeKind, Finding
from switchover.errors import SwitchoverError
from switchover.evidence import events
from switchover.graders import grader
from switchover.stats import bets
from switchover.stats.drift import AGREEMENT, agreement_detector
from switchover.store.canaries import (
    CanaryCall,
    canaries,
    canaries_asked,
    canary_calls,
    end_canaries,
    save_canaries,
    save_canary_call,
)
from switchover.store.changes import marks
from switchover.store.exchanges import some_exchanges
from switchover.store.register import baseline_lost, set_suspension, suspensions
from switchover.store.trials import baseline_samples, scored_cases
from switchover.trial.cases import Case, cases_of
from switchover.trial.replay import Ask, Reply, ask_in_time
from switchover.trial.split import share

from .ending import end
from .held import Held, held
from .run import Round

NAME = "canaries"
MOST, FEWEST = 20, 8
# A replacement is asked so many prompts once more, to see which it answers the same way twice.
TRIED = 2 * MOST
AGREES = 1.0 - 1e-9
DAY_S = 86_400.0
TIMEOUT_S = 60.0
EMPTY = "empty-answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An upstream that is asked canaries for a process; ``held`` is None for the baseline."""

    process: Process
    terms: RehearsalTerms
    spec: UpstreamSpec
    version: PromptVersion
    span: str
    held: Held | None

    @property
    def about(self) -> str:
        """Names whom a set tells of: the model, how it is asked, and how it is graded."""
        return digest([fingerprint(self.spec), self.version.id, grader_id(self.terms), self.span])


async def watch_canaries(round_: Round) -> list[Finding]:
    """The step of a round: asks the canaries that are due, of every process with a proof in date."""
    found = []
    for process in round_.processes:
        if process.rehearse is None or not process.watch.canaries:
            continue
        for asked in _to_ask(round_, process, process.rehearse):
            try:
                found.append(await _Watching(round_, asked).look())
            except SwitchoverError as error:
                said = f"{process.name}: {str(error).partition(chr(10))[0]}"
                found.append(Finding(step=NAME, about=asked.spec.name, well=False, said=said, trouble=True))
    return found


def _to_ask(round_: Round, process: Process, terms: RehearsalTerms) -> list[Asked]:
    """The baseline and the replacements with proofs, as far as they may be called and nothing is known of them yet."""
    store, settings = round_.store, round_.settings
    proven = held(settings, store, process, round_.clock.now())
    doubted, lost = suspensions(store), process.name in baseline_lost(store)
    baseline = settings.upstreams[process.baseline]
    whole = marks(store, process.name, baseline.name)
    as_is = PromptVersion.make(process=process.name, upstream=baseline.name, kind=PromptKind.AS_IS)
    span = epoch(baseline, replace(whole, replacement=""))
    found = [Asked(process=process, terms=terms, spec=baseline, version=as_is, span=span, held=None)] if proven else []
    found = [] if lost else found
    for one in {one.spec.name: one for one in reversed(proven)}.values():
        if one.spec.name not in doubted:
            span = one.proof.epoch
            found.append(Asked(process=process, terms=terms, spec=one.spec, version=one.version, span=span, held=one))
    return [one for one in found if round_.barred(one.spec) is None]


class _Watching:
    """One upstream's canaries in one round."""

    def __init__(self, round_: Round, asked: Asked) -> None:
        self.round, self.asked, self.store = round_, asked, round_.store
        self.grader: Grader = grader(asked.terms)
        self.ask: Ask = round_.ask(asked.version)

    async def look(self) -> Finding:
        """Draws a set where there is none, asks what is due, and acts when agreement has fallen."""
        kept = canaries(self.store, self.asked.process.name, self.asked.spec.name)
        if kept and kept[0].about != self.asked.about:
            kept = []
        cases = self._cases(one.exchange for one in kept)
        if sum(one.exchange in cases for one in kept) < FEWEST:
            # Of a set whose requests were erased or deleted too few are left to tell anything.
            kept = await self._drawn()
            cases = self._cases(one.exchange for one in kept)
        if not kept:
            return self._finding("too few prompts that it answers the same way twice; a longer record would give some")
        at = await self._ask_those_due([one for one in kept if one.exchange in cases], cases)
        return self._judge(kept, at)

    def _cases(self, ids: Iterable[str]) -> dict[str, Case]:
        return {case.exchange.id: case for case in cases_of(some_exchanges(self.store, list(ids)))}

    async def _ask_those_due(self, kept: Sequence[Canary], cases: dict[str, Case]) -> float:
        """Asks as many as are due today, in turn; the moment of the last call."""
        name, now = kept[0].name, self.round.clock.now()
        per_day = self.asked.process.watch.canaries
        before = len(canary_calls(self.store, name))
        for turn in range(before, before + max(per_day - canaries_asked(self.store, [name], now - DAY_S), 0)):
            if not self.round.allowance.take(self.asked.spec):
                break
            canary = kept[turn % len(kept)]
            reply = await self._reply(cases[canary.exchange])
            score, reason = await self._agreement(reply, canary.answer, cases[canary.exchange])
            now = max(self.round.clock.now(), now + 1e-3)
            save_canary_call(
                self.store, CanaryCall(name=name, at=now, exchange=canary.exchange, score=score, reason=reason)
            )
        return now

    async def _reply(self, case: Case) -> Reply:
        return await ask_in_time(self.ask, case.request, TIMEOUT_S, self.round.clock)

    async def _agreement(self, reply: Reply, kept: str, case: Case) -> tuple[float | None, str]:
        """How far an answer agrees with the one that is kept; None where that can't be said.

        By merit: as far as it is no worse. Whoever does not answer at all is the breaker's affair.
        """
        if reply.text is None:
            return (0.0, EMPTY) if reply.error == EMPTY else (None, reply.error or "no answer")
        question = Question(kept, case.request)
        try:
            score = await self.grader.score(reply.text, question)
            if score.value is None or not self.grader.by_merit:
                return score.value, score.reason
            before = await self.grader.score(kept, question)
        except Exception as error:  # whatever the grader trips over, an upstream wrote it
            return 0.0, f"the grader failed on the answer: {type(error).__name__}"
        return (None, before.reason) if before.value is None else (1.0 - max(before.value - score.value, 0.0), "")

    def _judge(self, kept: Sequence[Canary], now: float) -> Finding:
        scores = [call.score for call in canary_calls(self.store, kept[0].name) if call.score is not None]
        detector = agreement_detector(kept[0].expected).add_all(scores)
        said = f"{len(scores)} answers to {len(kept)} canaries"
        if not scores:
            return self._finding(f"{said}: nothing that could be graded")
        if not detector.alarmed:
            return self._finding(f"{said}, {_mean(scores):.0%} as before")
        last = scores[-min(len(scores), 50) :]
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        why = f"noticed on {day}: of its last {len(last)} canaries {_mean(last):.0%} are answered as before"
        end_canaries(self.store, self.asked.process.name, self.asked.spec.name, now)
        self._act(f"{why}, and at least {kept[0].expected:.0%} were", now)
        return self._finding(f"{self.asked.spec.name} has changed without a word, {why}", well=False)

    def _act(self, why: str, now: float) -> None:
        process, name = self.asked.process.name, self.asked.spec.name
        if self.asked.held is None:
            said = f"the baseline {name} has changed without a word, {why}"
            end(self.store, Change.of(process, ChangeKind.BASELINE, said, at=now), self.round.note)
        elif set_suspension(self.store, name, Suspension(at=now, why=f"it has changed without a word, {why}")):
            self.round.note(events.suspended(name, process, "canaries", now))

    def _finding(self, said: str, *, well: bool = True) -> Finding:
        return Finding(step=NAME, about=self.asked.spec.name, well=well, said=f"{self.asked.process.name}: {said}")

    async def _drawn(self) -> list[Canary]:
        """A new set, saved in the place of the one there was; none where the record gives too few."""
        process, name = self.asked.process.name, self.asked.spec.name
        pairs, usual = await (self._of_baseline() if self.asked.held is None else self._of_replacement())
        end_canaries(self.store, process, name, self.round.clock.now())
        if len(pairs) < FEWEST:
            return []
        now = self.round.clock.now()
        drawn = [
            Canary(
                name=f"canaries-{digest([process, name, self.asked.about, now], 12)}",
                exchange=case.exchange.id,
                process=process,
                upstream=name,
                about=self.asked.about,
                answer=answer,
                expected=usual,
                drawn_at=now,
            )
            for case, answer in pairs[:MOST]
        ]
        save_canaries(self.store, drawn)
        return drawn

    async def _of_baseline(self) -> tuple[list[tuple[Case, str]], float]:
        """Recorded answers that its second samples agree with, and how often they do."""
        samples = baseline_samples(self.store, self.asked.process.name, self.asked.span)
        agreements: list[float] = []
        pairs: list[tuple[Case, str]] = []
        for case in self._in_order(self._cases(samples).values()):
            second = samples[case.exchange.id]
            if second is None or case.reference is None:
                continue
            agreed, _ = await self._agreement(Reply(second), case.reference, case)
            agreements += [] if agreed is None else [agreed]
            if agreed is not None and agreed >= AGREES:
                pairs.append((case, case.reference))
        return pairs, usual_of(agreements)

    async def _of_replacement(self) -> tuple[list[tuple[Case, str]], float]:
        """Answers of its ledger that it gives again when it is asked once more, and how often it does."""
        one = self.asked.held
        answers = {row.exchange_id: row.answer for row in scored_cases(self.store, one.cell.id)} if one else {}
        agreements: list[float] = []
        pairs: list[tuple[Case, str]] = []
        for case in self._in_order(self._cases(name for name, text in answers.items() if text).values())[:TRIED]:
            if not self.round.allowance.take(self.asked.spec):
                break
            kept = answers[case.exchange.id] or ""
            agreed, _ = await self._agreement(await self._reply(case), kept, case)
            agreements += [] if agreed is None else [agreed]
            if agreed is not None and agreed >= AGREES:
                pairs.append((case, kept))
        return pairs, usual_of(agreements)

    def _in_order(self, cases: Iterable[Case]) -> list[Case]:
        """By the epoch's seed, so that the same record gives the same canaries."""
        return sorted(cases, key=lambda case: (share("canary", self.asked.span, case.key), case.key))


def usual_of(agreements: Sequence[float]) -> float:
    """What share agrees at least while nothing has changed: as often as was seen, at a chance of error of 5 %.

    Never more than 95 %, from which a fall to 80 % is what is looked for.
    """
    if not agreements:
        return AGREEMENT
    counts = np.bincount(bets.bin_down(agreements), minlength=bets.BINS).astype(np.float64)
    return min(max(bets.lower_bound(counts, 0.05), 0.0), AGREEMENT)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
