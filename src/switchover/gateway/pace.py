"""Whether a stream drips: less than two tokens a second over twenty seconds in which its caller took all there was."""

from __future__ import annotations

from collections import deque

from switchover.dialects.said import said
from switchover.dialects.sse import FrameDecoder

from .amount import BYTES_PER_TOKEN

# faults.yaml, defaults.min_rate_tokens_s: over 20 looks, of which there is one a second.
LEAST_RATE = 2.0
LOOKS = 20


class Pace:
    """A stream's pace, looked at once a second.

    A token is a content event, or four bytes of what was said, whichever makes more of them: some providers send one
    token in an event and some many, and neither is slow for it. A ping is none.
    """

    __slots__ = ("_decoder", "_dialect", "_looks", "_parts")

    def __init__(self, decoder: FrameDecoder, dialect: str, parts: list[bytes]) -> None:
        self._decoder, self._dialect, self._parts = decoder, dialect, parts
        # Events and parts at each look.
        self._looks: deque[tuple[int, int]] = deque(maxlen=LOOKS + 1)

    def is_dripping(self) -> bool:
        """Looks once more; True when too little came since twenty looks ago."""
        looks, events, parts = self._looks, self._decoder.progressed, self._parts
        looks.append((events, len(parts)))
        if len(looks) <= LOOKS:
            return False
        least = LEAST_RATE * LOOKS
        before, at = looks[0]
        return events - before < least and said(self._dialect, b"".join(parts[at:])) < least * BYTES_PER_TOKEN

    def forget(self) -> None:
        """The caller does not keep up: what came is no measure of the upstream."""
        self._looks.clear()
