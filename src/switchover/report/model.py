"""What the report says: four answers, and for every figure where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from switchover.costs.outlook import Outlook
from switchover.domain.candidate import Proof, Verdict
from switchover.domain.cut_off import CutOff, Drill, Target
from switchover.domain.process import Process

from .graph import Graph


class Fate(StrEnum):
    """What becomes of a process when something is lost. Untested counts as failing, and is called untested."""

    UNTOUCHED = "untouched"
    DRILLED = "proven and drilled"
    IN_PART = "proven, drilled on a part"
    UNTESTED = "proven, untested: never drilled"
    TOO_SLOW = "proven, drilled too slow"
    FAILED = "proven, drill failed"
    ACCEPTED = "accepted without a proof"
    STOPS = "stops"
    STOPPED = "has stopped already"

    @property
    def survives(self) -> bool:
        """True when the process is shown to go on, all of it, within its RTO and margin."""
        return self in (Fate.UNTOUCHED, Fate.DRILLED)

    @property
    def open(self) -> bool:
        """True when a proof says that it goes on, and no drill has yet shown that all of it does."""
        return self in (Fate.IN_PART, Fate.UNTESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What one process was asked in the window; ``peak_minute`` is its busiest minute's count.

    ``embeddings`` of its ``exchanges`` were no answers in words; ``first`` and ``last`` are moments; ``by_upstream``
    counts answers and ``asked`` the exchanges sent to each; ``examples`` are exchange ids to look at, one for each
    upstream that answered and one that had no whole answer.
    """

    process: str
    exchanges: int
    failed: int
    first: float
    last: float
    peak_minute: int
    p95_minute: int
    by_upstream: dict[str, int]
    asked: dict[str, int]
    examples: tuple[str, ...]
    embeddings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFate:
    """One process under one loss; ``served_by`` is None when nothing answers, and ``why`` says what decided.

    ``shown`` is the part of its volume (0–1) that is shown to go on; ``exchanges`` is that volume in the window.
    ``proof`` and ``drill`` are the ids of what shows it.
    """

    process: str
    critical: bool
    exchanges: int
    fate: Fate
    shown: float
    served_by: str | None
    why: str
    proof: str | None = None
    drill: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One provider or jurisdiction lost, and the upstreams that fall with it; ``happened`` when they are cut off now.

    ``surviving`` and ``proven`` are shares of critical volume, 0–1, or None when none was recorded. ``surviving``
    counts what is shown to go on; ``proven`` adds what a proof says goes on and no drill has shown.
    """

    target: Target
    loses: tuple[str, ...]
    happened: bool
    surviving: float | None
    proven: float | None
    fates: tuple[ProcessFate, ...]
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a process stands, should its baseline be lost. ``word`` is one plain sentence.

    ``proof`` is the one its plan would use, ``proofs`` all that were not revoked; ``drill`` the newest one that decided
    about that replacement, or else the process's newest.
    """

    process: Process
    traffic: Traffic | None
    verdicts: tuple[Verdict, ...]
    proof: Proof | None
    proofs: tuple[Proof, ...]
    drill: Drill | None
    fate: Fate
    word: str
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One process × upstream: may it see the data by today's policy, and did it?

    ``asked`` counts recorded exchanges that were sent to it, answered or not; ``answered`` those it answered.
    """

    process: str
    data: str
    routes: tuple[str, ...]
    upstream: str
    host: str
    home: str
    own: bool
    allowed: bool
    asked: int
    answered: int

    @property
    def violation(self) -> bool:
        """True when it saw what the policy keeps from it."""
        return self.asked > 0 and not self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where one process is proposed to be placed, and what a person decided; nothing of the latter while nobody did.

    ``kept``: something proven stays in our own hands; None: it need not. ``state`` is in a word or two, ``follows``:
    it was decided as proposed. ``changes`` are in what the decision rests on, for the worse.
    """

    process: str
    said: str
    place: str | None
    serves: str | None
    replacement: str | None
    kept: bool | None
    state: str
    follows: bool | None = None
    decided: str = ""
    by: str = ""
    decided_at: float | None = None
    review_on: str = ""
    overdue: bool = False
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a process cost in the window.

    ``priced`` of ``exchanges`` had a price: the one that was metered, or where none was, today's. ``gaps`` name the
    others, which are left out and never counted as zero; ``estimated`` what is counted and was not told in full.
    ``first`` and ``last`` bound the window of ``window`` seconds; ``monthly`` is None when nothing was priced.
    """

    process: str
    exchanges: int
    priced: int
    spent: Decimal
    first: float
    last: float
    window: float
    monthly: Decimal | None
    sources: tuple[str, ...]
    gaps: tuple[str, ...]
    estimated: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What an own upstream carries of a process's busiest recorded minute; None means not measured.

    ``verdict`` is the rehearsal that timed it, ``ready`` says that a proof in date rests on it.
    """

    process: str
    upstream: str
    verdict: str | None
    state: str
    ready: bool
    seconds_per_answer: float | None
    slots: int
    per_minute: float | None
    peak_minute: int
    p95_minute: int
    share: float | None
    critical: bool
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question's answer in one line: a ``figure``, the ``words`` that follow it, and the page's id behind it.

    ``simulated`` names the stand-ins it rests on, ``known`` is False when the figure is not known yet. ``value`` is the
    figure as a number, to hold against another report's: a share (0–1), USD for the third.
    """

    number: int
    question: str
    figure: str
    words: str
    link: str
    known: bool
    simulated: tuple[str, ...] = ()
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The evidence log's newest checkpoint: so many entries, under this root (base64), in the log of this name."""

    size: int
    root: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one process since another report, in words; ``better`` is None where that is not for us to say."""

    process: str
    words: str
    better: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What changed since the report ``id`` of the moment ``made_at``: a sentence per answer, and each changed process.

    ``better`` has a value per answer, None where it is as good or can't be told.
    """

    id: str
    made_at: float
    answers: tuple[str, ...]
    better: tuple[bool | None, ...]
    processes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReport:
    """The four answers at one moment, with what they rest on.

    ``id`` is that of a report that was issued, None for a look at how things stand; ``since`` is what changed since the
    one issued before, None where there is none. ``address`` is where others reach the pages, if anywhere.
    ``sealed`` is None while nothing was signed. ``missing`` is what the record is known to lack.
    ``window`` bounds the recorded exchanges, None when there are none. ``supposed`` says that nothing was running, so
    that own engines are taken to start. ``ahead`` is the projection of costs, or why there is none. ``graph`` says whom
    all rests on; ``concentration`` is its Herfindahl index by level, weighed by volume. ``note`` is what the
    configuration has said on top.
    """

    made_at: float
    organisation: dict[str, object]
    simulated: tuple[str, ...]
    supposed: bool
    window: tuple[float, float] | None
    answers: tuple[Answer, ...]
    standings: tuple[Standing, ...]
    losses: tuple[Loss, ...]
    concentration: dict[str, float]
    permissions: tuple[Permission, ...]
    spend: tuple[Spend, ...]
    ahead: Outlook | str
    capacity: tuple[Capacity, ...]
    drills: tuple[Drill, ...]
    cut_offs: tuple[CutOff, ...]
    graph: Graph
    sealed: Sealed | None = None
    missing: tuple[str, ...] = ()
    note: str = ""
    placements: tuple[Placed, ...] = ()
    id: str | None = None
    since: Since | None = None
    address: str | None = None
