"""One streamed answer in OpenAI's dialect, chunk by chunk."""

from __future__ import annotations

from typing import Any

import msgspec

from .chat_wire import DONE, WireAnswer, WireChoice, decode_chunk
from .inner_errors import classify
from .shapes import is_utf8
from .sse import FrameDecoder


class _ChoiceEnd(msgspec.Struct):
    index: int = 0
    finish_reason: str | None = None


class _Glance(msgspec.Struct):
    """All that is read of a chunk after the commit point; the rest is only checked to be JSON."""

    choices: list[_ChoiceEnd] | None = None
    usage: Any = None
    error: Any = None


_GLANCE = msgspec.json.Decoder(_Glance)


class ChatDecoder(FrameDecoder):
    """Decodes one streamed answer.

    Terminal is ``[DONE]``. An answer in which every choice got its finish reason is whole even when ``[DONE]`` was
    lost: then ``close`` says Finished and ``lost_terminal`` holds the ``[DONE]`` to send on. ``choices`` is the
    request's ``n``: with fewer finished choices the answer is not whole.
    """

    __slots__ = ("_choices", "_done", "_seen")

    def __init__(self, *, choices: int = 1) -> None:
        super().__init__()
        self._choices = choices
        self._seen: set[int] = set()
        self._done: set[int] = set()

    def _is_whole(self) -> bool:
        return len(self._done) >= self._choices and self._seen <= self._done

    def _event(self, name: bytes, data: bytes) -> bool:
        if data[:6] == b"[DONE]":
            self.finished = True
            self.lost_terminal = b""
            return True
        if not data.isascii() and not is_utf8(data):
            return self._not_utf8()
        try:
            if self.committed and not self._done and name != b"error":
                glance = _GLANCE.decode(data)
                choices = glance.choices
                # One choice's content, and nothing that ends or counts it.
                if (
                    choices is not None
                    and len(choices) == 1
                    and choices[0].index == 0
                    and choices[0].finish_reason is None
                    and glance.usage is None
                    and not glance.error
                ):
                    self.progressed += 1
                    return True
            return self._chunk(decode_chunk(data), name)
        except (msgspec.DecodeError, RecursionError) as error:
            return self._not_json(error)

    def _chunk(self, chunk: WireAnswer, name: bytes) -> bool:
        if chunk.error or name == b"error" or chunk.object == "error":
            self.failure = classify(chunk.error or "The provider sent an error event.")
            return False
        self.model = self.model or chunk.model
        self.id = self.id or chunk.id
        if chunk.usage is not None and not (
            self._counted(chunk.usage.read()) and (chunk.choices or not self.hides_usage)
        ):
            return False
        for choice in chunk.choices or ():
            if not self._choice(choice):
                return False
        if self._is_whole():
            self.lost_terminal = DONE
        return True

    def _choice(self, choice: WireChoice) -> bool:
        delta = choice.delta
        self._seen.add(choice.index)
        if delta is not None and (
            delta.content or delta.tool_calls or delta.refusal or delta.function_call or delta.audio
        ):
            if choice.index in self._done:
                return self._broken("events-out-of-order", "Content came after the choice's finish reason.")
            self.committed = True
            self.inside = "tool" if delta.tool_calls or delta.function_call else ""
            self.progressed += 1
        elif delta is not None and (delta.reasoning_content or delta.reasoning):
            self.reasoned, self.inside = True, "reasoning"
            self.progressed += 1
        if choice.finish_reason is not None:
            self.reason = self.reason or choice.finish_reason
            self._done.add(choice.index)
        return True
