"""How a process judges candidates: the ``rehearse`` section → RehearsalTerms, with the settings of its grader."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from switchover.domain.process import RehearsalTerms, SlicePredicate, UpstreamSpec
from switchover.errors import ConfigError
from switchover.graders import VERSIONS
from switchover.graders.checks import OF_REQUEST
from switchover.graders.fields import parts_of
from switchover.graders.language import LANGUAGES
from switchover.graders.leaves import folded
from switchover.graders.schema import Schema, pattern
from switchover.graders.text import ARTICLES
from switchover.graders.words import normalise, tokens

from . import judging
from .comparison import comparison
from .document import Document, Place
from .sections.rehearse import ChecksSection, RehearseSection, SliceSection

Settings = dict[str, object]
DAY_S = 86_400.0
MAX_SCHEMA_BYTES = 1 << 20
# Settings that only some graders read. Elsewhere they are refused: whoever writes one means it to count.
_FOR: Mapping[str, frozenset[str]] = {
    "labels": frozenset({"label"}),
    "aliases": frozenset({"label", "exact"}),
    "case_sensitive": frozenset({"exact"}),
    "decimal": frozenset({"exact", "text"}),
    "must_match": frozenset({"json_fields"}),
    "tolerance": frozenset({"json_fields", "tool_calls"}),
    "keys": frozenset({"json_fields", "tool_calls"}),
    "weights": frozenset({"json_fields"}),
    "ignore": frozenset({"json_fields", "tool_calls"}),
    "order": frozenset({"tool_calls"}),
    "measure": frozenset({"text"}),
    "accept": frozenset({"text"}),
    "language": frozenset({"text"}),
    "judge": frozenset({"rubric"}),
    "rubric": frozenset({"rubric"}),
    "labels_share": frozenset({"rubric"}),
    "label_budget": frozenset({"rubric", "human"}),
    "hook": frozenset({"hook"}),
    "hook_by_merit": frozenset({"hook"}),
    "hook_timeout": frozenset({"hook"}),
}


def terms(
    document: Document,
    at: Place,
    section: RehearseSection,
    upstreams: Mapping[str, UpstreamSpec],
    base: Path,
) -> RehearsalTerms:
    """The terms of a section; files are named from ``base``.

    Raises ConfigError at the line of what its grader can't do with.
    """
    for name in section.model_fields_set & _FOR.keys():
        if section.grader not in _FOR[name]:
            where = " or ".join(sorted(_FOR[name]))
            raise document.error(
                (*at, name), got=f"a setting of {where}", want=f"nothing: the grader is {section.grader}"
            )
    own = _settings(document, at, section, upstreams, base)
    return RehearsalTerms(
        grader=section.grader,
        settings=own | _gate(document, at, section) | _version(section),
        margin=section.margin,
        slice_margin=section.slice_margin,
        alpha=section.alpha,
        beta=section.beta,
        half_life=section.half_life / DAY_S,
        hold=section.hold / DAY_S,
        budget_calls=section.budget_calls,
        budget=section.budget,
        pace=section.pace,
        concurrency=section.concurrency,
        slices=tuple(_predicate(name, part) for name, part in section.slices.items()),
        judge=section.judge,
        hook_file=str(judging.hook_file(document, at, section, base)) if section.grader == "hook" else None,
        labels_share=judging.labels_share(document, at, section),
        label_budget=section.label_budget,
    )


def _predicate(name: str, part: SliceSection) -> SlicePredicate:
    told = comparison(part.where)
    return SlicePredicate(
        name=name,
        path=told.path,
        equals=told.equals,
        how=told.how,
        among=told.among,
        critical=part.critical,
        margin=part.margin,
    )


def _settings(
    document: Document, at: Place, section: RehearseSection, upstreams: Mapping[str, UpstreamSpec], base: Path
) -> Settings:
    if section.grader == "rubric":
        return judging.rubric(document, at, section, upstreams, base)
    if section.grader == "hook":
        return judging.hook(document, at, section, base)
    return _SETTINGS[section.grader](document, at, section)


def _version(section: RehearseSection) -> Settings:
    """Among the settings, since these name the cell; the first version needs no name."""
    return {"version": VERSIONS[section.grader]} if section.grader in VERSIONS else {}


def _gate(document: Document, at: Place, section: RehearseSection) -> Settings:
    """The checks that come before any grader."""
    found: Settings = {}
    if section.schema_ is not None:
        found["schema"] = _schema(document, (*at, "schema"), section.schema_)
    if section.checks is not None:
        asked = section.checks.model_dump(exclude_defaults=True)
        _check_checks(document, (*at, "checks"), section.checks)
        if asked:
            found["checks"] = asked
    return found


def _schema(document: Document, at: Place, given: dict[str, Any] | str) -> dict[str, Any]:
    schema = _read(document, at, given) if isinstance(given, str) else given
    try:
        Schema(schema)
    except ValueError as cause:
        raise document.error(at, got=_one_line(cause), want="a valid JSON schema") from None
    return schema


def _read(document: Document, at: Place, given: str) -> dict[str, Any]:
    kind, _, name = given.partition(":")
    if kind != "file" or not name:
        raise document.error(at, got=given, want="a JSON schema, or file:PATH to one")
    path = Path(document.file).resolve().parent / name
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SCHEMA_BYTES + 1)
        value = json.loads(raw) if len(raw) <= MAX_SCHEMA_BYTES else None
    except OSError as cause:
        raise document.error(at, got=f"{name}: {cause.strerror}", want="a readable file") from cause
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise document.error(
            at, got=f"{name}, which holds no JSON object", want=f"a schema of at most {MAX_SCHEMA_BYTES} bytes"
        )
    return value


def _check_checks(document: Document, at: Place, section: ChecksSection) -> None:
    if section.language is not None and section.language not in (OF_REQUEST, *LANGUAGES):
        want = f"{OF_REQUEST}, or one of {', '.join(LANGUAGES)}"
        raise document.error((*at, "language"), got=section.language, want=want)
    if section.pattern is not None:
        try:
            pattern(section.pattern)
        except ValueError:
            want = "a regular expression without look-around and back-references"
            raise document.error((*at, "pattern"), got=section.pattern, want=want) from None
    if section.length is None:
        return
    for what in ("words", "characters", "ratio"):
        least, most = getattr(section.length, f"least_{what}"), getattr(section.length, f"most_{what}")
        if least is not None and most is not None and least > most:
            raise document.error((*at, "length", f"least_{what}"), got=least, want=f"at most {most}, its most_{what}")


def _one_line(cause: ValueError) -> str:
    return " ".join(str(cause).split())


def _label(document: Document, at: Place, section: RehearseSection) -> Settings:
    if len(section.labels) < 2:
        raise document.error((*at, "labels"), got=list(section.labels), want="the closed set of answers, two or more")
    read: dict[str, str] = {}
    for position, label in enumerate(section.labels):
        other = read.setdefault(normalise(label), label)
        if not normalise(label) or folded(other) != folded(label):
            raise _confused(document, (*at, "labels", position), label, other)
    for alias, label in section.aliases.items():
        other = read.setdefault(normalise(alias), label)
        if not normalise(alias) or normalise(other) != normalise(label):
            raise _confused(document, (*at, "aliases", alias), alias, other)
    return {"labels": list(section.labels), "aliases": dict(section.aliases)}


def _confused(document: Document, at: Place, spelling: str, other: str) -> ConfigError:
    """A spelling that is read as nothing, or as another label is: whatever answers either would count as right."""
    read = f"as {other!r} is" if normalise(spelling) else "as nothing"
    want = "labels that differ in letters or digits (for signs: `grader: exact`)"
    return document.error(at, got=f"{spelling!r}, which is read {read}", want=want)


def _exact(document: Document, at: Place, section: RehearseSection) -> Settings:
    for alias in section.aliases:
        if not tokens(alias):
            want = "an answer with letters or digits, as no answer at all would be read as it, too"
            raise document.error((*at, "aliases", alias), got=repr(alias), want=want)
    return section.model_dump(include={"aliases", "case_sensitive", "decimal"}, exclude_defaults=True)


def _json_fields(document: Document, at: Place, section: RehearseSection) -> Settings:
    for position, path in enumerate(section.must_match):
        if any(parts_of(path)[: len(parts_of(one))] == parts_of(one) for one in section.ignore):
            raise document.error(
                (*at, "must_match", position), got=f"{path}, which is ignored", want="a field that counts"
            )
    return {"must_match": list(section.must_match)} | _fields(section)


def _tool_calls(document: Document, at: Place, section: RehearseSection) -> Settings:
    return _fields(section) | section.model_dump(include={"order"}, exclude_defaults=True)


def _fields(section: RehearseSection) -> Settings:
    """A tolerance that is only relative stays the number that it was written as."""
    tolerance = {}
    for path, one in section.tolerance.items():
        given = one.model_dump(exclude_defaults=True)
        tolerance[path] = given.get("relative", 0.0) if given.keys() <= {"relative"} else given
    more = section.model_dump(include={"keys", "weights", "ignore"}, exclude_defaults=True)
    return {"tolerance": tolerance} | more


def _text(document: Document, at: Place, section: RehearseSection) -> Settings:
    if section.language is not None and section.language not in ARTICLES:
        want = f"one of {', '.join(sorted(ARTICLES))}"
        raise document.error((*at, "language"), got=section.language, want=want)
    return section.model_dump(include={"measure", "accept", "language", "decimal"}, exclude_defaults=True)


def _checks(document: Document, at: Place, section: RehearseSection) -> Settings:
    asked = section.checks.model_dump(exclude_defaults=True) if section.checks is not None else {}
    if not asked and section.schema_ is None:
        raise document.error((*at, "checks"), got="nothing", want="what to check, such as {no_refusal: true}")
    return {}


def _human(document: Document, at: Place, section: RehearseSection) -> Settings:
    return {}


_SETTINGS: dict[str, Callable[[Document, Place, RehearseSection], Settings]] = {
    "label": _label,
    "exact": _exact,
    "json_fields": _json_fields,
    "tool_calls": _tool_calls,
    "text": _text,
    "checks": _checks,
    "human": _human,
}
