"""The student server's child process: students as OpenAI-compatible models on loopback, behind a random key.

``model`` names the student by its artefact, ``student:<sha256>``. A student too unsure of its answer (its probability
is below the request's ``metadata.threshold``, default 0: never) abstains with 503 ``student_abstained``, so that the
gateway makes its next attempt.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import os
import re
import signal
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from switchover.prompts.ask import ask_text
from switchover.upstreams.local import STUDENT_SERVER
from switchover.upstreams.student import Student

from .child import announce, complain, fresh_key, leave_with_parent, withdraw

ARTEFACT = re.compile(r"student:([0-9a-f]{64})")
MOST_BODY = 4 << 20
KEPT = 4

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A request that is answered with an error."""

    status: int
    code: str
    message: str


class StudentServer:
    """The ASGI application. Students are read from ``artefacts`` by digest, verified, and the last few kept."""

    def __init__(self, artefacts: Path, key: str) -> None:
        self._artefacts, self._wanted = artefacts, f"Bearer {key}".encode()
        self._kept: OrderedDict[str, Student] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        try:
            await self._route(scope, receive, send)
        except Refused as refused:
            error = {"message": refused.message, "type": "invalid_request_error", "param": None, "code": refused.code}
            await _reply(send, refused.status, {"error": error})

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = (scope["method"], scope["path"])
        if asked == ("GET", "/health"):
            await _reply(send, 200, {"status": "ok"})
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not hmac.compare_digest(given, self._wanted):
            raise Refused(401, "invalid_api_key", "the key of this child is wanted")
        if asked == ("GET", "/v1/models"):
            rows = [{"id": f"student:{digest}", "object": "model", "owned_by": "own"} for digest in self._kept]
            await _reply(send, 200, {"object": "list", "data": rows})
        elif asked == ("POST", "/v1/chat/completions"):
            await self._complete(await _body(receive), send)
        else:
            raise Refused(404, "not_found", "there is no such path")

    async def _complete(self, body: bytes, send: Send) -> None:
        request = _decoded(body)
        model, text = request.get("model"), ask_text(request)
        if not text.strip():
            raise Refused(400, "bad_request", "messages: want a user message with text")
        student = self._student(str(model))
        label, chance = student.predict([text])[0]
        if chance < _threshold(request):
            raise Refused(503, "student_abstained", "the student is not sure enough of its answer")
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        name = hashlib.sha256(body).hexdigest()[:24]
        head = {"id": f"chatcmpl-{name}", "created": int(time.time()), "model": model}
        if request.get("stream"):
            shown = (request.get("stream_options") or {}).get("include_usage")
            await _stream(send, head, label, usage if shown else None)
            return
        message = {"role": "assistant", "content": label}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        await _reply(send, 200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})

    def _student(self, model: str) -> Student:
        match = ARTEFACT.fullmatch(model)
        digest = match[1] if match else ""
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return self._kept[digest]
        unknown = Refused(404, "model_not_found", "no such student: want student:<sha256 of its artefact>")
        if not digest:
            raise unknown
        try:
            data = (self._artefacts / digest).read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError("altered")
            student = Student.from_bytes(data)
        except (OSError, ValueError) as cause:
            raise unknown from cause
        self._kept[digest] = student
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return student


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as cause:
        raise Refused(400, "bad_request", "the body is no JSON object") from cause


def _threshold(request: dict[str, Any]) -> float:
    metadata = request.get("metadata")
    try:
        return float(metadata.get("threshold", 0)) if isinstance(metadata, dict) else 0.0
    except (TypeError, ValueError) as cause:
        raise Refused(400, "bad_request", "metadata.threshold: want a number from 0 to 1") from cause


async def _body(receive: Receive) -> bytes:
    data = bytearray()
    more = True
    while more:
        message = await receive()
        data += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(data) > MOST_BODY:
            raise Refused(413, "request_too_large", f"want at most {MOST_BODY} bytes")
    return bytes(data)


async def _reply(send: Send, status: int, value: object) -> None:
    body = msgspec.json.encode(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, head: dict[str, Any], label: str, usage: dict[str, int] | None) -> None:
    head = {**head, "object": "chat.completion.chunk"}
    frames: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": label}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    if usage is not None:
        frames.append({"choices": [], "usage": usage})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for frame in frames:
        data = b"data: " + msgspec.json.encode({**head, **frame}) + b"\n\n"
        await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def serve(data_dir: Path, parent: int) -> None:
    """Serves every student in the data folder's ``artefacts`` until told to end, or until ``parent`` is gone."""
    from switchover.upstreams.embeddings import embed

    embed(["warm"])
    key = fresh_key(data_dir, STUDENT_SERVER)
    app = StudentServer(data_dir / "artefacts", key.reveal())
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", access_log=False, lifespan="off", server_header=False
    )
    # uvicorn ends on the signal and then raises it again under the handler it found: ours, which lets us withdraw.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    leave_with_parent(parent)
    try:
        asyncio.run(_Announced(config, data_dir).serve())
    finally:
        withdraw(data_dir, STUDENT_SERVER)


class _Announced(uvicorn.Server):
    """Says where it listens as soon as it does."""

    def __init__(self, config: uvicorn.Config, data_dir: Path) -> None:
        super().__init__(config)
        self._data_dir = data_dir

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        announce(self._data_dir, STUDENT_SERVER, f"http://127.0.0.1:{port}")


def main(arguments: list[str] | None = None) -> int:
    """The child's command line: 0 when told to end, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="switchover student-server")
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        serve(given.data, os.getppid())
    except OSError as error:
        complain(f"the student server did not start: {error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
