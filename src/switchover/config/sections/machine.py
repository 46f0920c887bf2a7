"""The organisation, and what runs on this machine: listeners, logs, keys, evidence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..values import (
    HEADER,
    URL,
    Country,
    KeyReference,
)
from .base import Section


class OrganisationSection(Section):
    """Who we are."""

    name: str | None = Field(
        default=None, min_length=1, max_length=200, description="The organisation's name, as reports carry it."
    )
    domicile: Country = Field(description="Country of the organisation, ISO 3166-1 alpha-2.")
    revenue_usd: int | None = Field(default=None, ge=0, description="Yearly revenue; some licences depend on it.")


class GatewaySection(Section):
    """Where applications reach the gateway."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; loopback unless you say otherwise.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Gateway processes that share the port.")


class PagesSection(Section):
    """Where people read the pages. A change needs a restart of `switchover up`."""

    serve: bool = Field(default=True, description="Whether `switchover up` serves them.")
    host: str = Field(
        default="127.0.0.1", description="Address to listen on. Any but loopback needs an `address` with TLS in front."
    )
    port: int = Field(default=8081, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    address: str | None = Field(
        default=None,
        pattern=URL,
        description="What browsers call them by, such as `https://switchover.example`, where something stands in "
        "front. Plain http to this machine only. Default: host and port.",
    )
    note: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="Said on top of every page and of the report, such as what in it is made up.",
    )


class EgressSection(Section):
    """How upstreams elsewhere are reached. A change needs a restart of `switchover up`."""

    proxy: str | None = Field(
        default=None,
        description="Forward proxy to upstreams elsewhere, `http://host:port` or `https://host:port`; this machine is "
        "never called through it, and the environment (`HTTPS_PROXY`) is not asked.",
    )
    proxy_login: KeyReference | None = Field(
        default=None, description="`env:NAME` or `file:PATH` that holds `user:password` for the proxy, never itself."
    )
    direct: tuple[str, ...] = Field(
        default=(), description="Hosts of upstreams and webhooks that are called without the proxy."
    )
    tls_ca: str | None = Field(
        default=None,
        min_length=1,
        description="PEM file with the certificate authorities of your own network, trusted beside the system's.",
    )


class LogSection(Section):
    """What is logged, one line per event, on standard error. Bodies, keys and prompts never are."""

    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="`auto` is text under a terminal and JSON elsewhere."
    )
    level: Literal["info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    requests: Literal["all", "failed", "none"] = Field(
        default="failed",
        description="Which requests get a line: `failed` are those that did not complete at the first attempt.",
    )


class KeyringSection(Section):
    """The keys under which recorded words are sealed. Default: a master key of our own in the data folder."""

    master: KeyReference | None = Field(
        default=None,
        description="`env:NAME` or `file:PATH` that holds the master key, 64 hex digits (`openssl rand -hex 32`), "
        "never itself; default: `keyring/master` in the data folder, made at the first start.",
    )


class TracesSection(Section):
    """Spans of requests and attempts, for a collector that speaks OTLP over HTTP. Without this section there are none.

    A span says who answered, how long it took and what it used, never what was asked or answered.
    """

    endpoint: str = Field(
        pattern=URL, description="The collector's address; `/v1/traces` is added. Plain http to this machine only."
    )
    headers: dict[Annotated[str, Field(pattern=HEADER)], KeyReference] = Field(
        default_factory=dict, description="Headers the collector wants, such as a key: name → `env:NAME`."
    )
    sample: float = Field(
        default=1.0, ge=0, le=1, description="Share of the requests that are traced, where the caller does not say."
    )
    pass_to: tuple[str, ...] = Field(
        default=(),
        description="Upstreams that are told the trace (`traceparent`) beside own engines; default: none.",
    )


class EvidenceSection(Section):
    """What else vouches for the evidence log."""

    timestamp: str | None = Field(
        default=None,
        pattern=URL,
        description="A time-stamp authority (RFC 3161), asked for the newest checkpoint once an hour at most, and "
        "after a drill. It sees a hash. Plain http to this machine only.",
    )
