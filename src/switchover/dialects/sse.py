"""Server-sent events: bytes → whole frames → event name and data, under any split of the bytes.

Source: WHATWG HTML, 9.2 "Server-sent events": lines end in LF, CRLF or CR, a blank line ends a frame, a byte order
mark at the start means nothing, a line that begins with a colon is a comment.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from ..domain.exchange import Usage
from ..domain.ports import Finished, Truncated
from .inner_errors import Failure
from .shapes import is_empty, redact

# `defaults.frame_max_bytes` of the fault catalogue: far above any frame seen, far below what would hurt a worker.
FRAME_LIMIT = 1 << 20

# The second half of a CRLF whose CR already ended a frame.
LATE_LF = b"\n"

_BOM = b"\xef\xbb\xbf"
# Atomic, so that one CRLF is never taken for two line ends.
_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class FrameScanner:
    """Cuts a byte stream into whole frames, each with its blank line.

    ``too_big`` turns True when a frame, finished or not, exceeds the limit; nothing from it on is returned. Memory is
    bounded by the limit plus one chunk, and work is linear in the bytes.
    """

    __slots__ = ("_after_cr", "_begun", "_buffer", "_limit", "too_big")

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._begun = False
        self._after_cr = False
        self.too_big = False

    @property
    def is_idle(self) -> bool:
        """Whether it holds nothing of a frame, so that the next byte begins one."""
        return not self._buffer and not self._after_cr and not self.too_big

    def feed(self, data: bytes) -> list[bytes]:
        """Takes bytes, returns the frames they complete."""
        # Nearly every read is exactly one frame.
        if (
            self._begun
            and not self._buffer
            and not self._after_cr
            and data.find(b"\n\n") == len(data) - 2 >= 0
            and b"\r" not in data
            and len(data) <= self._limit
        ):
            return [data]
        return self._scan(data)

    def _scan(self, data: bytes) -> list[bytes]:
        if self.too_big or not data:
            return []
        frames: list[bytes] = []
        if self._after_cr:
            self._after_cr = False
            if data[:1] == LATE_LF:
                frames.append(LATE_LF)
                data = data[1:]
        buffer = self._buffer
        # A blank line is at most four bytes, so only the last three of the old ones can belong to a new one.
        search_from = max(0, len(buffer) - 3)
        buffer += data
        start = 0
        for match in _BLANK_LINE.finditer(buffer, search_from):
            end = match.end()
            if end - start > self._limit:
                self.too_big = True
                return frames
            frames.append(self._first(bytes(buffer[start:end])))
            start = end
        if start:
            self._after_cr = start == len(buffer) and buffer[-1] == 0x0D
            del buffer[:start]
        self.too_big = len(buffer) > self._limit
        return frames

    def _first(self, frame: bytes) -> bytes:
        # A byte order mark makes both SDKs overlook the first line, so it is the one thing that is taken out.
        if self._begun:
            return frame
        self._begun = True
        return frame.removeprefix(_BOM)


def parse_frame(frame: bytes) -> tuple[bytes, bytes | None]:
    """``(event name or b"", data or None when it has none)`` of one whole frame."""
    plain = b"\r" not in frame
    if plain and frame[:6] == b"data: " and frame.find(b"\n") == len(frame) - 2:
        return b"", frame[6:-2]
    if plain and frame[:7] == b"event: ":
        end = frame.find(b"\n")
        if frame[end + 1 : end + 7] == b"data: " and frame.find(b"\n", end + 1) == len(frame) - 2:
            return frame[7:end], frame[end + 7 : -2]
    name = b""
    data: bytes | None = None
    for line in frame.split(b"\n") if plain else _LINE_END.split(frame):
        key, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if key == b"data":
            data = value if data is None else data + b"\n" + value
        elif key == b"event":
            name = value
    return name, data


def only_comments(frame: bytes) -> bool:
    """Whether a frame without data may be relayed: both SDKs crash on an event that has a field but no data."""
    return all(not line or line[:1] == b":" for line in _LINE_END.split(frame))


def events(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Event name and data of each whole frame of a recorded body that has data."""
    for frame in FrameScanner(limit=len(body) + 1).feed(body):
        name, data = parse_frame(frame)
        if data:
            yield name, data


class FrameDecoder(ABC):
    """What the decoders of all event-stream dialects share; see :class:`~switchover.domain.ports.Decoder`.

    Frames are returned byte for byte, but for a leading byte order mark; frames without data are returned only if they
    are comments; nothing after the terminal event is returned. ``progressed`` counts events in which the model
    produced anything, reasoning included, for idle timers that pings must not reset. ``lost_terminal`` is what a
    relay should send last when the answer was whole but its terminal event was lost. ``reason`` is the finish reason.
    ``inside`` is what the answer is in the middle of, if that is not text: ``tool`` or ``reasoning``. ``id`` is the
    provider's name of the answer. ``fell_back``: the provider went over to ``model`` by itself, within this answer;
    ``abandons``: with a tool call begun, which nobody must see.
    ``hides_usage``: a chunk that tells the usage and nothing else is for us alone.
    ``doubts``, where it is set, says of a usage what is wrong with it: then the answer is to something else than was
    asked.
    """

    __slots__ = (
        "_between",
        "_scanner",
        "abandons",
        "committed",
        "doubts",
        "failure",
        "fell_back",
        "finished",
        "hides_usage",
        "id",
        "inside",
        "lost_terminal",
        "model",
        "progressed",
        "reason",
        "reasoned",
        "usage",
    )

    def __init__(self) -> None:
        self._scanner = FrameScanner()
        # Whether the next byte begins a frame.
        self._between = False
        self.committed = False
        self.finished = False
        self.failure: Failure | None = None
        self.usage: Usage | None = None
        self.doubts: Callable[[Usage], str | None] | None = None
        self.hides_usage = False
        self.model: str | None = None
        self.id: str | None = None
        self.fell_back = self.abandons = False
        self.reason: str | None = None
        self.reasoned = False
        self.inside = ""
        self.progressed = 0
        self.lost_terminal = b""

    def feed(self, data: bytes) -> bytes:
        """Takes bytes, returns whole frames."""
        if self.failure is not None:
            return b""
        # Nearly every read after the commit point is one frame of one line: worth half the time of the general way.
        if (
            self.committed
            and data[:6] == b"data: "
            and data.find(b"\n") == len(data) - 2
            and data[-1] == 0x0A
            and b"\r" not in data
            and self._between
            and len(data) <= FRAME_LIMIT
            and not self.finished
        ):
            return data if len(data) > 8 and self._event(b"", data[6:-2]) else b""
        frames = self._scanner.feed(data)
        self._between = self._scanner.is_idle
        out: list[bytes] = []
        for frame in frames:
            if self.finished:
                if frame == LATE_LF:
                    out.append(frame)
                break
            if self._take(frame):
                out.append(frame)
            elif self._failed():
                return b"".join(out)
        if self._scanner.too_big and not self.finished:
            self.failure = ("frame-too-big", None, f"A frame exceeds {FRAME_LIMIT} bytes.")
        return b"".join(out)

    def close(self) -> Finished | Truncated:
        """Says how the stream ended: Finished only with its terminal, whatever else came."""
        if self.failure is not None:
            return Truncated(why=self.failure[0])
        if self.finished or self._is_whole():
            return Finished(reason=self.reason, usage=self.usage)
        return Truncated(why="clean-end-too-soon")

    @property
    def is_empty(self) -> bool:
        """An ended answer in which nothing came: a failed attempt rather than an answer."""
        return not self.committed and is_empty(self.reason, self.usage, reasoned=self.reasoned)

    def _take(self, frame: bytes) -> bool:
        """Looks at one frame; True when it may be relayed."""
        name, data = parse_frame(frame)
        if not data:
            return frame == LATE_LF or only_comments(frame)
        return self._event(name, data)

    @abstractmethod
    def _event(self, name: bytes, data: bytes) -> bool:
        """Looks at one event; True when its frame may be relayed."""

    def _is_whole(self) -> bool:
        return False

    def _failed(self) -> bool:
        return self.failure is not None

    def _counted(self, usage: Usage) -> bool:
        """Takes a usage; False, with the failure, when it shows that the prompt was not read."""
        self.usage = usage
        doubt = self.doubts(usage) if self.doubts is not None else None
        return doubt is None or self._broken("local-silent-truncation", doubt)

    def _broken(self, fault: str, message: str) -> bool:
        self.failure = (fault, None, message)
        return False

    def _not_utf8(self) -> bool:
        return self._broken("frame-not-json", "A data line is not UTF-8.")

    def _not_json(self, error: Exception) -> bool:
        return self._broken("frame-not-json", f"A data line does not parse: {redact(str(error))}")
