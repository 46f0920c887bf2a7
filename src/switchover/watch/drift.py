"""Shadow samples: live requests replayed after the fact on each replacement with a proof. Has it drifted?

A few of the day's exchanges are asked again, as in a rehearsal: of the replacement, and of the baseline for its second
sample. They are cases of the cell like any other, marked. A detector looks at every case since the first proof: when
the replacement has fallen behind what it was proven with, its proofs end, and its ledger begins empty. The baseline's
second samples are watched in the same way against themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from switchover.domain.candidate import PromptKind, PromptVersion, ScoredCase, epoch_of
from switchover.domain.ports import Question
from switchover.domain.process import Process, RehearsalTerms
from switchover.domain.watching import Change, ChangeKind, Finding
from switchover.errors import SwitchoverError
from switchover.graders import DETERMINISTIC, grader
from switchover.stats.drift import agreement_detector, drift_detector
from switchover.store.changes import marks
from switchover.store.exchanges import iter_exchanges
from switchover.store.proofs import first_proof_at
from switchover.store.register import baseline_lost, suspensions
from switchover.store.trials import Difference, baseline_samples, differences, save_baseline_sample, save_score
from switchover.trial.cases import Case, cases_of
from switchover.trial.grade import grade
from switchover.trial.replay import ask_in_time
from switchover.trial.split import CopyGroup, Split, share, split
from switchover.trial.topics import NOVEL

from .canary_set import usual_of
from .ending import end
from .held import Held, held
from .run import Round

NAME = "shadow samples"
DAY_S = 86_400.0
TIMEOUT_S = 60.0


async def watch_drift(round_: Round) -> list[Finding]:
    """The step of a round: samples the newest traffic of each process for every proof in date, and looks."""
    found = []
    for process in round_.processes:
        now = round_.clock.now()
        proven = held(round_.settings, round_.store, process, now)
        if process.rehearse is None or not process.watch.shadow or not proven:
            continue
        if process.rehearse.grader not in DETERMINISTIC:
            said = "no live requests are replayed: its grader asks a judge, people or a hook, as rehearsals do"
            found.append(Finding(step=NAME, about=process.name, well=True, said=said))
            continue
        if process.name in baseline_lost(round_.store) or round_.barred(round_.settings.upstreams[process.baseline]):
            said = "no live requests are replayed while the baseline is lost"
            found.append(Finding(step=NAME, about=process.name, well=True, said=said))
            continue
        try:
            found += await _Sampling(round_, process, process.rehearse).look(proven)
        except SwitchoverError as error:
            said = str(error).partition("\n")[0]
            found.append(Finding(step=NAME, about=process.name, well=False, said=said, trouble=True))
    return found


@dataclass(frozen=True, slots=True)
class _Record:
    """The copy groups of the verdict half, and which exchanges are of today."""

    groups: Sequence[CopyGroup]
    newest: frozenset[str]


class _Sampling:
    """One process's shadow samples in one round."""

    def __init__(self, round_: Round, process: Process, terms: RehearsalTerms) -> None:
        self.round, self.store, self.process, self.terms = round_, round_.store, process, terms
        self.grader = grader(terms)
        self.baseline = round_.settings.upstreams[process.baseline]
        whole = marks(round_.store, process.name, self.baseline.name)
        self.since, self.epoch = whole.since, epoch_of(self.baseline, whole)
        self.samples = baseline_samples(round_.store, process.name, self.epoch)
        as_is = PromptVersion.make(process=process.name, upstream=self.baseline.name, kind=PromptKind.AS_IS)
        self.ask_baseline = round_.ask(as_is)

    async def look(self, proven: Sequence[Held]) -> list[Finding]:
        """Replays what is due for each proof and judges it."""
        doubted = suspensions(self.store)
        wanted = [one for one in proven if one.spec.name not in doubted and self.round.barred(one.spec) is None]
        record = await asyncio.to_thread(self._record) if wanted else None
        found = []
        for one in wanted:
            before = differences(self.store, one.cell.id)
            for case in self._due(record, before) if record else []:
                if not await self._play(one, case):
                    break
            found.append(self._judge(one))
        return found

    def _record(self) -> _Record:
        """Copy groups by the whole record, as a rehearsal has them: what was kept from the verdict stays so."""
        every = cases_of(iter_exchanges(self.store, self.process.name, since=self.since), self.terms.slices)
        half = split([case for case in every if case.bare.upstream == self.process.baseline], self.process.name)[
            Split.VERDICT
        ]
        fresh = self.round.clock.now() - DAY_S
        return _Record(half, frozenset(case.id for case in every if case.at > fresh))

    def _due(self, record: _Record, before: Sequence[Difference]) -> list[Case]:
        """Today's cases, one of each copy group that was not replayed within a half-life, drawn by seed."""
        now = self.round.clock.now()
        left = self.process.watch.shadow - sum(row.shadow and row.graded_at > now - DAY_S for row in before)
        done = {row.exchange_id for row in before if row.graded_at > now - self.terms.half_life * DAY_S}
        fresh = [
            [case for case in group.cases if case.id in record.newest]
            for group in record.groups
            if not any(case.id in done for case in group.cases)
        ]
        drawn = [min(cases, key=lambda case: share("copy", case.order)) for cases in fresh if cases]
        return sorted(drawn, key=lambda case: (share("shadow", case.key), case.key))[: max(left, 0)]

    async def _play(self, one: Held, case: Case) -> bool:
        """Replays, grades and saves one case; False where the day's allowance has no call left."""
        if not self.process.may_see(one.spec, self.round.settings.providers, case.bare.data):
            return True
        if not self._affordable(one, case):
            return False
        second = await self._second_sample(case)
        if second is None or case.reference is None:
            return True
        reply = await ask_in_time(self.round.ask(one.version), case.request, TIMEOUT_S, self.round.clock)
        if not reply.tells:
            return False
        graded = await grade(self.grader, reply, second, Question(case.reference, case.request))
        row = ScoredCase(
            cell_id=one.cell.id,
            exchange_id=case.id,
            graded_at=self.round.clock.now(),
            candidate=graded.candidate,
            baseline=graded.baseline,
            reason=graded.reason,
            slices=case.slices,
            topic=NOVEL,
            seconds=reply.seconds,
            answer=reply.text,
            shadow=True,
        )
        save_score(self.store, row)
        return True

    def _affordable(self, one: Held, case: Case) -> bool:
        """Takes a replay from the day's allowance; False where that has none left, or nobody knows what it costs."""
        allowance = self.round.allowance
        read, written = len(case.exchange.request), len(case.exchange.answer)
        asked = [one.spec] if case.id in self.samples else [one.spec, self.baseline]
        costs = [allowance.price(spec, read, written) for spec in asked]
        cost, left = sum(cost or 0 for cost in costs), allowance.money_left()
        if not allowance.replays_left({}) or (left is not None and (None in costs or cost > left)):
            return False
        allowance.took(self.process.name, 1, cost)
        return True

    async def _second_sample(self, case: Case) -> str | None:
        """As a rehearsal draws it: once per exchange, kept for all candidates."""
        name = case.id
        if self.samples.get(name) is None:
            reply = await ask_in_time(self.ask_baseline, case.request, TIMEOUT_S, self.round.clock)
            if reply.text is not None:
                self.samples[name] = reply.text
                at = self.round.clock.now()
                save_baseline_sample(self.store, self.process.name, name, self.epoch, reply.text, at)
        return self.samples.get(name)

    def _judge(self, one: Held) -> Finding:
        """Whether the cases since the first proof lie below those that gave it; ends what rests on either upstream."""
        # What a slice was given in advance of its turn is no part of the natural mix, before a proof or after it.
        rows = [row for row in differences(self.store, one.cell.id) if row.counts]
        begun = first_proof_at(self.store, one.cell)
        before = [row for row in rows if row.graded_at <= begun]
        after = [row for row in rows if row.graded_at > begun]
        usual = _mean([row.candidate - row.baseline for row in before])
        steady = usual_of([row.baseline for row in before])
        said = f"{self.process.name}: {len(after)} replays since its first proof"
        now = self.round.clock.now()
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        if agreement_detector(steady).add_all(row.baseline for row in after).alarmed:
            self_agreement = _mean([row.baseline for row in after[-100:]])
            why = (
                f"the baseline {self.baseline.name} agrees with itself less than it did, noticed on {day}: "
                f"{self_agreement:.0%} over its last replays, and at least {steady:.0%} before"
            )
            end(self.store, Change.of(self.process.name, ChangeKind.BASELINE, why, at=now), self.round.note)
            return Finding(step=NAME, about=self.baseline.name, well=False, said=f"{self.process.name}: {why}")
        if drift_detector(usual).add_all(row.candidate - row.baseline for row in after).alarmed:
            mean = _mean([row.candidate - row.baseline for row in after[-100:]])
            why = (
                f"it has drifted, noticed on {day}: {mean:+.1%} over its last replays, {usual:+.1%} when it was proven"
            )
            change = Change.of(self.process.name, ChangeKind.REPLACEMENT, why, at=now, upstream=one.spec.name)
            end(self.store, change, self.round.note)
            return Finding(step=NAME, about=one.spec.name, well=False, said=f"{self.process.name}: {why}")
        return Finding(step=NAME, about=one.spec.name, well=True, said=said)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
