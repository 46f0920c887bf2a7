"""CPU per request and per streamed chunk, ours against nginx as a reverse proxy, in the same run.

Ours runs as one worker with keys, plan and recording (the real spool, on disk) on. A mock upstream and the load run in
processes of their own. CPU is user + system time of the server's processes, from the scheduler where it says so in
nanoseconds. Five interleaved runs each; the median is judged: at most 10 x nginx per request, 2.5 x per chunk.
Exit status: 0 within the bounds, 1 beyond, 2 when nginx is not installed (our own figures are printed all the same).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httptools
import uvloop

RUNS = 5
REQUESTS = 4000
CONNECTIONS = 16
STREAMS = 80
CHUNKS = 100
CHUNK_GAP_S = 0.02
BOUND_REQUEST = 10.0
BOUND_CHUNK = 2.5

TEXT = "x" * 640
ANSWER = json.dumps({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mock",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 160, "total_tokens": 260},
}).encode()  # fmt: skip
JSON_REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(ANSWER),
    ANSWER,
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def frame(delta: dict[str, str], reason: str | None = None) -> bytes:
    """One event as a chunk of chunked encoding."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mock", "choices": [choice]}
    data = b"data: " + json.dumps(body).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


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
        lower = head.lower()
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self.buffer = b""
        if b'"stream":true' in body:
            self.transport.write(STREAM_HEAD)
            self.left = CHUNKS
            asyncio.get_running_loop().call_later(self.gap, self.tick)
        else:
            self.transport.write(JSON_REPLY)

    def tick(self) -> None:
        """The next chunk."""
        if self.transport.is_closing():
            return
        self.left -= 1
        self.transport.write(PIECE if self.left else LAST)
        if self.left:
            asyncio.get_running_loop().call_later(self.gap, self.tick)


async def serve_mock() -> None:
    """Role `upstream`."""
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def serve_gateway(upstream: int, folder: str) -> None:
    """Role `gateway`: one worker as `switchover up` runs it, with its spool on disk."""
    import uvicorn

    from switchover.clock import SystemClock
    from switchover.domain.process import Criticality, DataClass, Process
    from switchover.domain.secret import Secret
    from switchover.egress import Client
    from switchover.gateway import App, FixedSnapshot, Gateway, server_config
    from switchover.store.spool import Spool
    from switchover.testing.served import PEPPER, register, spec
    from switchover.upstreams import UPSTREAMS

    vendor = spec("vendor", f"http://127.0.0.1:{upstream}")
    own = spec("own", "http://127.0.0.1:9", kind="anthropic")
    process = Process(
        name="bench", owner="bench", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL,
        baseline="vendor", fallbacks=("own",), routes=("bench",),
    )  # fmt: skip
    snapshot, token = register(process, [vendor, own], proven=("own",))
    clock = SystemClock()
    client = Client(clock)
    spool = Spool(Path(folder), clock=clock)
    spool.start()
    gateway = Gateway(
        FixedSnapshot(snapshot),
        lambda one, url: UPSTREAMS[one.kind](one, url or "", Secret("upstream-key"), client),
        spool,
        clock,
        lambda digest: b"",
        PEPPER,
    )
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listening.getsockname()[1], token, flush=True)
    config = server_config(App(gateway, on_stop=client.close), loop="uvloop")
    # As the worker does: what was imported lives as long as the process.
    gc.collect()
    gc.freeze()
    try:
        uvicorn.Server(config).run([listening])
    finally:
        spool.close()


class Caller(asyncio.Protocol):
    """One keep-alive connection of the load: asks again as soon as the answer is whole."""

    def __init__(self, request: bytes, left: list[int], done: asyncio.Event) -> None:
        self.request, self.left, self.finished = request, left, done

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

    def on_message_complete(self) -> None:
        """One answer is whole."""
        if self.parser.get_status_code() != 200 or not (b"[DONE]" in self.tail or self.tail.endswith(b"}}")):
            raise SystemExit(f"a failed answer under load: {self.parser.get_status_code()} {self.tail!r}")
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
    """Asks ``requests`` times over ``connections`` connections; those of streams start spread over so many seconds."""
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
    return callers


def cpu_seconds(pids: list[int]) -> float:
    """User + system time of processes with all their threads."""
    total = 0.0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0]) / 1e9
    return total


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(grandchild for child in children for grandchild in family(int(child)))]


@contextlib.contextmanager
def running(*command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A child process and its first line; stopped at the end."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield child, child.stdout.readline().strip() if child.stdout else ""
    finally:
        child.terminate()
        child.wait(10)


NGINX = """
daemon off; master_process on; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; keepalive_requests 1000000;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }}
}}
"""


@contextlib.contextmanager
def nginx(upstream: int, folder: str) -> Iterator[tuple[int, int] | None]:
    """nginx as a reverse proxy: its pid and port, or None when it is not installed."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    Path(folder, "nginx.conf").write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
    child = subprocess.Popen([program, "-p", folder, "-c", f"{folder}/nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield child.pid, port
    finally:
        child.terminate()
        child.wait(10)


def measure(pid: int, port: int, token: str) -> tuple[float, float]:
    """Microseconds of CPU per request and per chunk, in one run each."""
    pids = family(pid)
    before = cpu_seconds(pids)
    uvloop.run(load(port, token, streamed=False, requests=REQUESTS, connections=CONNECTIONS))
    middle = cpu_seconds(pids)
    uvloop.run(load(port, token, streamed=True, requests=STREAMS, connections=STREAMS))
    after = cpu_seconds(pids)
    return (middle - before) / REQUESTS * 1e6, (after - middle) / (STREAMS * CHUNKS) * 1e6


def bench() -> int:
    """Runs everything and prints the table; the exit status says whether the bounds hold."""
    me = (sys.executable, __file__)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        _, upstream = stack.enter_context(running(*me, "--role", "upstream"))
        child, line = stack.enter_context(
            running(*me, "--role", "gateway", "--upstream", upstream, "--folder", f"{folder}/spool")
        )
        port, token = line.split()
        other = stack.enter_context(nginx(int(upstream), folder))
        ours: list[tuple[float, float]] = []
        theirs: list[tuple[float, float]] = []
        measure(child.pid, int(port), token)
        for run in range(RUNS):
            if other is not None:
                theirs.append(measure(other[0], other[1], token))
            ours.append(measure(child.pid, int(port), token))
            print(
                f"run {run + 1}: ours {show(ours[-1])}" + (f", nginx {show(theirs[-1])}" if theirs else ""), flush=True
            )
    return judge(ours, theirs)


def show(row: tuple[float, float]) -> str:
    """One run in words."""
    return f"{row[0]:.1f} us/request {row[1]:.1f} us/chunk"


def judge(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> int:
    """Prints medians and ratios; 0 when both are within their bounds."""
    status = 0
    for place, name, bound in ((0, "request", BOUND_REQUEST), (1, "chunk", BOUND_CHUNK)):
        mine = statistics.median(row[place] for row in ours)
        if not theirs:
            print(f"per {name}: ours {mine:.1f} us; nginx is not installed, so there is no ratio")
            status = 2
            continue
        base = statistics.median(row[place] for row in theirs)
        ratio = mine / base
        verdict = "within" if ratio <= bound else "BEYOND"
        status = status if ratio <= bound else 1
        print(f"per {name}: ours {mine:.1f} us, nginx {base:.1f} us, ratio {ratio:.2f} ({verdict} {bound:g})")
    return status


def main() -> int:
    """Picks the role of this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=["bench", "upstream", "gateway"], default="bench")
    parser.add_argument("--upstream", type=int, default=0)
    parser.add_argument("--folder", default="")
    parser.add_argument("--gap", type=float, default=CHUNK_GAP_S)
    args = parser.parse_args()
    if args.role == "upstream":
        Mock.gap = args.gap
        uvloop.run(serve_mock())
        return 0
    if args.role == "gateway":
        serve_gateway(args.upstream, args.folder)
        return 0
    return bench()


if __name__ == "__main__":
    sys.exit(main())
