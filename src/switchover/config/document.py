"""YAML with the line of every value, so that an error can point at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from switchover.errors import ConfigError

Place = tuple[str | int, ...]

# Deeper than any sane configuration; keeps a hostile file from exhausting the stack.
MAX_DEPTH = 20
MAX_BYTES = 1 << 20


@dataclass
class Document:
    """A parsed file: plain values, and the line each key or item begins on."""

    file: str
    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)

    def line(self, path: Place) -> int | None:
        """The line of the value at ``path``, or of the nearest enclosing one that is there."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def error(self, path: Place, *, got: object, want: str) -> ConfigError:
        """A located error."""
        at = ".".join(str(part) for part in path) or "the file"
        return ConfigError(at=at, got=_shown(got), want=want, file=self.file, line=self.line(path))


def _shown(got: object) -> str:
    text = got if isinstance(got, str) else repr(got)
    return text if len(text) <= 80 else text[:77] + "..."


def read(file: str) -> Document:
    """Reads one YAML file. Raises ConfigError when it is missing, too big, or not YAML."""
    try:
        raw = Path(file).read_bytes()
    except OSError as cause:
        raise ConfigError(
            at=file, got=cause.strerror or "no file", want="a configuration; `switchover init` drafts one"
        ) from cause
    if len(raw) > MAX_BYTES:
        raise ConfigError(at=file, got=f"{len(raw)} bytes", want=f"at most {MAX_BYTES} bytes")
    document = Document(file)
    try:
        node = yaml.compose(raw.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as cause:
        raise ConfigError(at=file, got="bytes that are not UTF-8", want="a UTF-8 text file") from cause
    except yaml.MarkedYAMLError as cause:
        line = cause.problem_mark.line + 1 if cause.problem_mark else None
        raise ConfigError(at="the file", got=str(cause.problem), want="valid YAML", file=file, line=line) from cause
    except yaml.YAMLError as cause:
        raise ConfigError(at="the file", got="characters YAML does not allow", want="valid YAML", file=file) from cause
    if node is None:
        raise document.error((), got="an empty file", want="upstreams and processes; `switchover init` drafts them")
    document.value = _plain(document, node, (), 0)
    return document


def _plain(document: Document, node: yaml.Node, path: Place, depth: int) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if depth > MAX_DEPTH:
        raise document.error(path, got="a very deep nesting", want=f"at most {MAX_DEPTH} levels")
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path, depth)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(document, item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError) as cause:
        raise document.error(path, got=node.value, want="a plain YAML value") from cause


def _mapping(document: Document, node: yaml.MappingNode, path: Place, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(getattr(key_node, "value", ""))
        here = (*path, key)
        if key in found:
            document.lines[here] = key_node.start_mark.line + 1
            raise document.error(here, got="the same name twice", want="each name once")
        document.lines[here] = key_node.start_mark.line + 1
        found[key] = _plain(document, value_node, here, depth + 1)
    return found
