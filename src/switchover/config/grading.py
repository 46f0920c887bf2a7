"""How a process judges candidates: the ``rehearse`` section → RehearsalTerms, with the settings of its grader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from switchover.domain.process import RehearsalTerms, SlicePredicate, UpstreamSpec

from . import judging
from .document import Document, Place
from .schema import RehearseSection
from .values import slice_parts

Settings = dict[str, object]
DAY_S = 86_400.0


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
    slices = []
    for name, text in section.slices.items():
        path, equals = slice_parts(text)
        slices.append(SlicePredicate(name=name, path=path, equals=equals))
    return RehearsalTerms(
        grader=section.grader,
        settings=_settings(document, at, section, upstreams, base),
        margin=section.margin,
        slice_margin=section.slice_margin,
        alpha=section.alpha,
        beta=section.beta,
        half_life=section.half_life / DAY_S,
        hold=section.hold / DAY_S,
        budget_calls=section.budget_calls,
        slices=tuple(slices),
        judge=section.judge,
        hook_file=str(judging.hook_file(document, at, section, base)) if section.grader == "hook" else None,
        labels_share=judging.labels_share(document, at, section),
        label_budget=section.label_budget,
    )


def _settings(
    document: Document, at: Place, section: RehearseSection, upstreams: Mapping[str, UpstreamSpec], base: Path
) -> Settings:
    judging.check_fields(document, at, section)
    if section.grader == "rubric":
        return judging.rubric(document, at, section, upstreams, base)
    if section.grader == "hook":
        return judging.hook(document, at, section, base)
    return _SETTINGS[section.grader](document, at, section)


def _label(document: Document, at: Place, section: RehearseSection) -> Settings:
    if len(section.labels) < 2:
        raise document.error((*at, "labels"), got=list(section.labels), want="the closed set of answers, two or more")
    return {"labels": list(section.labels), "aliases": dict(section.aliases)}


def _json_fields(document: Document, at: Place, section: RehearseSection) -> Settings:
    return {"must_match": list(section.must_match), "tolerance": dict(section.tolerance)}


def _human(document: Document, at: Place, section: RehearseSection) -> Settings:
    return {}


_SETTINGS: dict[str, Callable[[Document, Place, RehearseSection], Settings]] = {
    "label": _label,
    "json_fields": _json_fields,
    "human": _human,
}
