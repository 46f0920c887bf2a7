"""Which fields of a request can be carried to the other dialect."""

from __future__ import annotations

import re
from typing import Any

from ..errors import BadRequest


def refuse(fields: dict[str, Any], names: tuple[str, ...]) -> None:
    """Raises :class:`BadRequest` when the request uses a field without which it would mean something else."""
    for name in names:
        if fields.get(name):
            raise BadRequest(f"`{name}` can't be carried to this upstream; name a route that keeps it.")


def left_out(fields: dict[str, Any], carried: frozenset[str]) -> list[str]:
    """Names of the fields that are set and not carried."""
    return sorted(name for name, value in fields.items() if name not in carried and value is not None)


# Models of OpenAI's that reason: they refuse `max_tokens`, and most other servers know only that one.
_REASONING = re.compile(r"(?:o\d|gpt-[5-9])")


def limit_name(model: str) -> str:
    """What a chat's model calls the limit of its answer."""
    return "max_completion_tokens" if _REASONING.match(model) else "max_tokens"


def takes_effort(model: str) -> bool:
    """Whether a chat's model can be told how much to reason."""
    return _REASONING.match(model) is not None
