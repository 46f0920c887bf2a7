"""Our name of a request, which some providers echo: an answer with another one belongs to another request."""

from __future__ import annotations

import re

HEADER = b"x-client-request-id"
# As our attempts are named: an exchange's id and a number. Nobody makes up one of these.
OURS = re.compile(rb"[0-9a-f]{28}-\d{1,2}")
# So many right echoes make an origin one that echoes. Others may send an id of their own under this header.
TRUSTED = 8
# So many answers without any make it one that does not, and is looked at no more.
SILENT = 64
NEVER = -1

_LINE = b"\r\n" + HEADER + b":"


class Echoes:
    """What is known of each origin: how often it echoed rightly, or that it does not echo at all."""

    __slots__ = ("_right", "_silent")

    def __init__(self) -> None:
        self._right: dict[object, int] = {}
        self._silent: dict[object, int] = {}

    def is_crossed(self, origin: object, name: bytes, head: bytes) -> bool:
        """True when an answer's head echoes another request's name than ``name``."""
        right = self._right.get(origin, 0)
        if right == NEVER:
            return False
        if name in head:
            if right < TRUSTED:
                self._right[origin] = right + 1
            return False
        at = head.lower().find(_LINE)
        if at < 0:
            if right == 0:
                self._fell_silent(origin)
            return False
        echoed = head[at + len(_LINE) :].partition(b"\r\n")[0].strip()
        if OURS.fullmatch(echoed) or right >= TRUSTED:
            return True
        self._right[origin] = NEVER
        return False

    def _fell_silent(self, origin: object) -> None:
        times = self._silent[origin] = self._silent.get(origin, 0) + 1
        if times >= SILENT:
            self._right[origin] = NEVER
