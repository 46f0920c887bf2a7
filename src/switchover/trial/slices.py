"""Whether a request lies in a declared slice."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pydantic_core import SchemaValidator, core_schema

from switchover.domain.process import SlicePredicate

# Of a longer text only so much is matched with a pattern: what tells a kind of request stands near its beginning.
MOST_MATCHED = 100_000
ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def lies_in(part: SlicePredicate, request: Any, metadata: Mapping[str, str], text: str) -> bool:
    """Whether the comparison holds; ``text`` is the last message of the user's.

    What is not there equals nothing, is no number, and differs from everything.
    """
    found = _at(part.path, request, metadata, text)
    if part.how == "exists":
        return found not in (None, "", "[]", "{}")
    if part.how == "!=":
        return found != part.equals
    if found is None:
        return False
    if part.how == "==":
        return found == part.equals
    if part.how == "in":
        return found in part.among
    if part.how == "matches":
        return _pattern(part.equals).isinstance_python(found[:MOST_MATCHED])
    try:
        return ORDER[part.how](float(found), float(part.equals))
    except ValueError:
        return False


@functools.lru_cache
def _pattern(text: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=text, regex_engine="rust-regex"))


def _at(path: str, request: Any, metadata: Mapping[str, str], text: str) -> str | None:
    """The value at a dotted path, as text: recorded metadata first, then the request's own fields; None: not there."""
    if path == "words":
        return str(len(text.split()))
    if path == "turns":
        return str(_turns(request))
    head, _, rest = path.partition(".")
    if head == "metadata" and rest in metadata:
        return str(metadata[rest])
    value = request
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def _turns(request: Any) -> int:
    messages = request.get("messages", request.get("input")) if isinstance(request, Mapping) else None
    if isinstance(messages, str):
        return 1
    found = messages if isinstance(messages, list) else []
    return sum(isinstance(one, Mapping) and one.get("role") == "user" for one in found)
