"""A process: what it is, who serves it, what each candidate's verdict means."""

from __future__ import annotations

from starlette.responses import Response

from switchover.report.comparison import Judge
from switchover.report.explaining import explain
from switchover.store.exchanges import list_exchanges
from switchover.store.proofs import newest_verdicts

from .visit import Visit

LATEST = 12


def show(visit: Visit) -> Response:
    """The page of the process that the path names."""
    process, store = visit.process(), visit.store
    entries = []
    if process.rehearse is not None:
        judge = Judge(store, visit.desk.as_seen(visit.settings), process, process.rehearse, visit.now)
        for verdict in judge.best_first(newest_verdicts(store, process.name)):
            void = judge.void(verdict)
            entries.append((verdict, judge.state(verdict), void, explain(verdict, process, visit.now, void=void)))
    tried = {verdict.cell.upstream for verdict, *_ in entries}
    return visit.page(
        "process.html",
        process=process,
        entries=entries,
        untested=[name for name in process.fallbacks if name not in tried],
        exchanges=list_exchanges(store, process=process.name, limit=LATEST, bodies=False),
    )
