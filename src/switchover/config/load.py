"""A configuration file becomes frozen settings, or an error that says where, what and how to mend it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import ValidationError

from switchover.domain.keeping import Retention
from switchover.domain.personal import Privacy
from switchover.domain.process import (
    Bodies,
    Criticality,
    DataClass,
    Listen,
    Logging,
    Midstream,
    Process,
    Provider,
    Recording,
    Settings,
    Tracing,
    UpstreamSpec,
)

from .alerts import channels_of
from .budget import budget_of, budgets_of
from .complaint import located
from .costs import costing_of
from .document import Document, Place, read
from .egress import egress_of
from .grading import terms
from .judging import check_judge
from .keeping import archiving_of, process_retention, retention_of
from .pages import pages_of
from .prices import prices_of
from .schema import ConfigurationFile, ProcessSection
from .secrets import absolute
from .sections.machine import TracesSection
from .sections.upstreams import UpstreamSection
from .watching import sampling_of, watch_of

STORES = ("sqlite", "postgresql+psycopg", "postgresql", "postgres")


def load(path: str, env: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks ``path``.

    Relative folders are taken from the file's own folder. ``env`` is not read here: keys stay references until they
    are needed. Raises :class:`~switchover.errors.ConfigError` with file and line.
    """
    return settings_of(*parse(path))


def parse(path: str) -> tuple[Document, ConfigurationFile]:
    """The file with the lines of its values, and as the schema has it. Raises ConfigError."""
    document = read(path)
    try:
        return document, ConfigurationFile.model_validate(document.value)
    except ValidationError as cause:
        # No cause: it holds what stands in the file, which may be a secret in a reference's place.
        raise located(document, cause) from None


def settings_of(document: Document, parsed: ConfigurationFile) -> Settings:
    """A parsed file as frozen settings, with its parts checked against each other. Raises ConfigError."""
    path = document.file
    base = Path(path).resolve().parent
    data_dir = (base / parsed.data).resolve()
    providers = _providers(parsed)
    upstreams = {
        name: _upstream(document, name, section, providers, base) for name, section in parsed.upstreams.items()
    }
    retention = retention_of(document, parsed.retention)
    processes = {
        name: replace(
            _process(document, name, section, upstreams, retention, base),
            watch=sampling_of(section.watch, parsed.watch),
        )
        for name, section in parsed.processes.items()
    }
    for process in processes.values():
        _check_policy(document, process, upstreams, providers)
        check_judge(document, process, upstreams, providers)
    channels = channels_of(document, parsed.alerts, base)
    if parsed.evidence.timestamp is not None:
        _check_url(document, ("evidence", "timestamp"), parsed.evidence.timestamp)
    return Settings(
        source=str(Path(path).resolve()),
        organisation=parsed.organisation.model_dump(exclude_none=True),
        data_dir=str(data_dir),
        database=_store(document, parsed) or f"sqlite:///{data_dir / 'store.sqlite'}",
        database_password=absolute(parsed.store_password, base),
        gateway=Listen(host=parsed.gateway.host, port=parsed.gateway.port, workers=parsed.gateway.workers),
        pages=pages_of(document, parsed.pages),
        providers=providers,
        upstreams=upstreams,
        processes=processes,
        egress=egress_of(document, parsed.egress, upstreams, channels, base),
        log=Logging(**parsed.log.model_dump()),
        master=absolute(parsed.keyring.master, base),
        traces=_traces(document, parsed.traces, upstreams, base) if parsed.traces else None,
        budgets=budgets_of(document, parsed.budgets, providers),
        privacy=_privacy(parsed),
        timestamp=parsed.evidence.timestamp,
        archive=archiving_of(document, parsed.archive, base, _check_url) if parsed.archive else None,
        retention=retention,
        cost_tolerance=parsed.costs.tolerance,
        costing=costing_of(document, parsed.costs, upstreams, processes, providers, base),
        watch=watch_of(parsed.watch),
        alerts=channels,
    )


def _privacy(parsed: ConfigurationFile) -> Privacy:
    section = parsed.privacy
    return Privacy(
        countries=section.countries if section.countries is not None else (parsed.organisation.domicile,),
        classes={kind: DataClass(level) for kind, level in section.classes.items()},
        without=section.without,
        presidio=section.presidio.languages if section.presidio else (),
    )


def _store(document: Document, parsed: ConfigurationFile) -> str | None:
    """The store's address. It is never shown: it may hold a password."""
    if parsed.store is None:
        if parsed.store_password is not None:
            raise document.error(("store_password",), got="a password", want="none: an SQLite store has no user")
        return None
    want = "sqlite:///FILE or postgresql+psycopg://USER@HOST:PORT/NAME"
    scheme, colon, _ = parsed.store.partition("://")
    if not colon or scheme not in STORES:
        raise document.error(("store",), got="an address of another kind", want=want)
    try:
        parts = urlsplit(parsed.store)
        user, held = parts.username, parts.password is not None
        _ = parts.port
    except ValueError:
        raise document.error(("store",), got="an address that can't be taken apart", want=want) from None
    if parsed.store_password is not None:
        if scheme == "sqlite":
            raise document.error(("store_password",), got="a password", want="none: an SQLite store has no user")
        if held or user is None:
            got = "a password in the address, too" if held else "no user in the address"
            raise document.error(("store",), got=got, want="postgresql+psycopg://USER@HOST:PORT/NAME")
    return parsed.store


def _traces(document: Document, section: TracesSection, upstreams: Mapping[str, UpstreamSpec], base: Path) -> Tracing:
    _check_url(document, ("traces", "endpoint"), section.endpoint)
    for position, name in enumerate(section.pass_to):
        if name not in upstreams:
            known = f"one of {', '.join(sorted(upstreams))}"
            raise document.error(("traces", "pass_to", position), got=name, want=known)
    return Tracing(
        endpoint=section.endpoint,
        headers={name: absolute(reference, base) or "" for name, reference in section.headers.items()},
        sample=section.sample,
        pass_to=section.pass_to,
    )


@cache
def _known_providers() -> Mapping[str, Provider]:
    text = resources.files("switchover.facts").joinpath("vendors.yaml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = yaml.safe_load(text)["vendors"]
    return {row["id"]: Provider(name=row["id"], home=row["legal_home"]) for row in rows if row.get("legal_home")}


def _providers(parsed: ConfigurationFile) -> dict[str, Provider]:
    found = dict(_known_providers())
    found["own"] = Provider(name="own", home=parsed.organisation.domicile)
    for name, section in parsed.providers.items():
        found[name] = Provider(name=name, home=section.home, parent=section.parent, parent_home=section.parent_home)
    return found


# Of the endpoints in OpenAI's format, most but its own have the chat alone.
OPENAI = "api.openai.com"


def _upstream(
    document: Document, name: str, section: UpstreamSection, providers: Mapping[str, Provider], base: Path
) -> UpstreamSpec:
    at = ("upstreams", name)
    if section.host not in providers:
        raise document.error(
            (*at, "host"), got=section.host, want=f"a provider we know, or its home under providers.{section.host}"
        )
    if section.kind in ("openai", "anthropic"):
        if section.base_url is None:
            raise document.error((*at, "base_url"), got="nothing", want="the address of the endpoint")
        _check_url(document, (*at, "base_url"), section.base_url)
        if section.weights is not None:
            raise document.error((*at, "weights"), got=section.weights, want="no weights, or kind: local")
    elif section.base_url is not None:
        raise document.error((*at, "base_url"), got=section.base_url, want=f"no address: a {section.kind} gets its own")
    if section.kind == "local" and section.weights is None:
        raise document.error((*at, "weights"), got="nothing", want="starter or file:PATH.gguf")
    if section.kind != "openai" and section.speaks is not None:
        raise document.error((*at, "speaks"), got=section.speaks, want=f"nothing: a {section.kind} speaks one format")
    if section.kind != "local" and section.chat_template is not None:
        raise document.error((*at, "chat_template"), got=section.chat_template, want="no template, or kind: local")
    key = absolute(section.key, base)
    weights = absolute(section.weights, base)
    template = absolute(section.chat_template, base)
    prices = prices_of(document, (*at, "price"), section.price)
    at_openai = section.base_url is not None and urlsplit(section.base_url).hostname == OPENAI
    speaks = section.speaks or ("both" if at_openai else "chat")
    fields = section.model_dump(exclude={"key", "weights", "chat_template", "price", "speaks"})
    return UpstreamSpec(name=name, key=key, weights=weights, chat_template=template, speaks=speaks, **prices, **fields)


def _check_url(document: Document, at: Place, url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or parts.username is not None or parts.password is not None:
        raise document.error(at, got="an address with a credential or no host", want="https://host/path; key: in key")
    if parts.scheme == "https":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise document.error(at, got=url, want="https: plain http goes to this machine only")


def _process(
    document: Document,
    name: str,
    section: ProcessSection,
    upstreams: Mapping[str, UpstreamSpec],
    retention: Retention,
    base: Path,
) -> Process:
    at = ("processes", name)
    known = f"one of {', '.join(sorted(upstreams))}"
    if section.baseline not in upstreams:
        raise document.error((*at, "baseline"), got=section.baseline, want=known)
    seen = {section.baseline}
    for position, fallback in enumerate(section.fallbacks):
        if fallback not in upstreams:
            raise document.error((*at, "fallbacks", position), got=fallback, want=known)
        if fallback in seen:
            raise document.error((*at, "fallbacks", position), got=f"{fallback} again", want="each upstream once")
        seen.add(fallback)
    if section.exact and section.provider_fallback:
        want = "false where exact is true: an answer by another model would fail"
        raise document.error((*at, "provider_fallback"), got="true", want=want)
    if section.recording.required and section.recording.bodies == "none":
        raise document.error((*at, "recording", "required"), got="true", want="false where bodies is none")
    for position, embedder in enumerate(section.embeddings):
        if embedder not in upstreams:
            raise document.error((*at, "embeddings", position), got=embedder, want=known)
        if embedder in section.embeddings[:position]:
            raise document.error((*at, "embeddings", position), got=f"{embedder} again", want="each upstream once")
    return Process(
        name=name,
        owner=section.owner,
        criticality=Criticality(section.criticality),
        data=DataClass(section.data),
        baseline=section.baseline,
        fallbacks=section.fallbacks,
        embeddings=section.embeddings,
        routes=section.routes or (name,),
        allow={
            DataClass(level): tuple(_permission(document, (*at, "allow", level), entry, upstreams) for entry in entries)
            for level, entries in section.allow.items()
        },
        rto=section.rto,
        midstream=Midstream(section.midstream),
        accept_provisional=section.accept_provisional,
        first_content_timeout=section.first_content_timeout,
        exact=section.exact,
        provider_fallback=section.provider_fallback,
        recording=Recording(
            bodies=Bodies(section.recording.bodies),
            required=section.recording.required,
            subject=section.recording.subject,
        ),
        retention=process_retention(document, (*at, "retention"), section.retention, retention),
        rehearse=terms(document, (*at, "rehearse"), section.rehearse, upstreams, base) if section.rehearse else None,
        detect=section.detect,
        budget=budget_of(document, (*at, "budget"), section.budget) if section.budget else None,
        key_budget=budget_of(document, (*at, "key_budget"), section.key_budget) if section.key_budget else None,
    )


def _permission(document: Document, at: Place, entry: object, upstreams: Mapping[str, UpstreamSpec]) -> str:
    if isinstance(entry, str) and entry in upstreams:
        return entry
    if isinstance(entry, dict) and list(entry) == ["host-home"]:
        return f"host-home:{entry['host-home']}"
    raise document.error(at, got=entry, want=f"an upstream ({', '.join(sorted(upstreams))}) or host-home: EU")


def _check_policy(
    document: Document, process: Process, upstreams: Mapping[str, UpstreamSpec], providers: Mapping[str, Provider]
) -> None:
    if not process.may_see(upstreams[process.baseline], providers):
        raise document.error(
            ("processes", process.name, "allow", str(process.data)),
            got=f"a policy that keeps {process.data} data from the baseline {process.baseline}",
            want=f"{process.baseline} (or its host's home) under allow.{process.data}, or another baseline",
        )
