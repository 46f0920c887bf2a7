"""How candidates are judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..comparison import WANT, comparison
from ..values import (
    LANGUAGE,
    Duration,
    Money,
)
from .base import Section


def _compared(text: Any) -> str:
    """A comparison, as it stands."""
    if not isinstance(text, str):
        raise ValueError(WANT)
    comparison(text)
    return text


class SliceSection(Section):
    """A part of the traffic that is judged or told by itself."""

    where: Annotated[str, BeforeValidator(_compared)] = Field(
        description='Which requests: `metadata.kind == "complaint"`, with `==`, `!=`, `in ["a", "b"]`, `exists`, '
        '`matches "^VIP-"`, `<`, `<=`, `>` or `>=`. A path leads into the request; `words` are those of the last '
        "message of the user's, `turns` the messages of theirs."
    )
    critical: bool = Field(
        default=True, description="Whether it has to pass by itself, and is replayed more often than it comes."
    )
    margin: float | None = Field(
        default=None, gt=0, lt=1, description="Quality loss accepted in it; without it that of `slice_margin`."
    )


def _slice(value: Any) -> Any:
    """The short form is a critical slice's comparison."""
    return value if isinstance(value, Mapping) else {"where": _compared(value)}


class LengthSection(Section):
    """How long an answer may be. A ratio is that of its words to those of the request's last user message."""

    least_words: int | None = Field(default=None, ge=0, description="Fewest words.")
    most_words: int | None = Field(default=None, ge=1, description="Most words.")
    least_characters: int | None = Field(default=None, ge=0, description="Fewest characters.")
    most_characters: int | None = Field(default=None, ge=1, description="Most characters.")
    least_ratio: float | None = Field(default=None, ge=0, description="Fewest words for each word of the request.")
    most_ratio: float | None = Field(default=None, gt=0, description="Most words for each word of the request.")


class ChecksSection(Section):
    """What an answer has to be, whatever was recorded. One that fails a check scores 0; so does the baseline's.

    For the grader `checks` they are all that is graded. Before any other one they are a gate: an answer that fails is
    not compared any more. A recorded answer that fails is nothing to agree with, and leaves its case ungraded.
    """

    no_refusal: bool = Field(
        default=False,
        description="It does not begin by declining what was asked, in English, Dutch, German, French, Spanish or "
        "Italian.",
    )
    language: str | None = Field(
        default=None,
        description="Its language, such as `nl`, or `request`: that of the last user message. A text too short to tell "
        "passes.",
    )
    length: LengthSection | None = Field(default=None, description="How long it may be.")
    format: Literal["json", "one-line", "markdown-list", "iso-date"] | None = Field(
        default=None, description="Its form; for a JSON schema see `schema`."
    )
    pattern: str | None = Field(
        default=None,
        description="A regular expression that occurs in it, such as `^CLM-[0-9]{6}$`; matched in linear time, so "
        "without look-around and back-references.",
    )
    quotes_from_request: bool = Field(
        default=False,
        description="What it quotes, three words or more between quotation marks, occurs in the request, case, "
        "punctuation and spacing aside.",
    )


class ToleranceSection(Section):
    """What may lie between two values of a field."""

    relative: float = Field(default=0.0, ge=0, description="Share of the recorded number, such as `0.01`.")
    absolute: float = Field(default=0.0, ge=0, description="Difference of two numbers.")
    days: float = Field(default=0.0, ge=0, description="Days between two dates.")


def _tolerance(value: Any) -> Any:
    """A share alone is short for ``relative``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not 0 <= value < math.inf:
        raise ValueError("a finite number" if value != value or value == math.inf else "0 or more")
    return {"relative": value}


def _a_schema(value: Any) -> Any:
    if not isinstance(value, dict | str):
        raise ValueError("a JSON schema, or file:PATH to one")
    return value


Weight = Annotated[float, Field(ge=0)]


class RehearseSection(Section):
    """How candidates are judged. [Choose a grader](../how-to/choose-a-grader.md) says which one suits what.

    A field is named by its path, such as `lines.*.amount`: `*` is any name or place in a list, `$` the answer itself,
    `\\.` a dot in a name. For `tool_calls` a path begins with the tool's name. A setting holds for all below its path,
    and the longest path counts.
    """

    grader: Literal["label", "exact", "json_fields", "tool_calls", "text", "checks", "rubric", "hook", "human"] = Field(
        description="How two answers are compared."
    )
    margin: float = Field(default=0.05, gt=0, lt=1, description="Quality loss accepted.")
    slice_margin: float = Field(default=0.10, gt=0, lt=1, description="Quality loss accepted in a critical slice.")
    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="Chance accepted of a false READY.")
    beta: float = Field(default=0.20, gt=0, lt=0.5, description="Chance accepted of a false NOT READY.")
    half_life: Duration = Field(default=30 * 86400.0, description="Time after which evidence counts half.")
    hold: Duration = Field(default=30 * 86400.0, description="How long proofs are held while the baseline is gone.")
    budget_calls: int = Field(default=1000, ge=1, description="Most replays of one rehearsal.")
    budget: Money | None = Field(
        default=None,
        description="Most that one rehearsal of a candidate may cost, second samples of the baseline included.",
    )
    pace: float | None = Field(
        default=None, gt=0, description="Most calls a second to each upstream; default: as many as it bears."
    )
    concurrency: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Most calls at once to each upstream; it begins with two, takes more while all goes well and fewer "
        "at the first sign of strain. An engine of our own is given as many as it has slots.",
    )
    labels: tuple[str, ...] = Field(default=(), description="The closed set of answers, for `label`.")
    aliases: dict[str, str] = Field(
        default_factory=dict, description="Other spellings: of a label for `label`, of an answer for `exact`."
    )
    case_sensitive: bool = Field(default=False, description="Tell capitals from small letters, for `exact`.")
    decimal: Literal[".", ","] = Field(
        default=".", description="The decimal mark of numbers in words, for `exact` and `text`."
    )
    must_match: tuple[str, ...] = Field(
        default=(), description="Fields that have to agree, else the answer scores 0, for `json_fields`."
    )
    tolerance: dict[str, Annotated[ToleranceSection, BeforeValidator(_tolerance)]] = Field(
        default_factory=dict,
        description="Difference accepted per field, for `json_fields` and `tool_calls`; a number alone is `relative`.",
    )
    keys: dict[str, str] = Field(
        default_factory=dict,
        description="Lists whose items are matched by a field, whatever their order, for `json_fields` and "
        "`tool_calls`: path of the list → name of the field. Other lists are compared place by place.",
    )
    weights: dict[str, Weight] = Field(
        default_factory=dict, description="What a field weighs, 1 where nothing is said, for `json_fields`."
    )
    ignore: tuple[str, ...] = Field(
        default=(), description="Fields that do not count, for `json_fields` and `tool_calls`."
    )
    schema_: Annotated[dict[str, Any] | str | None, BeforeValidator(_a_schema)] = Field(
        default=None,
        alias="schema",
        description="JSON schema that an answer has to keep, written here or `file:PATH`; one that does not scores 0.",
    )
    order: Literal["strict", "any", "subset"] = Field(
        default="any",
        description="Order of calls, for `tool_calls`: `strict` as recorded, `any`, or `subset`, which also leaves out "
        "of account what is called beyond the recorded calls.",
    )
    measure: Literal["f1", "edit"] = Field(
        default="f1",
        description="How alike two texts are, for `text`: by their words (`f1`), or by their characters (`edit`).",
    )
    accept: float | None = Field(
        default=None, gt=0, le=1, description="From which likeness on a text scores 1, and below it 0, for `text`."
    )
    language: str | None = Field(
        default=None, pattern=LANGUAGE, description="Whose articles are left out of account, for `text`; default: `en`."
    )
    checks: ChecksSection | None = Field(default=None, description="What an answer has to be, whatever was recorded.")
    judge: str | None = Field(default=None, description="The upstream that judges, of a third family, for `rubric`.")
    rubric: str | None = Field(
        default=None,
        min_length=1,
        description="What a good answer is, from 0 to 1, or `file:PATH` of it; for `rubric`.",
    )
    labels_share: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Chance with which people are to look at a case, 0 for a judge alone; for `rubric`: 0.5.",
    )
    label_budget: int = Field(default=120, ge=1, description="Cases that may wait for people at once.")
    hook: str | None = Field(
        default=None,
        description="`file:PATH.py:function` or `module:function`, a Python function of yours; for `hook`.",
    )
    hook_by_merit: bool = Field(
        default=False, description="Whether the function scores an answer without the recorded one; for `hook`."
    )
    hook_timeout: Duration = Field(default=10.0, description="The longest that a call of the function takes.")
    slices: dict[str, Annotated[SliceSection, BeforeValidator(_slice)]] = Field(
        default_factory=dict,
        description='Parts of the traffic by name: `metadata.kind == "complaint"` for a critical one, or its settings.',
    )
