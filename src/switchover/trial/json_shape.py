"""What recorded JSON answers have in common: keyed lists, fields copied from the request, a schema that was asked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from switchover.graders.fields import ROOT
from switchover.graders.schema import Schema
from switchover.graders.source import all_of
from switchover.graders.words import normalise

# A parsed answer and its request.
Pair = tuple[Any, Mapping[str, Any]]

# What a grader can't grade leaves its case ungraded, and more than 5 % of those block READY.
NEARLY_ALL = 0.95
# Names under which items of a list are told apart, the likeliest first.
KEYS = ("id", "key", "code", "sku", "number", "name")
# A schema that people read through, in a configuration that nests so deep at most.
MOST_SCHEMA, DEEPEST_SCHEMA = 4000, 12


def keys_of(values: Iterable[Any]) -> dict[str, str]:
    """Lists of several items that a field tells apart, by path; the field is one of :data:`KEYS`."""
    lists: dict[str, list[list[Any]]] = {}
    for value in values:
        named = [(ROOT, value)] if isinstance(value, list) else [(path_of(name), one) for name, one in value.items()]
        for path, one in named:
            if isinstance(one, list):
                lists.setdefault(path, []).append(one)
    found = {}
    for path, seen in lists.items():
        key = next((key for key in KEYS if all(_tells_apart(items, key) for items in seen)), None)
        if key is not None and any(len(items) > 1 for items in seen):
            found[path] = key
    return found


def _tells_apart(items: Sequence[Any], key: str) -> bool:
    names = [json.dumps(item.get(key)) for item in items if isinstance(item, dict) and item.get(key) is not None]
    return len(names) == len(items) == len(set(names))


def copied_of(pairs: Sequence[Pair]) -> list[str]:
    """Fields of one word with letters and digits that nearly always stands in the request: what names something."""
    there: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for value, request in pairs:
        source = normalise(all_of(request))
        for name, one in value.items() if isinstance(value, dict) else ():
            if isinstance(one, str) and any(map(str.isalpha, one)) and any(map(str.isdecimal, one)):
                of[name] += 1
                there[name] += len(one.split()) == 1 and normalise(one) in source
    often = [name for name in of if of[name] >= len(pairs) / 2]
    return sorted(path_of(name) for name in often if there[name] >= NEARLY_ALL * of[name])


def fractions_of(values: Iterable[Any]) -> list[str]:
    """Fields of the answer itself that are numbers with a fraction; five at most."""
    pairs = [pair for value in values if isinstance(value, dict) for pair in value.items()]
    return sorted({path_of(name) for name, one in pairs if isinstance(one, float) and not one.is_integer()})[:5]


def schema_of(pairs: Sequence[Pair]) -> Mapping[str, Any] | None:
    """The one schema that nearly all requests ask for, if nearly all answers keep it and it is short enough to read."""
    asked = Counter(json.dumps(one) for _, request in pairs if (one := _asked(request)) is not None)
    text, count = next(iter(asked.most_common(1)), ("", 0))
    if count < max(1.0, NEARLY_ALL * len(pairs)) or len(text) > MOST_SCHEMA:
        return None
    found: Mapping[str, Any] = json.loads(text)
    try:
        schema = Schema(found)
    except ValueError:
        return None
    keep = sum(not schema.broken(value) for value, _ in pairs)
    return found if keep >= NEARLY_ALL * len(pairs) and _is_shallow(found) else None


def _is_shallow(schema: Any) -> bool:
    level = [schema]
    for _ in range(DEEPEST_SCHEMA):
        inner = [item for one in level for item in (one.values() if isinstance(one, dict) else one)]
        level = [item for item in inner if isinstance(item, dict | list)]
    return not level


def _asked(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = request.get("response_format")
    named = form.get("json_schema") if isinstance(form, Mapping) else None
    schema = named.get("schema") if isinstance(named, Mapping) else None
    return schema if isinstance(schema, Mapping) else None


def path_of(name: str) -> str:
    """A field's name as a path."""
    return name.replace(".", "\\.")
