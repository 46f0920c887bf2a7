"""A stream cut at any byte: a caller never takes what came for complete.

Every position of every recording is cut in both ways (the body ends cleanly, the connection is reset), for callers of
both dialects. These are judged by the raw bytes that the gateway hands to its server, through the strict checker below,
which shares no code with the product: an official client takes a hundred times as long per answer. A spread of
positions is judged by the official clients too, over real connections to the real server.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import anthropic
import openai
import pytest

from switchover.clock import SystemClock
from switchover.domain.process import Criticality, DataClass, Process
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.gateway import App, FixedSnapshot, Gateway, failover
from switchover.gateway.caller import Caller, CallerHead
from switchover.testing.scripted import RESET, ScriptedServer, stream
from switchover.testing.served import PEPPER, MemorySpool, ServedGateway, register, spec
from switchover.upstreams import UPSTREAMS

RECORDINGS = Path(__file__).parents[1] / "recordings"
KINDS = ("openai", "anthropic")
WHATS = ("text", "tools", "error")
WHOLE = {(kind, what): (RECORDINGS / f"{kind}_{what}.sse").read_bytes() for kind in KINDS for what in WHATS}
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
BODY = json.dumps({"model": "claims", "stream": True, "max_tokens": 50, "messages": [{"role": "user", "content": "?"}]})
PROCESS = Process(
    name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
)
# The close sends a reset instead of waiting for what is unsent.
RESETTING = struct.pack("ii", 1, 0)


class Vendor(asyncio.Protocol):
    """Answers with the writes of ``script``, each of them read by itself; then resets the connection if ``hard``."""

    script = ()
    hard = False
    asked = 0

    def connection_made(self, transport):
        self.transport, self.unread = transport, b""

    def data_received(self, data):
        self.unread += data
        head, blank, body = self.unread.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self.unread = b""
        Vendor.asked += 1
        self.play(Vendor.script)

    def play(self, script):
        self.transport.write(script[0])
        if script[1:]:
            # A turn of the loop in which the first write is read, then the next one.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self.play, script[1:])
        elif Vendor.hard:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
            self.transport.abort()


class Rig:
    """One gateway for all positions of a recording, spoken to below its HTTP server."""

    def __init__(self, url, kind, caller):
        self.client = Client(SystemClock())
        self.spec = spec("vendor", url, kind)
        snapshot, token = register(PROCESS, [self.spec])
        self.gateway = Gateway(FixedSnapshot(snapshot), self.upstream, MemorySpool(), SystemClock(), bytes, PEPPER)
        self.app, self.path = App(self.gateway), PATHS[caller]
        self.headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
        self.headers.append((b"content-length", b"%d" % len(BODY)))

    def upstream(self, one, base_url):
        return UPSTREAMS[one.kind](one, base_url or "", Secret("upstream-secret"), self.client)

    async def ask(self, came, hard):
        """The status and the body of the answer to what came of a stream, once the gateway ended it."""
        # Each cut is really tried: the breaker knows nothing of the ones before.
        self.gateway.failover.board.clear(self.spec, 0.0)
        before, Vendor.script, Vendor.hard = Vendor.asked, writes(came, hard), hard
        way = Way()
        caller = Caller(way, CallerHead("POST", self.path, self.headers))
        caller.take(BODY.encode())
        caller.take_end()
        await self.app.answer(caller)
        assert way.over == 1
        assert Vendor.asked == before + 1
        self.gateway.spool.records.clear()
        return way.read()


class Way:
    """The caller's side of a connection: keeps what is sent."""

    def __init__(self):
        self.loop, self.transport = asyncio.get_running_loop(), self
        self.sent, self.over = b"", 0

    def head(self, caller, status):
        return b"HTTP/1.1 %d\r\n" % status

    def write(self, data):
        assert not self.over
        self.sent += data

    def finished(self, caller):
        self.over += 1

    def read(self):
        """The status and the body, out of its chunks."""
        head, _, rest = self.sent.partition(b"\r\n\r\n")
        assert head.count(b"HTTP/1.1 ") == 1
        status, body = int(head[9:12]), rest
        if b"transfer-encoding: chunked" in head:
            body = b""
            while rest != b"0\r\n\r\n":
                size, _, rest = rest.partition(b"\r\n")
                chunk, rest = rest[: int(size, 16)], rest[int(size, 16) :]
                assert rest[:2] == b"\r\n"
                body, rest = body + chunk, rest[2:]
        return status, body


def writes(came, hard):
    """The frames that come whole, and in a write of its own what comes of the last one."""
    last = came.rfind(b"\n\n", 0, max(0, len(came) - 1)) + 2
    head, *chunks = stream(came[:last], came[last:], end=not hard) if last > 1 else stream(came, end=not hard)
    return (head + b"".join(chunks[:1]), b"".join(chunks[1:])) if chunks[1:] else (head + b"".join(chunks),)


def frames_of(caller, body):
    """What each frame of a stream says, once it is checked to be whole."""
    assert body.endswith(b"\n\n")
    return [frame_of(caller, frame) for frame in body[:-2].split(b"\n\n")]


@lru_cache(maxsize=256)
def frame_of(caller, frame):
    *names, data = frame.split(b"\n")
    assert data.startswith(b"data: ")
    said = "[DONE]" if data == b"data: [DONE]" else json.loads(data[6:])
    assert names == ([] if caller == "openai" else [b"event: " + said["type"].encode()])
    return said


def is_terminal(frame):
    return frame == "[DONE]" or frame.get("type") == "message_stop"


def is_error(frame):
    return frame != "[DONE]" and bool(frame.get("error"))


def without_usage(frames):
    """What is left when the counts that follow the last content were lost."""
    told = [frame for frame in frames if frame == "[DONE]" or frame.get("choices") != []]
    return [frame if frame == "[DONE]" else {**frame, "usage": None} for frame in told]


def judged(caller, status, body, complete):
    """Whether an answer is whole for its caller; fails where it is neither whole nor one plain error."""
    if status != 200:
        assert list(json.loads(body)) == (["error"] if caller == "openai" else ["type", "error", "request_id"])
        return False
    frames = frames_of(caller, body)
    assert [is_terminal(frame) or is_error(frame) for frame in frames] == [False] * (len(frames) - 1) + [True]
    if is_terminal(frames[-1]):
        # Nothing of the answer is missing, twice, or made up.
        assert without_usage(frames) == without_usage(complete)
        return True
    # What came before the error is how the whole answer begins: no frame is missing, twice, or made up.
    assert frames[:-1] == complete[: len(frames) - 1]
    return False


def whole_from(kind, what):
    """The number of bytes from which on a recording is a whole answer: its last event that says so has come."""
    mark = {
        ("openai", "text"): b'"finish_reason":"stop"',
        ("openai", "tools"): b'"finish_reason":"tool_calls"',
        ("anthropic", "text"): b"event: message_stop",
        ("anthropic", "tools"): b"event: message_stop",
    }
    if what == "error":
        return len(WHOLE[kind, what]) + 1
    assert WHOLE[kind, what].count(mark[kind, what]) == 1
    return WHOLE[kind, what].index(b"\n\n", WHOLE[kind, what].index(mark[kind, what])) + 2


async def cut_everywhere(kind, what, caller):
    """Every cut of one recording for callers of one dialect that was judged wrongly."""
    whole = WHOLE[kind, what]
    server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", 0)
    wrong = []
    async with server:
        rig = Rig(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", kind, caller)
        status, body = await rig.ask(whole, False)
        assert status == 200
        complete = frames_of(caller, body)
        assert judged(caller, status, body, complete) is (what != "error")
        for place in range(len(whole) + 1):
            for hard in (False, True):
                status, body = await rig.ask(whole[:place], hard)
                try:
                    assert judged(caller, status, body, complete) is (place >= whole_from(kind, what))
                except (AssertionError, ValueError):
                    wrong.append((kind, what, caller, place, "reset" if hard else "clean end", status, body))
        await rig.client.close()
    return wrong


def main(kind, caller):
    """All recordings of a kind, in a process of its own; prints what is wrong."""
    # One try for each cut: a second one would meet the same.
    failover.RETRIES_AT_ONCE = failover.RETRY_SHARE = 0
    for what in WHATS:
        for wrong in asyncio.run(cut_everywhere(kind, what, caller)):
            print(*wrong, flush=True)
    print("all cut", flush=True)


def test_cut_at_every_byte_it_is_whole_or_says_that_it_is_not():
    # Processes use both cores.
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    cutting = [
        subprocess.Popen([sys.executable, __file__, kind, caller], env=path, stdout=subprocess.PIPE)
        for kind in KINDS
        for caller in KINDS
    ]
    said = [one.communicate()[0].decode() for one in cutting]
    assert said == ["all cut\n"] * len(cutting)


@pytest.mark.parametrize(("kind", "what"), WHOLE)
def test_the_official_clients_raise_on_a_spread_of_cuts(kind, what):
    whole = WHOLE[kind, what]
    script = []
    with ScriptedServer(lambda number, seen: script[0]) as vendor:
        snapshot, token = register(PROCESS, [spec("vendor", vendor.url, kind)])
        with (
            ServedGateway(snapshot) as served,
            openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as chat,
            anthropic.Anthropic(base_url=served.url, api_key=token, max_retries=0) as messages,
        ):
            say = [{"role": "user", "content": "?"}]
            for number in range(8):
                place = whole_from(kind, what) * number // 8
                served.gateway.failover.board.clear(served.source.current.upstreams["vendor"], 0.0)
                script[:] = [[*stream(whole[:place], end=False), RESET] if number % 2 else stream(whole[:place])]
                with pytest.raises(openai.APIError):
                    list(chat.chat.completions.create(model="claims", messages=say, stream=True))
                with (
                    pytest.raises(anthropic.APIError),
                    messages.messages.stream(model="claims", messages=say, max_tokens=50) as events,
                ):
                    events.get_final_message()


if __name__ == "__main__":
    main(*sys.argv[1:])
