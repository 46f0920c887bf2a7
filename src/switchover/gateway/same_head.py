"""A caller's head, known again when the next request on its connection repeats it.

An SDK sends a dozen headers and more, the same ones each time but for the length. Reading them anew is a good part of
what a request costs, so bytes that the parser has taken for a head once are not parsed again.
"""

from __future__ import annotations

from .caller import CallerHead

LENGTH = b"\r\ncontent-length: "
END = b"\r\n\r\n"
# More digits are more than any body may have.
MOST_DIGITS = 8
LONGEST = 4096
# Headers that change what comes after the head.
PARTICULAR = (b"transfer-encoding", b"connection", b"expect", b"upgrade")
# A caller whose heads differ in more than the length is not worth learning from again and again.
MOST_LEARNED = 4


class SameHead:
    """The last head of a connection, split at its length. ``length`` is that of the request :meth:`body_at` found."""

    __slots__ = ("_after", "_before", "_learned", "head", "length")

    def __init__(self) -> None:
        self.head: CallerHead | None = None
        self.length = 0
        self._before = self._after = b""
        self._learned = 0

    def learn(self, data: bytes, head: CallerHead) -> None:
        """Keeps a head that the parser has taken, from the bytes it began in; nothing when it is not a plain one."""
        if self._learned >= MOST_LEARNED or len(data) > 1 << 20:
            return
        self._learned += 1
        self.head = None
        raw, found, _ = data.partition(END)
        lines = raw.split(b"\r\n")
        plain = found and len(raw) <= LONGEST and raw.startswith(b"POST ") and len(lines) == len(head.headers) + 1
        if not plain or b"\n" in raw.replace(b"\r\n", b"") or any(name in PARTICULAR for name, _ in head.headers):
            return
        at = raw.lower().find(LENGTH)
        if at < 0 or sum(name == b"content-length" for name, _ in head.headers) != 1:
            return
        start = at + len(LENGTH)
        self._before, rest = raw[:start], raw[start:]
        digits, line, more = rest.partition(b"\r\n")
        if digits.isdigit():
            self.head, self._after = head, line + more + END

    def body_at(self, data: bytes) -> int:
        """Where the body of a request begins whose head is the known one and lies whole in ``data``; 0 when not so."""
        before, after = self._before, self._after
        if self.head is None or not data.startswith(before):
            return 0
        start = len(before)
        end = data.find(after, start, start + MOST_DIGITS + len(after))
        digits = data[start:end]
        if end < 0 or not digits.isdigit():
            return 0
        self.length = int(digits)
        return end + len(after)
