"""Many streams at once through one gateway worker: how long they take, how smooth they are, what memory they hold.

The gateway is kept on one core, the mock upstream and the load on another. 500 streams of 20 chunks a second, then
2,000, which is more than one core relays at that rate: they may take longer, but must all end whole. Exit status: 0
within the bounds, 1 beyond.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop
from servers import Server, cores, cpu_seconds, ours, pin
from wire import CHUNKS, Caller, Mock, load, mock

GAP_S = 0.05
IDEAL_S = CHUNKS * GAP_S
START_SPREAD_S = 1.0
MB = 1e6
# How a whole stream ends on the wire: its terminal event, then the last chunk.
END = b"data: [DONE]\n\n\r\n0\r\n\r\n"
# (streams, longest p99 as a multiple of the ideal, longest gap in seconds, largest memory in MB)
BOUNDS = ((500, 1.1, 0.25, 160.0), (2000, 2.5, None, 160.0))
AT_REST_MB = 70.0


class Timed(Caller):
    """A caller that knows how long its stream took, and its longest gap. It parses little: the load must keep up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks, and starts the clock."""
        self.transport = transport
        self.begun = self.last = time.monotonic()
        self.took = self.gap = 0.0
        self.first = True
        self.ask()

    def data_received(self, data: bytes) -> None:
        """A gap ends; the wait for the first chunk is none."""
        now = time.monotonic()
        if self.first:
            if not data.startswith(b"HTTP/1.1 200"):
                self.fail(f"{data[:100]!r}")
                return
        elif now - self.last > self.gap:
            self.gap = now - self.last
        self.first, self.last = False, now
        self.tail = data if len(data) > len(END) else (self.tail + data)[-len(END) :]
        if self.tail.endswith(END):
            self.took = now - self.begun
            self.left[1] += 1
            if self.left[1] == self.left[2]:
                self.finished.set()
            self.ask()


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


async def crowd(server: Server, bound: tuple[int, float, float | None, float]) -> bool:
    """Runs one crowd of streams and prints how it went; whether it is within its bounds."""
    streams, longest, gap, most = bound
    memory, before = Memory(server.pid), cpu_seconds([server.pid])
    watch = threading.Thread(target=memory.follow, daemon=True)
    watch.start()
    kept = {"requests": streams, "connections": streams, "spread": START_SPREAD_S}
    callers = await load(server.port, server.token, streamed=True, kind=Timed, **kept)
    memory.stopped = True
    await asyncio.to_thread(watch.join)
    took = sorted(caller.took for caller in callers if isinstance(caller, Timed))
    gaps = max(caller.gap for caller in callers if isinstance(caller, Timed))
    p99, cpu = took[len(took) * 99 // 100], (cpu_seconds([server.pid]) - before) / streams / CHUNKS * 1e6
    good = p99 <= longest * IDEAL_S and memory.peak <= most and (gap is None or gaps <= gap)
    print(
        f"{streams} streams: p50 {took[len(took) // 2] / IDEAL_S:.2f} x ideal, p99 {p99 / IDEAL_S:.2f} x (bound "
        f"{longest:g}), longest gap {gaps * 1000:.0f} ms{f' (bound {gap * 1000:.0f})' if gap else ''}, "
        f"{memory.peak:.0f} MB (bound {most:g}), {cpu:.0f} us of CPU per chunk: {'within' if good else 'BEYOND'}",
        flush=True,
    )
    return good


async def crowds() -> int:
    """Starts the gateway and runs both crowds; the exit status."""
    core, other = cores()
    pin([os.getpid()], other)
    Mock.gap = GAP_S
    upstream, port = await mock()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        server = await asyncio.to_thread(stack.enter_context, ours(port, Path(folder)))
        pin([server.pid], core)
        rest = Memory(server.pid).now()
        print(f"at rest: {rest:.0f} MB (bound {AT_REST_MB:g}): {'within' if rest <= AT_REST_MB else 'BEYOND'}")
        good = [rest <= AT_REST_MB, *[await crowd(server, bound) for bound in BOUNDS]]
        upstream.close()
    return 0 if all(good) else 1


def main() -> int:
    """Makes room for the connections of both sides."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16_384)), hard))
    return uvloop.run(crowds())


if __name__ == "__main__":
    sys.exit(main())
