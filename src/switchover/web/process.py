"""A process: what it is, who serves it, what each candidate's verdict means."""

from __future__ import annotations

from starlette.responses import Response

from switchover.domain.process import Process
from switchover.report.comparison import Judge
from switchover.report.explaining import explain
from switchover.store.exchanges import list_exchanges
from switchover.store.proofs import newest_verdicts

from .visit import Visit

LATEST = 12


def asks_people(process: Process) -> bool:
    """Whether people are asked what they think of a candidate's answers."""
    return process.rehearse is not None and process.rehearse.labels_share > 0


def show(visit: Visit) -> Response:
    """The page of the process that the path names."""
    process, store = visit.process(), visit.store
    entries = []
    if process.rehearse is not None:
        judge = Judge(store, visit.sources.as_seen(visit.settings), process, process.rehearse, visit.now)
        for verdict in judge.best_first(newest_verdicts(store, process.name)):
            void = judge.void(verdict)
            entries.append((verdict, judge.state(verdict), void, explain(verdict, process, visit.now, void=void)))
    tried = {verdict.cell.upstream for verdict, *_ in entries}
    return visit.page(
        "process.html",
        process=process,
        entries=entries,
        labels=asks_people(process) and visit.may("label", process.name),
        untested=[name for name in process.fallbacks if name not in tried],
        exchanges=list_exchanges(store, process=process.name, limit=LATEST, bodies=False),
    )
