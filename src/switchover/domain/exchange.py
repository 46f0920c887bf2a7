"""One recorded request and answer, and what was tried for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .process import Bodies, DataClass

# Side requests: no model answers them in words, so they are recorded and never replayed.
EMBEDDINGS = "openai_embeddings"
TOKEN_COUNT = "anthropic_count_tokens"  # noqa: S105  # a dialect, not a password
SIDE_DIALECTS = (EMBEDDINGS, TOKEN_COUNT)


# What begins so among ``dropped`` is missing from the record; these are no loss to whoever asks again.
MISSING = "recorded."
NO_LOSS = frozenset([f"{MISSING}likelihoods", f"{MISSING}vectors", f"{MISSING}sealed"])


class Outcome(StrEnum):
    """How an exchange ended, as the caller saw it."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    FAILED = "failed"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the upstream billed them. ``estimated`` when we had to count ourselves.

    ``cached_input`` (read from its cache) and ``written_input`` (written to it) are among ``input``, ``reasoning`` is
    among ``output``.
    """

    input: int = 0
    output: int = 0
    cached_input: int = 0
    written_input: int = 0
    reasoning: int = 0
    estimated: bool = False

    @property
    def tells(self) -> bool:
        """False where every count is nought, as some servers say who do not count: no call reads and writes nothing."""
        return self.input != 0 or self.output != 0

    @property
    def adds_up(self) -> bool:
        """Whether it can be a usage: it tells something, parts are no more than the whole, nothing is below zero."""
        cached, written = self.cached_input, self.written_input
        return self.tells and cached >= 0 and written >= 0 and self.output >= 0 and cached + written <= self.input


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Bytes of a request and of the text of its answer, by which a usage is estimated that nobody told.

    A picture in the request counts as text of as many tokens. ``said`` is None where the text was not measured.
    """

    asked: int
    said: int | None = None


# Begins the id of an exchange that was recorded elsewhere; the source's name and a digest follow.
IMPORTED = "import-"
# Among such an exchange's metadata: its moment is not its own, as its source told none.
UNDATED = f"{IMPORTED}undated-"

# Faults of an answer that say nothing of the model that was asked.
BY_OTHERS = ("model-swapped", "provider-fell-back")


# Those below are made for every request; freezing them would double what that costs.
@dataclass(slots=True, kw_only=True)
class AttemptRecord:
    """One try at one upstream. ``fault`` is the id of ``facts/faults.yaml``, or None when nothing was amiss.

    Of an answered exchange's last try it says what was wrong with the answer: slow, too long, by another model (the
    exchange's ``model``). ``usage`` is there of a try that failed and told it, and where several upstreams told one
    answer: what each of them billed for its part.
    """

    upstream: str
    model: str
    fault: str | None
    status: int | None
    elapsed_ms: float
    prompt_version: str | None = None
    cut_off: str | None = None
    usage: Usage | None = None


@dataclass(slots=True, kw_only=True)
class Intent:
    """Written before the upstream is called: the request was begun."""

    id: str
    process: str
    route: str
    dialect: str
    started_at: float


@dataclass(slots=True, kw_only=True)
class Sealed:
    """Request, answer and metadata, encrypted: ``key`` is the id of the wrapping key that opens ``content``."""

    key: str
    content: bytes


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One recorded request and answer.

    ``request`` is the caller's body and ``answer`` the bytes sent back (for a stream: the raw event stream), both in
    the caller's ``dialect``. ``upstream`` is the one that answered, None when none did. ``bodies`` says how much of
    both is kept, ``subject`` whom they are about (a keyed hash, hex), ``data`` the class they were found to be in where
    that is above the process's own. ``dropped`` names what a translation left out, and with ``recorded.`` before it
    what is missing here. Where the words are ``sealed``, request, answer and metadata are empty. ``length`` is kept
    beside them, None where it was not measured.
    """

    id: str
    process: str
    route: str
    dialect: str
    stream: bool
    started_at: float
    outcome: Outcome
    status: int
    request: bytes
    answer: bytes
    upstream: str | None
    model: str | None
    attempts: tuple[AttemptRecord, ...] = ()
    usage: Usage | None = None
    first_content_ms: float | None = None
    elapsed_ms: float = 0.0
    error_code: str | None = None
    dropped: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    bodies: Bodies = Bodies.FULL
    subject: str | None = None
    data: DataClass | None = None
    sealed: Sealed | None = None
    length: Length | None = None

    def bare(self, sealed: Sealed) -> Exchange:
        """The same exchange with its words sealed."""
        return Exchange(
            id=self.id,
            process=self.process,
            route=self.route,
            dialect=self.dialect,
            stream=self.stream,
            started_at=self.started_at,
            outcome=self.outcome,
            status=self.status,
            request=b"",
            answer=b"",
            upstream=self.upstream,
            model=self.model,
            attempts=self.attempts,
            usage=self.usage,
            first_content_ms=self.first_content_ms,
            elapsed_ms=self.elapsed_ms,
            error_code=self.error_code,
            dropped=self.dropped,
            bodies=self.bodies,
            subject=self.subject,
            data=self.data,
            sealed=sealed,
            length=self.length,
        )

    @property
    def is_imported(self) -> bool:
        """True when it was recorded elsewhere: it says nothing of this gateway."""
        return self.id.startswith(IMPORTED)

    @property
    def is_dated(self) -> bool:
        """False for an imported one whose moment nobody knows: it says nothing of load or of a month's cost."""
        return not self.id.startswith(UNDATED)

    @property
    def is_askable(self) -> bool:
        """False when what was asked, or answered in words, is not all on record, so that it can't be asked again."""
        return not any(one.startswith(MISSING) and one not in NO_LOSS for one in self.dropped)

    @property
    def by_other(self) -> str | None:
        """Why another model answered than was asked: ``model-swapped``, ``provider-fell-back``; None: none did."""
        last = self.attempts[-1] if self.attempts else None
        if last is None or self.outcome is not Outcome.COMPLETE or last.upstream != self.upstream:
            return None
        return last.fault if last.fault in BY_OTHERS else None

    @property
    def switched(self) -> bool:
        """True when the answer did not come from the first upstream tried, or from a proven replacement."""
        return len(self.attempts) > 1 or any(a.prompt_version is not None for a in self.attempts)
