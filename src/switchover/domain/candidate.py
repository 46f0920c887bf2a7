"""A candidate, the prompt version it is asked with, and what it proved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum

from .label import People
from .process import RehearsalTerms, UpstreamSpec


def digest(value: object, length: int = 16) -> str:
    """First ``length`` hex digits of the SHA-256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def fingerprint(spec: UpstreamSpec) -> str:
    """Names what answers: kind, endpoint, model, weights, decoding context and, after a dot, the chat template.

    Weights in a file are named by their SHA-256, wherever the file lies; ``starter`` stands for the one that is pinned.
    The template is named by its digest. A change opens an empty ledger. The port of an own engine and the credential
    do not change what answers, so they are left out.
    """
    return _named(spec, spec.weights if spec.weights_file is None else f"sha256:{spec.weights_hash}")


def named_by_path(made_with: str, spec: UpstreamSpec) -> bool:
    """Whether a fingerprint is from when a file of weights was named by its path, whatever it held."""
    return spec.weights_file is not None and made_with.partition(".")[0] == _named(spec, spec.weights).partition(".")[0]


def _named(spec: UpstreamSpec, weights: str | None) -> str:
    where = None if spec.is_own else spec.base_url
    made = digest([spec.kind, where, spec.model, weights, spec.window])
    return made if spec.template is None else f"{made}.{spec.template}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The last changes that opened empty ledgers: the ids of a baseline's and of a replacement's, "" for none.

    What was recorded before ``since`` (Unix seconds; None: all of it counts) the baseline answered as another.
    """

    baseline: str = ""
    replacement: str = ""
    since: float | None = None


def epoch_of(baseline: UpstreamSpec, marks: Marks | None = None) -> str:
    """Names the span in which the baseline, asked as it is, is the same, and the replacement's behaviour with it."""
    marks = marks or Marks()
    named = [mark for mark in (marks.baseline, marks.replacement) if mark]
    return digest([fingerprint(baseline), "as-is", *named])


def templates_apart(made_with: str, spec: UpstreamSpec) -> tuple[str, str] | None:
    """Both chat templates ("unknown" for none) where a fingerprint differs from that of ``spec`` in it alone."""
    before, now = made_with.partition("."), fingerprint(spec).partition(".")
    if before[0] != now[0] or before[2] == now[2]:
        return None
    return before[2] or "unknown", now[2] or "unknown"


def grader_id(terms: RehearsalTerms) -> str:
    """Names a grader with its settings."""
    return f"{terms.grader}:{digest(dict(terms.settings), 8)}"


class PromptKind(StrEnum):
    """Ways to turn a recorded request into the candidate's request."""

    AS_IS = "as-is"
    DEMONSTRATIONS = "demonstrations"
    STUDENT = "student"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """How a recorded request becomes the candidate's request.

    ``artefact`` is the SHA-256 (64 hex digits) of a file in the artefact folder (demonstrations, student weights), or
    None. ``score`` is the mean score on the selection split. Build with :meth:`make`, which derives the id.
    """

    id: str
    process: str
    upstream: str
    kind: PromptKind
    parameters: Mapping[str, object] = field(default_factory=dict)
    artefact: str | None = None
    parent: str | None = None
    score: float | None = None
    made_at: float = 0.0

    @classmethod
    def make(
        cls,
        *,
        process: str,
        upstream: str,
        kind: PromptKind,
        parameters: Mapping[str, object] | None = None,
        artefact: str | None = None,
        parent: str | None = None,
        score: float | None = None,
        made_at: float = 0.0,
    ) -> PromptVersion:
        """A version named by its content, so that the same content has the same id."""
        content = digest([process, upstream, kind.value, dict(parameters or {}), artefact])
        return cls(
            id=f"{kind.value}-{content[:10]}",
            process=process,
            upstream=upstream,
            kind=kind,
            parameters=dict(parameters or {}),
            artefact=artefact,
            parent=parent,
            score=score,
            made_at=made_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """process × candidate × grader, within one epoch of the baseline."""

    process: str
    upstream: str
    fingerprint: str
    prompt_version: str
    grader: str
    epoch: str

    @property
    def id(self) -> str:
        """A short name derived from every part."""
        return digest(asdict(self))


class State(StrEnum):
    """A verdict's state."""

    READY = "READY"
    PROVISIONAL = "PROVISIONAL"
    NOT_READY = "NOT READY"
    EXPIRED = "EXPIRED"
    UNPROVEN = "UNPROVEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceEvidence:
    """The numbers of one slice (or of the whole, named "overall"); ``lower`` and ``upper`` bound mean(d)."""

    name: str
    replays: int
    margin: float
    mean_difference: float | None
    lower: float
    upper: float
    log_e_ready: float
    log_e_not_ready: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicEvidence:
    """One topic's numbers, at the margin of slices.

    ``topic`` is its number and ``of`` how many there are to be tested; ``share`` its part of the last 30 days' traffic.
    ``examples`` are ids of exchanges that are typical of it: what it is about can be read there, and is kept nowhere
    else. ``found``: it is worse than the margin allows, at the chance that all topics together have.
    """

    topic: int
    of: int
    share: float
    examples: tuple[str, ...]
    evidence: SliceEvidence
    found: bool


class Continuation(StrEnum):
    """How a replacement is asked to go on with an answer that broke off; ``facts/faults.yaml``, midstream.how_in_order.

    Raw: the engine goes on with the assistant's tokens (``continue_final_message``). Prefill: a last message of the
    assistant's. Quote: a user turn that quotes the beginning as data and asks for the rest.
    """

    RAW = "raw"
    PREFILL = "prefill"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuing:
    """The verdict on going on with answers that broke off: a ledger of its own, which the overall one knows nothing of.

    ``way`` is None for a candidate that can't be asked to, for the ``reason`` given.
    """

    state: State
    way: Continuation | None
    evidence: SliceEvidence | None
    expires_at: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The numbers behind a verdict. ``still_needed`` estimates replays to READY, None where it can't be estimated.

    ``slices`` are the critical ones, ``told`` those declared for information. ``worst_topic`` has the lowest mean of
    the topics that were replayed, ``found`` are those that are worse than the margin allows. ``continuing`` is None
    where the process does not continue answers, ``people`` where nobody is asked for labels. Judging the cases took
    ``judge_calls`` calls, for ``judge_usd`` (None: at no known price) and whatever judging ``judge_unpriced`` of them
    cost beside that.
    """

    overall: SliceEvidence
    slices: tuple[SliceEvidence, ...]
    ungraded: int
    coverage: float
    candidate_score: float | None
    baseline_self_agreement: float | None
    anchor_score: float | None
    still_needed: int | None
    reasons: tuple[str, ...]
    continuing: Continuing | None = None
    told: tuple[SliceEvidence, ...] = ()
    worst_topic: TopicEvidence | None = None
    found: tuple[TopicEvidence, ...] = ()
    people: People | None = None
    judge_calls: int = 0
    judge_usd: Decimal | None = None
    judge_unpriced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rehearsal concluded about a cell, saved at every stop. ``seconds_per_replay`` is candidate time, mean.

    ``calls`` of the candidate and ``spent`` (micro-USD, on both sides; None: no price is known) are those of its run;
    ``stopped`` says why that ended before all was clear.
    """

    id: str
    cell: Cell
    state: State
    evidence: Evidence
    made_at: float
    expires_at: float | None
    seed: int
    calls: int
    seconds_per_replay: float | None = None
    spent: int | None = None
    stopped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A READY (or PROVISIONAL) verdict in date, for this model, prompt and traffic.

    ``continuation`` is how the replacement was shown to go on with answers that broke off, in date until
    ``continues_until``; None where that was not shown.
    """

    id: str
    process: str
    upstream: str
    fingerprint: str
    prompt_version: str
    grader: str
    epoch: str
    state: State
    margin: float
    lower: float
    replays: int
    made_at: float
    expires_at: float
    continuation: Continuation | None = None
    continues_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCase:
    """One exchange replayed on a candidate and graded.

    ``candidate`` and ``baseline`` are scores in 0–1, None when ungraded for the ``reason`` given. ``baseline`` is the
    second baseline sample graded against the recorded answer; ``anchor`` the plain candidate's score, where it was
    asked. ``remark`` is what a judge or a hook said of it, and kept as the answer is.
    ``topic`` numbers a kind of request, ``frame`` names what it was asked with (system prompt, tools, schema);
    ``seconds`` is the candidate's time; ``answer`` its text. ``counts``: in the overall ledger, too; drawn beforehand.
    A judge was asked ``judge_calls`` times, for ``judge_nusd`` billionths of a dollar; None: at no known price.
    ``shadow``: it was drawn from live traffic by the watch.
    """

    cell_id: str
    exchange_id: str
    graded_at: float
    candidate: float | None
    baseline: float | None
    reason: str = ""
    remark: str = ""
    slices: tuple[str, ...] = ()
    topic: int = 0
    seconds: float = 0.0
    answer: str | None = None
    anchor: float | None = None
    judge_calls: int = 0
    judge_nusd: int | None = None
    counts: bool = True
    frame: str = ""
    shadow: bool = False

    @property
    def graded(self) -> bool:
        """Whether both answers have a score."""
        return self.candidate is not None and self.baseline is not None
