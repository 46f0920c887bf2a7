"""The schema's complaint as an error that says where, what and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import ValidationError

from switchover.errors import ConfigError

from .document import Document, Place
from .schema import SECTIONS
from .values import PATTERN_MEANS, URL_OR_REFERENCE

# What the schema's complaint about a kind of value means to someone who writes YAML.
KIND_MEANS = {
    "tuple_type": "a list such as [one, two]",
    "dict_type": "a section of names and values",
    "model_type": "a section of names and values",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "string_type": "text",
}
# What holds a reference; in its place may stand the secret itself, which no error may show.
REFERENCES = ("key", "proxy_login", "master", "store_password", "secret", "login")
NAMES = frozenset(field.alias or name for section in SECTIONS for name, field in section.model_fields.items())


def located(document: Document, cause: ValidationError) -> ConfigError:
    """The first error, located; a misspelt name goes before the value it leaves missing."""
    rows = cause.errors(include_url=False)
    first = next((row for row in rows if row["type"] == "extra_forbidden"), rows[0])
    path: Place = tuple(part for part in first["loc"] if not str(part).startswith("["))
    kind, context = first["type"], first.get("ctx", {})
    got: object = first.get("input", "")
    if kind == "missing":
        return document.error(path, got="nothing", want=f"a value for {path[-1]}")
    if kind == "extra_forbidden":
        siblings = [
            str(row["loc"][-1]) for row in rows if row["type"] == "missing" and row["loc"][:-1] == first["loc"][:-1]
        ]
        meant = get_close_matches(str(path[-1]), siblings or sorted(NAMES), n=1)
        hint = f"{meant[0]}, perhaps" if meant else "one of the names in docs/reference/settings.md"
        return document.error(path, got="an unknown name", want=hint)
    if path[:2] == ("alerts", "webhooks") and path[-1] == "url":
        return document.error(path, got="something else", want=PATTERN_MEANS[URL_OR_REFERENCE])
    if path and (path[-1] in REFERENCES or path[:2] == ("traces", "headers")):
        return document.error(path, got="something else", want="env:NAME or file:PATH, never the key itself")
    if isinstance(got, Mapping | list | tuple):
        got = "a section" if isinstance(got, Mapping) else "a list"
    if kind == "literal_error":
        return document.error(path, got=got, want=f"one of {context['expected']}")
    if kind == "value_error":
        return document.error(path, got=got, want=str(context["error"]))
    if kind == "string_pattern_mismatch":
        return document.error(
            path, got=got, want=PATTERN_MEANS.get(context["pattern"], f"text like {context['pattern']}")
        )
    want = KIND_MEANS.get(kind) or str(first["msg"]).replace("Input should be ", "")
    return document.error(path, got=got, want=want)
