"""Which grader suits a process, from what is on record of it."""

from __future__ import annotations

from collections import deque

from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import NotFound
from switchover.rehearsal.order import nothing_to_replay
from switchover.store import Store
from switchover.store.exchanges import iter_exchanges
from switchover.store.people import anybody
from switchover.store.retention import processes
from switchover.trial.cases import cases_of
from switchover.trial.shape import Proposal, propose

from . import access
from .parts import has_store, open_store

# The newest of them: enough to tell, read in seconds.
LOOKED_AT = 2000


def proposed(settings: Settings, process: str, actor: Actor | None = None) -> Proposal:
    """The grader proposed for a process, from its baseline's answers. Raises Forbidden, NotFound, OperatorError."""
    access.check(settings, actor, "propose-grader", process)
    known = settings.processes[process]
    with open_store(settings) as store:
        found = _of(store, process, known.baseline)
    if not found.of and not known.recording.keeps_words:
        raise nothing_to_replay(known)
    if not found.of:
        raise NotFound(
            f"{process} has no recorded answer of {known.baseline}",
            mend="let it answer requests through the gateway, or `switchover import` what another system recorded",
        )
    return found


def on_record(settings: Settings) -> dict[str, Proposal]:
    """For a first configuration: the grader proposed for each process in the store; none once people have keys.

    A first configuration asks nobody who they are, and a proposal shows what was answered.
    """
    if not has_store(settings):
        return {}
    with open_store(settings) as store:
        if anybody(store):
            return {}
        found = {name: _of(store, name, None) for name in processes(store)}
    return {name: proposal for name, proposal in found.items() if proposal.of}


def _of(store: Store, process: str, baseline: str | None) -> Proposal:
    newest = deque(
        (one for one in iter_exchanges(store, process) if baseline in (None, one.upstream)), maxlen=LOOKED_AT
    )
    return propose(cases_of(newest))
