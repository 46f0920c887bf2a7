"""Verdicts on public data with a real local model: one that is as good is READY, one that is worse is NOT READY.

Two tasks: customers' messages sorted into eight classes (BANKING77, CC BY 4.0) and details taken from requests for a
table (RESTAURANTS-8K, CC BY 4.0), as ``shared/data`` beside the checkout has them. Everybody is the starter model on
this machine, asked at a temperature, so that no two answers are copies by construction:

- the baseline shows it the most similar answered examples and answers everything on record;
- the *equal* candidate is asked the same way, and answers afresh;
- the *worse* candidate sees fewer of them.

What a verdict estimates from some of the cases, the mean difference in agreement with the record, is measured over all
of them and printed beside it; and so is what the data's own truth says of both, which no verdict sees.

Each candidate is rehearsed under three seeds. Answers are kept in ``.cache/real-data``, so that a run that was
interrupted goes on and another seed asks only for what no seed before it has asked.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from switchover.clock import SystemClock
from switchover.domain.candidate import PromptKind, PromptVersion, State, digest
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome
from switchover.domain.ports import Question
from switchover.domain.process import (
    Criticality,
    DataClass,
    Listen,
    Process,
    Provider,
    RehearsalTerms,
    Settings,
    UpstreamSpec,
)
from switchover.graders import grader
from switchover.prompts.demonstrations import Pair, to_bytes
from switchover.rehearsal import Order, rehearse
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.trial.ask import asker
from switchover.trial.cases import cases_of
from switchover.trial.replay import Ask, Reply
from switchover.trial.split import Split, split_of
from switchover.wiring.parts import outbound, upstream
from switchover.wiring.trials import own_engines

ROOT = Path(__file__).parents[1]
DATA = next((p / "data" for p in (ROOT / "shared", ROOT.parent / "shared") if (p / "data").is_dir()), None)
KEPT = ROOT / ".cache" / "real-data"
CLOCK = SystemClock()
SEEDS = (1, 2, 3)
TRUTH = 100
CANDIDATES = {"equal": State.READY, "worse": State.NOT_READY}
OWN = UpstreamSpec(
    name="starter", kind="local", model="starter", developer="own", host="own", weights="starter", context=2048, slots=2
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked, with its truth, the examples that may be shown, and how answers are compared."""

    name: str
    prompt: str
    asked: Sequence[Pair]
    examples: Sequence[Pair]
    terms: RehearsalTerms
    cases: int
    most_tokens: int
    temperature: float
    shown: Mapping[str, int]

    def request(self, text: str) -> dict[str, Any]:
        """The application's request for one text."""
        return {
            "model": self.name,
            "messages": [{"role": "system", "content": self.prompt}, {"role": "user", "content": text}],
            "temperature": self.temperature,
            "max_tokens": self.most_tokens,
        }


def messages() -> Task:
    """Customers' messages to a bank, eight classes."""
    train, test = (_rows(f"banking77_8way_{part}.csv") for part in ("train", "test"))
    labels = sorted({row["group"] for row in train})
    return Task(
        name="messages",
        prompt="Sort the customer's message into one of these classes and answer with its name only: "
        + ", ".join(labels),
        asked=[Pair(row["text"], row["group"]) for row in test],
        examples=[Pair(row["text"], row["group"]) for row in train],
        terms=RehearsalTerms(grader="label", settings={"labels": labels}, budget_calls=2_000),
        cases=200,
        most_tokens=12,
        temperature=0.4,
        shown={"baseline": 6, "equal": 6, "worse": 2},
    )


def bookings() -> Task:
    """Requests for a table: which details they give, as JSON."""
    train, test = (_lines(f"restaurant8k_{part}.jsonl") for part in ("train", "test"))
    # The set is sorted: its first messages are a number each.
    random.Random(7).shuffle(test)
    return Task(
        name="bookings",
        prompt="Take from the guest's message what it says of date, time, people, first_name and last_name. "
        "Answer with one JSON object that holds the words of the message for each of these that it gives.",
        asked=[Pair(row["text"], json.dumps(row["gold"])) for row in test if row["gold"]],
        examples=[Pair(row["text"], json.dumps(row["gold"])) for row in train if row["gold"]],
        terms=RehearsalTerms(grader="json_fields", margin=0.10, budget_calls=2_000),
        cases=170,
        most_tokens=60,
        temperature=0.2,
        shown={"baseline": 4, "equal": 4, "worse": 1},
    )


def _rows(name: str) -> list[dict[str, str]]:
    assert DATA is not None
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _lines(name: str) -> list[dict[str, Any]]:
    assert DATA is not None
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


class Answers:
    """What the model answered a request in a role, kept in a file: asked once, whatever comes between."""

    def __init__(self, task: str, role: str, ask: Ask) -> None:
        KEPT.mkdir(parents=True, exist_ok=True)
        self._path, self._ask = KEPT / f"{task}-{role}.jsonl", ask
        self.known: dict[str, str | None] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                name, text = json.loads(line)
                self.known[name] = text
        self.asked = 0

    async def __call__(self, request: dict[str, Any]) -> Reply:
        """The kept answer, or a fresh one."""
        name = digest(request, 32)
        if name not in self.known:
            reply = await self._ask(request)
            self.asked += 1
            self.known[name] = reply.text
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, reply.text]) + "\n")
        return Reply(self.known[name])


def settings(folder: Path) -> Settings:
    """One machine, one engine."""
    return Settings(
        source="real-data",
        organisation={"domicile": "NL"},
        data_dir=str(folder),
        database="sqlite://",
        gateway=Listen(),
        providers={"own": Provider(name="own", home="NL")},
        upstreams={OWN.name: OWN},
        processes={},
    )


def askers(task: Task, found: Settings) -> dict[str, Answers]:
    """The model in each role; ``second`` is the baseline asked once more."""
    client, artefact = outbound(found), to_bytes(task.examples)
    name = digest(artefact.hex(), 64)

    def ask(shown: int) -> Ask:
        version = PromptVersion.make(
            process=task.name,
            upstream=OWN.name,
            kind=PromptKind.DEMONSTRATIONS,
            parameters={"k": shown, "tokens": 1400},
            artefact=name,
        )
        return asker(upstream(found, OWN, None, client), version, artefact, CLOCK)

    roles = {**task.shown, "second": task.shown["baseline"]}
    return {role: Answers(task.name, role, ask(shown)) for role, shown in roles.items()}


def _in_verdict_half(task: Task) -> list[Pair]:
    """The first cases of the half that verdicts are made from, each text once; the other half isn't needed."""
    found: dict[str, Pair] = {}
    for pair in task.asked:
        exchange = _exchange(task, pair.ask, "x", len(found))
        (case,) = cases_of([exchange])
        if split_of(case.key, task.name) is Split.VERDICT:
            found.setdefault(pair.ask, pair)
    return list(found.values())[: task.cases]


def _exchange(task: Task, text: str, answer: str, place: int) -> Exchange:
    request = json.dumps(task.request(text)).encode()
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}]}
    moment = CLOCK.now() - 86_400.0 + place
    return Exchange(
        id=f"{task.name}-{place}",
        process=task.name,
        route=task.name,
        dialect="openai_chat",
        stream=False,
        started_at=moment,
        outcome=Outcome.COMPLETE,
        status=200,
        upstream="baseline",
        model="starter",
        attempts=(AttemptRecord(upstream="baseline", model="starter", fault=None, status=200, elapsed_ms=1.0),),
        request=request,
        answer=json.dumps(body).encode(),
    )


async def record(task: Task, asks: Mapping[str, Answers], console: Console) -> list[Exchange]:
    """The baseline answers everything once; those answers are the record."""
    pairs = _in_verdict_half(task)
    free = asyncio.Semaphore(OWN.slots)
    with Progress(console=console, transient=True) as bar:
        row = bar.add_task(f"{task.name}: the baseline answers", total=len(pairs))

        async def one(place: int, pair: Pair) -> Exchange | None:
            async with free:
                reply = await asks["baseline"](task.request(pair.ask))
            bar.advance(row)
            return None if reply.text is None else _exchange(task, pair.ask, reply.text, place)

        found = await asyncio.gather(*[one(place, pair) for place, pair in enumerate(pairs)])
    return [exchange for exchange in found if exchange is not None]


async def truth(task: Task, ask: Callable[[dict[str, Any]], Any]) -> float:
    """Mean score against the data's own truth, over the first cases of the record."""
    judge, values = grader(task.terms), []
    free = asyncio.Semaphore(OWN.slots)

    async def one(pair: Pair) -> None:
        async with free:
            reply = await ask(task.request(pair.ask))
        score = await judge.score(reply.text, Question(pair.answer))
        if score.value is not None:
            values.append(score.value)

    await asyncio.gather(*[one(pair) for pair in _in_verdict_half(task)[:TRUTH]])
    return sum(values) / len(values)


async def whole(task: Task, asks: Mapping[str, Answers], role: str, exchanges: Sequence[Exchange]) -> float:
    """The mean difference of a candidate over every case on record: what its verdicts estimate from some."""
    judge, values = grader(task.terms), []
    for case in cases_of(exchanges):
        question = Question(case.reference)
        candidate, second = [await asks[name](case.request) for name in (role, "second")]
        scores = [(await judge.score(reply.text, question)).value for reply in (candidate, second)]
        if scores[0] is not None and scores[1] is not None:
            values.append(scores[0] - scores[1])
    return sum(values) / len(values)


async def one_task(task: Task, found: Settings, console: Console, table: Table) -> bool:
    """Rehearses both candidates under each seed; True when every verdict is right."""
    asks = askers(task, found)
    exchanges = await record(task, asks, console)
    right = True
    quality = {role: await truth(task, asks[role]) for role in task.shown}
    for role, wanted in CANDIDATES.items():
        truly = await whole(task, asks, role, exchanges)
        for seed in SEEDS:
            verdict = await _rehearsed(task, role, seed, asks, exchanges, console)
            evidence, said = verdict.evidence.overall, verdict.state
            right = right and said is wanted
            table.add_row(
                task.name,
                f"{task.terms.margin:.2f}",
                role,
                f"{truly:+.3f}",
                f"{quality[role] - quality['baseline']:+.3f}",
                str(seed),
                str(said) + ("" if said is wanted else "  WRONG"),
                str(evidence.replays),
                f"{evidence.mean_difference or 0:+.3f} [{evidence.lower:+.3f}, {evidence.upper:+.3f}]",
            )
    return right


async def _rehearsed(
    task: Task, role: str, seed: int, asks: Mapping[str, Answers], exchanges: Sequence[Exchange], console: Console
) -> Any:
    specs = {name: replace(OWN, name=name, model=name) for name in ("baseline", role)}
    process = Process(
        name=task.name,
        owner="benchmark",
        criticality=Criticality.ORDINARY,
        data=DataClass.PUBLIC,
        routes=(task.name,),
        rto=60.0,
        baseline="baseline",
        fallbacks=(role,),
        rehearse=task.terms,
    )
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        save_exchanges(store, exchanges)
        with Progress(console=console, transient=True) as bar:
            row = bar.add_task(f"{task.name} on {role}, seed {seed}", total=len(exchanges))
            return await rehearse(
                Order(
                    process=process,
                    baseline=specs["baseline"],
                    candidate=specs[role],
                    prompt_version="as-is",
                    seed=seed,
                    concurrency=OWN.slots,
                ),
                store=store,
                ask=asks[role],
                baseline_ask=asks["second"],
                grader=grader(task.terms),
                clock=CLOCK,
                progress=lambda step: bar.update(row, completed=step.replays),
            )


async def run(names: Sequence[str], console: Console) -> int:
    """Both tasks; 1 when a verdict is not what the measured difference calls for."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (
        "task",
        "margin",
        "candidate",
        "all cases",
        "by truth",
        "seed",
        "verdict",
        "replays",
        "difference [bounds]",
    ):
        table.add_column(heading)
    right = True
    with tempfile.TemporaryDirectory() as folder:
        found = settings(Path(folder))
        async with own_engines(found, [OWN], outbound(found)):
            for task in (messages(), bookings()):
                if task.name in names:
                    right = await one_task(task, found, console, table) and right
    console.print(table)
    console.print("all cases: the mean difference over the whole record, of which a verdict has seen the replays")
    console.print(f"by truth: share right by the data's own truth, candidate less baseline, over {TRUTH} cases")
    return 0 if right else 1


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["messages", "bookings"])
    console = Console(width=110)
    if DATA is None:
        console.print("no shared/data beside the checkout: nothing to rehearse")
        return 0
    return asyncio.run(run(parser.parse_args().tasks, console))


if __name__ == "__main__":
    sys.exit(main())
