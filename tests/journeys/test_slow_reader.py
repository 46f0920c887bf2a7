"""A caller who stops reading a fast stream costs little memory and slows the upstream; SIGTERM lets streams end."""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from switchover.testing.scripted import ScriptedServer, reply, stream

MB = 1_000_000
# Nothing has moved for so long: what was on its way fills the sockets' buffers.
STILL_S = 2.0
GROWTH_MB = 20
STREAMS, WORDS = 5, 40


def event(text, reason=None):
    delta = {"content": text} if text else {}
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    said = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "big-1", "choices": [choice]}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


END = event("", "stop") + b"data: [DONE]\n\n"
ANSWER = json.dumps({
    "id": "c1", "object": "chat.completion", "created": 1, "model": "big-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}],
}).encode()  # fmt: skip


class Flood:
    """A stream of so many bytes, as fast as they are taken; says how many went out and what they were."""

    def __init__(self, size):
        self.size, self.sent, self.digest = size, 0, hashlib.sha256()

    def __call__(self, number, seen):
        yield from stream(end=False)
        while self.sent < self.size:
            data = event(f"{self.sent:012d}" + "x" * 16_000)
            yield b"%x\r\n%b\r\n" % (len(data), data)
            self.sent += len(data)
            self.digest.update(data)
        self.digest.update(END)
        yield b"%x\r\n%b\r\n0\r\n\r\n" % (len(END), END)


@dataclass
class Story:
    """What a stalled reader saw of a flood, and what was seen of the gateway meanwhile."""

    flood: Flood
    before: int = 0
    stalled: list[int] = field(default_factory=list)
    in_the_end: int = 0
    got: int = 0
    digest: str = ""
    last: bytes = b""
    peak: int = 0

    @property
    def whole(self):
        return self.digest == self.flood.digest.hexdigest() and self.last.endswith(END)


@pytest.fixture(scope="module")
def vendor():
    with ScriptedServer([]) as running:
        running.key = "test-key"
        yield running


@pytest.fixture(scope="module")
def running(stage):
    stage.write(workers=1)
    stage.up("worker-0", "keeper")
    stage.token = stage.key()
    return stage


def resident(stage):
    """What the worker keeps in memory."""
    status = Path(f"/proc/{stage.children()['worker-0']['pid']}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def ask(stage, say, *, streamed=True):
    connection = http.client.HTTPConnection(stage.url.removeprefix("http://"), timeout=60)
    connection.connect()
    # The kernel would let it grow to tens of megabytes, which are nobody's doing here.
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    # As long as no model answers by itself: without a limit of its own it would be stopped.
    body = json.dumps({"model": "messages", "messages": say, "stream": streamed, "max_tokens": 1_000_000})
    connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {stage.token}"})
    return connection, connection.getresponse()


def read_to_the_end(story, stage, response):
    digest = hashlib.sha256()
    try:
        while data := response.read(262_144):
            digest.update(data)
            story.last = (story.last + data)[-1000:]
            if story.got // (8 * MB) != (story.got + len(data)) // (8 * MB):
                story.peak = max(story.peak, resident(stage))
            story.got += len(data)
    except http.client.HTTPException:
        pass
    story.digest = digest.hexdigest()


def told(stage, say, size):
    """Opens a flood, does not read it for a while, then reads it to its end."""
    story = Story(Flood(size))
    stage.vendor.play(lambda number, seen: Flood(MB)(number, seen))
    connection, response = ask(stage, say)
    response.read()
    connection.close()
    story.before = resident(stage)
    stage.vendor.play(story.flood)
    connection, response = ask(stage, say)
    stage.until(lambda: story.flood.sent)
    moved = time.monotonic()
    while time.monotonic() - moved < STILL_S:
        if story.in_the_end != story.flood.sent:
            story.in_the_end, moved = story.flood.sent, time.monotonic()
        story.stalled.append(resident(stage))
        time.sleep(0.1)
    read_to_the_end(story, stage, response)
    connection.close()
    return story


@pytest.fixture(scope="module")
def flooded(running, helpers):
    return told(running, helpers.say, 60 * MB)


def test_a_stalled_reader_of_a_fast_stream_costs_little_memory(flooded, capsys):
    growth = (max(flooded.stalled) - flooded.before) / MB
    with capsys.disabled():
        print(f"\nnobody reads: {growth:.1f} MB more in memory, {flooded.in_the_end / MB:.1f} MB sent")
    assert growth < GROWTH_MB


def test_the_upstream_is_slowed_until_the_reader_goes_on(flooded):
    assert 0 < flooded.in_the_end < flooded.flood.size / 4


def test_a_stream_of_60_mb_goes_on_to_its_end(flooded, capsys):
    with capsys.disabled():
        print(f"\nread {flooded.got / MB:.1f} MB; at most {(flooded.peak - flooded.before) / MB:.1f} MB more in memory")
    assert flooded.whole, f"{flooded.got} of {flooded.flood.size} bytes, ending in {flooded.last[-300:]}"


class Open(threading.Thread):
    """One caller's answer, read to its end."""

    def __init__(self, stage, say, *, streamed):
        super().__init__(daemon=True)
        self.arguments, self.streamed = (stage, say), streamed
        self.body, self.error, self.exchange, self.ended = b"", None, "", False

    def run(self):
        try:
            connection, response = ask(*self.arguments, streamed=self.streamed)
            self.body, self.exchange = response.read(), response.headers["x-switchover-exchange"]
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            self.error = error
        self.ended = True


def newcomer(stage):
    """What becomes of somebody who connects and asks."""
    host, _, port = stage.url.removeprefix("http://").partition(":")
    try:
        with socket.create_connection((host, int(port)), 60) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
            return connection.recv(100) or "closed"
    except TimeoutError:
        return "left waiting"
    except OSError as error:
        return type(error)


@dataclass
class Drained:
    """What came of the callers, of somebody new and of the process after SIGTERM."""

    callers: list[Open]
    newcomer: object
    status: int
    open_meanwhile: bool


@pytest.fixture(scope="module")
def drained(running, helpers):
    may_end = threading.Event()

    def script(number, seen):
        """Half of the answer, and the rest once it may end."""
        steps = stream(*words(), END) if json.loads(seen.body)["stream"] else [reply(ANSWER)]
        yield from steps[: len(steps) // 2]
        while not may_end.is_set():
            yield 0.02
        yield from steps[len(steps) // 2 :]

    running.vendor.play(script)
    callers = [Open(running, helpers.say, streamed=number < STREAMS) for number in range(STREAMS + 1)]
    for caller in callers:
        caller.start()
    helpers.wait_until(lambda: len(running.vendor.seen) == len(callers))
    running.child.send_signal(signal.SIGTERM)
    # Whoever is let in before it has reached every process is answered.
    helpers.wait_until(lambda: newcomer(running) is ConnectionRefusedError)
    open_meanwhile = not any(caller.ended for caller in callers)
    may_end.set()
    for caller in callers:
        caller.join(60)
    child, running.child = running.child, None
    return Drained(callers, newcomer(running), child.wait(60), open_meanwhile)


def words():
    return [event(f"word {number} ") for number in range(WORDS)]


def test_sigterm_lets_open_answers_end_whole_and_exits_with_0(drained, running):
    assert [caller.error for caller in drained.callers] == [None] * (STREAMS + 1)
    assert [caller.body for caller in drained.callers] == [b"".join(words()) + END] * STREAMS + [ANSWER]
    assert drained.status == 0, running.said()
    kept = {one.id for one in running.recorded(outcome="complete")}
    assert {caller.exchange for caller in drained.callers} <= kept


def test_after_sigterm_nobody_new_is_let_in(drained):
    assert drained.open_meanwhile
    assert drained.newcomer is ConnectionRefusedError
