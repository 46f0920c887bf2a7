"""The form that a request asks of its answer: which tools may be called, and the schema of what is said."""

from __future__ import annotations

import msgspec


class AskedForm(msgspec.Struct, frozen=True):
    """``tools`` are the names that may be called. ``schema`` is JSON text, b"" for any object, None for any text."""

    tools: frozenset[str]
    schema: bytes | None


class _Named(msgspec.Struct):
    name: str | None = None


class _Schema(msgspec.Struct):
    schema: msgspec.Raw = msgspec.Raw(b"")


class _Tool(msgspec.Struct):
    name: str | None = None
    function: _Named | None = None
    custom: _Named | None = None

    def called(self) -> str:
        inner = self.function or self.custom
        return (inner.name if inner is not None else self.name) or ""


class _Format(msgspec.Struct):
    """``schema`` stands in it, but for the chat, which has it in ``json_schema``."""

    type: str = "text"
    schema: msgspec.Raw = msgspec.Raw(b"")
    json_schema: _Schema | None = None

    def asked(self) -> bytes | None:
        if self.type == "json_object":
            return b""
        if self.type != "json_schema":
            return None
        return bytes(self.json_schema.schema if self.json_schema is not None else self.schema)


class _Configured(msgspec.Struct):
    format: _Format | None = None


class _Request(msgspec.Struct):
    """Where the three dialects name tools and formats."""

    tools: list[_Tool] | None = None
    functions: list[_Named] | None = None
    response_format: _Format | None = None
    output_format: _Format | None = None
    output_config: _Configured | None = None
    text: _Configured | None = None


_REQUEST = msgspec.json.Decoder(_Request)


def asked_form(body: bytes) -> AskedForm:
    """What a request in any dialect asks; one that names its tools in a way we don't know asks nothing."""
    try:
        request = _REQUEST.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return AskedForm(frozenset(), None)
    names = [tool.called() for tool in request.tools or ()] + [one.name or "" for one in request.functions or ()]
    configured = [one.format for one in (request.output_config, request.text) if one is not None]
    formats = [one for one in (request.response_format, request.output_format, *configured) if one is not None]
    schema = next((asked for one in formats if (asked := one.asked()) is not None), None)
    return AskedForm(frozenset(names), schema)
