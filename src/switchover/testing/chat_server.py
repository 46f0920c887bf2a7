"""A chat endpoint in OpenAI's format on loopback that answers as a function says: a model, or a judge of models."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[Mapping[str, Any]], str]
# How a judge sees a score: of a request's text and an answer's.
Opinion = Callable[[str, str], float]

_DATA = re.compile(
    r"BEGIN request (?P<token>\w+)\nuser: (?P<request>.*)\nEND request (?P=token)\n"
    r"BEGIN answer (?P=token)\n(?P<answer>.*)\nEND answer (?P=token)\n\nThe token of the case is (?P<case>\w+)\.",
    re.DOTALL,
)


class ChatServer:
    """``url`` ends before ``/chat/completions``; ``asked`` holds every request's body so far."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.answer = answer
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are written apart: without this the second waits for the first to be acknowledged.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append(body)
                data = json.dumps(_completion(body, outer.answer(body))).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def start(self) -> None:
        """Serves, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def chat_server(answer: Answer) -> Iterator[ChatServer]:
    """A server for as long as this lasts."""
    server = ChatServer(answer)
    server.start()
    try:
        yield server
    finally:
        server.close()


def judging(opinion: Opinion) -> Answer:
    """A judge's answers: reads the request and the answer out of what it is asked, and replies as it has to."""

    def answer(body: Mapping[str, Any]) -> str:
        found = _DATA.match(body["messages"][1]["content"])
        if found is None:
            return "I was not asked to judge."
        score = opinion(found["request"], found["answer"])
        return json.dumps({"case": found["case"], "score": score, "reason": "as scripted"})

    return answer


def _completion(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    asked = sum(len(str(message.get("content"))) for message in body["messages"]) // 4
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": asked, "completion_tokens": len(text) // 4, "total_tokens": asked + len(text) // 4},
    }
