"""A process: where it stands, where it should be placed and what was decided, its candidates, its exchanges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from starlette.responses import Response

from switchover.domain.candidate import SliceEvidence, Verdict
from switchover.domain.placement import Impact, Place, Substitutability, place_of
from switchover.domain.process import Criticality, Process
from switchover.errors import OperatorError
from switchover.report.comparison import Judge
from switchover.report.deciding import LONGEST, NOBODY, told
from switchover.report.explaining import explain
from switchover.report.placements import Placement, placements
from switchover.report.quarter import DAYS, Quarter
from switchover.report.wording import usd
from switchover.store.acceptances import acceptances
from switchover.store.exchanges import list_exchanges
from switchover.store.people import people
from switchover.store.proofs import newest_verdicts
from switchover.store.traffic import asked

from .visit import Visit

LATEST = 12
# What a form offers to sign: nothing, unless a person chooses.
SIGNED = {
    subject: [("", "not signed"), *((str(value), str(value)) for value in kind)]
    for subject, kind in (
        ("criticality", Criticality), ("substitutability", Substitutability), ("impact", Impact),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sees:
    """An upstream that may, or did, see the process's data; ``answered`` counts what the record has of it."""

    upstream: str
    where: str
    allowed: bool
    serves: bool
    answered: int


def asks_people(process: Process) -> bool:
    """Whether people are asked what they think of a candidate's answers."""
    return process.rehearse is not None and process.rehearse.labels_share > 0


def show(visit: Visit) -> Response:
    """The page of the process that the path names."""
    return page(visit, visit.process())


def page(visit: Visit, process: Process, trouble: OperatorError | None = None) -> Response:
    """Its page; with ``trouble`` a decision that could not be taken, and the form as it was filled in."""
    store, settings = visit.store, visit.sources.as_seen(visit.settings)
    last = visit.sources.quarter(store, visit.settings)
    placement = placements(store, settings, visit.now, last, [process.name])[process.name]
    entries = []
    if process.rehearse is not None:
        judge = Judge(store, settings, process, process.rehearse, visit.now)
        for verdict in judge.best_first(newest_verdicts(store, process.name)):
            void = judge.void(verdict)
            entries.append((verdict, judge.state(verdict), void, explain(verdict, process, visit.now, void=void)))
    tried = {verdict.cell.upstream for verdict, *_ in entries}
    today = datetime.fromtimestamp(visit.now, UTC).date()
    return visit.page(
        "process.html",
        409 if trouble else 200,
        process=process,
        placement=placement,
        may_decide=visit.may("decide", process.name),
        seen=told(placement.proposal),
        nobody=NOBODY,
        serving=_offered(placement, placement.proposal.serves),
        standing_in=[
            *_offered(placement, placement.proposal.replacement, stands_in=True),
            (NOBODY, "nobody" if placement.proposal.replacement else "nobody, as nobody is proven"),
        ],
        kinds=SIGNED,
        first_day=today + timedelta(days=1),
        last_day=today + LONGEST,
        given=visit.form if trouble else {},
        trouble=str(trouble).partition("\n")[0] if trouble else "",
        mend=trouble.mend if trouble else "",
        entries=entries,
        parts=[part for verdict, *_ in entries for part in _parts(verdict)],
        labels=asks_people(process) and visit.may("label", process.name),
        untested=[name for name in process.fallbacks if name not in tried],
        accepted=acceptances(store, process.name, now=visit.now),
        names={person.id: person.name for person in people(store)},
        sees=_sees(visit, process, last),
        spent=_spent(visit, process, today),
        days=DAYS,
        exchanges=list_exchanges(store, process=process.name, limit=LATEST, bodies=False),
    )


def _offered(placement: Placement, proposed: str | None, *, stands_in: bool = False) -> list[tuple[str, str]]:
    """The upstreams to choose from, with a word on each: those from which no policy keeps the data."""
    found = []
    for one in placement.choices:
        if one.barred is None or one.barred[0] != "policy":
            said = ", proposed" if one.name == proposed else ", not proven" if stands_in and one.proof is None else ""
            found.append((one.name, f"{one.name} ({one.place}){said}"))
    return found


def _parts(verdict: Verdict) -> Iterator[tuple[Verdict, str, SliceEvidence]]:
    """Slices, and the topics that are worst or were found to be worse than accepted."""
    evidence = verdict.evidence
    for part in (*evidence.slices, *evidence.told):
        yield verdict, f"slice {part.name}", part
    topics = {one.topic: one for one in (*evidence.found, evidence.worst_topic) if one is not None}
    for one in topics.values():
        yield verdict, f"topic {one.topic} of {one.of}", one.evidence


def _sees(visit: Visit, process: Process, last: Quarter) -> list[Sees]:
    settings, answers = visit.settings, last.answers.get(process.name, {})
    names = dict.fromkeys((*process.upstreams, *process.embeddings, *(name for name in answers if name)))
    found = []
    for name in names:
        spec = settings.upstreams.get(name)
        if spec is None:
            where, allowed = "not configured any more", False
        else:
            host = settings.providers.get(spec.host)
            own = place_of(spec, settings.providers) is Place.OWN
            where = "our own machine" if own else f"{spec.host}, {host.home}" if host else spec.host
            allowed = process.may_see(spec, settings.providers)
        found.append(
            Sees(
                upstream=name, where=where, allowed=allowed, serves=name == process.baseline,
                answered=answers.get(name, 0),
            )
        )  # fmt: skip
    return found


def _spent(visit: Visit, process: Process, today: date) -> str:
    """What this month (UTC) cost, as it was metered."""
    month = datetime(today.year, today.month, 1, tzinfo=UTC).timestamp()
    found = [row for row in asked(visit.store, month, ("process",)) if row.of["process"] == process.name]
    if not found:
        return "Nothing was asked this month."
    if not found[0].priced:
        return "None of this month's calls has a price."
    rest = found[0].exchanges - found[0].priced
    left_out = f", without {rest:,} that have no price" if rest else ""
    return f"{usd(found[0].spent)} metered this month{left_out}."
