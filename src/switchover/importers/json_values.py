"""The values of a JSON document, one by one as they are read: a list of a gigabyte needs no more memory than its items.

Only where a value ends is looked for here; whether it is JSON is for the decoder to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

CHUNK = 1 << 20

_OUTSIDE = re.compile(rb'["{}\[\]]')
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_APART = re.compile(rb"[\s,]*+")


class TooLong(Exception):
    """A value that exceeds the limit: what follows can't be told from it."""


class Unclosed(Exception):
    """The document ends within a value."""


def values(read: Callable[[int], bytes], *, listed: bool, most: int) -> Iterator[bytes]:
    """The objects and lists of a list (``listed``: the document is one), or those that follow one another.

    ``read`` gives at most so many bytes, none at the end. Other values between them come as they stand, up to the next
    one. Raises :class:`TooLong` for a value of more than ``most`` bytes, :class:`Unclosed` when the end is missing.
    """
    around = -1 if listed else 0
    data, at, depth, begin, ended = b"", 0, around, 0, False
    while True:
        found = _OUTSIDE.search(data, at)
        if found is not None and found[0] == b'"':
            closed = _STRING.match(data, found.end())
            if closed is not None:
                at = closed.end()
                continue
            at, found = found.start(), None
        elif found is None:
            at = len(data)
        if found is None:
            if ended:
                break
            # The longer what is under way, the more is read at once: a string is looked through again each time.
            more = read(max(CHUNK, len(data) - begin))
            if len(data) - begin + len(more) > most + CHUNK and depth > 0:
                raise TooLong
            ended = not more
            data, at, begin = data[begin:] + more, at - begin, 0
            continue
        at = found.end()
        if found[0] in b"{[":
            if depth == 0:
                begin = _skip(data, begin, found.start())
            depth += 1
            if depth == 0:
                begin = at
        else:
            depth -= 1
            if depth == 0:
                if at - begin > most:
                    raise TooLong
                yield data[begin:at]
                begin = at
            elif depth == around:
                begin = at
            elif depth < around:
                raise Unclosed
    if depth > around:
        raise Unclosed
    if data[begin:].strip():
        yield data[begin:].strip()


def _skip(data: bytes, begin: int, to: int) -> int:
    """Where the value that opens at ``to`` begins: behind white space and a comma, and behind nothing else."""
    apart = _APART.match(data, begin)
    return apart.end() if apart is not None and apart.end() <= to else begin
