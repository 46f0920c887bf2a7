"""How a process judges candidates: the ``rehearse`` section → RehearsalTerms, with the settings of its grader."""

from __future__ import annotations

from collections.abc import Callable

from switchover.domain.process import RehearsalTerms, SlicePredicate

from .comparison import comparison
from .document import Document, Place
from .schema import RehearseSection, SliceSection

Settings = dict[str, object]
DAY_S = 86_400.0


def terms(document: Document, at: Place, section: RehearseSection) -> RehearsalTerms:
    """The terms of a section. Raises ConfigError at the line of what its grader can't do with."""
    return RehearsalTerms(
        grader=section.grader,
        settings=_SETTINGS[section.grader](document, at, section),
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


def _label(document: Document, at: Place, section: RehearseSection) -> Settings:
    if len(section.labels) < 2:
        raise document.error((*at, "labels"), got=list(section.labels), want="the closed set of answers, two or more")
    return {"labels": list(section.labels), "aliases": dict(section.aliases)}


def _json_fields(document: Document, at: Place, section: RehearseSection) -> Settings:
    return {"must_match": list(section.must_match), "tolerance": dict(section.tolerance)}


_SETTINGS: dict[str, Callable[[Document, Place, RehearseSection], Settings]] = {
    "label": _label,
    "json_fields": _json_fields,
}
