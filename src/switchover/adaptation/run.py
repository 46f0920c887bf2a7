"""The story of an adaptation: split → propose → replay on the selection split → select → save.

It learns from recorded baseline answers only, never from a truth, and never sees the verdict half of the record.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from switchover.clock import Clock
from switchover.domain.candidate import PromptVersion
from switchover.domain.ports import Grader, Question
from switchover.domain.process import Process, UpstreamSpec
from switchover.errors import NotFound, OperatorError
from switchover.graders import grader as grader_of
from switchover.prompts.demonstrations import Shown
from switchover.store import Store
from switchover.store.artefacts import put
from switchover.store.exchanges import iter_exchanges
from switchover.store.prompt_versions import prompt_version, save_prompt_version
from switchover.store.words import Sealer
from switchover.trial.cases import Case
from switchover.trial.replay import Ask, Reply, Sign, ask_in_time, replay
from switchover.trial.split import Split

from . import demonstrations, student

WAYS = ("demonstrations", "student")
# A mean over 40 cases is known to about ±8 points: enough to choose by, and a minute of a small engine's time.
MOST_SELECTION_CALLS = 40
FEWEST_PAIRS = 20
ANSWER_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an adaptation is: ``done`` of ``total`` calls for ``version``, and the best mean score so far."""

    version: str
    done: int
    total: int
    best: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What came of it. ``versions`` carry their score on the selection split, best first.

    ``anchor`` is the score of the plain vote of the retrieved neighbours on the same cases, ``baseline_self`` that of
    the second baseline samples that are known. ``skipped`` says in a sentence each why a way was not taken.
    """

    versions: tuple[PromptVersion, ...]
    anchor: float | None
    baseline_self: float | None
    learned_from: int
    selection: int
    calls: int
    skipped: tuple[str, ...]


async def adapt(
    process: Process,
    *,
    ways: Sequence[str],
    upstreams: Mapping[str, UpstreamSpec],
    store: Store,
    data_dir: str,
    ask_for: Callable[[PromptVersion], Ask],
    clock: Clock,
    seed: int,
    progress: Callable[[Progress], None] = lambda _: None,
    second_samples: Mapping[str, str | None] | None = None,
    most_calls: int = MOST_SELECTION_CALLS,
) -> Adaptation:
    """Proposes, scores and saves prompt versions for the fallbacks of ``process``.

    ``ways`` are of :data:`WAYS`. ``second_samples`` maps exchange ids to a second baseline answer. Interrupted and
    begun again with the same record and seed, a version that was scored is taken from the store. Raises NotFound when
    the process has no terms of rehearsal, a way is unknown, or too little is on record.
    """
    if process.rehearse is None:
        raise NotFound(f"{process.name} does not say how it is judged", mend=f"add processes.{process.name}.rehearse")
    if unknown := [way for way in ways if way not in WAYS]:
        raise NotFound(f"no way of adapting is called {unknown[0]}", mend=f"choose from {', '.join(WAYS)}")
    parts = demonstrations.in_split(process, iter_exchanges(store, process.name))
    grader = grader_of(process.rehearse)
    learned, selection = parts[Split.ADAPTATION], _drawn(parts[Split.SELECTION], seed, most_calls)
    if len(learned) < FEWEST_PAIRS or not selection:
        raise NotFound(
            f"{process.name} has {len(learned)} recorded answers to learn from, want {FEWEST_PAIRS} at least",
            mend="let the baseline answer more requests through the gateway, then adapt"
            if process.recording.keeps_words
            else f"write processes.{process.name}.recording: redacted (or full); as it is, no answers are kept",
        )
    proposed, skipped = await _propose(
        process, ways, upstreams, learned, grader, data_dir, seed, clock.now(), store.sealer
    )
    lessons = [case.id for case in learned]
    bench = _Bench(store, grader, selection, ask_for, clock, progress, lessons)
    for version in proposed:
        await bench.score(version, upstreams[version.upstream].slots)
    return Adaptation(
        versions=tuple(sorted(bench.scored, key=lambda v: (-(v.score or 0.0), v.id))),
        anchor=await _anchor_score(learned, selection, grader),
        baseline_self=await _self_agreement(selection, grader, second_samples or {}),
        learned_from=len(learned),
        selection=len(selection),
        calls=bench.calls,
        skipped=tuple(skipped),
    )


def _drawn(cases: Sequence[Case], seed: int, most: int) -> list[Case]:
    rng = random.Random(seed)  # noqa: S311  # which cases are tried, nothing secret
    return list(cases) if len(cases) <= most else sorted(rng.sample(list(cases), most), key=lambda case: case.order)


async def _propose(
    process: Process,
    ways: Sequence[str],
    upstreams: Mapping[str, UpstreamSpec],
    learned: Sequence[Case],
    grader: Grader,
    data_dir: str,
    seed: int,
    now: float,
    sealer: Sealer | None,
) -> tuple[list[PromptVersion], list[str]]:
    def keep(data: bytes) -> str:
        return put(data_dir, data)

    def keep_sealed(data: bytes) -> str:
        # Its words are of many exchanges: a key of its own, so that one of them being erased erases it alone.
        return put(data_dir, data, None if sealer is None else partial(sealer.seal_apart, process.name, now))

    fallbacks = [upstreams[name] for name in process.fallbacks]
    proposed, skipped = [], []
    if "demonstrations" in ways:
        pairs = demonstrations.pairs_of(learned)
        models = [spec for spec in fallbacks if spec.kind != "student"]
        proposed += [demonstrations.propose(process, spec, pairs, keep_sealed, now) for spec in models]
        if not models:
            skipped.append("demonstrations: no fallback is a language model")
    if "student" in ways:
        students = [spec for spec in fallbacks if spec.kind == "student"]
        taught = await student.lessons(process, learned, grader) if students else []
        why = student.suits(process, taught) if students else "no fallback is of kind student"
        if why is None:
            proposed += [student.propose(process, spec, taught, keep, seed=seed, now=now) for spec in students]
        else:
            skipped.append(f"student: {why}")
    return proposed, skipped


class _Bench:
    """Scores versions on the selection split and saves each as soon as it is scored."""

    def __init__(
        self,
        store: Store,
        grader: Grader,
        selection: Sequence[Case],
        ask_for: Callable[[PromptVersion], Ask],
        clock: Clock,
        progress: Callable[[Progress], None],
        lessons: Sequence[str],
    ) -> None:
        self._lessons = lessons
        self._store, self._grader, self._selection = store, grader, selection
        self._ask_for, self._clock, self._progress = ask_for, clock, progress
        self.scored: list[PromptVersion] = []
        self.calls = 0

    async def score(self, version: PromptVersion, concurrency: int) -> None:
        known = prompt_version(self._store, version.id)
        if known is not None and known.score is not None:
            self.scored.append(known)
            return
        # Saved before it is asked, since whoever asks looks the version up by its id.
        save_prompt_version(self._store, version, self._lessons)
        ask, values, seen = self._ask_for(version), [], 0
        over: list[str] = []

        async def one(case: Case) -> None:
            nonlocal seen
            reply = await ask_in_time(ask, case.request, ANSWER_LIMIT_S, self._clock)
            if reply.sign is Sign.OVER_BUDGET:
                over.append(reply.error or "")
                return
            value = await self._value(reply, case)
            if value is not None:
                values.append(value)
            seen += 1
            self.calls += 1
            self._progress(Progress(version=version.id, done=seen, total=len(self._selection), best=self._best(values)))

        await replay(self._selection, one, concurrency)
        if over:
            raise OperatorError(
                over[0], mend="wait for the next period, or have the budget raised; it goes on from here"
            )
        scored = replace(version, score=sum(values) / len(values) if values else None)
        save_prompt_version(self._store, scored)
        self.scored.append(scored)

    async def _value(self, reply: Reply, case: Case) -> float | None:
        try:
            return (await self._grader.score(reply.text, Question(case.reference, case.request))).value
        except Exception:  # whatever a grader trips over, the candidate wrote it
            return 0.0

    def _best(self, values: Sequence[float]) -> float | None:
        scores = [version.score for version in self.scored if version.score is not None]
        return max([*scores, sum(values) / len(values)] if values else scores, default=None)


async def _anchor_score(learned: Sequence[Case], selection: Sequence[Case], grader: Grader) -> float | None:
    shown = Shown(demonstrations.pairs_of(learned))
    values = [
        (await grader.score(shown.vote(case.text, demonstrations.K), Question(case.reference, case.request))).value
        for case in selection
        if case.text.strip()
    ]
    return _mean(values)


async def _self_agreement(selection: Sequence[Case], grader: Grader, second: Mapping[str, str | None]) -> float | None:
    again = [(second[case.id], case) for case in selection if case.id in second]
    return _mean([(await grader.score(text, Question(case.reference, case.request))).value for text, case in again])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
