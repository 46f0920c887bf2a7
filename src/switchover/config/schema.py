"""What says which configuration is valid. ``load.py`` turns these into the frozen domain settings.

The whole file and its processes are here; what they are made of is in ``sections/``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from .sections.alerts import AlertsSection, MailSection, WebhookSection
from .sections.base import Section
from .sections.machine import (
    EgressSection,
    EvidenceSection,
    GatewaySection,
    KeyringSection,
    LogSection,
    OrganisationSection,
    PagesSection,
    TracesSection,
)
from .sections.money import (
    AssumptionRow,
    AssumptionsFile,
    BudgetSection,
    BudgetsSection,
    CostOptionSection,
    CostsSection,
    PriceEventRow,
)
from .sections.record import (
    ArchiveSection,
    PresidioSection,
    PrivacySection,
    ProcessRetentionSection,
    RecordingSection,
    RetentionSection,
    as_recording,
)
from .sections.rehearse import ChecksSection, LengthSection, RehearseSection, SliceSection, ToleranceSection
from .sections.upstreams import PriceSection, ProviderSection, UpstreamSection
from .sections.watch import ProcessWatchSection, WatchSection
from .values import (
    NAME,
    Duration,
    KeyReference,
)


class ProcessSection(Section):
    """A business activity that relies on AI answers."""

    owner: str = Field(min_length=1, description="The role that answers for the process.")
    criticality: Literal["critical", "important", "ordinary"] = Field(description="How much depends on it.")
    data: Literal["public", "internal", "confidential", "secret"] = Field(description="How sensitive its data is.")
    routes: tuple[Annotated[str, Field(max_length=128)], ...] = Field(
        default=(), description="Model names its callers ask for; default: its name."
    )
    allow: dict[Literal["public", "internal", "confidential", "secret"], tuple[Any, ...]] = Field(
        default_factory=dict, description="Upstreams (or `host-home: EU`) that may see each class of data."
    )
    rto: Duration = Field(default=300.0, description="Longest time it may be without answers.")
    baseline: str = Field(description="The upstream that serves today.")
    fallbacks: tuple[str, ...] = Field(default=(), description="Tried in order, each only with a proof in date.")
    embeddings: tuple[str, ...] = Field(
        default=(),
        description="Upstreams that make its embeddings, in order; after the first, those with the same model of the "
        "same developer may stand in. Default: the baseline and the fallbacks.",
    )
    midstream: Literal["stop", "hold", "continue"] = Field(
        default="stop",
        description="What to do when an answer breaks midway: `stop` ends it with an error, `hold` sends nothing "
        "before it is whole, `continue` lets a replacement go on with it that is proven to; see "
        "[Continuing an answer](../explanation/continuing.md).",
    )
    accept_provisional: bool = Field(default=False, description="Also fail over to a PROVISIONAL replacement.")
    first_content_timeout: Duration = Field(default=30.0, description="Longest wait for the first content.")
    exact: bool = Field(
        default=False,
        description="An answer that names another model than the one asked is a failed attempt; "
        "else it is served, marked and reported. Embeddings always count as exact.",
    )
    provider_fallback: bool = Field(
        default=False, description="Let callers ask a provider to answer with another model of its own."
    )
    recording: Annotated[RecordingSection, BeforeValidator(as_recording)] = Field(
        default_factory=RecordingSection, description="What is kept of its exchanges."
    )
    detect: bool | None = Field(
        default=None,
        description="Look in each request for data of a more sensitive class than `data`, and let only those "
        "upstreams see it that `allow` names for that class. Default: where that makes a difference.",
    )
    retention: ProcessRetentionSection | None = Field(
        default=None, description="How long things of this process are kept."
    )
    rehearse: RehearseSection | None = Field(default=None, description="How candidates are judged.")
    budget: BudgetSection | None = Field(default=None, description="What the process may spend.")
    key_budget: BudgetSection | None = Field(
        default=None, description="What each of its callers' keys may spend, beside what the process may."
    )
    watch: ProcessWatchSection | None = Field(default=None, description="How its proofs are watched.")


class ConfigurationFile(Section):
    """The whole file."""

    organisation: OrganisationSection = Field(description="Who we are.")
    data: str = Field(default="./switchover-data", description="Folder for records, proofs and reports.")
    store: str | None = Field(
        default=None,
        description="Where the store is: `sqlite:///FILE`, or `postgresql+psycopg://USER@HOST:PORT/NAME` (with the "
        "extra `postgres`). Default: SQLite in the folder.",
    )
    store_password: KeyReference | None = Field(
        default=None,
        description="`env:NAME` or `file:PATH` that holds the password of the store's user, read at each new "
        "connection.",
    )
    gateway: GatewaySection = Field(default_factory=GatewaySection, description="Where applications reach it.")
    pages: PagesSection = Field(default_factory=PagesSection, description="Where people read the pages.")
    egress: EgressSection = Field(default_factory=EgressSection, description="How upstreams elsewhere are reached.")
    log: LogSection = Field(default_factory=LogSection, description="What is logged.")
    keyring: KeyringSection = Field(default_factory=KeyringSection, description="Keys of what is recorded.")
    traces: TracesSection | None = Field(default=None, description="Where spans go.")
    privacy: PrivacySection = Field(default_factory=PrivacySection, description="How personal data and keys are found.")
    evidence: EvidenceSection = Field(
        default_factory=EvidenceSection, description="What else vouches for the evidence log."
    )
    budgets: BudgetsSection = Field(
        default_factory=BudgetsSection, description="What may be spent by several processes together."
    )
    alerts: AlertsSection = Field(default_factory=AlertsSection, description="Where alerts go, beside the log.")
    costs: CostsSection = Field(default_factory=CostsSection, description="What costs to come are reckoned with.")
    watch: WatchSection = Field(default_factory=WatchSection, description="What is looked at and rehearsed each day.")
    archive: ArchiveSection | None = Field(default=None, description="Where finished days go.")
    retention: RetentionSection = Field(
        default_factory=RetentionSection, description="How long what was recorded is kept."
    )
    providers: dict[Annotated[str, Field(pattern=NAME)], ProviderSection] = Field(
        default_factory=dict, description="Providers that are not among the facts we ship."
    )
    upstreams: dict[Annotated[str, Field(pattern=NAME)], UpstreamSection] = Field(
        min_length=1, description="Endpoints with model and credential."
    )
    processes: dict[Annotated[str, Field(pattern=NAME)], ProcessSection] = Field(
        min_length=1, description="Business activities that rely on AI answers."
    )


SECTIONS: tuple[type[Section], ...] = (
    ConfigurationFile,
    OrganisationSection,
    GatewaySection,
    PagesSection,
    EgressSection,
    LogSection,
    TracesSection,
    EvidenceSection,
    ArchiveSection,
    RetentionSection,
    ProcessRetentionSection,
    ProviderSection,
    UpstreamSection,
    PriceSection,
    KeyringSection,
    ProcessSection,
    RecordingSection,
    RehearseSection,
    SliceSection,
    ChecksSection,
    LengthSection,
    ToleranceSection,
    PrivacySection,
    PresidioSection,
    BudgetSection,
    BudgetsSection,
    CostsSection,
    CostOptionSection,
    AssumptionsFile,
    AssumptionRow,
    PriceEventRow,
    WatchSection,
    ProcessWatchSection,
    AlertsSection,
    WebhookSection,
    MailSection,
)
