"""Why a process would be answered as it would: its plan, and whatever acts on it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from switchover.dialects.side import NEEDS_VECTORS
from switchover.domain.budget import BudgetStanding, has_budgets
from switchover.domain.cut_off import CutOff, Target
from switchover.domain.process import DataClass, Settings
from switchover.gateway import health
from switchover.gateway.health import Seen
from switchover.gateway.neighbours import Neighbours
from switchover.planning import Plan, asked_for, plan_request
from switchover.store.people import name_of

from .budget import standings
from .parts import CLOCK, open_store
from .register import snapshot
from .running import endpoints, runs
from .templates import with_templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The plan of a process.

    ``workers`` are those that told their breakers, ``told_ago`` is how many seconds ago the one did that told it first;
    ``breakers`` and ``cut_offs`` are those that concern the upstreams of such requests, ``budgets`` what they are
    charged to. Without a running gateway
    breakers count as closed and own engines as running.
    """

    plan: Plan
    running: bool
    workers: tuple[str, ...]
    told_ago: float
    breakers: tuple[Seen, ...]
    cut_offs: tuple[CutOff, ...]
    budgets: tuple[BudgetStanding, ...] = ()


def explain(
    settings: Settings, name: str, without: Sequence[Target], needs: frozenset[str], data: DataClass | None = None
) -> Explanation:
    """The plan of a process, supposing these targets lost, for a request with such needs and such ``data`` in it.

    Each worker has breakers of its own: an upstream counts as its worst one says.
    """
    settings = with_templates(settings, idle=True)
    with open_store(settings) as store:
        known = snapshot(settings, store)
        accepted = [replace(one, made_by=name_of(store, one.made_by)) for one in known.acceptances]
    known = replace(known, acceptances=tuple(accepted))
    running, now = runs(settings), CLOCK.now()
    if running:
        known = replace(known, endpoints=endpoints(settings))
    process = known.processes[name]
    pages = list(Neighbours("", Path(settings.data_dir, "run"), CLOCK).others()) if running else []
    asked = asked_for(needs)
    names = process.embedders if asked == NEEDS_VECTORS else process.upstreams
    breakers = tuple(one for one in health.breakers(pages, asked) if one.upstream in names)
    specs = [known.upstreams[upstream] for upstream in names]
    cuts = [
        cut
        for cut in known.cut_offs
        if any(cut.target.covers(spec, known.providers) for spec in specs)
        and (not cut.processes or name in cut.processes)
    ]
    planned = plan_request(
        known,
        name,
        now,
        breakers=health.worst(breakers),
        pauses=health.pauses(pages, now),
        without=tuple(without),
        needs=needs,
        data=data,
    )
    return Explanation(
        plan=planned,
        running=running,
        workers=tuple(worker for worker, _, _ in pages),
        told_ago=max((age for _, age, _ in pages), default=0.0),
        breakers=breakers,
        cut_offs=tuple(cuts),
        budgets=tuple(standings(settings, name)) if has_budgets(settings) else (),
    )
