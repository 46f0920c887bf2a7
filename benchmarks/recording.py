"""What recording costs: exchanges sealed, written, synced and indexed, and what callers notice of it.

*Throughput*: one process feeds exchanges of 6 kB straight to a spool that seals them, a quarter of them about one of
200 subjects, at a steady rate; another reads the spool into SQLite beside it, in rounds as the keeper does. Each has a
core. Judged: nothing lost, the rate kept, and that durable mark and index have caught up within 5 s of the end. CPU is
what each process used, so that a busy machine changes it little.

*Latency*: 200 requests a second through the gateway, with recording and with none; five interleaved runs each, the
median of the ratios of the 99th percentiles is judged, and the wait is counted from when a request was due.

Exit status: 0 within the bounds, 1 beyond.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from gateway import answering
from servers import cores, ours, pin
from wire import Caller, load, mock

RATE = 5500.0
SECONDS = 60.0
LEAST = 5000.0
CATCH_UP_S = 5.0
SUBJECTS = 200
SLOT_S = 0.005
ROUND_S = 0.1
RUNS = 5
ASKED = 200.0
ASKED_S = 4.0
CONNECTIONS = 16
MOST_RATIO = 1.3


def exchange_of_6_kb() -> object:
    """A chat request and its answer, 6,000 bytes together."""
    from switchover.testing.builders import make_exchange

    made = make_exchange("x" * 4000, "y" * 1679, process="bench", route="bench", metadata={"kind": "complaint"})
    return dataclasses.replace(made, started_at=time.time())


def feed(folder: Path, rate: float, seconds: float) -> None:
    """Role `feed`: prints when it ended, when all of it was durable, and what it cost."""
    from switchover.clock import SystemClock
    from switchover.privacy.keyring import KeyRing
    from switchover.privacy.sealing import Sealer
    from switchover.store.spool import Spool

    clock, one = SystemClock(), exchange_of_6_kb()
    spool = Spool(folder / "spool" / "worker-0", clock=clock, seal=Sealer(KeyRing(folder, clock)).seal)
    spool.start()
    subjects = [os.urandom(32).hex() for _ in range(SUBJECTS)]
    before, begun, fed = time.process_time(), time.monotonic(), 0
    made = begun_made = 0.0
    while (elapsed := time.monotonic() - begun) < seconds:
        due = int(elapsed * rate)
        begun_made = time.thread_time()
        batch = []
        for number in range(fed, due):
            subject = subjects[number // 4 % SUBJECTS] if number % 4 == 0 else None
            batch.append(dataclasses.replace(one, id=f"{number:028x}", subject=subject))  # type: ignore[type-var]
        made += time.thread_time() - begun_made
        for exchange in batch:
            spool.append(exchange)  # type: ignore[arg-type]  # an Exchange, see above
        fed = max(fed, due)
        time.sleep(SLOT_S)
    ended = time.time()
    while spool.durable < fed - spool.gaps and time.time() - ended < 60:
        time.sleep(0.001)
    durable = time.time()
    cpu = time.process_time() - before - made
    spool.close()
    print(json.dumps({"fed": fed, "ended": ended, "durable": durable, "cpu": cpu, "lost": spool.gaps}), flush=True)


def index(folder: Path) -> None:
    """Role `index`: rounds as the keeper's, until all is there that the file `fed` says; prints when and the cost."""
    from switchover.clock import SystemClock
    from switchover.privacy.keyring import KeyRing
    from switchover.privacy.sealing import Sealer
    from switchover.processes.indexing import index_all
    from switchover.store import Store

    with Store.open(f"sqlite:///{folder}/store.sqlite", sealer=Sealer(KeyRing(folder, SystemClock()))) as store:
        print("ready", flush=True)
        before, indexed, told = time.process_time(), 0, folder / "fed"
        while not told.exists() or indexed < int(told.read_text()):
            indexed += index_all(store, folder / "spool", time.time())[0]
            time.sleep(ROUND_S)
        at = time.time()
        size = (folder / "store.sqlite").stat().st_size
        cpu = time.process_time() - before
    print(json.dumps({"indexed": indexed, "at": at, "cpu": cpu, "bytes": size}), flush=True)


def throughput(rate: float, seconds: float) -> bool:
    """Runs both, prints the table; True within the bounds."""
    core, other = cores()
    with tempfile.TemporaryDirectory() as name:
        folder, me = Path(name), (sys.executable, __file__, "--folder", name)
        indexing = subprocess.Popen([*me, "--role", "index"], stdout=subprocess.PIPE, text=True)
        pin([indexing.pid], other)
        assert indexing.stdout is not None
        indexing.stdout.readline()
        words = ("--role", "feed", "--rate", str(rate), "--seconds", str(seconds))
        feeding = subprocess.Popen([*me, *words], stdout=subprocess.PIPE, text=True)
        pin([feeding.pid], core)
        fed = json.loads(feeding.communicate()[0])
        aside = folder / "fed.draft"
        aside.write_text(str(fed["fed"] - fed["lost"]))
        aside.rename(folder / "fed")
        try:
            found = json.loads(indexing.communicate(timeout=seconds + 60)[0])
        except subprocess.TimeoutExpired:
            indexing.kill()
            print("the index never caught up")
            return False
    kept = fed["fed"] - fed["lost"]
    durable, indexed = fed["durable"] - fed["ended"], found["at"] - fed["ended"]
    print("| exchanges of 6 kB | a second | lost | durable after | indexed after | CPU: seal and spool | index |")
    print("|-|-|-|-|-|-|-|")
    print(
        f"| {kept:,} in {seconds:.0f} s | {kept / seconds:,.0f} | {fed['lost']} | {durable:.2f} s | {indexed:.2f} s "
        f"| {fed['cpu'] / kept * 1e6:.1f} us | {found['cpu'] / kept * 1e6:.1f} us |"
    )
    within = kept / seconds >= LEAST and not fed["lost"] and max(durable, indexed) <= CATCH_UP_S
    print(f"at least {LEAST:,.0f} a second, both within {CATCH_UP_S:g} s: {'within' if within else 'BEYOND'}\n")
    return within


class Paced(Caller):
    """Asks when it is due, however long the last answer took; ``took`` counts from then, in seconds."""

    took: list[float]
    places: list[int]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Each connection begins a little after the one before."""
        self.loop = asyncio.get_running_loop()
        self.places[0] += 1
        self.due = self.loop.time() + 0.1 + self.places[0] / ASKED
        # The loop's clock has milliseconds only.
        self.apart = time.perf_counter() - self.loop.time()
        super().connection_made(transport)

    def ask(self) -> None:
        """Waits until the next one is due."""
        if self.left[0] <= 0:
            self.transport.close()
            return
        self.loop.call_at(self.due, self.send)

    def send(self) -> None:
        """Sends it."""
        self.since = self.due
        self.due += CONNECTIONS / ASKED
        super().ask()

    def on_message_complete(self) -> None:
        """Stops the clock."""
        self.took.append(time.perf_counter() - self.apart - self.since)
        super().on_message_complete()


async def slowest(port: int, token: str) -> float:
    """The 99th percentile of a run, in seconds."""
    kind = type("Run", (Paced,), {"took": [], "places": [0]})
    wanted = int(ASKED * ASKED_S)
    await load(port, token, streamed=False, requests=wanted, connections=CONNECTIONS, kind=kind)
    return sorted(kind.took)[int(0.99 * len(kind.took))]


async def latency() -> bool:
    """Runs both gateways in turns, prints the ratio; True within the bound."""
    core, other = cores()
    pin([os.getpid()], other)
    upstream, port = await mock()
    rows: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        on = await asyncio.to_thread(stack.enter_context, ours(port, Path(name), "on"))
        off = await asyncio.to_thread(stack.enter_context, ours(port, Path(name), "off"))
        for server in (on, off):
            await answering(server)
            pin(server.pids, core)
            await slowest(server.port, server.token)
        for _ in range(RUNS):
            rows.append((await slowest(on.port, on.token), await slowest(off.port, off.token)))
        upstream.close()
    ratio = statistics.median(with_it / without for with_it, without in rows)
    told = ", ".join(f"{with_it * 1000:.2f}/{without * 1000:.2f}" for with_it, without in rows)
    within = ratio <= MOST_RATIO
    print(f"p99 at {ASKED:.0f} requests a second, recording on/off, ms: {told}")
    print(f"median of the ratios: {ratio:.2f} ({'within' if within else 'BEYOND'} {MOST_RATIO:g})")
    return within


def main() -> int:
    """Picks the role of this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=["bench", "feed", "index"], default="bench")
    parser.add_argument("--folder", default="")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    args = parser.parse_args()
    if args.role == "feed":
        feed(Path(args.folder), args.rate, args.seconds)
        return 0
    if args.role == "index":
        index(Path(args.folder))
        return 0
    kept = throughput(args.rate, args.seconds)
    return 0 if uvloop.run(latency()) and kept else 1


if __name__ == "__main__":
    sys.exit(main())
