"""What providers send, in the two dialects: answers, streams and errors, whole or to be broken."""

from __future__ import annotations

import json
from typing import Any

from switchover.testing.scripted import reply

TEXT = "Your claim is being processed."
PIECES = ("Your claim ", "is being ", "processed.")


class Chat:
    """OpenAI's chat completions."""

    name = "chat"

    def body(self, text: str | None = TEXT, *, reason: str = "stop", usage: Any = ..., **message: Any) -> bytes:
        """A whole answer."""
        said = {"role": "assistant", "content": text, **message}
        answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "vendor-model",
                  "choices": [{"index": 0, "message": said, "finish_reason": reason}]}  # fmt: skip
        counted = {"prompt_tokens": 90, "completion_tokens": 6, "total_tokens": 96} if usage is ... else usage
        return json.dumps({**answer, **({"usage": counted} if counted is not None else {})}).encode()

    def frame(self, delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
        """One event."""
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        event = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "vendor-model",
                 "choices": [choice], **more}  # fmt: skip
        return f"data: {json.dumps(event)}\n\n".encode()

    def opening(self) -> list[bytes]:
        """What comes before content."""
        return [self.frame({"role": "assistant", "content": ""})]

    def content(self, text: str) -> bytes:
        """Part of the answer."""
        return self.frame({"content": text})

    def ending(self, reason: str = "stop") -> list[bytes]:
        """What makes it whole."""
        return [self.frame({}, reason), b"data: [DONE]\n\n"]

    def error_event(self, kind: str = "overloaded_error") -> bytes:
        """An error inside the stream."""
        return f"data: {json.dumps({'error': {'message': 'broken', 'type': kind}})}\n\n".encode()

    def ping(self) -> bytes:
        """Says that the connection lives."""
        return b": ping\n\n"

    def reasoning(self) -> list[bytes]:
        """Part of a thought."""
        return [self.frame({"reasoning_content": "Let me see."})]

    def tool(self, arguments: str) -> list[bytes]:
        """The begin of a tool call, with so much of its arguments."""
        call = {"index": 0, "id": "t1", "type": "function", "function": {"name": "find", "arguments": arguments}}
        return [self.frame({"tool_calls": [call]})]

    def error(self, status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None,
              more: str = "") -> bytes:  # fmt: skip
        """An error answer."""
        body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
        return reply(json.dumps(body).encode(), status=status, more=more)


class Messages:
    """Anthropic's messages."""

    name = "messages"

    def body(self, text: str | None = TEXT, *, reason: str = "end_turn", usage: Any = ..., **more: Any) -> bytes:
        """A whole answer."""
        content = [{"type": "text", "text": text}] if text else []
        answer = {"id": "m1", "type": "message", "role": "assistant", "model": "vendor-model",
                  "content": more.pop("content", content), "stop_reason": REASONS.get(reason, reason),
                  "stop_sequence": None, **more}  # fmt: skip
        counted = {"input_tokens": 90, "output_tokens": 6} if usage is ... else usage
        return json.dumps({**answer, **({"usage": counted} if counted is not None else {})}).encode()

    def frame(self, kind: str, **fields: Any) -> bytes:
        """One event."""
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    def opening(self) -> list[bytes]:
        """What comes before content."""
        message = json.loads(self.body("")) | {"stop_reason": None}
        block = {"type": "text", "text": ""}
        return [self.frame("message_start", message=message), self.frame("content_block_start", index=0, content_block=block)]  # noqa: E501  # fmt: skip

    def content(self, text: str) -> bytes:
        """Part of the answer."""
        return self.frame("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def ending(self, reason: str = "end_turn") -> list[bytes]:
        """What makes it whole."""
        delta = {"stop_reason": REASONS.get(reason, reason), "stop_sequence": None}
        return [
            self.frame("content_block_stop", index=0),
            self.frame("message_delta", delta=delta, usage={"output_tokens": 6}),
            self.frame("message_stop"),
        ]

    def error_event(self, kind: str = "overloaded_error") -> bytes:
        """An error inside the stream."""
        return self.frame("error", error={"type": kind, "message": "broken"})

    def ping(self) -> bytes:
        """Says that the connection lives."""
        return self.frame("ping")

    def reasoning(self) -> list[bytes]:
        """Part of a thought."""
        start = self.opening()[0]
        block = {"type": "thinking", "thinking": "", "signature": ""}
        delta = {"type": "thinking_delta", "thinking": "Let me see."}
        return [start, self.frame("content_block_start", index=0, content_block=block),
                self.frame("content_block_delta", index=0, delta=delta)]  # fmt: skip

    def tool(self, arguments: str) -> list[bytes]:
        """The begin of a tool call, with so much of its arguments."""
        block = {"type": "tool_use", "id": "t1", "name": "find", "input": {}}
        delta = {"type": "input_json_delta", "partial_json": arguments}
        return [self.opening()[0], self.frame("content_block_start", index=0, content_block=block),
                self.frame("content_block_delta", index=0, delta=delta)]  # fmt: skip

    def hop(self, asked: str, model: str) -> dict[str, Any]:
        """The block where another model took over."""
        trigger = {"type": "refusal", "category": None}
        return {"type": "fallback", "from": {"model": asked}, "to": {"model": model}, "trigger": trigger}

    def iterations(self, asked: str, model: str) -> dict[str, Any]:
        """Usage with what each of the two took."""
        both = [{"type": "message", "model": asked}, {"type": "fallback_message", "model": model}]
        return {
            "input_tokens": 9,
            "output_tokens": 6,
            "iterations": [{**one, "input_tokens": 9, "output_tokens": 3} for one in both],
        }

    def call(self) -> dict[str, Any]:
        """A tool call."""
        return {"type": "tool_use", "id": "t1", "name": "find", "input": {"at": "Am"}}

    def whole_handed_over(self, asked: str, model: str, *before: dict[str, Any], text: str = TEXT) -> bytes:
        """A whole answer in which another model took over."""
        content = [*before, self.hop(asked, model), {"type": "text", "text": text}]
        return self.body(content=content, usage=self.iterations(asked, model)).replace(b"vendor-model", model.encode())

    def handed_over(self, asked: str, model: str, *before: dict[str, Any]) -> list[bytes]:
        """The same as a stream, with the first model named at its start."""
        message = json.loads(self.body("")) | {"stop_reason": None, "model": asked}
        out = [self.frame("message_start", message=message)]
        for index, block in enumerate([*before, self.hop(asked, model)]):
            opened = block | {"input": {}} if "input" in block else block
            out.append(self.frame("content_block_start", index=index, content_block=opened))
            if "input" in block:
                delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
                out.append(self.frame("content_block_delta", index=index, delta=delta))
            out.append(self.frame("content_block_stop", index=index))
        index = len(before) + 1
        delta = {"type": "text_delta", "text": TEXT}
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        return [
            *out,
            self.frame("content_block_start", index=index, content_block={"type": "text", "text": ""}),
            self.frame("content_block_delta", index=index, delta=delta),
            self.frame("content_block_stop", index=index),
            self.frame("message_delta", delta=ended, usage=self.iterations(asked, model)),
            self.frame("message_stop"),
        ]

    def error(self, status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None,
              more: str = "") -> bytes:  # fmt: skip
        """An error answer."""
        details = {"details": {"error_code": code}} if code else {}
        body = {"type": "error", "error": {"type": kind, "message": message, **details}}
        return reply(json.dumps(body).encode(), status=status, more=more)


REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
Wire = Chat | Messages
WIRES: dict[str, Wire] = {"chat": Chat(), "messages": Messages()}
