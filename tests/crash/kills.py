"""`kill -9` of any process at random under load: what was acknowledged stays, what was open shows as unfinished.

An exchange is *acknowledged* once its number is at or below its worker's durable mark. The caller learns that from the
worker itself: what it was answered on a connection before it asked for the figures there has a number up to the mark
plus what lags behind it; once later figures show a mark as high as that, all of it is acknowledged.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from switchover.config import load
from switchover.domain.exchange import Exchange, Intent
from switchover.processes.indexing import index_all, workers
from switchover.store import Store, schema
from switchover.store.machine import machine_of
from switchover.store.spool import read_spool
from switchover.testing.fake_vendor import FakeVendor
from switchover.wiring.register import create_key

CALLERS = 6
# Longer than a machine that is busy with other things takes for anything here.
PATIENCE_S = 90.0
TARGETS = {"worker-0": 8, "worker-1": 8, "keeper": 5, "supervisor": 3}
# A child that is killed again and again is started again at once, instead of after up to ten seconds.
HASTENED = """
from switchover.processes import supervise
supervise.LONGEST_WAIT = supervise.FIRST_WAIT
from switchover.cli import main
main()
"""
TABLES = (schema.exchange, schema.gap, schema.open_intent, schema.spool_mark)
CONFIGURATION = """\
organisation: {{domicile: NL}}
data: ./data
gateway: {{host: 127.0.0.1, port: {port}, workers: 2}}
pages: {{serve: false}}
providers: {{acme: {{home: US}}}}
upstreams:
  vendor: {{kind: openai, base_url: "{vendor}/v1", key: env:VENDOR_KEY, model: big-1, developer: acme, host: acme}}
processes:
  messages: {{owner: us, criticality: critical, data: internal, baseline: vendor}}
"""
BODY = {"model": "messages", "messages": [{"role": "user", "content": "where is my claim?"}]}


@dataclass
class Kills:
    """What came of it."""

    killed: dict[str, int] = field(default_factory=dict)
    answered: int = 0
    acknowledged: int = 0
    unfinished: int = 0
    broken: int = 0
    wrong: list[str] = field(default_factory=list)


class Caller(threading.Thread):
    """Calls until it is told to stop, and counts what is acknowledged as the text above says."""

    def __init__(self, port: int, token: str, stop: threading.Event, seed: int) -> None:
        super().__init__(daemon=True)
        self.port, self.token, self.stop, self.chance = port, token, stop, random.Random(seed)
        self.answered: set[str] = set()
        self.acknowledged: set[str] = set()
        self.broken = 0

    def run(self) -> None:
        """One connection after the other: each leads to one worker, for as long as that lives."""
        while not self.stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
            with suppress(OSError, http.client.HTTPException):
                self._talk(connection)
            connection.close()
            self.stop.wait(0.05)

    def _talk(self, connection: http.client.HTTPConnection) -> None:
        fresh, waiting = set[str](), list[tuple[int, set[str]]]()
        while not self.stop.is_set():
            for _ in range(self.chance.randint(1, 4)):
                fresh.add(self._call(connection))
            mark, taken = self._figures(connection)
            self.acknowledged.update(*(names for number, names in waiting if number <= mark))
            waiting = [(number, names) for number, names in waiting if number > mark]
            waiting.append((taken, fresh))
            fresh = set()

    def _call(self, connection: http.client.HTTPConnection) -> str:
        body = json.dumps(BODY | {"stream": self.chance.random() < 0.5})
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/chat/completions", body, head)
            answer = connection.getresponse()
            whole = answer.read()
        except (OSError, http.client.HTTPException):
            self.broken += 1
            raise
        if answer.status != 200 or b"claim_status" not in whole.replace(b'"}}]}', b""):
            raise OSError(f"{answer.status} {whole[:200]!r}")
        name = answer.headers["x-switchover-exchange"]
        self.answered.add(name)
        return name

    def _figures(self, connection: http.client.HTTPConnection) -> tuple[int, int]:
        """The durable mark of this connection's worker, and the number of the last record it has taken in."""
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        own = re.search(r'switchover_figures_age_seconds\{worker="([^"]+)"\} 0\n', page)
        if own is None:
            raise OSError("figures without a worker")
        mark, lag = (_figure(page, name, own[1]) for name in ("durable_total", "lag_records"))
        return mark, mark + lag


def _figure(page: str, name: str, worker: str) -> int:
    found = re.search(rf'switchover_recording_{name}\{{worker="{worker}"\}} (\d+)', page)
    if found is None:
        raise OSError(f"no figure {name} of {worker}")
    return int(found[1])


class Installation:
    """A folder, and `switchover up` in it."""

    def __init__(self, folder: Path, vendor: FakeVendor) -> None:
        self.folder, self.data = folder, folder / "data"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.config = folder / "switchover.yaml"
        self.config.write_text(CONFIGURATION.format(vendor=vendor.url, port=self.port), encoding="utf-8")
        self.env = {**os.environ, "VENDOR_KEY": vendor.key}
        self.process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Starts it; returns when both workers answer."""
        with (self.folder / "up.log").open("ab") as log:
            command = [sys.executable, "-c", HASTENED, "up"]
            self.process = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=log, stderr=log)
        until(lambda: self._pid_told() == self.process.pid and self.ready("worker-0", "worker-1"), self.said)

    def down(self) -> None:
        """In peace."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)

    def ready(self, *names: str) -> bool:
        """Whether these children do their work."""
        return all(self.children().get(name, {}).get("ready") for name in names)

    def children(self) -> dict[str, dict[str, Any]]:
        """As the supervisor last told."""
        return self._told().get("children", {})

    def alive(self) -> dict[str, int]:
        """Pids by name, that of the supervisor among them."""
        found = {name: child["pid"] for name, child in self.children().items() if child["pid"] is not None}
        return found if self.process is None else {**found, "supervisor": self.process.pid}

    def said(self) -> str:
        """The end of its log."""
        return (self.folder / "up.log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def _pid_told(self) -> object:
        return self._told().get("pid")

    def _told(self) -> dict[str, Any]:
        try:
            return json.loads((self.data / "run" / "supervisor.json").read_bytes())
        except (OSError, ValueError):
            return {}


def until(condition: Callable[[], bool], said: Callable[[], str]) -> None:
    """Waits for what happens in other processes."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"it never came about\n{said()}")
        time.sleep(0.02)


def run(count: int, seed: int, say: Callable[[str], None] = lambda line: None) -> Kills:
    """So many kills, then the comparison."""
    with FakeVendor({"where is my claim?": "claim_status"}) as vendor, tempfile.TemporaryDirectory() as folder:
        vendor.control(latency=0.01)
        place, found = Installation(Path(folder), vendor), Kills()
        place.up()
        try:
            callers = _under_load(place, count, seed, found, say)
            _judge(place, callers, found)
        finally:
            place.down()
        return found


def _under_load(place: Installation, count: int, seed: int, found: Kills, say: Callable[[str], None]) -> list[Caller]:
    chance, stop = random.Random(seed), threading.Event()
    token = create_key(load(str(place.config), place.env), "messages")[1].reveal()
    callers = [Caller(place.port, token, stop, seed + number) for number in range(CALLERS)]
    for caller in callers:
        caller.start()

    def answered() -> int:
        return sum(len(one.answered) for one in callers)

    try:
        for number in range(count):
            wanted = answered() + chance.randint(1, 40)
            until(lambda wanted=wanted: answered() >= wanted, place.said)
            name = _kill(place, chance)
            found.killed[name] = found.killed.get(name, 0) + 1
            if (number + 1) % 10 == 0:
                say(f"{number + 1} killed, {answered()} answered")
        wanted = answered() + CALLERS
        until(lambda: answered() >= wanted and any(one.acknowledged for one in callers), place.said)
    finally:
        stop.set()
    for caller in callers:
        caller.join()
    return callers


def _kill(place: Installation, chance: random.Random) -> str:
    """One of those that are alive; the supervisor takes all others along and is started again."""
    alive = place.alive()
    names = [name for name in TARGETS if name in alive]
    (name,) = chance.choices(names, [TARGETS[one] for one in names])
    with suppress(ProcessLookupError):
        os.kill(alive[name], signal.SIGKILL)
    if name == "supervisor" and place.process is not None:
        place.process.wait()
        place.up()
    else:
        # It knows that the child is gone, so that the next kill finds who is alive.
        until(lambda: place.children().get(name, {}).get("pid") != alive[name], place.said)
    return name


def _judge(place: Installation, callers: list[Caller], found: Kills) -> None:
    spools = place.data / "spool"
    url = load(str(place.config), place.env).database
    with _opened(url) as store, _opened("sqlite://") as fresh:

        def settled() -> bool:
            """Whoever was killed last has begun anew, so that nothing is open, and the keeper is done."""
            index_all(fresh, spools, time.time(), machine=machine_of(place.data))
            return not _rows(fresh)["open_intent"] and _rows(store) == _rows(fresh)

        with suppress(RuntimeError):
            until(settled, place.said)
        for name, rows in _rows(fresh).items():
            if rows != (here := _rows(store)[name]):
                found.wrong.append(f"table {name}: {len(here ^ rows)} rows differ between the store and the spool")
        with store.read() as connection:
            chosen = select(schema.exchange.c.id, schema.exchange.c.outcome)
            outcomes = {row.id: row.outcome for row in connection.execute(chosen)}
    ended, begun = set[str](), set[str]()
    for worker in workers(spools):
        for _, record in read_spool(spools / worker):
            if isinstance(record, Exchange | Intent):
                (ended if isinstance(record, Exchange) else begun).add(record.id)
    answered, acknowledged = (set().union(*(getattr(one, what) for one in callers)) for what in
                              ("answered", "acknowledged"))  # fmt: skip
    unfinished = {name for name, outcome in outcomes.items() if outcome == "unfinished"}
    found.answered, found.acknowledged, found.unfinished = len(answered), len(acknowledged), len(unfinished)
    found.broken = sum(one.broken for one in callers)
    lost = acknowledged - {name for name, outcome in outcomes.items() if outcome == "complete"}
    if lost:
        found.wrong.append(f"{len(lost)} acknowledged exchanges are lost, such as {min(lost)}")
    if unfinished != begun - ended:
        found.wrong.append(f"{len(unfinished ^ (begun - ended))} are shown as unfinished and are not, or the reverse")
    if not acknowledged:
        found.wrong.append("nothing was acknowledged: the load was none")


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    with Store.open(url) as store:
        yield store


def _rows(store: Store) -> dict[str, set[tuple[object, ...]]]:
    with store.read() as connection:
        return {table.name: {tuple(row) for row in connection.execute(select(table))} for table in TABLES}
