"""What is known of each upstream → where a process is best placed, with whom to stand in, and why. Pure.

The rules in order are :data:`RULES`; docs/explanation/placement.md says them in words, and a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from switchover.domain.candidate import Proof, Verdict
from switchover.domain.placement import Place, shared_control, shared_jurisdictions
from switchover.domain.process import Criticality, DataClass, Process, Provider, UpstreamSpec

from .carrying import Carried
from .model import Fate
from .standing import Shown

# In this order. The first four leave somebody out, the others put those that are left in order.
RULES: Mapping[str, str] = {
    "policy": "Who may not see the process's data neither serves nor stands in.",
    "cut-off": "Who is cut off, really, neither serves nor stands in.",
    "proof": "Who does not serve today needs a proof in date; one that is suspended or held over is none.",
    "stay": (
        "Who serves today stays, unless the first two rules forbid it. Another serves only if it is proven, drilled "
        "on all of the traffic, carries the busiest minute, leaves a stand-in at least as good, and costs less."
    ),
    "control": "A stand-in that is lost with the same organisation comes after one that is not.",
    "drill": "Then by what a drill has shown: all of it, a part, nothing yet, too slow, failed.",
    "jurisdiction": "Then one that no country can stop together with who serves.",
    "own hands": "Of a critical process, and of confidential or secret data: then one on our own machine.",
    "capacity": "Then by what it carries of the busiest minute: all of it, not known, too little.",
    "cost": "Then by what it costs over two years.",
    "order": "Then by the order of the configuration.",
}
LEVELS = {Fate.DRILLED: 4, Fate.IN_PART: 3, Fate.UNTESTED: 2, Fate.TOO_SLOW: 1, Fate.FAILED: 0}
SENSITIVE = (DataClass.CONFIDENTIAL, DataClass.SECRET)
# How a stand-in is judged; what it costs and where it is listed make it no better or worse.
GRADED = ("control", "drill", "jurisdiction", "own hands", "capacity")

Score = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One upstream of a process, and what is known of it.

    ``barred`` is the rule that forbids it and why, None where none does. ``proof`` is in date and would serve; else
    ``unproven`` says why there is none. ``shown`` is what drills showed of it as a replacement, ``cost`` USD over two
    years and ``spent`` by the record, None where nobody knows; ``verdict`` its newest. ``carried`` is None for what is
    not on our own machine. ``retires`` is the day (ISO) from which its model is gone, as announced.
    """

    spec: UpstreamSpec
    place: Place
    barred: tuple[str, str] | None = None
    proof: Proof | None = None
    unproven: str = ""
    shown: Shown | None = None
    carried: Carried | None = None
    cost: Decimal | None = None
    spent: Decimal | None = None
    verdict: Verdict | None = None
    retires: str | None = None

    @property
    def name(self) -> str:
        """Its upstream's."""
        return self.spec.name

    @property
    def proven(self) -> bool:
        """Whether it may stand in."""
        return self.barred is None and self.proof is not None and self.shown is not None

    @property
    def carries(self) -> int:
        """All of the busiest minute (2; a host is taken to), not known (1), too little (0)."""
        if self.place is not Place.OWN:
            return 2
        if self.carried is None or self.carried.share is None:
            return 1
        return 2 if self.carried.share >= 1.0 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An upstream that is not who stands in (or serves), by which rule, and why."""

    choice: Choice
    rule: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Who should serve and who should stand in; None: nobody may. ``grade`` is higher for what is better.

    ``stays``: who serves today goes on serving; ``rivals`` are proven, and say why they do not serve instead.
    """

    serves: Choice | None
    replacement: Choice | None
    stays: bool
    passed: tuple[Passed, ...]
    rivals: tuple[Passed, ...] = ()
    grade: Score = field(default=(), repr=False)


def is_guarded(process: Process) -> bool:
    """Whether it is too critical to hand over entirely: critical, or with confidential or secret data."""
    return process.criticality is Criticality.CRITICAL or process.data in SENSITIVE


def place(process: Process, choices: Sequence[Choice], providers: Mapping[str, Provider]) -> Placing:
    """The placement by the rules; ``choices`` are the baseline, then the fallbacks in configured order."""
    return _Rules(process, choices, providers).placing()


def stand_in(
    process: Process, choices: Sequence[Choice], providers: Mapping[str, Provider], serves: str
) -> Choice | None:
    """The best stand-in by the rules should ``serves`` serve."""
    rules = _Rules(process, choices, providers)
    return rules.stand_in(next(one for one in choices if one.name == serves))


class _Rules:
    def __init__(self, process: Process, choices: Sequence[Choice], providers: Mapping[str, Provider]) -> None:
        self.process, self.choices, self.providers = process, choices, providers
        self.keeps_hands = is_guarded(process)

    def placing(self) -> Placing:
        today = self.choices[0]
        if today.barred is not None:
            return self._without(today)
        best = self.stand_in(today)
        better = [one for one in self.choices[1:] if self._why_not(today, one, best) is None]
        serves = min(better, key=lambda one: (one.cost or Decimal(0), self._place(one)), default=today)
        replacement = best if serves is today else self.stand_in(serves)
        passed = [self._passed(today, one, serves, replacement, best) for one in self.choices]
        return Placing(
            serves=serves,
            replacement=replacement,
            stays=serves is today,
            passed=tuple(one for one in passed if one is not None),
            rivals=tuple(self._rivals(today, best)) if serves is today else (),
            grade=(1.0, *self._grade(serves, replacement)),
        )

    def _rivals(self, today: Choice, best: Choice | None) -> Iterator[Passed]:
        for one in self.choices[1:]:
            found = self._why_not(today, one, best) if one.proven else None
            if found is not None:
                yield Passed(choice=one, rule=found[0], why=found[1])

    def stand_in(self, serves: Choice) -> Choice | None:
        """The best of those that are proven."""
        found = [one for one in self.choices if one.proven and one is not serves]
        return max(found, key=lambda one: tuple(self._score(serves, one).values()), default=None)

    def _without(self, today: Choice) -> Placing:
        """Who serves today may not: the best of those that are proven serves, and another of them stands in."""
        proven = [one for one in self.choices[1:] if one.proven]
        serves = max(proven, key=lambda one: (*self._serving(one), *self._after(one)), default=None)
        replacement = self.stand_in(serves) if serves else None
        grade = (1.0, *self._serving(serves), *self._grade(serves, replacement)) if serves else (0.0,)
        passed = [self._passed(today, one, serves, replacement, None) for one in self.choices]
        left = tuple(one for one in passed if one is not None)
        return Placing(serves=serves, replacement=replacement, stays=False, passed=left, grade=grade)

    def _serving(self, one: Choice) -> Score:
        """How good it is to serve: what a drill has shown, whose hands it is in, what it carries."""
        level = LEVELS[one.shown.fate] if one.shown else -1
        return float(level), float(self.keeps_hands and one.place is Place.OWN), float(one.carries)

    def _after(self, one: Choice) -> Score:
        return (*self._grade(one, self.stand_in(one)), *self._cost(one), -float(self._place(one)))

    def _score(self, serves: Choice, one: Choice) -> dict[str, Score]:
        """By rule, how good a stand-in it is should ``serves`` be lost."""
        level = LEVELS[one.shown.fate] if one.shown else -1
        apart = shared_control(serves.spec, one.spec, self.providers) is None
        return {
            "control": (float(apart),),
            "drill": (float(level),),
            "jurisdiction": (float(not shared_jurisdictions(serves.spec, one.spec, self.providers)),),
            "own hands": (float(self.keeps_hands and one.place is Place.OWN),),
            "capacity": (float(one.carries),),
            "cost": self._cost(one),
            "order": (-float(self._place(one)),),
        }

    def _grade(self, serves: Choice, one: Choice | None) -> Score:
        if one is None:
            return (-1.0,) * len(GRADED)
        score = self._score(serves, one)
        return tuple(value for rule in GRADED for value in score[rule])

    def _cost(self, one: Choice) -> Score:
        return (0.0, 0.0) if one.cost is None else (1.0, -float(one.cost))

    def _place(self, one: Choice) -> int:
        return next(place for place, other in enumerate(self.choices) if other is one)

    def _why_not(self, today: Choice, one: Choice, best: Choice | None) -> tuple[str, str] | None:
        """Why it should not serve in today's stead, by which rule; None where it should."""
        if one.barred is not None:
            return one.barred
        if one.proof is None or one.shown is None:
            return "proof", one.unproven
        if one.shown.fate is not Fate.DRILLED:
            return "stay", f"to serve, it would have to be drilled on all of the traffic: it is {one.shown.fate}"
        if one.carries < 2:
            return "stay", f"to serve, it would have to carry the busiest minute: {capacity_words(one)}"
        left = self.stand_in(one)
        if self._grade(one, left) < self._grade(today, best):
            who = f"only {left.name}" if left else "nobody proven"
            return "stay", f"should it serve, {who} is left to stand in; {today.name} would be rehearsed against it"
        if one.cost is None or today.cost is None:
            return "stay", "it may serve as well, and whether it costs less is not known"
        if one.cost >= today.cost:
            return "stay", "it may serve as well, and does not cost less"
        return None

    def _passed(
        self, today: Choice, one: Choice, serves: Choice | None, replacement: Choice | None, best: Choice | None
    ) -> Passed | None:
        if one is serves or one is replacement:
            return None
        if one.barred is not None:
            return Passed(choice=one, rule=one.barred[0], why=one.barred[1])
        if one is today:
            why = (
                f"{serves.name if serves else 'nobody'} serves; it would have to be rehearsed against that to stand in"
            )
            return Passed(choice=one, rule="stay", why=why)
        if one.proof is None or one.shown is None:
            return Passed(choice=one, rule="proof", why=one.unproven)
        if serves is None or replacement is None:
            found = self._why_not(today, one, best)
            rule, why = found or ("order", "another comes first")
            return Passed(choice=one, rule=rule, why=why)
        mine, its = self._score(serves, one), self._score(serves, replacement)
        rule = next((rule for rule in mine if mine[rule] < its[rule]), "order")
        return Passed(choice=one, rule=rule, why=self._lost(rule, serves, one, replacement))

    def _lost(self, rule: str, serves: Choice, one: Choice, to: Choice) -> str:
        """Why it stands in after another."""
        if rule == "control":
            return f"{shared_control(serves.spec, one.spec, self.providers)} can take both it and {serves.name} away"
        if rule == "drill" and one.shown and to.shown:
            return f"it is {one.shown.fate}, and {to.name} is {to.shown.fate}"
        if rule == "jurisdiction":
            homes = " and ".join(shared_jurisdictions(serves.spec, one.spec, self.providers))
            return f"{homes} can stop it together with {serves.name}, and not {to.name}"
        if rule == "own hands":
            return f"{to.name} is on our own machine, and it is not"
        if rule == "capacity":
            return f"{capacity_words(one)}; {capacity_words(to)} with {to.name}"
        if rule == "cost":
            return "it costs more" if one.cost is not None else "what it costs is not known"
        return f"as good as {to.name}, which the configuration names first"


def capacity_words(one: Choice) -> str:
    """What it carries, in a few words."""
    if one.place is not Place.OWN:
        return "its host is taken to carry the busiest minute"
    if one.carried is None or one.carried.per_minute is None:
        return "what it carries was never measured"
    rate = f"{one.carried.per_minute:,.0f} answers a minute"
    if one.carried.share is None:
        return f"it carries {rate}, and no load is recorded to hold that against"
    all_of_it = "all" if one.carried.share >= 1 else f"{one.carried.share * 100:.0f} %"
    return f"it carries {rate}, {all_of_it} of the busiest minute's {one.carried.peak_minute:,}"
