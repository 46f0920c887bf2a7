"""A store of a million exchanges: what a first page asks, that page itself, and the report, timed, with their memory.

``make million`` generates 1,000,000 exchanges over 90 days in six processes into SQLite, counts their figures anew, and
asks in a process of its own. It fails where a query of the first page takes 300 ms, the server 150 ms for that page (19
times in 20), the report 20 s, or that process 500 MB. ``make test`` does the same with a few thousand.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import random
import resource
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import uvicorn
from rich.console import Console
from rich.table import Table

from switchover.config.showing import InForce
from switchover.costs.metering import meter
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome, Usage
from switchover.domain.process import Criticality, DataClass, Listen, Price, Process, Provider, Settings, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.report.assemble import assemble
from switchover.report.depending import Depending
from switchover.report.flow_chart import flow_chart
from switchover.report.graph import Level, Weight
from switchover.report.moving import Moving
from switchover.store import Store, traffic
from switchover.store.counting import recount
from switchover.store.drills import cut_offs
from switchover.store.exchanges import count_exchanges, list_exchanges
from switchover.store.register import build_snapshot
from switchover.testing.clock import ManualClock
from switchover.web.server import site_config
from switchover.web.sittings import Sittings
from switchover.wiring.evidence import noting
from switchover.wiring.pages import Keeping, seat, site
from switchover.wiring.parts import CLOCK

DAYS, DAY_S, HOUR_S = 90, 86_400.0, 3600.0
NOW = 1_793_491_200.0 + 10 * HOUR_S  # 1 November 2026, 10:00 UTC
PAGE_MS, SERVED_MS, REPORT_MS, MEMORY_MB = 300.0, 150.0, 20_000.0, 500.0
DEPENDENCE_MS = 1000.0
RUNS, VISITS = 5, 60
BATCH = 20_000
PROCESSES = ("claims", "letters", "notes", "intake", "search", "translation")
UPSTREAMS = (
    ("vendor", "gpt-4.1-mini", "openai", Price(priced_as="openai/gpt-4.1-mini")),
    ("other", "claude-haiku-4-5", "anthropic", Price(priced_as="anthropic/claude-haiku-4-5")),
    ("third", "mid-1", "beta", Price(input_mtok="0.40", output_mtok="1.20", source="a contract")),
)
COLUMNS = (
    "id, process, route, dialect, stream, started_at, outcome, status, upstream, model, attempts, usage, "
    "first_content_ms, elapsed_ms, error_code, dropped, metadata, bodies"
)


def settings(data: Path) -> Settings:
    """Six processes on three upstreams."""
    specs = [
        UpstreamSpec(name=name, kind="openai", model=model, developer=host, host=host, price=price)
        for name, model, host, price in UPSTREAMS
    ]
    return Settings(
        source=str(data / "switchover.yaml"),
        organisation={"domicile": "NL"},
        data_dir=str(data),
        database=f"sqlite:///{data / 'store.sqlite'}",
        gateway=Listen(),
        providers={name: Provider(name=name, home=home) for name, home in zip(HOSTS, ("US", "US", "DE"), strict=True)},
        upstreams={spec.name: spec for spec in specs},
        processes={
            name: Process(
                name=name,
                owner="head",
                criticality=Criticality.CRITICAL if number < 2 else Criticality.ORDINARY,
                data=DataClass.INTERNAL,
                baseline=specs[number % 3].name,
                fallbacks=(specs[(number + 1) % 3].name,),
            )
            for number, name in enumerate(PROCESSES)
        },
    )


HOSTS = tuple(host for _, _, host, _ in UPSTREAMS)


def exchanges(count: int, seed: int) -> Iterator[Exchange]:
    """Traffic by day and night: 1 % not complete, 3 % answered by the second upstream asked."""
    rng = random.Random(seed)
    for number in range(count):
        at = NOW - DAYS * DAY_S * (1 - number / count)
        # Four in five come by day.
        if not 7 <= at % DAY_S / HOUR_S < 19 and rng.random() < 0.5:
            at = at - at % DAY_S + rng.uniform(8, 10) * HOUR_S
        at = min(at, NOW)
        place = min(int(rng.expovariate(0.6)), len(PROCESSES) - 1)
        first = place % 3
        tries = [first] if rng.random() > 0.03 else [first, (first + 1) % 3]
        drawn = rng.random()
        outcome = Outcome.COMPLETE if drawn > 0.01 else Outcome.FAILED if drawn > 0.004 else Outcome.ABANDONED
        upstream, model = (UPSTREAMS[tries[-1]][:2]) if outcome is not Outcome.FAILED else (None, None)
        elapsed = min(rng.lognormvariate(7.0, 0.8), 600_000.0)
        records = tuple(
            AttemptRecord(
                upstream=UPSTREAMS[one][0],
                model=UPSTREAMS[one][1],
                fault="overloaded" if one != tries[-1] or upstream is None else None,
                status=529 if one != tries[-1] or upstream is None else 200,
                elapsed_ms=elapsed,
            )
            for one in tries
        )
        yield Exchange(
            id=f"{number:016x}{rng.getrandbits(32):08x}",
            process=PROCESSES[place],
            route=PROCESSES[place],
            dialect="openai_chat",
            stream=rng.random() < 0.7,
            started_at=at,
            outcome=outcome,
            status=200 if upstream else 503,
            request=b'{"model":"m","messages":[{"role":"user","content":"%d"}]}' % number,
            answer=b'{"choices":[{"message":{"role":"assistant","content":"%d"}}]}' % number,
            upstream=upstream,
            model=model,
            attempts=records,
            usage=Usage(input=rng.randrange(200, 6000), output=rng.randrange(5, 900)) if upstream else None,
            first_content_ms=elapsed * rng.uniform(0.1, 0.6) if upstream else None,
            elapsed_ms=elapsed,
        )


def generate(data: Path, count: int, seed: int) -> dict[str, float]:
    """Fills a new store, past SQLAlchemy and without syncs: how it came to be is not what is measured."""
    began = time.perf_counter()
    known = settings(data)
    Store.open(known.database).close()
    raw = sqlite3.connect(data / "store.sqlite")
    raw.execute("PRAGMA synchronous=OFF")
    batch: list[Exchange] = []
    for one in exchanges(count, seed):
        batch.append(one)
        if len(batch) == BATCH:
            _insert(raw, batch)
            batch.clear()
    _insert(raw, batch)
    raw.close()
    filled = time.perf_counter()
    with Store.open(known.database) as store, store.write() as connection:
        recount(connection, lambda exchange: meter(exchange, known.upstreams))
    return {"generated": filled - began, "counted anew": time.perf_counter() - filled}


def _insert(raw: sqlite3.Connection, batch: list[Exchange]) -> None:
    encode = msgspec.json.encode
    marks = ",".join("?" * len(COLUMNS.split(",")))
    with raw:
        raw.executemany(
            f"INSERT INTO exchange ({COLUMNS}) VALUES ({marks})",
            [
                (
                    one.id, one.process, one.route, one.dialect, one.stream, one.started_at, one.outcome.value,
                    one.status, one.upstream, one.model, encode(one.attempts).decode(),
                    encode(one.usage).decode() if one.usage else None, one.first_content_ms, one.elapsed_ms, None,
                    "[]", "{}", "full",
                )
                for one in batch
            ],
        )  # fmt: skip
        raw.executemany(
            "INSERT INTO body VALUES (?, '', ?)",
            [(one.id, msgspec.msgpack.encode((one.request, one.answer))) for one in batch],
        )


def page(store: Store) -> dict[str, Callable[[], object]]:
    """What a first page asks, by what it shows."""
    hour, day, month = NOW - HOUR_S, NOW - DAY_S, NOW - 30 * DAY_S
    return {
        "asked, by process, upstream and outcome: last hour": lambda: traffic.asked(store, hour),
        "asked, by process, upstream and outcome: 24 hours": lambda: traffic.asked(store, day),
        "asked, by process, upstream and outcome: 30 days": lambda: traffic.asked(store, month),
        "tokens and spend, by process and upstream: 30 days": lambda: traffic.asked(
            store, month, ("process", "upstream")
        ),
        "asked, by hour: 30 days": lambda: traffic.asked(store, month, ("hour", "outcome")),
        "p50 and p95, by process and upstream: 24 hours": lambda: traffic.took(store, day),
        "p50 and p95, by process and upstream: 30 days": lambda: traffic.took(store, month),
        "peak and p95 minute, by process: 30 days": lambda: traffic.minutes(store, month),
        "each upstream: asked, failed, last asked": lambda: traffic.seen(store),
        "the newest 20 that are not complete": lambda: traffic.newest_failures(store),
        "the newest 20, and how many there are": lambda: (list_exchanges(store, limit=20), count_exchanges(store)),
        "gaps of 30 days": lambda: traffic.gaps(store, month),
        "cut-offs in force": lambda: cut_offs(store, in_force_at=NOW),
    }


def dependence(store: Store, known: Settings, snapshot: Snapshot) -> dict[str, Callable[[], object]]:
    """What the pages of dependence ask, by what they show: the graph with what falls with each node, and one node."""

    def whole() -> object:
        found = Depending(store, known, snapshot, NOW)
        return [found.survival(node) for node in found.graph.nodes], flow_chart(found.graph, Weight.VOLUME)

    def node() -> object:
        found = Depending(store, known, snapshot, NOW)
        return [found.falls(one) for one in found.graph.at(Level.JURISDICTION) if one.name == "US"]

    def costs() -> object:
        return Moving(store, known, (), NOW, PROCESSES[:2]).dearer(PROCESSES[0], "vendor", "other")

    return {
        "dependence: the graph, what falls with each node": whole,
        "dependence: one node": node,
        "dependence: what two of six processes cost elsewhere": costs,
    }


def ask(data: Path) -> dict[str, dict[str, float]]:
    """Each query, first and middle of five, in ms; and the memory of a process that did nothing else."""
    known = settings(data)
    found: dict[str, dict[str, float]] = {}
    with Store.open(known.database) as store:
        for name, query in page(store).items():
            times = [_ms(query) for _ in range(RUNS)]
            found[name] = {"first": times[0], "middle": statistics.median(times), "bound": PAGE_MS}
        found |= served(known)
        snapshot = build_snapshot(store, known, {}, NOW)
        for name, question in dependence(store, known, snapshot).items():
            times = [_ms(question) for _ in range(RUNS)]
            found[name] = {"first": times[0], "middle": statistics.median(times), "bound": DEPENDENCE_MS}
        found["memory after the first page"] = {"MB": _memory(), "bound": MEMORY_MB}
        took = _ms(lambda: assemble(store, known, snapshot, NOW))
        found["the report"] = {"first": took, "middle": took, "bound": REPORT_MS}
        found["memory after the report"] = {"MB": _memory(), "bound": MEMORY_MB}
        found["exchanges"] = {"count": count_exchanges(store)}
    return found


def served(known: Settings) -> dict[str, dict[str, float]]:
    """The first page and its live part over a socket, as of the last exchange: p95 and p50 of so many visits, in ms.

    What they take of a processor is told beside it: that does not depend on who else keeps the machine busy.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    keeping = Keeping(lambda: known)

    def in_force() -> InForce:
        raise AssertionError("the first page does not show the configuration")

    made = site(known, lambda: known, keeping, port, Sittings(seat, noting, CLOCK), in_force, ManualClock(NOW))
    server = uvicorn.Server(site_config(made))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    found = {}
    for name, path in (("the first page, served: p95 and p50", "/"), ("its live part: p95 and p50", "/?part=live")):
        _get(port, path)
        busy = time.process_time()
        times = sorted(_ms(lambda path=path: _get(port, path)) for _ in range(VISITS))  # type: ignore[misc]  # bound
        found[name] = {"first": times[int(VISITS * 0.95)], "middle": statistics.median(times), "bound": SERVED_MS}
        spent = (time.process_time() - busy) / VISITS * 1000
        found[f"{name.partition(':')[0]}: processor time"] = {"first": spent, "middle": spent, "bound": SERVED_MS}
    server.should_exit = True
    thread.join()
    keeping.close()
    return found


def _get(port: int, path: str) -> None:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    link.request("GET", path)
    reply = link.getresponse()
    if reply.status != 200 or len(reply.read()) < 1000:
        raise RuntimeError(f"{path} answers {reply.status}")
    link.close()


def _ms(query: Callable[[], object]) -> float:
    began = time.perf_counter()
    query()
    return (time.perf_counter() - began) * 1000


def _memory() -> float:
    """Peak resident memory, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(data: Path, count: int, seed: int) -> dict[str, dict[str, float]]:
    """Generates unless the store is there, then asks in a process of its own."""
    if not (data / "store.sqlite").exists():
        for what, seconds in generate(data, count, seed).items():
            print(f"{what} in {seconds:.0f} s", flush=True)
    command = [sys.executable, __file__, "--ask", str(data)]
    found: dict[str, dict[str, float]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def too_much(found: dict[str, dict[str, float]]) -> list[str]:
    """What is not within its bound."""
    rows = ((name, row.get("first", row.get("MB", 0.0)), row.get("bound", math.inf)) for name, row in found.items())
    return [name for name, value, bound in rows if value >= bound]


def show(found: dict[str, dict[str, float]], size: int) -> None:
    """The table."""
    table = Table(title=f"{found['exchanges']['count']:,.0f} exchanges, {size / 1e9:.2f} GB", title_justify="left")
    for column, side in (("", "left"), ("first", "right"), ("middle of 5", "right"), ("bound", "right")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    for name, row in found.items():
        if "MB" in row:
            table.add_row(name, f"{row['MB']:.0f} MB", "", f"{row['bound']:.0f} MB")
        elif "first" in row:
            table.add_row(name, f"{row['first']:.1f} ms", f"{row['middle']:.1f} ms", f"{row['bound']:.0f} ms")
    Console().print(table)


def main() -> None:
    """Generates, asks, prints; exit 1 where something is not within its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="keep the store here, or ask the one that is there")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        print(json.dumps(ask(given.ask)))
        return
    with tempfile.TemporaryDirectory(prefix="switchover-million-") as folder:
        data = given.data or Path(folder)
        data.mkdir(parents=True, exist_ok=True)
        found = measured(data, given.exchanges, given.seed)
        show(found, sum(path.stat().st_size for path in data.glob("store.sqlite*")))
    over = too_much(found)
    if over:
        print("over its bound: " + "; ".join(over))
        sys.exit(1)


if __name__ == "__main__":
    main()
