"""A placement in words: the proposal in one sentence, why, on what evidence, and what would make it better. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from switchover.domain.placement import Place, shared_control, shared_jurisdictions
from switchover.domain.process import Process, Provider

from .bettering import Step, steps
from .explaining import points, worse
from .model import Fate
from .placing import RULES, Choice, Placing, capacity_words, is_guarded, place
from .wording import usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a reason comes from: a ``kind`` ("verdict", "proof", "drill", "setting", "record") and its id."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why, by which rule. ``holds`` False: it speaks against; None: nobody knows."""

    rule: str
    said: str
    holds: bool | None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """An upstream that was passed over, by which rule, and why."""

    name: str
    place: Place
    rule: str
    why: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Where a process should be placed. ``serves`` and ``replacement`` are None where nobody may.

    ``kept``: of a process that is too critical to hand over entirely, something proven stays in our own hands; None:
    it is no such process. ``basis`` is what the proposal rests on, each by name.
    """

    process: str
    place: Place | None
    serves: str | None
    replacement: str | None
    stays: bool
    said: str
    kept: bool | None
    reasons: tuple[Reason, ...]
    passed: tuple[Alternative, ...]
    steps: tuple[Step, ...]
    basis: Mapping[str, str]

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that it rests on, each once."""
        of_reasons = [source for one in self.reasons for source in one.sources]
        found = of_reasons + [source for one in self.passed for source in one.sources]
        return tuple(dict.fromkeys(found))


def propose(process: Process, choices: Sequence[Choice], providers: Mapping[str, Provider]) -> Proposal:
    """The proposal; ``choices`` are the baseline, then the fallbacks in configured order."""
    placing = place(process, choices, providers)
    serves, stands = placing.serves, placing.replacement
    kept = None
    if is_guarded(process):
        kept = any(one is not None and one.place is Place.OWN for one in (serves, stands))
    return Proposal(
        process=process.name,
        place=serves.place if serves else None,
        serves=serves.name if serves else None,
        replacement=stands.name if stands else None,
        stays=placing.stays,
        said=_sentence(process, placing, providers),
        kept=kept,
        reasons=tuple(sorted(_reasons(process, placing, providers), key=lambda one: list(RULES).index(one.rule))),
        passed=tuple(
            Alternative(
                name=one.choice.name, place=one.choice.place, rule=one.rule, why=one.why,
                sources=_evidence(process, one.choice),
            )
            for one in placing.passed
        ),
        steps=tuple(steps(process, choices, placing.serves, providers, kept)),
        basis=basis(process, choices, providers, serves.name if serves else None, stands.name if stands else None),
    )  # fmt: skip


def basis(
    process: Process,
    choices: Sequence[Choice],
    providers: Mapping[str, Provider],
    serves: str | None,
    replacement: str | None,
) -> dict[str, str]:
    """What a placement rests on, as short words by name: two of them tell what has changed in between."""
    found = {"criticality": str(process.criticality), "data": str(process.data), "serves today": process.baseline}
    for name in (serves, replacement):
        one = next((choice for choice in choices if choice.name == name), None)
        if name is None:
            continue
        if one is None:
            found[f"{name}: configured"] = "no"
            continue
        found[f"{name}: may serve"] = "yes" if one.barred is None else f"no, {one.barred[0]}"
        found[f"{name}: host"] = _where(one, providers)
        found[f"{name}: retires"] = one.retires or "not announced"
        if name != process.baseline:
            found[f"{name}: proof"] = "in date" if one.proof else "none"
            found[f"{name}: drill"] = str(one.shown.fate) if one.shown else "none"
        if one.place is Place.OWN:
            found[f"{name}: busiest minute"] = ("too little", "not measured", "carried")[one.carries]
    return found


def _where(one: Choice, providers: Mapping[str, Provider]) -> str:
    if one.place is Place.OWN:
        return "our own machine"
    host = providers.get(one.spec.host)
    if host is None:
        return one.spec.host
    return f"{host.name}, {host.home}" + (f", parent in {host.parent_home}" if host.parent_home else "")


def _sentence(process: Process, placing: Placing, providers: Mapping[str, Provider]) -> str:
    serves, stands = placing.serves, placing.replacement
    if serves is None:
        return "Nobody may serve it: who serves today may not, and nobody else is proven."
    verb = "Stay with" if placing.stays else "Move to"
    said = f"{verb} {serves.name} ({_kind(serves)}: {_where(serves, providers)})"
    if stands is None:
        return f"{said}; nobody is proven to stand in."
    drilled = "proven and drilled" if stands.shown and stands.shown.fate is Fate.DRILLED else "proven"
    why = f"; {stands.shown.fate.partition(', ')[2]}" if stands.shown and drilled == "proven" else ""
    return f"{said}, with {stands.name} ({_kind(stands)}: {_where(stands, providers)}) to stand in: {drilled}{why}."


def _kind(one: Choice) -> str:
    return str(one.place)


def _reasons(process: Process, placing: Placing, providers: Mapping[str, Provider]) -> Iterator[Reason]:
    serves, stands = placing.serves, placing.replacement
    setting = Source(kind="setting", id=f"processes.{process.name}.allow")
    if not placing.stays:
        today = next((one for one in placing.passed if one.choice.name == process.baseline), None)
        if today is not None and today.choice.barred is not None:
            yield Reason(rule=today.rule, said=f"{process.baseline} serves today: {today.why}", holds=False,
                         sources=(setting,))  # fmt: skip
    if serves is None:
        return
    seeing = " and ".join(one.name for one in (serves, stands) if one is not None)
    yield Reason(rule="policy", said=f"{seeing} may see {process.data} data", holds=True, sources=(setting,))
    for one in (serves, stands):
        if one is not None and one.name != process.baseline:
            yield from _shown(process, one)
    if placing.stays:
        yield Reason(rule="stay", said=_why_stays(process, placing), holds=True)
    for one in (serves, stands):
        if one is not None and one.retires is not None:
            yield Reason(rule="stay", said=f"{one.name} retires on {one.retires}, as announced", holds=False)
    if stands is None:
        untested = "untested: nobody proven is left to stand in, so losing it stops the process"
        yield Reason(rule="proof", said=untested, holds=False)
    else:
        yield _apart(process, serves, stands, providers)
    for one in (serves, stands):
        if one is not None and one.place is Place.OWN:
            holds = {2: True, 1: None, 0: False}[one.carries]
            yield Reason(rule="capacity", said=f"{one.name}: {capacity_words(one)}", holds=holds, sources=_timed(one))
    yield from _costs(serves, stands)


def _why_stays(process: Process, placing: Placing) -> str:
    why = "; ".join(f"{one.choice.name}: {one.why}" for one in placing.rivals)
    said = f"{process.baseline} serves today, and nothing shown speaks for another to serve"
    return f"{said} ({why})" if why else said


def _shown(process: Process, one: Choice) -> Iterator[Reason]:
    proof = one.proof
    if proof is None or one.shown is None:
        return
    until = datetime.fromtimestamp(proof.expires_at, UTC).strftime("%Y-%m-%d")
    said = (
        f"{one.name} is {worse(proof.lower)} than {process.baseline} after {proof.replays:,} replays, and "
        f"{points(proof.margin)} are accepted; in date until {until}"
    )
    yield Reason(rule="proof", said=said, holds=True, sources=_evidence(process, one, drills=False))
    holds = True if one.shown.fate is Fate.DRILLED else None if one.shown.fate.open else False
    sources = (Source(kind="drill", id=one.shown.drill.id),) if one.shown.drill else ()
    untested = "untested: " if one.shown.fate is Fate.UNTESTED else ""
    yield Reason(rule="drill", said=f"{untested}{one.shown.why}", holds=holds, sources=sources)


def _apart(process: Process, serves: Choice, stands: Choice, providers: Mapping[str, Provider]) -> Reason:
    org = shared_control(serves.spec, stands.spec, providers)
    if org is not None:
        return Reason(rule="control", said=f"{org} can take {serves.name} and {stands.name} away together", holds=False)
    homes = shared_jurisdictions(serves.spec, stands.spec, providers)
    if homes:
        said = f"{' and '.join(homes)} can stop {serves.name} and {stands.name} together"
        return Reason(rule="jurisdiction", said=said, holds=False)
    said = f"no one organisation or country can take {serves.name} and {stands.name} away together"
    return Reason(rule="jurisdiction", said=said, holds=True)


def _costs(serves: Choice, stands: Choice | None) -> Iterator[Reason]:
    for one in (serves, stands):
        if one is None:
            continue
        known = one.cost is not None or one.spent is not None
        said = "what it costs is not known"
        if one.cost is not None:
            said = f"{usd(one.cost)} over two years, in the middle case of the projection"
        elif one.spent is not None:
            said = f"{usd(one.spent)} in the last 90 days by the record; nothing can be projected"
        sources = (Source(kind="record", id="costs"),) if known else ()
        yield Reason(rule="cost", said=f"{one.name}: {said}", holds=True if known else None, sources=sources)


def _evidence(process: Process, one: Choice, *, drills: bool = True) -> tuple[Source, ...]:
    found = []
    if one.barred is not None and one.barred[0] == "policy":
        found.append(Source(kind="setting", id=f"processes.{process.name}.allow"))
    if one.verdict is not None:
        found.append(Source(kind="verdict", id=one.verdict.id))
    if one.proof is not None:
        found.append(Source(kind="proof", id=one.proof.id))
    if drills and one.shown is not None and one.shown.drill is not None:
        found.append(Source(kind="drill", id=one.shown.drill.id))
    return tuple(found)


def _timed(one: Choice) -> tuple[Source, ...]:
    verdict = one.carried.verdict if one.carried else None
    return (Source(kind="verdict", id=verdict.id),) if verdict else ()
