"""What a worker knows of the register without asking the store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .acceptance import Acceptance
from .budget import Tariff
from .candidate import PromptVersion, Proof
from .cut_off import CutOff
from .personal import Privacy
from .process import Budget, Process, Provider, UpstreamSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerKey:
    """A caller's key: its id, the HMAC-SHA256 of its secret under the pepper (hex), and the process it belongs to.

    ``revoked_at`` may lie ahead: a key that was replaced goes on for a while. ``name`` is its maker's own word for it.
    ``in_place_of`` is the first of the keys that it stands in the place of; None: it replaces none.
    """

    id: str
    process: str
    mac: str
    made_at: float
    revoked_at: float | None = None
    name: str | None = None
    expires_at: float | None = None
    made_by: str | None = None
    revoked_by: str | None = None
    in_place_of: str | None = None

    @property
    def account(self) -> str:
        """Under which id it spends: keys that were made one in the place of the other share what they may."""
        return self.in_place_of or self.id

    @property
    def ends_at(self) -> float:
        """The moment (Unix seconds) from which it opens nothing; inf while nobody said."""
        moments = (self.revoked_at, self.expires_at)
        return min((at for at in moments if at is not None), default=math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """An upstream's proofs do not count from ``at`` (Unix seconds) until somebody restores it; ``why`` in words.

    ``by`` is "probe" where a probe found it: then a later probe may find that it is over.
    """

    at: float
    why: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The register at one moment. ``version`` rises with every change; workers swap whole snapshots.

    ``baseline_lost`` says since when a process's baseline is held to be gone (cut off or denied).
    ``endpoints`` gives the base URL of own engines while they run. ``restored`` says when an operator last restored an
    upstream, so that a breaker held before that moment lets go. ``suspended`` names upstreams whose proofs are.
    ``epochs`` says, by process and upstream, in which epoch a proof must have been made (no entry: in any); ``ended``
    why the newest one that there was has ended.
    ``acceptances`` are those in force, without their reasons. ``privacy`` says how personal data is looked for.
    ``budgets`` are those over several processes, ``tariffs`` the prices of the upstreams that any budget is about.
    """

    version: int
    made_at: float
    providers: Mapping[str, Provider]
    upstreams: Mapping[str, UpstreamSpec]
    processes: Mapping[str, Process]
    keys: Mapping[str, CallerKey] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    prompt_versions: Mapping[str, PromptVersion] = field(default_factory=dict)
    cut_offs: tuple[CutOff, ...] = ()
    baseline_lost: Mapping[str, float] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    restored: Mapping[str, float] = field(default_factory=dict)
    suspended: Mapping[str, Suspension] = field(default_factory=dict)
    epochs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ended: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    privacy: Privacy = field(default_factory=Privacy)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
