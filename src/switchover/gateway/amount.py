"""Whether an answer says more than it was asked for, told without ever cutting one that keeps to it."""

from __future__ import annotations

from switchover.dialects.across import DEFAULT_MAX_TOKENS
from switchover.dialects.said import said
from switchover.dialects.sse import FrameDecoder
from switchover.domain.budget import LEEWAY, MOST_TOKENS
from switchover.domain.exchange import Usage
from switchover.domain.ports import Answer
from switchover.domain.process import UpstreamSpec
from switchover.errors import RunawayOutput

from .admit import Call

# The longest token of the vocabularies in use: 128 spaces, dashes or equals signs, as in o200k_base.
LONGEST_TOKEN = 128
# No language takes more than about 12 bytes a token on average, in any of them.
LONGEST_MEAN = 16
# Four bytes are about a token.
BYTES_PER_TOKEN = 4


def most_tokens(call: Call, spec: UpstreamSpec) -> int:
    """The most tokens that an answer may have: as many as were asked for, else as its engine can hold, else a cap."""
    most = call.peek.limit
    if most is None:
        most = spec.window or (DEFAULT_MAX_TOKENS if spec.kind == "anthropic" else MOST_TOKENS)
    return most * call.peek.n


def is_over(call: Call, usage: Usage | None) -> bool:
    """Whether an answer has by its own count a tenth more tokens than were asked for, or more."""
    asked = call.peek.limit
    return asked is not None and usage is not None and usage.output > asked * call.peek.n * 1.1 + LEEWAY


class Amount:
    """What a stream has said so far, of ``parts``: all frames that came, in this dialect.

    A stream is too long when it has more content events than tokens were asked for and more than 16 bytes for each, or
    more than 128 bytes for each: neither can be where the model keeps to its limit. One event for a token, several in
    one, and a token in several are all to be met.
    """

    __slots__ = ("_answer", "_call", "_came", "_counted", "_decoder", "_dialect", "_most", "_name", "_parts", "_said")

    def __init__(
        self,
        call: Call,
        spec: UpstreamSpec,
        answer: Answer,
        decoder: FrameDecoder,
        parts: list[bytes],
        dialect: str,
    ) -> None:
        self._call, self._answer, self._decoder, self._parts = call, answer, decoder, parts
        self._name, self._most, self._dialect = spec.name, most_tokens(call, spec), dialect
        # Bytes said in the parts that were counted, how many parts those are, and how many bytes had come by then.
        self._said = self._counted = self._came = 0

    def check(self) -> None:
        """Raises RunawayOutput when the stream is too long. Reads frames only where their mere bytes might be."""
        most, came = self._most, self._answer.total
        room = most * (LONGEST_MEAN if self._decoder.progressed > most else LONGEST_TOKEN)
        if self._said + came - self._came > room and self._count(came) > room:
            raise RunawayOutput(f"{self._name} wrote on past the {most} tokens that it was to keep to")

    def usage(self) -> Usage:
        """What was used so far, estimated where it was not told."""
        told = self._decoder.usage
        read = told.input if told is not None and told.tells else len(self._call.body) // BYTES_PER_TOKEN
        wrote = self._count(self._answer.total) // BYTES_PER_TOKEN
        cached, written = (told.cached_input, told.written_input) if told is not None else (0, 0)
        return Usage(input=read, output=wrote, cached_input=cached, written_input=written, estimated=True)

    def _count(self, came: int) -> int:
        self._said += said(self._dialect, b"".join(self._parts[self._counted :]))
        self._counted, self._came = len(self._parts), came
        return self._said
