"""A JSON schema that answers have to keep, and what an answer breaks of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Schema:
    """A schema ready to check answers with. Raises ValueError for one that is invalid or refers outside of itself."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        # Imported when first needed: most processes have no schema.
        import jsonschema_rs

        try:
            # Patterns are matched in linear time, as what they are matched with was written by a model.
            self._validator = jsonschema_rs.validator_for(
                dict(schema), retriever=_nowhere, pattern_options=jsonschema_rs.RegexOptions()
            )
        except jsonschema_rs.ValidationError as cause:
            at = "/".join(map(str, cause.instance_path))
            raise ValueError(f"{at}: {cause.message}" if at else cause.message) from None
        except RecursionError as cause:
            raise ValueError("nested too deep") from cause
        self._names = frozenset(_names(schema))

    def broken(self, value: Any) -> str:
        """Where and how a value breaks the schema, a name that the schema has not shown as *; "" when it keeps it."""
        if self._validator.is_valid(value):
            return ""
        error = next(self._validator.iter_errors(value))
        path = ".".join(str(p) if isinstance(p, int) or p in self._names else "*" for p in error.instance_path)
        rule = next((str(part) for part in reversed(error.schema_path) if isinstance(part, str)), "")
        return f"{path or 'the answer'} breaks {rule or 'it'}"


def pattern(text: str) -> Schema:
    """A regular expression as a schema, for the linear time of its matching. Raises ValueError for one that is none."""
    return Schema({"type": "string", "pattern": text})


def _names(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield from one.get("properties", {}) if isinstance(one.get("properties"), Mapping) else ()
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _nowhere(uri: str) -> Any:
    raise ValueError("a schema refers to nothing outside itself")
