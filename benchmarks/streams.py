"""Many streams at once through one gateway worker: how long they take, how smooth they are, what memory they hold.

Mock upstream and load run in processes of their own on the same machine. 500 streams of 20 chunks a second, then 2,000,
which is more than one core relays at that rate: they may take longer, but must all end whole. Exit status: 0 within
the bounds, 1 beyond.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop
from gateway import CHUNKS, Caller, cpu_seconds, load, running

GAP_S = 0.05
IDEAL_S = CHUNKS * GAP_S
START_SPREAD_S = 1.0
MB = 1e6
# (streams, longest p99 as a multiple of the ideal, longest gap in seconds, largest memory in MB)
BOUNDS = ((500, 1.1, 0.25, 160.0), (2000, 2.5, None, 160.0))
AT_REST_MB = 70.0


class Timed(Caller):
    """A caller that knows how long its stream took, and its longest gap."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks, and starts the clock."""
        self.begun = self.last = time.monotonic()
        self.took = self.gap = 0.0
        self.first = True
        super().connection_made(transport)

    def on_body(self, body: bytes) -> None:
        """A gap ends; the wait for the first chunk is none."""
        now = time.monotonic()
        if not self.first:
            self.gap = max(self.gap, now - self.last)
        self.first, self.last = False, now
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The stream is whole."""
        self.took = time.monotonic() - self.begun
        super().on_message_complete()


@dataclass
class Memory:
    """The resident memory of a process, followed."""

    pid: int
    peak: float = 0.0
    stopped: bool = False

    def now(self) -> float:
        """Megabytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / MB

    def follow(self) -> None:
        """Until ``stopped``."""
        while not self.stopped:
            self.peak = max(self.peak, self.now())
            time.sleep(0.05)


def crowd(pid: int, port: int, token: str, bound: tuple[int, float, float | None, float]) -> bool:
    """Runs one crowd of streams and prints how it went; whether it is within its bounds."""
    streams, longest, gap, most = bound
    memory, before = Memory(pid), cpu_seconds([pid])
    watch = threading.Thread(target=memory.follow, daemon=True)
    watch.start()
    callers = uvloop.run(
        load(
            port,
            token,
            streamed=True,
            requests=streams,
            connections=streams,
            spread=START_SPREAD_S,
            kind=Timed,
        )
    )
    memory.stopped = True
    watch.join()
    took = sorted(caller.took for caller in callers if isinstance(caller, Timed))
    gaps = max(caller.gap for caller in callers if isinstance(caller, Timed))
    p99, cpu = took[len(took) * 99 // 100], (cpu_seconds([pid]) - before) / streams / CHUNKS * 1e6
    good = p99 <= longest * IDEAL_S and memory.peak <= most and (gap is None or gaps <= gap)
    print(
        f"{streams} streams: p50 {took[len(took) // 2] / IDEAL_S:.2f} x ideal, p99 {p99 / IDEAL_S:.2f} x (bound "
        f"{longest:g}), longest gap {gaps * 1000:.0f} ms{f' (bound {gap * 1000:.0f})' if gap else ''}, "
        f"{memory.peak:.0f} MB (bound {most:g}), {cpu:.0f} us of CPU per chunk: {'within' if good else 'BEYOND'}",
        flush=True,
    )
    return good


def main() -> int:
    """Starts the processes and runs both crowds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    me = (sys.executable, str(Path(__file__).with_name("gateway.py")))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        _, upstream = stack.enter_context(running(*me, "--role", "upstream", "--gap", str(GAP_S)))
        child, line = stack.enter_context(
            running(*me, "--role", "gateway", "--upstream", upstream, "--folder", f"{folder}/spool")
        )
        port, token = line.split()
        rest = Memory(child.pid).now()
        print(f"at rest: {rest:.0f} MB (bound {AT_REST_MB:g}): {'within' if rest <= AT_REST_MB else 'BEYOND'}")
        good = [rest <= AT_REST_MB, *(crowd(child.pid, int(port), token, bound) for bound in BOUNDS)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
