"""Labels of people with their settings and store: the desk at which somebody looks at pairs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from switchover.access.local import local
from switchover.domain.candidate import Cell, Verdict, grader_id
from switchover.domain.people import LOCAL, Actor
from switchover.domain.process import Process, Settings
from switchover.errors import NotFound, OperatorError
from switchover.rehearsal import Desk, Order
from switchover.store import Store
from switchover.store.proofs import verdicts

from . import access
from .evidence import noting
from .parts import CLOCK, open_store


@contextlib.contextmanager
def desk(
    settings: Settings,
    process: str,
    candidate: str,
    *,
    actor: Actor | None = None,
    by: str | None = None,
    prompt_version: str | None = None,
    source: str = "terminal",
) -> Iterator[Desk]:
    """A desk at the candidate's newest cell under the grader that is configured.

    ``by`` names who labels where nobody is known by a key. Whoever opens it closes the desk itself, which draws the
    verdict again. Raises Forbidden, NotFound, OperatorError.
    """
    access.check(settings, actor, "label", process)
    found = _process(settings, process)
    with open_store(settings) as store, noting(settings, actor) as note:
        last = newest(store, found, candidate, prompt_version)
        yield Desk(
            order_of(settings, last),
            last.cell,
            store=store,
            clock=CLOCK,
            person=person_of(actor, by),
            source=source,
            note=note,
        )


def order_of(settings: Settings, last: Verdict) -> Order:
    """The order that a verdict came of, as far as drawing it again needs it."""
    process, cell = settings.processes[last.cell.process], last.cell
    return Order(
        process=process,
        baseline=settings.upstreams[process.baseline],
        candidate=settings.upstreams[cell.upstream],
        prompt_version=cell.prompt_version,
        seed=last.seed,
    )


def cells(settings: Settings, process: str) -> list[Cell]:
    """The newest cell of each candidate of the process that people look at, under the grader that is configured."""
    found = _process(settings, process)
    if found.rehearse is None or not found.rehearse.labels_share:
        return []
    grader = grader_id(found.rehearse)
    with open_store(settings) as store:
        latest = [one.cell for one in verdicts(store, process) if one.cell.grader == grader]
    return list({cell.upstream: cell for cell in reversed(latest) if cell.upstream in settings.upstreams}.values())


def _process(settings: Settings, name: str) -> Process:
    if name not in settings.processes:
        raise NotFound(f"there is no process {name!r}", mend=f"use one of {', '.join(sorted(settings.processes))}")
    return settings.processes[name]


def newest(store: Store, process: Process, candidate: str, prompt_version: str | None) -> Verdict:
    """The newest verdict on a candidate under the grader that is configured. Raises NotFound."""
    grader = grader_id(process.rehearse) if process.rehearse is not None else None
    for verdict in verdicts(store, process.name):
        cell = verdict.cell
        if (
            cell.grader == grader
            and cell.upstream == candidate
            and candidate in process.upstreams
            and prompt_version in (None, cell.prompt_version)
        ):
            return verdict
    raise NotFound(
        f"{candidate!r} was not rehearsed for {process.name} under the grader that is configured",
        mend=f"run `switchover rehearse {process.name} --candidate UPSTREAM` first",
    )


def person_of(actor: Actor | None, by: str | None) -> str:
    """Who labels, as rows name them: a person by id, the machine's user by the name that they give."""
    if actor is not None and actor.is_person:
        if by is not None:
            raise OperatorError("your key says who you are", mend="leave --by out")
        return actor.id
    name = by or (actor or local()).name
    return f"{LOCAL} user {name}"[:128]
