"""A set of canaries, drawn by seed: prompts that an upstream answered the same way twice, and how often it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from switchover.domain.candidate import PromptVersion, digest, fingerprint, grader_id
from switchover.domain.ports import Grader, Question
from switchover.domain.process import Process, RehearsalTerms, UpstreamSpec
from switchover.domain.watching import Canary
from switchover.graders import grader
from switchover.stats import bets
from switchover.stats.drift import AGREEMENT
from switchover.store.canaries import end_canaries, save_canaries
from switchover.store.exchanges import some_exchanges
from switchover.store.trials import baseline_samples, scored_cases
from switchover.trial.cases import Case, cases_of
from switchover.trial.replay import Ask, Reply, ask_in_time
from switchover.trial.split import share

from .held import Held
from .run import Round

MOST, FEWEST = 20, 8
# A replacement is asked so many prompts once more, to see which it answers the same way twice.
TRIED = 2 * MOST
AGREES = 1.0 - 1e-9
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


class Asking:
    """One upstream, asked one canary after the other in one round."""

    def __init__(self, round_: Round, asked: Asked) -> None:
        self.round, self.asked, self.store = round_, asked, round_.store
        self.grader: Grader = grader(asked.terms)
        self._ask: Ask = round_.ask(asked.version)

    def cases(self, ids: Iterable[str]) -> Mapping[str, Case]:
        """The exchanges that can be asked again, by id."""
        return {case.id: case for case in cases_of(some_exchanges(self.store, list(ids)))}

    async def reply(self, case: Case) -> Reply:
        """What it answers now."""
        return await ask_in_time(self._ask, case.request, TIMEOUT_S, self.round.clock)

    async def agreement(self, reply: Reply, kept: str, case: Case) -> tuple[float | None, str]:
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

    async def drawn(self) -> list[Canary]:
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
                exchange=case.id,
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
        for case in self._in_order(self.cases(samples).values()):
            second = samples[case.id]
            if second is None or case.reference is None:
                continue
            agreed, _ = await self.agreement(Reply(second), case.reference, case)
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
        for case in self._in_order(self.cases(name for name, text in answers.items() if text).values())[:TRIED]:
            if not self.round.allowance.take(self.asked.spec):
                break
            kept = answers[case.id] or ""
            agreed, _ = await self.agreement(await self.reply(case), kept, case)
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
    # Stretched to the whole range that the bets are for, they say twice as much.
    stretched = 2.0 * np.array(agreements) - 1.0
    counts = np.bincount(bets.bin_down(stretched), minlength=bets.BINS).astype(np.float64)
    return min((bets.lower_bound(counts, 0.05) + 1.0) / 2.0, AGREEMENT)
