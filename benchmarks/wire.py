"""Both ends of the wire that a gateway stands between: the cheapest upstream there is, and the load."""

from __future__ import annotations

import asyncio
import json

import httptools

CHUNKS = 100
CHUNK_GAP_S = 0.02

TEXT = "x" * 640
ANSWER = json.dumps({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mock",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 160, "total_tokens": 260},
}).encode()  # fmt: skip
# What a router asks its upstream on its own account: whether it lives, and which models it has.
MODELS = json.dumps({"object": "list", "data": [{"id": "bench", "object": "model", "owned_by": "mock"}]}).encode()
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def whole(body: bytes) -> bytes:
    """An answer that is not streamed."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body


def frame(delta: dict[str, str], reason: str | None = None) -> bytes:
    """One event as a chunk of chunked encoding."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mock", "choices": [choice]}
    data = b"data: " + json.dumps(body).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


WHOLE_ANSWER, WHOLE_MODELS = whole(ANSWER), whole(MODELS)
PIECE = frame({"content": " some words"})
LAST = frame({}, "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Mock(asyncio.Protocol):
    """The cheapest upstream there is: canned bytes, chunks ``gap`` seconds apart."""

    gap = CHUNK_GAP_S

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answers when the request is whole."""
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        if head.startswith(b"GET"):
            self.buffer = b""
            self.transport.write(WHOLE_MODELS)
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self.buffer = b""
        if b'"stream":true' in body:
            self.transport.write(STREAM_HEAD)
            self.left = CHUNKS
            asyncio.get_running_loop().call_later(self.gap, self.tick)
        else:
            self.transport.write(WHOLE_ANSWER)

    def tick(self) -> None:
        """The next chunk."""
        if self.transport.is_closing():
            return
        self.left -= 1
        self.transport.write(PIECE if self.left else LAST)
        if self.left:
            asyncio.get_running_loop().call_later(self.gap, self.tick)


async def mock() -> tuple[asyncio.Server, int]:
    """A mock upstream on a port of its own, served by the running loop."""
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0, backlog=4096)
    return server, server.sockets[0].getsockname()[1]


class Failed(Exception):
    """An answer under load was none."""


class Caller(asyncio.Protocol):
    """One keep-alive connection of the load: asks again as soon as the answer is whole."""

    def __init__(self, request: bytes, left: list[int], done: asyncio.Event) -> None:
        self.request, self.left, self.finished = request, left, done
        self.failures: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the first time."""
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.ask()

    def ask(self) -> None:
        """The next request, while any are left."""
        if self.left[0] <= 0:
            self.transport.close()
            return
        self.left[0] -= 1
        self.tail = b""
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Reads on."""
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Keeps the end, by which a whole answer is known."""
        self.tail = (self.tail + body)[-64:]

    def fail(self, why: str) -> None:
        """Ends the load: an answer that failed makes all figures worthless."""
        self.failures.append(why)
        self.finished.set()

    def connection_lost(self, error: Exception | None) -> None:
        """An answer that never came is a failed one."""
        if not self.finished.is_set() and self.left[0] > 0:
            self.fail("the connection was closed")

    def on_message_complete(self) -> None:
        """One answer is whole."""
        if self.parser.get_status_code() != 200 or not (b"[DONE]" in self.tail or self.tail.endswith(b"}")):
            self.fail(f"{self.parser.get_status_code()} {self.tail!r}")
            return
        self.left[1] += 1
        if self.left[1] == self.left[2]:
            self.finished.set()
        self.ask()


async def load(
    port: int,
    token: str,
    *,
    streamed: bool,
    requests: int,
    connections: int,
    spread: float = CHUNK_GAP_S,
    kind: type[Caller] = Caller,
) -> list[Caller]:
    """Asks ``requests`` times over ``connections`` connections; those of streams start spread over so many seconds.

    Raises Failed.
    """
    messages = [{"role": "user", "content": "y" * 700}]
    question: dict[str, object] = {"model": "bench", "messages": messages}
    if streamed:
        question["stream"] = True
    body = json.dumps(question, separators=(",", ":")).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    left, done = [requests, 0, requests], asyncio.Event()
    loop = asyncio.get_running_loop()
    callers = []
    for _ in range(connections):
        made = await loop.create_connection(lambda: kind(head.encode() + body, left, done), "127.0.0.1", port)
        callers.append(made[1])
        if streamed:
            await asyncio.sleep(spread / connections)
    await done.wait()
    for caller in callers:
        if caller.failures:
            raise Failed(f"a failed answer under load: {caller.failures[0]}")
    return callers
