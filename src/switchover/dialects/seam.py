"""Where a streamed answer broke off and the rest of it, told by somebody else, begins.

Source of the rules: ``facts/faults.yaml``, midstream.join_rules.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import takewhile

from ..domain.exchange import Usage

SHORTEST_OVERLAP = 12
# Bytes of UTF-8 a token has in the tokenizers we know: English runs at four and a half, German and Dutch at three and a
# half, Chinese and Japanese at three to four.
BYTES_PER_TOKEN = 4

# Why a text can't go on from where it is.
A_TOOL_CALL = "a tool call had begun"
REASONING = "it broke off inside its reasoning"
REFUSING = "it broke off inside a refusal"
ENDING = "its end had begun"
UNREADABLE = "what was sent of it can't be read as text"


def tokens_in(text: str) -> int:
    """About how many tokens a text has; what is counted so is marked estimated."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def overlap(shown: str, rest: str) -> int:
    """The length of the longest beginning of ``rest`` that ends ``shown``; 0 for less than 12 characters."""
    for length in range(min(len(shown), len(rest)), SHORTEST_OVERLAP - 1, -1):
        if shown.endswith(rest[:length]):
            return length
    return 0


class Join:
    """Puts a rest behind what was sent, under any split of the rest.

    ``sent`` is what the caller has, ``shown`` what of it the rest was asked to follow: all, or all but white space at
    the end. The longest beginning of the rest that repeats the end of ``shown`` is left out, and then the white space
    that ``shown`` lacked. ``stopped`` is the stop sequence that begins in ``sent`` and ends in the rest, once it has:
    nothing is told from there on.
    """

    def __init__(self, sent: str, shown: str, stops: Sequence[str] = ()) -> None:
        self.stopped: str | None = None
        self._shown, self._lacked = shown, sent[len(shown) :]
        # What the rest would have to begin with to complete a stop sequence; what completes it soonest comes first.
        ends = ((stop[at:], stop) for stop in stops for at in range(1, len(stop)) if sent.endswith(stop[:at]))
        self._ends = sorted(ends, key=lambda end: len(end[0]))
        self._held = ""
        self._is_settled = False

    def feed(self, piece: str) -> str:
        """What may be told of the rest so far; little is held back, and only at its beginning."""
        if self.stopped is not None:
            return ""
        if self._is_settled:
            return piece
        self._held += piece
        return self._settle(final=False)

    def close(self) -> str:
        """What was still held back when the rest ended."""
        return "" if self._is_settled else self._settle(final=True)

    def _settle(self, *, final: bool) -> str:
        told = self._decide(self._held, final=final)
        if told is None:
            return ""
        self._is_settled = True
        return told

    def _decide(self, rest: str, *, final: bool) -> str | None:
        """What of the beginning is told; None while more of it could change that."""
        # It stands somewhere before the end: the next characters may make it an overlap.
        if not final and rest in self._shown[:-1]:
            return None
        rest = rest[overlap(self._shown, rest) :]
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._lacked, rest, strict=False)))
        if not final and same == len(rest) < len(self._lacked):
            return None
        rest = rest[same:]
        for end, stop in self._ends:
            if rest.startswith(end):
                self.stopped = stop
                return ""
            if not final and end.startswith(rest):
                return None
        return rest


class Seam(ABC):
    """One answer in its caller's dialect, of which a beginning was sent: the rest is told as if it had not broken off.

    ``text`` is what was sent of it; ``barred`` says why it can't go on, "" when it can. ``reason`` is why the rest
    ended, as OpenAI's chat names it, ``stop_sequence`` the one that ended it, ``model`` who tells it.
    """

    def __init__(self) -> None:
        self.text = ""
        self.barred = ""
        self.reason: str | None = None
        self.stop_sequence: str | None = None
        self.model: str | None = None

    @abstractmethod
    def take(self, frames: bytes) -> str:
        """Reads whole frames of the rest, in the caller's dialect; returns the text in them."""

    @abstractmethod
    def say(self, text: str) -> bytes:
        """The frames that tell more text."""

    @abstractmethod
    def end(self, usage: Usage) -> bytes:
        """The frames that end the answer; ``usage`` is that of both parts."""
