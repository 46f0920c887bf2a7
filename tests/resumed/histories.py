"""Histories of a rehearsal that is interrupted at random moments and gone on with, against one that is not."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from resumed.child import AT_ONCE, answer, drawn, opened, order, record, run, text_of, told

from switchover.rehearsal import cell_of
from switchover.store.indexing import save_exchanges
from switchover.store.trials import baseline_samples, scored_cases, waiting_cases

CHILD = Path(__file__).with_name("child.py")
# A case takes two calls; twice as many cases are under way as a candidate takes at once.
UNDER_WAY = 2 * AT_ONCE
# Of a call, in seconds; by its text, so that answers overtake each other.
LEAST, SPREAD = 0.002, 0.02
LIMIT_S = 120


class Upstreams(threading.Thread):
    """Candidate and baseline on loopback; ``asked`` holds (side, text) of every call that was answered whole."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked, self.wanted, self._reached = [], None, threading.Event()
        self._up = threading.Event()

    def __enter__(self):
        self.start()
        self._up.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self._over.set)
        self.join()

    def run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._up.set()
        await self._over.wait()
        server.close()

    async def _answer(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                side = "candidate" if head.startswith(b"post /candidate") else "vendor"
                text = json.loads(body)["messages"][-1]["content"]
                await asyncio.sleep(LEAST + SPREAD * drawn("late", side, text))
                message = {"role": "assistant", "content": answer(side, text)}
                sent = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(sent)
                )
                writer.write(sent)
                await writer.drain()
                self.asked.append((side, text))
                if self.wanted is not None and len(self.asked) >= self.wanted:
                    self._reached.set()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    def reach(self, calls, child):
        """Waits until so many calls were answered; False when the child ended before that."""
        self._reached.clear()
        self.wanted = calls
        while len(self.asked) < calls and not self._reached.wait(0.05):
            if child.poll() is not None:
                return False
        return True


def prepared(folder):
    """A folder with the record, and with nothing rehearsed."""
    folder.mkdir(parents=True)
    with opened(folder) as store:
        save_exchanges(store, record())
    return folder


def started(folder, url):
    return subprocess.Popen([sys.executable, str(CHILD), str(folder), url])


def finished(folder, url):
    """What a run concludes that nobody interrupts; in this process."""
    return told(asyncio.run(run(folder, url)))


def on_disk(folder, url):
    """The calls whose outcome the store has."""
    asked = order(url)
    cell = cell_of(asked)
    texts = {f"x-{n:06}": text_of(n) for n in range(len(record()))}
    with opened(folder) as store:
        cases = [*scored_cases(store, cell.id), *waiting_cases(store, cell.id).values()]
        samples = baseline_samples(store, cell.process, cell.epoch)
    return {("candidate", texts[row.exchange_id]) for row in cases} | {("vendor", texts[name]) for name in samples}


def uninterrupted(folder):
    """The verdict of a run that nobody interrupts, and how many calls it took."""
    with Upstreams() as upstreams:
        verdict = finished(prepared(folder), upstreams.url)
        return verdict, len(upstreams.asked)


def interrupted(folder, seed, calls, *, signals=(signal.SIGINT, signal.SIGKILL, signal.SIGINT)):
    """One history: the verdict, and how many calls were made again. Raises AssertionError where one was in vain.

    Nothing that the store has is asked again; after a SIGINT it has all that was answered, after a SIGKILL all but what
    was under way.
    """
    rng, again = random.Random(seed), 0
    prepared(folder)
    with Upstreams() as upstreams:
        for kind in signals:
            before, child = len(upstreams.asked), started(folder, upstreams.url)
            if not upstreams.reach(before + rng.randint(1, max(calls // len(signals), 2)), child):
                break
            child.send_signal(kind)
            child.wait(LIMIT_S)
            assert child.returncode in (0, 130, -kind), f"an interrupted run ended with {child.returncode}"
            # Of this run: what an earlier one lost is asked again in its turn, which this one may not have come to.
            lost = len(set(upstreams.asked[before:]) - on_disk(folder, upstreams.url))
            assert lost == 0 if kind is signal.SIGINT else lost <= 2 * UNDER_WAY, f"{lost} answers lost by {kind.name}"
            again += lost
        verdict = finished(folder, upstreams.url)
        asked = Counter(upstreams.asked)
        assert sum(count - 1 for count in asked.values()) <= again, "a case was replayed twice"
    shutil.rmtree(folder)
    return verdict, again
