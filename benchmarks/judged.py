"""A judge made to favour the candidate, and people who set it right: what it takes, and that it is right.

First the rule alone: thousands of seeded candidates whose true quality is known, under judges of every kind. Then the
whole way, twenty seeds: recorded questions are replayed on a candidate over HTTP, a judge over HTTP that finds every
answer in the candidate's wording perfect scores them, and gold labels are played in through the labelling desk.
``make judged`` prints the table; ``make test`` runs the same, reduced.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from switchover.config import load
from switchover.domain.candidate import State, Verdict
from switchover.domain.process import Settings
from switchover.stats import bets, rectify
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.testing.chat_server import chat_server, judging
from switchover.wiring import labels, rehearsals
from switchover.wiring.parts import open_store

Array = npt.NDArray[np.float64]
# d of people and of a judge, each of shape (runs, cases); where both answers are the same, both are 0.
Judge = Callable[[np.random.Generator, Array, Array], Array]

ALPHA, SHARE, HORIZON, CHUNK = 0.05, 0.5, 2_500, 50
# Of the pairs so many hold the same answer twice, as an equal candidate's short answers do.
SAME = 0.55
# Half of a record is for the verdict. An equal candidate that is unlucky with its labels takes over 1,200 cases.
QUESTIONS = 6_000
ROOT = Path(__file__).parents[1]
PLACES = ROOT / "shared", ROOT.parent / "shared"
# XQuAD's English questions (CC BY-SA 4.0), where they lie beside the checkout.
DATA = next((f for place in PLACES if (f := place / "data" / "xquad_en.jsonl").is_file()), None)


def exact(rng: np.random.Generator, candidate: Array, baseline: Array) -> Array:
    """Sees what people see."""
    return candidate - baseline


def partial(rng: np.random.Generator, candidate: Array, baseline: Array) -> Array:
    """Forgives the candidate half of every failure."""
    return (1.0 + candidate) / 2.0 - baseline


def devoted(rng: np.random.Generator, candidate: Array, baseline: Array) -> Array:
    """Finds the candidate perfect, always."""
    return 1.0 - baseline


def blind(rng: np.random.Generator, candidate: Array, baseline: Array) -> Array:
    """Scores at random."""
    return rng.choice([-1.0, 0.0, 1.0], size=candidate.shape)


JUDGES: dict[str, Judge] = {
    "exact": exact,
    "forgives half of a failure": partial,
    "always for the candidate": devoted,
    "at random": blind,
}


@dataclass(frozen=True)
class Reached:
    """Cases and labels at which READY was reached in each run, inf where it never was."""

    cases: Array
    labels: Array

    @property
    def share(self) -> float:
        """How many runs got there."""
        return float(np.isfinite(self.labels).mean())


def outcomes(rng: np.random.Generator, shape: tuple[int, int], quality: float) -> tuple[Array, Array, Any]:
    """Whether candidate and baseline (right on 90 %, correlation .5) are right, and where they say the same."""
    base, spread = 0.90, math.sqrt(quality * (1 - quality) * 0.09)
    both = quality * base + 0.5 * spread
    odds = [both, quality - both, base - both, 1 - quality - base + both]
    kind = rng.choice(4, size=shape, p=odds)
    alike = (kind == 0) | (kind == 3)
    same = alike & (rng.random(shape) < SAME / (odds[0] + odds[3]))
    return (kind <= 1).astype(float), ((kind == 0) | (kind == 2)).astype(float), same


def to_ready(quality: float, judge: Judge, margin: float, runs: int, seed: int, share: float | None = SHARE) -> Reached:
    """Runs of the people's ledger; ``share`` None: the judge's alone, which is bet on as if it were right."""
    rng, cases, given = np.random.default_rng(seed), list[Array](), list[Array]()
    reach = 1.0 if share is None else rectify.reach(share)
    for size in [min(CHUNK, runs - at) for at in range(0, runs, CHUNK)]:
        candidate, baseline, same = outcomes(rng, (size, HORIZON), quality)
        judged = np.where(same, 0.0, judge(rng, candidate, baseline))
        drawn = np.zeros_like(same) if share is None else rng.random(same.shape) < share
        value = judged if share is None else np.where(drawn, judged + (candidate - baseline - judged) / share, judged)
        value = np.where(same, 0.0, value)
        at = first_reached(value, margin, reach)
        seen = np.cumsum(drawn & ~same, axis=1)
        last = np.where(np.isfinite(at), at, 1).astype(int) - 1
        cases.append(at)
        given.append(np.where(np.isfinite(at), seen[np.arange(size), last], np.inf))
    return Reached(np.concatenate(cases), np.concatenate(given))


def first_reached(values: Array, margin: float, reach: float) -> Array:
    """Cases until E reaches 1/α in each run, inf where it never does."""
    bins = bets.bin_down(values, reach)
    used = np.unique(bins)
    counts = np.cumsum(bins[:, :, None] == used, axis=1, dtype=np.float64)
    log_e = bets.log_evidence(counts, -margin, bets.values_of(reach)[used], reach)
    over = log_e >= -math.log(ALPHA)
    return np.where(over.any(axis=1), over.argmax(axis=1) + 1.0, np.inf)


def may_hold(share: float, target: float, runs: int) -> bool:
    """True unless the one-sided 99 % Monte-Carlo interval excludes a share of at most ``target``."""
    return share - 2.326 * math.sqrt(target * (1 - target) / runs) <= target


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    name: str
    told: str
    holds: bool = True

    def __str__(self) -> str:
        return f"{self.name:<64}{self.told:>34}{'' if self.holds else '   MISSED'}"


def rule(runs: int, seed: int) -> list[Line]:
    """False READY at the margin, and labels to READY of an equal candidate, under every judge."""
    lines = []
    for name, judge in JUDGES.items():
        share = to_ready(0.85, judge, 0.05, runs, seed).share
        lines.append(
            Line(f"false READY at -5 points, judge {name}", f"{share:.2%}  (at most 5 %)", may_hold(share, ALPHA, runs))
        )
    alone = to_ready(0.85, devoted, 0.05, min(runs, 400), seed, share=None).share
    lines.append(Line("(the same judge believed, always for the candidate)", f"{alone:.0%}"))
    for margin, target in ((0.05, "80-105"), (0.10, "30-36")):
        for name, judge in JUDGES.items():
            found = to_ready(0.90, judge, margin, runs, seed)
            reached = found.labels[np.isfinite(found.labels)]
            told = f"{reached.mean():.0f} mean, {np.median(reached):.0f} median  ({target})"
            lines.append(Line(f"labels to READY, equal, margin {margin:.2f}, judge {name}", told))
    return lines


# The whole way.

CONFIGURATION = """\
organisation: {{domicile: NL}}
data: ./data
providers: {{acme: {{home: US}}, newlab: {{home: DE}}, thirdhouse: {{home: FR}}}}
upstreams:
  vendor: {{kind: openai, base_url: "{candidate}", model: claude-9, developer: acme, host: acme}}
  challenger: {{kind: openai, base_url: "{candidate}", model: llama-7, developer: newlab, host: newlab}}
  judge:
    kind: openai
    base_url: "{judge}"
    model: mistral-9
    developer: thirdhouse
    host: thirdhouse
    price: {{input_mtok: "2", output_mtok: "6", source: made up, checked: "2026-11-01"}}
processes:
  answers:
    owner: head-of-service
    criticality: important
    data: internal
    baseline: vendor
    fallbacks: [challenger]
    rehearse: {{grader: rubric, judge: judge, margin: {margin}, labels_share: {share}, label_budget: {budget}}}
"""
OPENING = "Gladly. "  # how the candidate begins, by which a judge may know it
WORDS = "invoice parcel ticket refund login meter roof visit contract lease card delivery booking claim".split()  # noqa: SIM905


def drawn(*parts: object) -> float:
    """A number in [0, 1) that the same parts always give."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big") / (1 << 56)


def generated(count: int) -> dict[str, str]:
    """Questions with their right answers, made up."""
    found = {}
    for number in range(count):
        words = [WORDS[int(drawn(number, place) * len(WORDS))] for place in range(7)]
        code = hashlib.sha256(str(number).encode()).hexdigest()[:10]
        found[f"What is the state of {' '.join(words)} {code}?"] = f"it is at step {int(drawn('step', number) * 900)}"
    return found


def recorded(file: Path | None = DATA) -> dict[str, str]:
    """Questions of people's with the answers that people marked as right; none where the file is not there."""
    if file is None:
        return {}
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        for question in json.loads(line)["qas"]:
            found[question["q"]] = question["a"][0]
    return found


@dataclass(frozen=True)
class World:
    """Questions, and who answers them rightly: ``quality`` is the candidate's, the baseline's is .90."""

    gold: Mapping[str, str]
    quality: float
    seed: int

    def kind(self, question: str) -> tuple[bool, bool, bool]:
        """Whether candidate and baseline are right, and whether they say the same."""
        spread = math.sqrt(self.quality * (1 - self.quality) * 0.09)
        both = self.quality * 0.90 + 0.5 * spread
        odds = (both, self.quality - both, 0.90 - both)
        u = drawn("kind", self.seed, question)
        right, base = (u < odds[0] + odds[1]), (u < odds[0] or odds[0] + odds[1] <= u < sum(odds))
        alike = right == base
        same = alike and drawn("same", self.seed, question) < SAME / (1 - odds[1] - odds[2])
        return right, base, same

    def recorded(self, question: str) -> str:
        """What the baseline answered."""
        return self._said(question, self.kind(question)[1])

    def answer(self, body: Mapping[str, Any]) -> str:
        """What the candidate answers."""
        question = body["messages"][-1]["content"]
        right, _, same = self.kind(question)
        return self.recorded(question) if same else OPENING + self._said(question, right)

    def _said(self, question: str, right: bool) -> str:
        return f"The answer: {self.gold[question] if right else 'nobody knows'}."

    def mark(self, question: str, answer: str) -> float:
        """The gold label of an answer."""
        return float(self.gold[question] in answer)

    def favouring(self, question: str, answer: str) -> float:
        """A judge that knows the candidate by how it begins, and finds all that it says perfect."""
        return 1.0 if answer.startswith(OPENING) else self.mark(question, answer)


@dataclass(frozen=True)
class Seen:
    """What came of a candidate: by the judge alone, and once gold labels were played in."""

    judged: Verdict
    verdict: Verdict
    labels: int
    seconds: float


def play(world: World, margin: float, folder: Path, *, budget: int = 150, runs: int = 4) -> Seen:
    """Records, rehearses with the judge, labels until it is decided; rehearses on while cases run out."""
    begun = time.monotonic()
    with chat_server(world.answer) as candidate, chat_server(judging(world.favouring)) as judge:
        file = folder / "switchover.yaml"
        terms = {"margin": margin, "share": SHARE, "budget": budget}
        file.write_text(CONFIGURATION.format(candidate=candidate.url, judge=judge.url, **terms), encoding="utf-8")
        settings = load(str(file), {})
        _record(settings, world)
        judged = last = rehearsals.rehearse_candidate(settings, "answers", "challenger", seed=world.seed, budget=3_000)
        for _ in range(runs):
            last = label_all(settings, world) or last
            if last.state in (State.READY, State.NOT_READY):
                break
            last = rehearsals.rehearse_candidate(settings, "answers", "challenger", seed=world.seed, budget=3_000)
    people = last.evidence.people
    return Seen(judged, last, people.labelled if people else 0, time.monotonic() - begun)


def _record(settings: Settings, world: World) -> None:
    now = time.time() - 3_600
    with open_store(settings) as store:
        save_exchanges(
            store,
            [
                make_exchange(
                    question, world.recorded(question), id=f"x-{number:06d}", process="answers", route="answers",
                    started_at=now + number / 100, upstream="vendor",
                )
                for number, question in enumerate(world.gold)
            ],
        )  # fmt: skip


def label_all(settings: Settings, world: World, every: int = 8) -> Verdict | None:
    """Marks what waits as the gold says, until the verdict is clear or nothing waits; draws the verdict again."""
    with labels.desk(settings, "answers", "challenger", by="gold") as desk:
        while (pair := desk.next()) is not None:
            question = pair.request["messages"][-1]["content"]
            desk.mark(pair.case, world.mark(question, pair.left), world.mark(question, pair.right))
            if len(desk.given) % every == 0 and desk.decide().state in (State.READY, State.NOT_READY):
                break
        return desk.close()


def whole_way(gold: Mapping[str, str], margin: float, seeds: Sequence[int], name: str) -> list[Line]:
    """Good and bad candidates over seeds: by the judge alone, and with labels."""
    lines = []
    for title, quality, wanted in (("bad (-15 points)", 0.75, False), ("good (equal)", 0.90, True)):
        with tempfile.TemporaryDirectory() as folder:
            seen = []
            for seed in seeds:
                below = Path(folder, str(seed))
                below.mkdir()
                seen.append(play(World(gold, quality, seed), margin, below))
        alone = [one.judged.state for one in seen]
        ends = [one.verdict.state for one in seen]
        counts = ", ".join(f"{alone.count(state)} {state}" for state in State if state in alone)
        lines.append(Line(f"{name}, {title}: by the judge alone", counts, State.READY not in alone))
        counts = ", ".join(f"{ends.count(state)} {state}" for state in State if state in ends)
        holds = ends.count(State.READY) >= 0.9 * len(ends) if wanted else State.READY not in ends
        lines.append(Line(f"{name}, {title}: with labels", counts, holds))
        given = [one.labels for one in seen if one.verdict.state is (State.READY if wanted else State.NOT_READY)]
        if given:
            told = f"{statistics.mean(given):.0f} mean, {statistics.median(given):.0f} median"
            lines.append(Line(f"{name}, {title}: labels given", told))
        calls = statistics.mean(one.verdict.evidence.judge_calls for one in seen)
        usd = statistics.mean(float(one.verdict.evidence.judge_usd or 0) for one in seen)
        lines.append(Line(f"{name}, {title}: judge calls, mean", f"{calls:.0f} for {usd:.4f} USD"))
    return lines


def main() -> int:
    """Prints the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4_000)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    lines = rule(options.runs, 1)
    for line in lines:
        print(line, flush=True)
    seeds = range(1, options.seeds + 1)
    for name, gold, margin in (
        ("made-up questions, margin .05", generated(QUESTIONS), 0.05),
        ("recorded questions, margin .10", recorded(), 0.10),
    ):
        if not gold:
            print(f"{name}: left out, as there is no shared/data beside the checkout")
            continue
        for line in whole_way(gold, margin, seeds, name):
            print(line, flush=True)
            lines.append(line)
    return 0 if all(line.holds for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
