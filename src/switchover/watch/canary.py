"""Canaries: has a vendor's model changed without a word? Fixed prompts, asked again and graded against kept answers.

Each process keeps some for its baseline and for every replacement with a proof, drawn once by seed from the record and
the ledger: prompts to which that upstream gave the same answer twice. One answer that differs says nothing; a detector
says when fewer agree than did. A baseline's alarm ends its epoch, since proofs were made against what it was; a
replacement's suspends its proofs until a person restores them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from switchover.domain.candidate import PromptKind, PromptVersion, epoch_of
from switchover.domain.process import Process, RehearsalTerms
from switchover.domain.register import Suspension
from switchover.domain.watching import Canary, Change, ChangeKind, Finding
from switchover.errors import SwitchoverError
from switchover.evidence import events
from switchover.graders import DETERMINISTIC
from switchover.stats.drift import agreement_detector
from switchover.store.canaries import CanaryCall, canaries, canaries_asked, canary_calls, end_canaries, save_canary_call
from switchover.store.changes import marks
from switchover.store.register import baseline_lost, set_suspension, suspensions
from switchover.trial.cases import Case

from .canary_set import FEWEST, Asked, Asking
from .ending import end
from .held import held
from .run import Round

NAME = "canaries"
DAY_S = 86_400.0


async def watch_canaries(round_: Round) -> list[Finding]:
    """The step of a round: asks the canaries that are due, of every process with a proof in date."""
    found = []
    for process in round_.processes:
        if process.rehearse is None or not process.watch.canaries or process.rehearse.grader not in DETERMINISTIC:
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
    span = epoch_of(baseline, replace(whole, replacement=""))
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
        self.asking = Asking(round_, asked)

    async def look(self) -> Finding:
        """Draws a set where there is none, asks what is due, and acts when agreement has fallen."""
        kept = canaries(self.store, self.asked.process.name, self.asked.spec.name)
        if kept and kept[0].about != self.asked.about:
            kept = []
        cases = self.asking.cases(one.exchange for one in kept)
        if sum(one.exchange in cases for one in kept) < FEWEST:
            # Of a set whose requests were erased or deleted too few are left to tell anything.
            kept = await self.asking.drawn()
            cases = self.asking.cases(one.exchange for one in kept)
        if not kept:
            return self._finding("too few prompts that it answers the same way twice; a longer record would give some")
        at = await self._ask_those_due([one for one in kept if one.exchange in cases], cases)
        return self._judge(kept, at)

    async def _ask_those_due(self, kept: Sequence[Canary], cases: Mapping[str, Case]) -> float:
        """Asks as many as are due today, in turn; the moment of the last call."""
        name, now = kept[0].name, self.round.clock.now()
        per_day = self.asked.process.watch.canaries
        before = len(canary_calls(self.store, name))
        for turn in range(before, before + max(per_day - canaries_asked(self.store, [name], now - DAY_S), 0)):
            if not self.round.allowance.take(self.asked.spec):
                break
            canary = kept[turn % len(kept)]
            reply = await self.asking.reply(cases[canary.exchange])
            if not reply.tells:
                break
            score, reason = await self.asking.agreement(reply, canary.answer, cases[canary.exchange])
            now = max(self.round.clock.now(), now + 1e-3)
            save_canary_call(
                self.store, CanaryCall(name=name, at=now, exchange=canary.exchange, score=score, reason=reason)
            )
        return now

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


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
