"""Our name of a request, which some providers echo: an answer with another one belongs to another request."""

from __future__ import annotations

import re

HEADER = b"x-client-request-id"
# As our attempts are named: an exchange's id and a number. Nobody makes up one of these.
OURS = re.compile(rb"[0-9a-f]{28}-\d{1,2}")
# So many right echoes make an origin one that echoes. Others may send an id of their own under this header.
TRUSTED = 8
NEVER = -1

_LINE = b"\r\n" + HEADER + b":"


class Echoes:
    """What is known of each origin: how often it echoed rightly, or that it does not echo at all."""

    __slots__ = ("_right",)

    def __init__(self) -> None:
        self._right: dict[object, int] = {}

    def is_crossed(self, origin: object, name: bytes, head: bytes) -> bool:
        """True when an answer's head echoes another request's name than ``name``."""
        if name in head:
            right = self._right.get(origin, 0)
            if 0 <= right < TRUSTED:
                self._right[origin] = right + 1
            return False
        at = head.lower().find(_LINE)
        if at < 0:
            return False
        echoed = head[at + len(_LINE) :].partition(b"\r\n")[0].strip()
        if OURS.fullmatch(echoed) or self._right.get(origin, 0) >= TRUSTED:
            return True
        self._right[origin] = NEVER
        return False
