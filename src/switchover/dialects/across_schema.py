"""A JSON schema for the answer, told in the other dialect.

Source: platform.openai.com/docs/guides/structured-outputs and platform.claude.com/docs/en/build-with-claude/
structured-outputs. Both bind the model to a schema. OpenAI's ``strict`` takes only schemas whose objects are closed and
whose properties are all required; Anthropic's also takes optional ones.
"""

from __future__ import annotations

from typing import Any

from ..errors import BadRequest

# OpenAI wants a name for a schema, Anthropic gives none.
NAME = "answer"


def to_messages_format(wanted: Any) -> dict[str, Any] | None:
    """Anthropic's ``output_config`` for a chat's ``response_format``, None for plain text; raises BadRequest."""
    if wanted is None or wanted == {"type": "text"}:
        return None
    schema = _within(wanted, "json_schema", "schema")
    if schema is None or wanted.get("type") != "json_schema":
        raise BadRequest("`response_format` can't be carried to this upstream; send a `json_schema` with its schema.")
    return {"format": {"type": "json_schema", "schema": schema}}


def to_chat_format(config: Any) -> dict[str, Any] | None:
    """A chat's ``response_format`` for Anthropic's ``output_config``, None when it has no format; raises BadRequest."""
    wanted = config.get("format") if isinstance(config, dict) else None
    if not wanted:
        return None
    schema = _within(wanted, "schema")
    if schema is None or wanted.get("type") != "json_schema":
        raise BadRequest("`output_config.format` can't be carried to this upstream; send a `json_schema`.")
    return {"type": "json_schema", "json_schema": {"name": NAME, "schema": schema, "strict": is_closed(schema)}}


def is_closed(schema: Any) -> bool:
    """Whether every object in a schema is closed and requires all its properties, as OpenAI's ``strict`` wants it."""
    if isinstance(schema, list):
        return all(is_closed(one) for one in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict) or schema.get("type") == "object":
        names = set(properties) if isinstance(properties, dict) else set()
        if schema.get("additionalProperties") is not False or set(schema.get("required") or ()) != names:
            return False
    return all(is_closed(value) for key, value in schema.items() if key not in ("enum", "const", "default", "examples"))


def _within(value: Any, *path: str) -> dict[str, Any] | None:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None
