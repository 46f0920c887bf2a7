"""From what a source found to an exchange of ours: whose process, which upstream, under which id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from switchover.dialects import DIALECTS, Whole
from switchover.domain.exchange import IMPORTED, UNDATED, AttemptRecord, Exchange, Outcome, Usage
from switchover.domain.model_name import is_same_model, told
from switchover.domain.process import Settings, UpstreamSpec
from switchover.errors import CallerError, Malformed

from .bodies import NO_ANSWER, bodies
from .found import Found, Unfit, field_of

# The store's columns.
LONGEST_NAME = 128
MOST_METADATA, LONGEST_VALUE = 64, 512

_sorted = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the command says of the files: ``process``, or the field that ``process_from`` names and its ``mapped``
    values. ``at`` is for exchanges that tell no moment (Unix seconds), ``since`` leaves out those before it.
    """

    process: str | None = None
    process_from: str | None = None
    mapped: Mapping[str, str] = field(default_factory=dict)
    upstream: str | None = None
    at: float
    since: float | None = None
    since_said: str = ""


def exchange_of(found: Found, source: str, terms: Terms, settings: Settings) -> Exchange:
    """The exchange. Raises :class:`Unfit` for one that is not taken."""
    if terms.since is not None and found.started_at is not None and found.started_at < terms.since:
        raise Unfit(f"older than {terms.since_said}")
    process = _process(found, terms, settings)
    dialect, request, answer = bodies(found.request, found.answer, found.dialect)
    whole = _whole(dialect, answer)
    asked = str(request.get("model") or "") or found.model or ""
    spec = _upstream(found.model or asked, whole.model, terms, settings)
    route = found.route or asked or process
    if len(route) > LONGEST_NAME:
        raise Unfit("a model's name that is none")
    request["model"] = asked or route
    body = msgspec.json.encode(request)
    try:
        peek = DIALECTS[dialect].peek(body)
    except CallerError as cause:
        raise Unfit("a request that is none of its dialect's") from cause
    metadata = _metadata({**found.metadata, **peek.metadata})
    return Exchange(
        id=_id(source, process, found, request, answer),
        process=process,
        route=route,
        dialect=dialect,
        stream=False,
        started_at=terms.at if found.started_at is None else found.started_at,
        outcome=Outcome.COMPLETE,
        status=200,
        request=body,
        answer=answer,
        upstream=spec.name,
        model=whole.model or found.model,
        # One try, elsewhere; of others the sources tell nothing that could be trusted.
        attempts=(
            AttemptRecord(
                upstream=spec.name, model=spec.model, fault=None, status=200, elapsed_ms=max(found.elapsed_ms, 0.0)
            ),
        ),
        usage=_usage(whole.usage, found.usage),
        first_content_ms=found.first_content_ms,
        elapsed_ms=max(found.elapsed_ms, 0.0),
        metadata=metadata,
    )


def _process(found: Found, terms: Terms, settings: Settings) -> str:
    if terms.process_from is None:
        return str(terms.process)
    value = field_of(found.fields, terms.process_from)
    if value is None:
        raise Unfit(f"nothing in {terms.process_from}", "see how the record names it, or import it with --process")
    name = terms.mapped.get(value, value)
    if name not in settings.processes:
        # What stands there may be anybody's: it is not repeated.
        mend = "say --map VALUE=PROCESS for the value in that record"
        raise Unfit(f"what stands in {terms.process_from} is mapped to no process", mend)
    return name


def _whole(dialect: str, answer: bytes) -> Whole:
    try:
        whole = DIALECTS[dialect].read_answer(answer)
    except Malformed as cause:
        raise Unfit("an answer that is none of its dialect's") from cause
    if not whole.text and not whole.tool_calls:
        raise Unfit(NO_ANSWER)
    if whole.fell_back:
        raise Unfit("answered by a model that the provider fell back to")
    return whole


def _upstream(asked: str, answered: str | None, terms: Terms, settings: Settings) -> UpstreamSpec:
    """The upstream that answered, so far as the configuration knows it."""
    model = answered or asked
    if terms.upstream is not None:
        spec = settings.upstreams[terms.upstream]
        if model and not spec.is_own and not spec.answers_to(model):
            mend = f"if it is the same model, say so: upstreams.{spec.name}.answers_as"
            raise Unfit(f"answered by {told(model)}, not by {spec.name}", mend)
        return spec
    if not model:
        raise Unfit("no model recorded", "say which upstream answered: --upstream NAME")
    for name, fits in ((answered, _is_named), (asked, _is_named), (model, _is_family)):
        fitting = [spec for spec in settings.upstreams.values() if name and not spec.is_own and fits(spec, name)]
        if len(fitting) > 1:
            raise Unfit(f"{told(model)} is the model of several upstreams", "say which of them: --upstream NAME")
        if fitting and fitting[0].answers_to(model):
            return fitting[0]
    raise Unfit(
        f"{told(model)} is no upstream's model",
        "configure the upstream that answered, with answers_as for its other names, or name it: --upstream NAME",
    )


def _is_named(spec: UpstreamSpec, name: str) -> bool:
    """Whether that is the very name of its model, with or without a provider's in front."""
    return name.rpartition("/")[2] in {known.rpartition("/")[2] for known in (spec.model, *spec.answers_as)}


def _is_family(spec: UpstreamSpec, name: str) -> bool:
    """Whether that is its model under another name, such as one with a date."""
    return any(is_same_model(known, name) for known in (spec.model, *spec.answers_as))


def _id(source: str, process: str, found: Found, request: Mapping[str, Any], answer: bytes) -> str:
    """The same for the same exchange of the same process, whenever and however often it is imported."""
    parts = [source, process, found.own_id]
    if found.own_id is None or source == "openai":
        # Ids in bodies are a provider's: some engines give every answer the same.
        parts.append(hashlib.sha256(_sorted.encode((request, answer, found.started_at))).hexdigest())
    kind = UNDATED if found.started_at is None else IMPORTED
    return f"{kind}{source}-{hashlib.sha256(_sorted.encode(parts)).hexdigest()[:32]}"


def _usage(told_in_answer: Usage | None, told_beside: Usage | None) -> Usage | None:
    for usage in (told_in_answer, told_beside):
        if usage is not None and (usage.input or usage.output):
            return usage
    return None


def _metadata(found: Mapping[str, Any]) -> dict[str, str]:
    kept = {
        str(name)[:LONGEST_VALUE]: str(value)[:LONGEST_VALUE]
        for name, value in found.items()
        if isinstance(value, str | int | float)
    }
    return dict(sorted(kept.items())[:MOST_METADATA])
