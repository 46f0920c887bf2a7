"""A process and the upstreams that may serve it, as the configuration declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from .alert import Channels
from .costing import Costing
from .data_class import DataClass as DataClass
from .jurisdiction import within
from .keeping import Archiving, Retention
from .model_name import is_other_model
from .personal import Privacy, is_above

DEFAULT_CONTEXT = 4096


class Criticality(StrEnum):
    """How much the organisation depends on a process."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    ORDINARY = "ordinary"


class Midstream(StrEnum):
    """What happens to an answer that breaks after the commit point."""

    STOP = "stop"
    HOLD = "hold"
    CONTINUE = "continue"


class Bodies(StrEnum):
    """How much of what was asked and answered is kept, most first. ``erased`` is no choice: it was kept once."""

    FULL = "full"
    REDACTED = "redacted"
    METADATA = "metadata"
    NONE = "none"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What is kept of a process's exchanges.

    ``required``: an answer ends only once it is recorded. ``subject`` says where a request names whom it is about:
    "user", or "metadata.NAME".
    """

    bodies: Bodies = Bodies.FULL
    required: bool = False
    subject: str | None = None

    @property
    def keeps_words(self) -> bool:
        """Whether what was asked and answered is kept, so that it can be asked again."""
        return self.bodies in (Bodies.FULL, Bodies.REDACTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The organisation behind upstreams.

    ``home`` is the ISO 3166-1 alpha-2 country of the legal entity; ``parent_home`` that of its controlling parent.
    """

    name: str
    home: str
    parent_home: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """How an upstream's calls are priced from the moment ``since`` (Unix seconds) on; None: from the beginning.

    Either ``priced_as`` names a published model ("openai/gpt-4.1"), or the per-million-token amounts (decimal strings,
    USD) are given with their ``source`` and the day they were ``checked``; without either, the upstream's own model is
    priced as published. ``cached_mtok`` and ``written_mtok`` are what reading and writing a prompt cache costs; None:
    as input. ``surcharge`` and ``discount`` are percent (decimal strings) of all that, one after the other.
    """

    priced_as: str | None = None
    input_mtok: str | None = None
    output_mtok: str | None = None
    source: str | None = None
    checked: str | None = None
    cached_mtok: str | None = None
    written_mtok: str | None = None
    surcharge: str | None = None
    discount: str | None = None
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSpec:
    """Endpoint + model + credential, as configured.

    ``kind`` is the plug-in in ``upstreams/``: openai, anthropic, local, student. ``key`` is a reference ("env:NAME" or
    "file:PATH"), never the secret. ``host`` and ``developer`` are provider names. ``base_url`` ends before the path of
    the call ("https://host/v1" for OpenAI, "https://host" for Anthropic, as their SDKs take it). For ``local`` and
    ``student`` it is filled in at run time. ``speaks`` says which of OpenAI's interfaces an ``openai`` endpoint
    has: "chat", "responses" or "both". ``answers_as``: names beside ``model`` under which its answers may come.
    ``context`` is in tokens per slot, None where nothing was said.
    ``chat_template`` is a reference ("file:PATH") to a template that replaces the one in the weights.
    ``max_output``: tokens that its model writes at most in one answer, None where nothing was said. ``retires`` is the
    first day (ISO date) on which the model is gone, as whoever configured it knows. ``price`` holds from the beginning,
    each of ``later_prices`` from its own moment on, in order. ``simulated``: it stands in for a real one; whatever
    rests on it says so.

    Two are not configured but seen: ``template`` is the digest of the chat template in force, None where nobody tells
    it; ``weights_hash`` the SHA-256 (hex) of what an own engine's file of weights holds, None until that is known.
    """

    name: str
    kind: str
    model: str
    developer: str
    host: str
    base_url: str | None = None
    key: str | None = None
    speaks: str = "chat"
    answers_as: tuple[str, ...] = ()
    weights: str | None = None
    context: int | None = None
    slots: int = 1
    threads: int | None = None
    price: Price | None = None
    chat_template: str | None = None
    max_output: int | None = None
    retires: str | None = None
    simulated: bool = False
    template: str | None = None
    weights_hash: str | None = None
    later_prices: tuple[Price, ...] = ()

    @property
    def weights_file(self) -> str | None:
        """The path of an own engine's weights, where they are a file of the operator's."""
        named = self.weights or ""
        return named.removeprefix("file:") if self.kind == "local" and named.startswith("file:") else None

    @property
    def is_known(self) -> bool:
        """False for an own engine as long as nobody can say what its weights hold: no proof can be vouched for."""
        return self.weights_file is None or self.weights_hash is not None

    def price_at(self, at: float) -> Price | None:
        """The price that the configuration states for a moment (Unix seconds); None: none, as published."""
        found = self.price
        for one in self.later_prices:
            if one.since is not None and one.since <= at:
                found = one
        return found

    @property
    def is_own(self) -> bool:
        """True when it runs on our own machine."""
        return self.kind in ("local", "student")

    def answers_to(self, model: str) -> bool:
        """False for an answer that names another model than is asked for here, under any of its names.

        What runs on our own machine is known by its weights, whatever it calls itself.
        """
        if model == self.model or self.is_own or not is_other_model(self.model, model):
            return True
        return any(not is_other_model(name, model) for name in self.answers_as)

    @property
    def is_self_hosted(self) -> bool:
        """True for an engine of our own, and for a server of our own that is reached by its address."""
        return self.kind == "local" or (self.host == "own" and self.kind != "student")

    @property
    def window(self) -> int | None:
        """Tokens of context that one request may fill, prompt and answer together; None where it is not known."""
        return DEFAULT_CONTEXT if self.context is None and self.kind == "local" else self.context


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicePredicate:
    """A part of the traffic that matters on its own, told by one comparison.

    ``path`` leads into the request's JSON ("metadata.kind") or is "words"; ``how`` is one of ==, !=, in, exists,
    matches, <, <=, >, >=; ``equals`` what it is compared with, as text, and for "in" any of ``among``. A ``critical``
    slice has to pass by itself; others are told. ``margin`` None: the process's for slices.
    """

    name: str
    path: str
    equals: str = ""
    how: str = "=="
    among: tuple[str, ...] = ()
    critical: bool = True
    margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalTerms:
    """How a process judges candidates. ``settings`` go to the grader; ``half_life`` and ``hold`` are in days.

    ``budget`` is in micro-USD a run, ``pace`` in calls a second of each upstream, None: none; ``concurrency`` is the
    most calls at once.
    ``judge`` names the upstream that judges, ``hook_file`` is the absolute path of the user's function.
    ``labels_share`` is the chance with which a case is drawn for people (0: none are asked), ``label_budget`` how many
    cases may wait for them at once.
    """

    grader: str
    settings: Mapping[str, object] = field(default_factory=dict)
    margin: float = 0.05
    slice_margin: float = 0.10
    alpha: float = 0.05
    beta: float = 0.20
    half_life: float = 30.0
    hold: float = 30.0
    budget_calls: int = 1000
    budget: int | None = None
    pace: float | None = None
    concurrency: int = 8
    slices: tuple[SlicePredicate, ...] = ()
    judge: str | None = None
    hook_file: str | None = None
    labels_share: float = 0.0
    label_budget: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a process's proofs are watched while they hold: calls per day and upstream; 0 is none.

    ``shadow``: live requests replayed on each replacement. ``canaries``: fixed prompts asked of it and of the baseline.
    """

    shadow: int = 20
    canaries: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent in a day or a month (UTC), in micro-USD; None: no cap.

    ``kind``: a ``soft`` cap is told and never refuses. ``at_cap``: a call that does not fit is refused, or goes to a
    cheaper replacement.
    """

    day: int | None = None
    month: int | None = None
    kind: Literal["hard", "soft"] = "hard"
    at_cap: Literal["refuse", "cheaper"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A business activity that relies on AI answers. ``routes`` are the model names its callers ask for.

    ``exact``: an answer by another model than the one asked is a failed attempt. ``provider_fallback``: a provider may
    be asked to let another model of its own answer. ``embeddings`` names the upstreams that make its embeddings, in
    order; none: those that answer it. ``detect``: its requests are searched for data of a more sensitive class than
    ``data``; None: where that may decide who sees them. ``key_budget`` is what each of its callers' keys may spend.
    """

    name: str
    owner: str
    criticality: Criticality
    data: DataClass
    baseline: str
    fallbacks: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    allow: Mapping[DataClass, tuple[str, ...]] = field(default_factory=dict)
    rto: float = 300.0
    midstream: Midstream = Midstream.STOP
    accept_provisional: bool = False
    first_content_timeout: float = 30.0
    exact: bool = False
    provider_fallback: bool = False
    recording: Recording = field(default_factory=Recording)
    retention: Retention = field(default_factory=Retention)
    rehearse: RehearsalTerms | None = None
    detect: bool | None = None
    budget: Budget | None = None
    key_budget: Budget | None = None
    watch: Sampling = field(default_factory=Sampling)

    @property
    def upstreams(self) -> tuple[str, ...]:
        """Baseline first, then the fallbacks in order."""
        return (self.baseline, *self.fallbacks)

    @property
    def embedders(self) -> tuple[str, ...]:
        """The upstreams that may make embeddings: the one that does, then those that may stand in, in order."""
        return self.embeddings or self.upstreams

    def may_see(self, spec: UpstreamSpec, providers: Mapping[str, Provider], found: DataClass | None = None) -> bool:
        """True when the policy lets this upstream see the process's data. No entry for its class allows all.

        ``found`` is the class that the data at hand was found to be in: above the declared one it only takes away. A
        class without an entry is kept from whom the nearest class below it is kept from.
        """
        if not self._permits(self.data, spec, providers):
            return False
        if found is None or not is_above(found, self.data):
            return True
        stricter = [
            one for one in DataClass if one in self.allow and is_above(one, self.data) and not is_above(one, found)
        ]
        return not stricter or self._permits(stricter[-1], spec, providers)

    def narrows(self, upstreams: Mapping[str, UpstreamSpec], providers: Mapping[str, Provider]) -> bool:
        """Whether data of a more sensitive class than the declared one would be kept from one of its upstreams."""
        specs = [upstreams[name] for name in {*self.upstreams, *self.embeddings}]
        seeing = [spec for spec in specs if self.may_see(spec, providers)]
        return any(not self.may_see(spec, providers, level) for spec in seeing for level in DataClass)

    def _permits(self, level: DataClass, spec: UpstreamSpec, providers: Mapping[str, Provider]) -> bool:
        permitted = self.allow.get(level)
        if permitted is None or spec.name in permitted:
            return True
        host = providers.get(spec.host)
        homes = {home for home in (host.home, host.parent_home) if home} if host else set()
        return bool(homes) and any(
            all(within(home, entry.removeprefix("host-home:")) for home in homes)
            for entry in permitted
            if entry.startswith("host-home:")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the gateway listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesAt:
    """Where the pages are. ``address`` is what browsers call them by, None where that is host and port themselves.

    ``note`` is said on top of each, and of the report.
    """

    serve: bool = True
    host: str = "127.0.0.1"
    port: int = 8081
    address: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """How upstreams elsewhere are reached.

    ``proxy`` is the URL of a forward proxy, without credentials; ``proxy_login`` a reference as ``key`` of an upstream;
    ``direct`` holds hosts called without it; ``tls_ca`` is the absolute path of a PEM file.
    """

    proxy: str | None = None
    proxy_login: str | None = None
    direct: tuple[str, ...] = ()
    tls_ca: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """What is logged: the form of a line, the least level, and which requests get one."""

    format: Literal["auto", "json", "text"] = "auto"
    level: Literal["info", "warning", "error"] = "info"
    requests: Literal["all", "failed", "none"] = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """Where spans go. ``endpoint`` ends before ``/v1/traces``; ``headers`` are references; ``sample`` is a share.

    ``pass_to`` names the upstreams beside own engines that are told the trace.
    """

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict)
    sample: float = 1.0
    pass_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the watch may do by itself.

    ``begins`` and ``lasts`` are the window of each day (UTC) in which it works, in seconds. ``calls_per_day`` bounds
    probes and canaries, ``replays_per_day`` rehearsals; ``spend_per_day`` all of it, in micro-USD (None: no bound).
    ``rehearses`` is False where due orders are only shown.
    """

    begins: float = 0.0
    lasts: float = 86_400.0
    calls_per_day: int = 200
    replays_per_day: int = 200
    spend_per_day: int | None = None
    rehearses: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration, validated. ``data_dir`` is absolute; ``database`` is an SQLAlchemy URL.

    ``master`` is a reference to the master key of the key ring, None for a file of our own beside it. ``timestamp`` is
    the address of a time-stamp authority, if any. ``budgets`` are those over several processes: ``organisation``,
    ``provider:NAME``, ``key:ID``. ``database_password`` is the reference to the password of the URL's user.
    ``cost_tolerance`` is in percent of an invoice.
    """

    source: str
    organisation: Mapping[str, object]
    data_dir: str
    database: str
    gateway: Listen
    providers: Mapping[str, Provider]
    upstreams: Mapping[str, UpstreamSpec]
    processes: Mapping[str, Process]
    egress: Egress = field(default_factory=Egress)
    log: Logging = field(default_factory=Logging)
    master: str | None = None
    traces: Tracing | None = None
    privacy: Privacy = field(default_factory=Privacy)
    timestamp: str | None = None
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    database_password: str | None = None
    pages: PagesAt = field(default_factory=PagesAt)
    archive: Archiving | None = None
    retention: Retention = field(default_factory=Retention)
    cost_tolerance: str = "2"
    costing: Costing = field(default_factory=Costing)
    watch: Watch = field(default_factory=Watch)
    alerts: Channels = field(default_factory=Channels)
