"""The comparison by which a slice is told, as people write it.

    metadata.kind == "complaint"        metadata.kind in ["complaint", "appeal"]
    metadata.amount > 1000              tools exists
    words > 200                         metadata.ticket matches "^VIP-"

One comparison, no more: whoever needs two declares the second as a slice of its own, or puts the answer in the
metadata. A path leads into the request's JSON, list items by their number; ``words`` are those of the last message of
the user's, ``turns`` the messages of theirs. Patterns are matched in linear time (Rust's regex, no look-around).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic_core import SchemaError, SchemaValidator, core_schema

WANT = (
    'a comparison such as metadata.kind == "complaint", metadata.kind in ["a", "b"], metadata.amount > 1000, '
    'tools exists or metadata.ticket matches "^VIP-"'
)
MOST_PATTERN = 500

_FORM = re.compile(
    r"\s*([A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*(==|!=|<=|>=|<|>|\bin\b|\bexists\b|\bmatches\b)\s*(.*?)\s*", re.S
)
_TEXT = re.compile(r'"([^"]*)"|\'([^\']*)\'')
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LIST = re.compile(r"\[(.*)\]", re.S)
_ORDER = ("<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Comparison:
    """See :class:`~switchover.domain.process.SlicePredicate`, whose fields these are."""

    path: str
    how: str
    equals: str = ""
    among: tuple[str, ...] = ()


def comparison(text: str) -> Comparison:
    """A comparison as written. Raises ValueError, which says what is wanted there."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(WANT)
    path, how, rest = match[1], match[2], match[3]
    if how == "exists":
        if rest:
            raise ValueError(f"nothing after exists, such as {path} exists")
        return Comparison(path, how)
    if how == "in":
        return Comparison(path, how, among=_among(rest))
    if how in _ORDER:
        if _NUMBER.fullmatch(rest) is None:
            raise ValueError(f"a number after {how}, such as {path} {how} 1000")
        return Comparison(path, how, rest)
    value = _value(rest)
    if value is None:
        raise ValueError(f'a text in quotes after {how}, such as {path} {how} "complaint"')
    if how == "matches":
        _check_pattern(value)
    return Comparison(path, how, value)


def _among(rest: str) -> tuple[str, ...]:
    inside = _LIST.fullmatch(rest)
    found, at = [], 0
    while inside is not None and at < len(inside[1]):
        item = re.compile(rf"\s*({_TEXT.pattern}|{_NUMBER.pattern}|true|false)\s*(?:,|$)").match(inside[1], at)
        if item is None:
            break
        found.append(_value(item[1]) or "")
        at = item.end()
    else:
        if found:
            return tuple(found)
    raise ValueError('a list after in, such as ["complaint", "appeal"]')


def _value(text: str) -> str | None:
    """A text in quotes, a number, true or false, as text; None for anything else."""
    if match := _TEXT.fullmatch(text):
        return str(match[1] if match[1] is not None else match[2])
    return text if _NUMBER.fullmatch(text) or text in ("true", "false") else None


def _check_pattern(pattern: str) -> None:
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError as cause:
        raise ValueError('a pattern without look-around or back-references, such as "^VIP-[0-9]+"') from cause
    if len(pattern) > MOST_PATTERN:
        raise ValueError(f"a pattern of at most {MOST_PATTERN} characters")
