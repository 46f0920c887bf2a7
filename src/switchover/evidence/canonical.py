"""An entry as bytes: JSON in the canonical form of RFC 8785, within limits that leave no two ways to write it.

What is used of RFC 8785: no white space; names sorted; strings as ECMAScript writes them, UTF-8 and with nothing
escaped that need not be; integers as they are. What is left out, so that no reader can differ: numbers with a fraction
or beyond ±(2^53 − 1) (figures and moments are strings), names other than ``[a-z0-9_]`` (whose order is the same in
UTF-16 and by code point), strings that are no Unicode.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

NAME = re.compile(r"[a-z][a-z0-9_]*")
MOST = 2**53 - 1


def encode(value: Mapping[str, Any]) -> bytes:
    """The canonical bytes. Raises ValueError for what the rules above leave out."""
    _check(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def decode(data: bytes) -> dict[str, Any]:
    """What :func:`encode` made. Raises ValueError for anything else, bytes that merely mean the same included."""
    found = json.loads(data.decode())
    if not isinstance(found, dict) or encode(found) != data:
        raise ValueError("not in canonical form")
    return found


def _check(value: object) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise ValueError(f"the name {name!r} is not of a-z, 0-9 and _")
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > MOST:
            raise ValueError(f"{value} is beyond 2^53 - 1")
    elif not isinstance(value, str | bool) and value is not None:
        raise ValueError(f"a {type(value).__name__} has more than one way to be written")


def moment(at: float) -> str:
    """Unix seconds as RFC 3339, UTC, to the microsecond."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def figure(value: float | None) -> str | None:
    """A figure as the shortest decimal that means the same double; ``inf`` and ``nan`` by name."""
    return None if value is None else repr(float(value))


def text(value: str, most: int = 200) -> str:
    """A name from outside: what is no Unicode replaced, cut to ``most`` characters."""
    return value.encode("utf-8", "replace").decode()[:most]
