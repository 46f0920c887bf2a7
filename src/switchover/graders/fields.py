"""Two JSON values, field by field: which fields there are, which rule holds for each, and which of them differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from switchover.domain.answer import is_shallow

from .leaves import EXACT, Tolerance, agree, folded

T = TypeVar("T")
Path = tuple[str, ...]

# The answer itself, where it is a list.
ROOT = "$"
ANY = "*"
_DOT = re.compile(r"(?<!\\)\.")


def parse(text: str) -> dict[str, Any] | list[Any] | None:
    """The JSON object or list that the text is, or holds in a fence; None when there is none, or too deep a one."""
    for candidate in (text, _fenced(text)):
        try:
            value = msgspec.json.decode(candidate)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            continue
        if isinstance(value, dict | list):
            return value if is_shallow(value) else None
    return None


def _fenced(text: str) -> str:
    begin = text.find("```")
    end = text.find("```", begin + 3)
    if begin < 0 or end < 0:
        return ""
    inner = text[begin + 3 : end]
    return inner[4:] if inner[:4].casefold() == "json" else inner


class ByPath(Generic[T]):
    """Settings by the path of fields: ``lines.*.amount``, where ``*`` is any name or place; ``\\.`` is a dot in a name.

    A setting holds for its field and all below it; of several the longest counts, then the one that names more. An item
    of a keyed list is named by its key's value, in small letters or as it is.
    """

    def __init__(self, settings: Mapping[str, T]) -> None:
        split = [(parts_of(text), value) for text, value in settings.items()]
        self._rows = sorted(split, key=lambda row: (-len(row[0]), row[0].count(ANY)))

    def __bool__(self) -> bool:
        return bool(self._rows)

    def find(self, path: Path, default: T) -> T:
        """What holds at a path."""
        return next((value for parts, value in self._rows if _begins(path, parts)), default)

    def at(self, path: Path) -> T | None:
        """What is set for exactly this path."""
        return next((value for parts, value in self._rows if len(parts) == len(path) and _begins(path, parts)), None)


def parts_of(text: str) -> Path:
    """The names in a written path."""
    return () if text == ROOT else tuple(part.replace("\\.", ".") for part in _DOT.split(text))


def _begins(path: Path, parts: Path) -> bool:
    return len(parts) <= len(path) and all(
        want in (ANY, name) or folded(want) == name for name, want in zip(path[: len(parts)], parts, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How fields are compared. ``keys`` names, by the path of a list, the field by which its items are matched."""

    tolerance: ByPath[Tolerance] = field(default_factory=lambda: ByPath[Tolerance]({}))
    keys: ByPath[str] = field(default_factory=lambda: ByPath[str]({}))
    weights: ByPath[float] = field(default_factory=lambda: ByPath[float]({}))

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Rules:
        """Of a grader's settings. A field to ``ignore`` weighs nothing."""
        weights = dict(settings.get("weights", {})) | dict.fromkeys(settings.get("ignore", ()), 0.0)
        return cls(
            tolerance=ByPath({path: Tolerance.of(one) for path, one in settings.get("tolerance", {}).items()}),
            keys=ByPath(dict(settings.get("keys", {}))),
            weights=ByPath(weights),
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """``differing`` are the paths on which two values differ; both weights are sums over fields."""

    differing: tuple[Path, ...]
    weight: float
    differing_weight: float


def compare(got: Any, wanted: Any, rules: Rules) -> Compared:
    """Compares two parsed values over the fields of either that weigh anything."""
    here, there = leaves(got, rules.keys), leaves(wanted, rules.keys)
    weighed = {path: rules.weights.find(path, 1.0) for path in here.keys() | there.keys()} if rules.weights else None
    differing: list[Path] = []
    total = lost = 0.0
    for path in sorted(here.keys() | there.keys()):
        weight = 1.0 if weighed is None else weighed[path]
        if weight > 0:
            total += weight
            if not agree(here.get(path), there.get(path), rules.tolerance.find(path, EXACT)):
                lost += weight
                differing.append(path)
    return Compared(tuple(differing), total, lost)


def leaves(value: Any, keys: ByPath[str]) -> dict[Path, Any]:
    """Values that are neither objects nor lists, by path. An absent field and null are the same.

    An item of a keyed list stands under its key's value, another one under its place.
    """
    found: dict[Path, Any] = {}
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(((*path, name), item) for name, item in one.items())
        elif isinstance(one, list):
            key = keys.at(path) if keys else None
            named = enumerate(one) if key is None else _by_key(one, key)
            waiting.extend(((*path, str(name)), item) for name, item in named)
        elif one is not None:
            found[path] = one
    return found


def _by_key(items: list[Any], key: str) -> Iterator[tuple[str, Any]]:
    """Items under the value of their key; the second with the same one, or without any, is numbered."""
    seen: dict[str, int] = {}
    for item in items:
        name = _key_of(item, key)
        seen[name] = seen.get(name, 0) + 1
        # No name holds the end of a line: folding takes it out.
        yield (name if seen[name] == 1 and name else f"{name}\n{seen[name]}"), item


def _key_of(item: Any, key: str) -> str:
    value = item.get(key) if isinstance(item, dict) else None
    if isinstance(value, str):
        return folded(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or isinstance(value, dict | list) else str(value)
