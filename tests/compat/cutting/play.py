"""A real gateway without sockets: upstreams that play what came of a recording, a caller that keeps what is sent."""

from __future__ import annotations

import asyncio
import json

from switchover.clock import SystemClock
from switchover.domain.process import Criticality, DataClass, Midstream, Process
from switchover.egress.answer import HttpAnswer
from switchover.errors import Cut
from switchover.gateway import App, FixedSnapshot, Gateway
from switchover.gateway.caller import Caller, CallerHead
from switchover.testing.served import PEPPER, MemorySpool, register, spec

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
DIALECTS = {"chat": "openai_chat", "messages": "anthropic_messages", "responses": "openai_responses"}
SAY = [{"role": "user", "content": "?"}]
ASKED = {
    "chat": {"messages": SAY},
    "messages": {"messages": SAY, "max_tokens": 50},
    "responses": {"input": SAY},
}
PLACE = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"], "additionalProperties": False}
# All that the recordings call.
OFFERED = ("find_policy", "find_claim", "list_claims")
TOOLS = {
    "chat": {"tools": [{"type": "function", "function": {"name": one, "parameters": PLACE}} for one in OFFERED]},
    "messages": {"tools": [{"name": one, "input_schema": PLACE} for one in OFFERED]},
    "responses": {"tools": [{"type": "function", "name": one, "parameters": PLACE} for one in OFFERED]},
}
CLEAN, RESET, SILENT = "clean end", "reset", "silence"


class Wire:
    """Stands in for the upstream's connection."""

    def __init__(self):
        self.loop, self.answer = asyncio.get_running_loop(), None

    def pause(self):
        pass

    resume = abort = pause


class Playing:
    """An upstream: its answer is ``script``, one read each, and then ends ``way``."""

    def __init__(self, name, speaks, gateway):
        self.name, self.model, self.dialect = name, f"{name}-model", DIALECTS[speaks]
        self.others, self.gateway = {}, gateway
        self.script, self.way, self.asked = (), CLEAN, 0

    async def answer(self, request):
        self.asked += 1
        answer = HttpAnswer(Wire())
        answer.take_head(200, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream")
        self._play(answer, self.script)
        return answer

    def _play(self, answer, script):
        if script:
            (answer.take or answer.keep)(script[0])
            # A turn of the loop in which this is read, then the next.
            asyncio.get_running_loop().call_soon(self._play, answer, script[1:])
        elif self.way == CLEAN:
            answer.finish()
        elif self.way == RESET:
            answer.fail(Cut("the connection was reset", fault="reset-midway"))
        elif answer.error is None:
            # The time that it may be silent has passed.
            for guard in list(self.gateway().watch.guards):
                guard.ring()


class Rig:
    """A gateway before one upstream, and another behind it if ``own`` is what that speaks.

    ``continuation``: how that was proven to go on with an answer.
    """

    def __init__(self, vendor, own=None, midstream=Midstream.STOP, continuation=None):
        # None of them is a server of ours, whose own count of a prompt would be held against the prompt.
        specs = [
            spec(name, "http://127.0.0.1:1", host=f"{name}-host", **kind_of(speaks))
            for name, speaks in named(vendor, own)
        ]
        process = Process(
            name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
            fallbacks=("own",) if own else (), midstream=midstream,
        )  # fmt: skip
        snapshot, self.token = register(process, specs, proven=("own",) if own else (), continuation=continuation)
        self.specs, self.board = specs, None
        self.upstreams = {name: Playing(name, speaks, lambda: self.gateway) for name, speaks in named(vendor, own)}
        self.gateway = Gateway(
            FixedSnapshot(snapshot), lambda one, url: self.upstreams[one.name], MemorySpool(), SystemClock(), bytes,
            PEPPER,
        )  # fmt: skip
        self.app = App(self.gateway)

    async def ask(self, caller, more=()):
        """The status, the body and the exchange's id of one streamed answer, once the gateway ended it."""
        for one in self.specs:
            # Each cut is really tried: the breaker knows nothing of the ones before.
            self.gateway.failover.board.clear(one, 0.0)
        body = json.dumps({"model": "claims", "stream": True, **ASKED[caller], **dict(more)}).encode()
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {self.token}".encode())]
        way = Way()
        asked = Caller(way, CallerHead("POST", PATHS[caller], [*headers, (b"content-length", b"%d" % len(body))]))
        asked.take(body)
        asked.take_end()
        await self.app.answer(asked)
        assert way.over == 1
        self.gateway.spool.records.clear()
        return way.read()


def named(vendor, own):
    """Each upstream's name, and what it speaks."""
    return [("vendor", vendor), *([("own", own)] if own else [])]


def kind_of(speaks):
    """How an upstream is configured that speaks one dialect."""
    return {"kind": "anthropic"} if speaks == "messages" else {"kind": "openai", "speaks": speaks}


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
        """The status and the body out of its chunks, with the exchange's id taken out of it."""
        head, _, rest = self.sent.partition(b"\r\n\r\n")
        assert head.count(b"HTTP/1.1 ") == 1
        status, body = int(head[9:12]), rest
        if b"transfer-encoding: chunked" in head:
            pieces = []
            while rest != b"0\r\n\r\n":
                size, _, rest = rest.partition(b"\r\n")
                length = int(size, 16)
                assert rest[length : length + 2] == b"\r\n"
                pieces.append(rest[:length])
                rest = rest[length + 2 :]
            body = b"".join(pieces)
        exchange = head.partition(b"x-switchover-exchange: ")[2].partition(b"\r\n")[0]
        assert exchange
        return status, body.replace(exchange, b"this-exchange")
