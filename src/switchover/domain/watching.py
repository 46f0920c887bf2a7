"""What the daily round finds, and the rehearsals that it leaves to be run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .candidate import digest

DAY_S = 86_400.0
# What a breaker would hold an upstream for, until a person looks at it.
SUSPENDING = frozenset({"key", "model", "refused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a step of the round looked at: ``about`` names an upstream or a process, ``said`` what was seen.

    ``trouble``: the step itself could not do its work, so that nothing is known.
    """

    step: str
    about: str
    well: bool
    said: str
    trouble: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What an upstream did at a moment when it was asked itself.

    ``failed`` is what it failed in: "key", "model", "refused", "reach", "answer", "stream", "tools", "context"; None
    where all was well. ``fault`` is the catalogue's id. ``first_ms``: how long the first content took.
    """

    upstream: str
    at: float
    failed: str | None
    fault: str | None
    said: str
    first_ms: float | None = None

    @property
    def suspends(self) -> bool:
        """Whether it shows that the upstream would not answer at all, whoever asks and however often."""
        return self.failed in SUSPENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """An upstream's model is gone from ``day`` (ISO date) on, as ``source`` says; known here since ``told_at``."""

    upstream: str
    model: str
    day: str
    source: str
    told_at: float


class ChangeKind(StrEnum):
    """What changed: the application's prompt, or how a baseline or a replacement behaves."""

    PROMPT = "prompt"
    BASELINE = "baseline"
    REPLACEMENT = "replacement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What opened empty ledgers of a process: those of one ``upstream``, or with None all of them.

    Noticed ``at``; exchanges from ``since`` on belong to what is new. ``why`` is in words, and nobody's.
    """

    id: str
    process: str
    upstream: str | None
    kind: ChangeKind
    at: float
    since: float
    why: str

    @classmethod
    def of(
        cls,
        process: str,
        kind: ChangeKind,
        why: str,
        *,
        at: float,
        upstream: str | None = None,
        since: float | None = None,
    ) -> Change:
        """A change noticed ``at``, which began then unless ``since`` says when."""
        name = f"change-{digest([process, upstream, kind.value, at], 12)}"
        began = at if since is None else since
        return cls(id=name, process=process, upstream=upstream, kind=kind, at=at, since=began, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A prompt with the answer that an upstream gave to it, asked again and again; ``exchange`` says what is asked.

    ``name`` is that of its set, ``about`` names whom the set tells of. ``expected``: the share (0-1) of the set's calls
    that are to agree at least.
    """

    name: str
    exchange: str
    process: str
    upstream: str
    about: str
    answer: str
    expected: float
    drawn_at: float


class Why(StrEnum):
    """What makes a rehearsal due."""

    KEEP_WARM = "keep-warm"
    LAPSED = "lapsed"
    RETIREMENT = "retirement"
    DRIFT = "drift"
    CHANGED = "changed"


class OrderState(StrEnum):
    """Where a due order stands. ``given up``: it failed so often that a person has to look."""

    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueOrder:
    """A rehearsal that is due.

    It goes on until the verdict is clear; ``replays`` are made even where it is. ``prompt_version`` None: as it is, or
    the newest student. ``calls`` were made so far in ``tries``; nobody takes it ``not_before`` that moment.
    ``verdict`` is the id of the last one; ``trouble`` what went wrong last.
    """

    id: str
    process: str
    candidate: str
    prompt_version: str | None
    why: Why
    said: str
    opened_at: float
    opened_by: str
    due_at: float
    replays: int = 0
    state: OrderState = OrderState.OPEN
    calls: int = 0
    tries: int = 0
    not_before: float = 0.0
    taken_by: str | None = None
    taken_at: float | None = None
    taken_until: float | None = None
    done_at: float | None = None
    verdict: str | None = None
    trouble: str = ""

    @classmethod
    def of(
        cls,
        process: str,
        candidate: str,
        why: Why,
        *,
        about: str,
        said: str,
        now: float,
        by: str = "watch",
        prompt_version: str | None = None,
        replays: int = 0,
        due_at: float | None = None,
    ) -> DueOrder:
        """An order that is open from ``now`` on; ``about`` tells it from earlier ones for the same reason."""
        return cls(
            id=f"due-{digest([process, candidate, prompt_version, why.value, about], 12)}",
            process=process,
            candidate=candidate,
            prompt_version=prompt_version,
            why=why,
            said=said,
            opened_at=now,
            opened_by=by,
            due_at=now if due_at is None else due_at,
            replays=replays,
        )
