"""Retirements as they become known: told once, at the notice, when there is still time to prove a replacement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from switchover.config.watching import known_retirements
from switchover.domain.model_name import is_same_model
from switchover.domain.process import Process, Settings, UpstreamSpec
from switchover.domain.watching import DueOrder, Finding, Retirement, Why
from switchover.errors import ConfigError, UpstreamError
from switchover.evidence import events
from switchover.store import Store
from switchover.store.due_orders import open_order
from switchover.store.proofs import proofs
from switchover.store.register import suspensions
from switchover.store.watching import retiring, save_retirement

from .allowance import day_of
from .run import Round

NAME = "retirements"
# So long before the end it has become an error to have no replacement: the shortest notice that vendors promise is 60
# days (facts/vendors.yaml), and half of it is gone.
LATE_DAYS = 30


async def look(round_: Round) -> list[Finding]:
    """Finds retirements in the configuration, at the endpoints and among the facts; tells new ones.

    A new one of a baseline leaves a due order for each candidate of the process.
    """
    now = round_.clock.now()
    silent: list[Finding] = []
    for name in dict.fromkeys(name for process in round_.processes for name in process.upstreams):
        spec = round_.settings.upstreams[name]
        listed, why_not = await _listed(round_, spec)
        if why_not:
            silent.append(Finding(step=NAME, about=name, well=True, said=why_not))
        for found in [*_known(spec, now), *listed]:
            if not save_retirement(round_.store, found):
                continue
            round_.note(events.retirement(found))
            for process in round_.processes:
                if process.baseline == name:
                    _leave_orders(round_, process, found)
    told = [one for one in ahead(round_.settings, round_.store, now) if one.about in {p.name for p in round_.processes}]
    return silent + told


def _known(spec: UpstreamSpec, now: float) -> Iterator[Retirement]:
    """What the configuration and the facts say of a model. A vendor's dates are those of its own endpoint."""
    if spec.retires is not None:
        source = f"upstreams.{spec.name}.retires in the configuration"
        yield Retirement(upstream=spec.name, model=spec.model, day=spec.retires, source=source, told_at=now)
    for one in known_retirements():
        if one.vendor == spec.host and is_same_model(one.model, spec.model):
            yield Retirement(upstream=spec.name, model=spec.model, day=one.day, source=one.source, told_at=now)


async def _listed(round_: Round, spec: UpstreamSpec) -> tuple[list[Retirement], str]:
    """What the endpoint lists, and why it could not be asked. A list costs nothing, and is no call to a model."""
    if spec.kind != "openai" or round_.barred(spec) is not None:
        return [], ""
    try:
        listed = await round_.listed(spec)
    except (UpstreamError, ConfigError) as error:
        return [], f"its list of models can't be had: {error}"
    if listed is None or listed.gone is None:
        return [], ""
    now = round_.clock.now()
    return [Retirement(upstream=spec.name, model=spec.model, day=listed.gone, source=listed.source, told_at=now)], ""


def _leave_orders(round_: Round, process: Process, found: Retirement) -> None:
    said = f"{found.upstream} retires {found.model} on {found.day} ({found.source})"
    for candidate in process.fallbacks if process.rehearse is not None else ():
        order = DueOrder.of(
            process.name, candidate, Why.RETIREMENT, about=f"{found.model} {found.day}", said=said, now=found.told_at
        )
        if open_order(round_.store, order):
            round_.note(events.due_order(order, "opened"))


def days_left(day: str, now: float) -> int:
    """Days until a day (ISO date); negative once it is past."""
    return (date.fromisoformat(day) - date.fromisoformat(day_of(now))).days


def ahead(settings: Settings, store: Store, now: float) -> list[Finding]:
    """What retires of what each process rests on, with the days left, and whether that is well.

    A baseline that is gone, or soon will be, without a replacement that is proven is not.
    """
    known, doubted = retiring(store, settings), suspensions(store)
    proven = {(one.process, one.upstream) for one in proofs(store, now=now) if one.upstream not in doubted}
    found = []
    for process in settings.processes.values():
        for name in process.upstreams:
            if (one := known.get(name)) is None:
                continue
            left = days_left(one.day, now)
            when = f"in {left} days" if left > 0 else "today" if left == 0 else f"{-left} days ago"
            said = f"{name} retires {one.model} on {one.day}, {when} ({one.source})"
            if name != process.baseline:
                found.append(Finding(step=NAME, about=process.name, well=True, said=f"{said}; it is a replacement"))
                continue
            others = [
                other
                for other in process.fallbacks
                if (process.name, other) in proven and (other not in known or known[other].day > one.day)
            ]
            said += f"; proven to stand in: {', '.join(others)}" if others else "; no replacement is proven"
            found.append(Finding(step=NAME, about=process.name, well=bool(others) or left > LATE_DAYS, said=said))
    return found
