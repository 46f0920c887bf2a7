"""Replays against an instant upstream: how many a second, what of each is CPU, and the memory that they take.

Ten thousand recorded requests are replayed on a candidate that is as bad as the margin allows, so that no verdict ends
it; the baseline is asked a second time for each. A second candidate follows, for which those samples are kept. The
upstream answers from a process of its own; the rehearsal is the product's, with its store on disk, sealed. Inspect, an
evaluator from the registry, does the same exact match over the same requests in the same run. Exit status: 0 within
the bounds, 1 beyond, 2 where Inspect is not installed (our own figures are printed all the same).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from servers import PEERS
from wire import Mock, whole

LABELS = tuple(f"desk-{number:02}" for number in range(8))
REPLAYS, SHORT = 10_000, 2_000
PER_SECOND, CPU_MS, MEMORY_MB = 1_000.0, 1.0, 300.0
# Of the candidate's answers; exactly the margin, so that neither verdict is ever reached.
WRONG = 0.05
AT_ONCE = 64
SEED = 7
WHAT = ("second samples drawn, two calls each", "second samples kept, one call each")
BEGUN = 1_790_000_000.0


@cache
def vocabulary() -> list[str]:
    """As many words as an office's letters have."""
    rng = random.Random(SEED)
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(5_000)]


def request_of(number: int) -> dict[str, Any]:
    """A request whose text names its answer and, for those that the candidate gets wrong, the other one."""
    rng = random.Random(f"{SEED} {number}")
    words = " ".join(rng.choices(vocabulary(), k=24))
    label, other = rng.sample(LABELS, 2)
    marks = f"[{label}|{other if rng.random() < WRONG else label}]"
    return {"model": "bench", "messages": [{"role": "user", "content": f"{words} {marks}"}], "max_tokens": 8}


def marks_of(body: bytes) -> tuple[str, str]:
    """What the baseline and what the candidate answer to a request."""
    first, _, second = body[body.rindex(b"[desk-") + 1 : body.rindex(b"]", 0, body.rindex(b"}]"))].partition(b"|")
    return first.decode(), second.decode()


def answer_of(label: str) -> bytes:
    """A chat answer."""
    message = {"role": "assistant", "content": label}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 60, "completion_tokens": 4, "total_tokens": 64}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "bench", "choices": [choice]}
    return json.dumps(body | {"usage": usage}).encode()


ANSWERS = {label: whole(answer_of(label)) for label in LABELS}


class Answering(Mock):
    """Answers at once: as the baseline does under ``/baseline``, else as the candidate."""

    def data_received(self, data: bytes) -> None:
        """Answers when the request is whole."""
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self.buffer = b""
        right, said = marks_of(body)
        self.transport.write(ANSWERS[right if head.startswith(b"POST /baseline") else said])


def serve(listening: socket.socket) -> None:
    """The upstream, until it is killed."""
    import uvloop

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, sock=listening, backlog=4096)
        await server.serve_forever()

    uvloop.run(main())


def recorded(count: int) -> list[Any]:
    """So many exchanges that the verdict half holds ``count`` of them, each another request."""
    from switchover.domain.exchange import Exchange, Outcome

    found = []
    for number in range(int(count * 2.1) + 50):
        request = request_of(number)
        right, _ = marks_of(json.dumps(request).encode())
        found.append(
            Exchange(
                id=f"x-{number:08}", process="bench", route="bench", dialect="openai_chat", stream=False,
                started_at=BEGUN + number, outcome=Outcome.COMPLETE, status=200,
                request=json.dumps(request).encode(), answer=answer_of(right), upstream="baseline", model="bench",
            )
        )  # fmt: skip
    return found


def orders(port: int, replays: int) -> list[Any]:
    """What is to be rehearsed: two candidates of one process."""
    from switchover.domain.process import Criticality, DataClass, Price, Process, RehearsalTerms
    from switchover.rehearsal import Order
    from switchover.testing.served import spec

    price = Price(input_mtok="0.40", output_mtok="1.60")
    # Chances so small that the run goes on to its budget.
    terms = RehearsalTerms(
        grader="label", settings={"labels": list(LABELS), "aliases": {}}, margin=WRONG, alpha=1e-12, beta=1e-12,
        concurrency=AT_ONCE,
    )  # fmt: skip
    process = Process(
        name="bench", owner="bench", criticality=Criticality.ORDINARY, data=DataClass.INTERNAL, baseline="baseline",
        fallbacks=("first", "second"), rehearse=terms,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    return [
        Order(
            process=process, baseline=spec("baseline", f"{url}/baseline", model="bench", price=price),
            candidate=spec(name, f"{url}/candidate", model="bench", price=price), prompt_version="as-is",
            concurrency=AT_ONCE, budget_calls=replays,
        )
        for name in ("first", "second")
    ]  # fmt: skip


class Timed:
    """Counts the CPU time of one part of a replay, in this thread."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def timed(*given: Any, **named: Any) -> Any:
            begun = time.thread_time()
            try:
                return call(*given, **named)
            finally:
                self.seconds += time.thread_time() - begun

        return timed


def rehearsed(port: int, replays: int, folder: str, which: int) -> dict[str, Any]:
    """Rehearses one of the candidates; what it took."""
    import uvloop

    from switchover.clock import SystemClock
    from switchover.domain.candidate import PromptKind, PromptVersion
    from switchover.domain.secret import Secret
    from switchover.egress import Client
    from switchover.graders import grader
    from switchover.privacy.keyring import KeyRing
    from switchover.privacy.sealing import Sealer
    from switchover.rehearsal import rehearse
    from switchover.store import Store
    from switchover.trial.ask import asker
    from switchover.trial.book import Book
    from switchover.upstreams import UPSTREAMS

    clock = SystemClock()
    book = Timed()
    Book.add, Book.decide = book.around(Book.add), book.around(Book.decide)  # type: ignore[method-assign]
    sealer = Sealer(KeyRing(folder, clock))
    store = Store.open(f"sqlite:///{folder}/store.sqlite", sealer=sealer)

    async def main() -> dict[str, Any]:
        client, order = Client(clock), orders(port, replays)[which]
        asks = []
        for spec in (order.candidate, order.baseline):
            version = PromptVersion.make(process="bench", upstream=spec.name, kind=PromptKind.AS_IS)
            made = UPSTREAMS[spec.kind](spec, spec.base_url, Secret("none"), client)
            asks.append(asker(made, version, None, clock, spec=spec))
        looks: list[tuple[float, float]] = []
        begun = time.monotonic()
        try:
            verdict = await rehearse(
                order, store=store, ask=asks[0], baseline_ask=asks[1], grader=grader(order.process.rehearse),
                clock=clock, progress=lambda step: looks.append((time.monotonic(), time.process_time())),
            )  # fmt: skip
        finally:
            await client.close()
        first, cpu = looks[0]
        return {
            "replays": verdict.evidence.overall.replays, "planning_s": first - begun,
            "seconds": time.monotonic() - first, "cpu_s": time.process_time() - cpu, "book_s": book.seconds,
        }  # fmt: skip

    try:
        return uvloop.run(main())
    finally:
        store.close()


INSPECT = """
import json, sys, time
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import exact
from inspect_ai.solver import generate
port, path, at_once, logs = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
samples = [Sample(input=one["input"], target=one["target"]) for one in map(json.loads, open(path))]
task = Task(dataset=samples, solver=generate(), scorer=exact())
begun = time.monotonic()
[log] = eval(
    task, model="openai/bench", model_base_url=f"http://127.0.0.1:{port}/candidate/v1", max_connections=at_once,
    max_samples=at_once, display="none", log_dir=logs, max_tokens=8, model_args={"responses_api": False},
)
took = time.monotonic() - begun
right = log.results.scores[0].metrics["mean"].value
print(json.dumps({"samples": log.results.completed_samples, "seconds": took, "right": right}))
"""


def inspected(port: int, replays: int, folder: str) -> dict[str, Any] | None:
    """The same exact match by Inspect, over the same requests; None where it is not installed."""
    python = PEERS / "inspect" / "bin" / "python"
    if not python.exists():
        return None
    cases = Path(folder, "cases.jsonl")
    with cases.open("w") as file:
        for number in range(replays):
            request = request_of(number)
            right, _ = marks_of(json.dumps(request).encode())
            file.write(json.dumps({"input": request["messages"][0]["content"], "target": right}) + "\n")
    command = [str(python), "-c", INSPECT, str(port), str(cases), str(AT_ONCE), f"{folder}/logs"]
    env = {**os.environ, "OPENAI_API_KEY": "none", "INSPECT_LOG_LEVEL": "error"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["memory_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    return found


def record(folder: str, replays: int) -> None:
    """Makes the store, in a process of its own: what that takes is not the rehearsal's."""
    from switchover.clock import SystemClock
    from switchover.privacy.keyring import KeyRing
    from switchover.privacy.sealing import Sealer
    from switchover.store import Store
    from switchover.store.indexing import save_exchanges

    found = recorded(replays)
    with Store.open(f"sqlite:///{folder}/store.sqlite", sealer=Sealer(KeyRing(folder, SystemClock()))) as store:
        for begin in range(0, len(found), 1_000):
            save_exchanges(store, found[begin : begin + 1_000])


def child(pipe: Any, port: int, replays: int, folder: str, which: int) -> None:
    """One rehearsal, in a process whose memory is its alone, as a command has it."""
    took = rehearsed(port, replays, folder, which)
    pipe.send((took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6))


def measured(port: int, replays: int, folder: str) -> tuple[list[dict[str, Any]], float]:
    """What both candidates took, and the most memory of it, in MB."""
    spawn = multiprocessing.get_context("spawn")
    maker = spawn.Process(target=record, args=(folder, replays))
    maker.start()
    maker.join()
    found = []
    for which in range(len(WHAT)):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=child, args=(theirs, port, replays, folder, which))
        process.start()
        theirs.close()
        try:
            found.append(ours.recv())
        finally:
            process.join()
    return [took for took, _ in found], max(memory for _, memory in found)


def main(replays: int, peer: bool) -> int:
    """Measures, prints and judges."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    port = listening.getsockname()[1]
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        try:
            took, memory = measured(port, replays, folder)
            ok = judged(took, memory, replays)
            if not peer:
                return 0 if ok else 1
            other = inspected(port, replays, folder)
        finally:
            server.kill()
    if other is None:
        print("inspect: not run; `make replays` installs it, from requirements/bench-inspect.txt")
        return 2 if ok else 1
    mine = took[1]["seconds"] + took[1]["planning_s"]
    print(
        f"inspect: {other['samples']:,} samples in {other['seconds']:.1f} s, {other['right']:.1%} of them right, "
        f"{other['memory_mb']:.0f} MB; ours, with "
        f"one call each and planning included, is {other['seconds'] / mine:.1f} times as fast and takes "
        f"{memory / other['memory_mb']:.2f} of its memory"
    )
    return 0 if ok else 1


def judged(took: list[dict[str, Any]], memory: float, replays: int) -> bool:
    """Prints our own figures; whether they are within their bounds."""
    ok = memory <= MEMORY_MB
    for one, what in zip(took, WHAT, strict=True):
        count = one["replays"]
        rate, cpu, book = count / one["seconds"], one["cpu_s"] / count * 1e3, one["book_s"] / count * 1e3
        ok = ok and count >= replays and rate >= PER_SECOND and book <= CPU_MS
        print(
            f"{count:,} replays, {what}: {rate:,.0f}/s ({PER_SECOND:,.0f} wanted) after {one['planning_s']:.1f} s of "
            f"planning; CPU per replay {cpu:.2f} ms, of which update and both bounds {book:.3f} ms ({CPU_MS:g} at most)"
        )
    print(f"memory: {memory:.0f} MB at most ({MEMORY_MB:.0f} allowed)", flush=True)
    return ok


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="fewer replays")
    parser.add_argument("--alone", action="store_true", help="without Inspect")
    given = parser.parse_args()
    sys.exit(main(SHORT if given.short else REPLAYS, not given.alone))
