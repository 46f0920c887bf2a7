"""A configuration as it was read, to be shown: each setting with its value, its line, and whether it is a default.

What holds a reference shows its kind alone, "env:***". Of an address neither login nor query is shown, and of one that
may be a secret itself nothing but its host.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from switchover.errors import ConfigError

from .document import Document, Place
from .schema import ConfigurationFile
from .values import SECONDS, URL_OR_REFERENCE, KeyReference, seconds

HIDDEN = "***"
LOGIN = re.compile(r"://\S*@")
QUERY = re.compile(r"(://[^\s?#]*)[?#]\S*")
PLACE = re.compile(r"(://[^\s/]*/).+")
REFERENCE = re.compile(r"^(env|file):")
PATTERN = typing.get_args(KeyReference)[1].metadata[0].pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A setting: ``name`` in its section, ``path`` in the file, ``documented`` as the reference of settings has it.

    ``value`` is None for a section, whose settings are ``below``. ``line`` is None for a default.
    """

    name: str
    path: str
    documented: str
    said: str
    value: str | None = None
    line: int | None = None
    below: tuple[Shown, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether the file says something of it."""
        return self.line is not None

    @property
    def defaults(self) -> int:
        """How many settings in it are at their defaults."""
        return sum(one.defaults for one in self.below) if self.value is None else int(not self.is_set)

    def find(self, path: str) -> Shown | None:
        """The section or setting at a path of the file."""
        if self.path == path:
            return self
        return next((found for one in self.below if (found := one.find(path)) is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The configuration that is in force: as read from ``file`` at ``loaded_at`` (Unix seconds).

    ``refused`` is why the file as it stands now is not in force, None where it is.
    """

    file: str
    loaded_at: float
    settings: Shown
    refused: ConfigError | None = None


def shown(document: Document, parsed: ConfigurationFile) -> Shown:
    """The whole file, section by section."""
    below = tuple(_settings(document, parsed, (), ""))
    return Shown(name="", path="", documented="", said="The whole file.", line=1, below=below)


def masked(text: str) -> str:
    """A text without logins and queries of addresses, which may hold keys."""
    return QUERY.sub(rf"\1?{HIDDEN}", LOGIN.sub(f"://{HIDDEN}@", text))


def _settings(document: Document, section: BaseModel, at: Place, documented: str) -> Iterator[Shown]:
    for attribute, field in type(section).model_fields.items():
        name = field.alias or attribute
        is_set = attribute in section.model_fields_set
        place, called = (*at, name), f"{documented}{name}"
        value = getattr(section, attribute)
        common: dict[str, Any] = {
            "name": name,
            "path": ".".join(map(str, place)),
            "documented": called,
            "said": field.description or "",
            "line": document.line(place) if is_set else None,
        }
        below = tuple(_within(document, value, place, called))
        if below:
            yield Shown(**common, below=below)
        else:
            yield Shown(**common, value=_leaf(field, value, _raw(document, place) if is_set else None))


def _within(document: Document, value: object, at: Place, documented: str) -> Iterator[Shown]:
    """What a section holds, by name or in order; nothing for a plain value."""
    if isinstance(value, BaseModel):
        yield from _settings(document, value, at, f"{documented}.")
        return
    items: list[tuple[str | int, object]] = []
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, tuple):
        items = list(enumerate(value))
    for name, one in items:
        if isinstance(one, BaseModel):
            place = (*at, name)
            below = tuple(_settings(document, one, place, f"{documented}.NAME."))
            path = ".".join(map(str, place))
            label = str(name) if isinstance(name, str) else f"row {name + 1}"
            yield Shown(
                name=label, path=path, documented=f"{documented}.NAME", said=" ".join((one.__doc__ or "").split()),
                line=document.line(place), below=below,
            )  # fmt: skip


def _raw(document: Document, at: Place) -> object:
    """What stands in the file, None where it was written in a short form."""
    found: Any = document.value
    for part in at:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def _leaf(field: FieldInfo, value: object, raw: object) -> str:
    """A value as it stands in the file, or else as a person would write it there."""
    if has_pattern(PATTERN, field.annotation, field.metadata):
        return _references(value)
    if has_pattern(URL_OR_REFERENCE, field.annotation, field.metadata):
        text = str(value)
        return _references(text) if REFERENCE.match(text) else PLACE.sub(rf"\1{HIDDEN}", masked(text))
    if raw is not None:
        return _text(raw)
    if isinstance(value, float) and _is_duration(field):
        return _duration(value)
    return _text(value)


def _references(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_references(one)}" for name, one in value.items()) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(_references(one) for one in value) or "none"
    if value is None:
        return "none"
    kind = REFERENCE.match(str(value))
    return f"{kind[1]}:{HIDDEN}" if kind else HIDDEN


def _text(value: object) -> str:
    if value is None or value in ((), [], {}):
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(one)}" for name, one in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(_text(one) for one in value)
    return masked(f"{value:g}" if isinstance(value, float) else str(value))


def has_pattern(pattern: str, annotation: Any, metadata: typing.Sequence[Any] = ()) -> bool:
    """Whether a setting's kind, or that of the values it holds, is told by this pattern."""
    for one in metadata:
        if getattr(one, "pattern", None) == pattern:
            return True
        if isinstance(one, FieldInfo) and has_pattern(pattern, None, one.metadata):
            return True
    if typing.get_origin(annotation) is typing.Annotated:
        inner, *more = typing.get_args(annotation)
        return has_pattern(pattern, inner, more)
    return any(not isinstance(one, str) and has_pattern(pattern, one) for one in typing.get_args(annotation))


def _is_duration(field: FieldInfo) -> bool:
    return any(getattr(one, "func", None) is seconds for one in field.metadata)


def _duration(value: float) -> str:
    unit = next((unit for unit in ("d", "h", "m") if value >= SECONDS[unit] and value % SECONDS[unit] == 0), "s")
    return f"{value / SECONDS[unit]:g}{unit}"
