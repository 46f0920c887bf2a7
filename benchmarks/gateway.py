"""CPU per request and per streamed chunk, added latency and memory: ours against nginx and other gateways, in one run.

Ours runs as one worker with keys, plan, breakers, metrics, budgets (a real ledger) and recording (the
real spool, on disk) on. Every server is
kept on one core. The mock upstream and the load share another, in one process that polls and never sleeps: else
whoever is slower than the load pays for waking it at each write, which costs as much as the write. CPU is user +
system time of the server's processes, from the scheduler, where it says so in nanoseconds. Five interleaved runs each;
the ratio of the medians is judged. Exit status: 0 within the bounds, 1 beyond, 2 when a server is missing that a
bound is about (our own figures are printed all the same).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from money import judge_budget
from servers import START_S, Missing, Server, cores, cpu_seconds, mlflow, nginx, ours, pin, resident_mb, serve_ours, smg
from wire import CHUNKS, Caller, Failed, load, mock

RUNS = 5
REQUESTS = 4000
CONNECTIONS = 16
STREAMS = 80
ALONE = 200
# Bounds on ours, as multiples of a peer.
BOUNDS: tuple[tuple[str, str, float], ...] = (
    ("request", "nginx", 8.0),
    ("request", "smg", 1.0),
    ("request", "mlflow", 0.2),
    ("chunk", "nginx", 2.0),
    ("chunk", "smg", 1.35),
)
PARTIES: tuple[Callable[[int, Path], contextlib.AbstractContextManager[Server]], ...] = (ours, nginx, smg, mlflow)


class Alone(Caller):
    """One caller after whose answer the next question comes: how long each took, in seconds."""

    took: list[float]

    def ask(self) -> None:
        """Starts the clock."""
        self.begun = time.perf_counter()
        super().ask()

    def on_message_complete(self) -> None:
        """Stops it."""
        self.took.append(time.perf_counter() - self.begun)
        super().on_message_complete()


@dataclass
class Measured:
    """What the runs of one server gave: microseconds of CPU, seconds of latency, megabytes at rest."""

    server: Server
    memory: float
    request: list[float] = field(default_factory=list)
    chunk: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)

    def median(self, kind: str) -> float | None:
        """The median of one kind, or None when it was not measured."""
        rows: list[float] = getattr(self, kind)
        return statistics.median(rows) if rows else None

    def percentile(self, share: float) -> float:
        """Of the latency, in microseconds."""
        rows = sorted(self.latency)
        return rows[min(int(share * len(rows)), len(rows) - 1)] * 1e6


def keep_awake(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Polls without sleeping until the function returned is called."""
    going = [True]

    def again() -> None:
        if going[0]:
            loop.call_soon(again)

    again()
    return lambda: going.__setitem__(0, False)


async def one_run(measured: Measured) -> None:
    """One run of each kind."""
    server, sleep = measured.server, keep_awake(asyncio.get_running_loop())
    try:
        pids = server.pids
        before = cpu_seconds(pids)
        await load(server.port, server.token, streamed=False, requests=REQUESTS, connections=CONNECTIONS)
        middle = cpu_seconds(pids)
        measured.request.append((middle - before) / REQUESTS * 1e6)
        if server.streams:
            await load(server.port, server.token, streamed=True, requests=STREAMS, connections=STREAMS)
            measured.chunk.append((cpu_seconds(pids) - middle) / (STREAMS * CHUNKS) * 1e6)
        measured.latency += await alone(server.port, server.token)
    finally:
        sleep()


async def answering(server: Server) -> None:
    """Waits until a server answers: some listen before they know their upstream. Raises Failed."""
    end = time.monotonic() + START_S
    while True:
        try:
            await load(server.port, server.token, streamed=False, requests=1, connections=1)
        except Failed:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.1)
        else:
            return


async def alone(port: int, token: str) -> list[float]:
    """Seconds that each of some questions took, one after the other on one connection."""
    kind = type("Alone", (Alone,), {"took": []})
    await load(port, token, streamed=False, requests=ALONE, connections=1, kind=kind)
    return list(kind.took)


def speed() -> float:
    """Nanoseconds of CPU that one turn of a fixed loop takes: how fast the machine is just now."""
    begun = time.thread_time()
    total = 0
    for number in range(200_000):
        total += number * number
    return (time.thread_time() - begun) / 200_000 * 1e9


async def bench() -> int:
    """Runs everything and prints the table; the exit status says whether the bounds hold."""
    core, other = cores()
    pin([os.getpid()], other)
    upstream, port = await mock()
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        found: list[Measured] = []
        for party in PARTIES:
            try:
                server = await asyncio.to_thread(stack.enter_context, party(port, Path(folder)))
            except Missing as cause:
                missing.append(str(cause))
                continue
            await answering(server)
            pin(server.pids, core)
            found.append(Measured(server, resident_mb(server.pids)))
            await one_run(Measured(server, 0.0))
        direct: list[float] = []
        for run in range(RUNS):
            sleep = keep_awake(asyncio.get_running_loop())
            direct += await alone(port, "none")
            sleep()
            for measured in found:
                await one_run(measured)
            rows = ", ".join(f"{one.server.name} {show(one.request)}/{show(one.chunk)}" for one in found)
            print(f"run {run + 1} ({speed():.0f} ns a turn), us per request/chunk: {rows}", flush=True)
        upstream.close()
    table(found, statistics.median(direct) * 1e6)
    status = judge(found, missing)
    return status if judge_budget() else 1


def show(rows: list[float]) -> str:
    """The latest of a server's figures."""
    return f"{rows[-1]:.1f}" if rows else "-"


def table(found: list[Measured], direct: float) -> None:
    """Prints what was measured. Latency is beyond that of the mock itself."""
    print()
    print("| | CPU per request | per chunk | streams of 20 chunks/s a core bears | added latency p50, p99 | at rest |")
    print("|-|-|-|-|-|-|")
    for one in found:
        chunk = one.median("chunk")
        streams = f"{chunk:.1f} us | {1e6 / (20 * chunk):,.0f}" if chunk else "- | -"
        late = f"{one.percentile(0.5) - direct:.0f} us, {one.percentile(0.99) - direct:.0f} us"
        print(f"| {one.server.name} | {one.median('request'):.1f} us | {streams} | {late} | {one.memory:.0f} MB |")
    print()


def judge(found: list[Measured], missing: list[str]) -> int:
    """Prints the ratios and whether each is within its bound; the exit status."""
    status = 0
    by = {one.server.name: one for one in found}
    for kind, peer, bound in BOUNDS:
        mine = by["switchover"].median(kind)
        base = by[peer].median(kind) if peer in by else None
        if mine is None or base is None:
            print(f"per {kind} against {peer}: NOT RUN")
            status = status or 2
            continue
        within = mine / base <= bound
        status = status if within else 1
        print(f"per {kind}: {mine / base:.2f} x {peer} ({'within' if within else 'BEYOND'} {bound:g})")
    for reason in missing:
        print(f"not run: {reason}")
    return status


def main() -> int:
    """Picks the role of this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=["bench", "gateway"], default="bench")
    parser.add_argument("--upstream", type=int, default=0)
    parser.add_argument("--folder", default="")
    parser.add_argument("--recording", choices=["on", "off"], default="on")
    args = parser.parse_args()
    if args.role == "gateway":
        serve_ours(args.upstream, args.folder, args.recording)
        return 0
    return uvloop.run(bench())


if __name__ == "__main__":
    sys.exit(main())
