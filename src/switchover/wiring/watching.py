"""The daily round put together: its steps, what they work with, and who runs it: a command, or the keeper's child."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from random import Random

from switchover.domain.candidate import PromptVersion
from switchover.domain.charge import WATCH
from switchover.domain.people import Actor
from switchover.domain.process import Process, Settings, UpstreamSpec
from switchover.domain.watching import DueOrder, Finding, Probe
from switchover.egress import Client
from switchover.errors import OperatorError
from switchover.evidence import events
from switchover.probes.models_list import Listed, ask_models
from switchover.processes.lease import Lease
from switchover.store import Store
from switchover.store.drills import cut_offs
from switchover.store.due_orders import due_orders, let_go
from switchover.store.leases import release_leases
from switchover.store.machine import machine_of
from switchover.store.register import suspensions
from switchover.store.watching import StepRun, newest_probes, step_runs, want_steps
from switchover.trial.metering import Account, Meter
from switchover.trial.replay import Ask
from switchover.watch import canary, drift, probing, prompts, retirements
from switchover.watch.allowance import Allowance
from switchover.watch.run import Round, Step, watch_round
from switchover.watch.schedule import due_steps, next_moment

from . import access
from .due import Turn, due, rates, turns
from .evidence import noting
from .parts import CLOCK, open_store, outbound, read_key, upstream
from .templates import with_templates
from .trials import ask_of, metering, own_engines
from .weights import learn_weights

PROBE = probing.BY
LEASE, LEASE_S = "watch", 30.0
AGAIN = "probe again"
# Whose key was refused is asked again so often: whoever mended it need not wait for the next day.
AGAIN_S = 3600.0

# The steps of a round, in order.
STEPS: Mapping[str, Step] = {
    probing.NAME: probing.probe,
    prompts.NAME: prompts.prompts,
    canary.NAME: canary.watch_canaries,
    drift.NAME: drift.watch_drift,
    retirements.NAME: retirements.look,
    "due": due,
}


@contextmanager
def alone(store: Store, holder: str) -> Iterator[Lease]:
    """Holds the watch for as long as this lasts. Raises OperatorError while another has it."""
    lease = Lease(LEASE, holder, clock=CLOCK, seconds=LEASE_S)
    if not lease.renew(store):
        raise OperatorError("another round or due rehearsal runs right now", mend="wait until it is done; it is short")
    try:
        yield lease
    finally:
        lease.release(store)


def holder_of(settings: Settings, pid: int | None) -> str:
    """How the keeper's child of this machine is called while it holds something; None: how all their names begin."""
    return f"{machine_of(settings.data_dir)}:watch:{'' if pid is None else f'{pid}.'}"


def let_go_of(settings: Settings, store: Store, pid: int | None) -> None:
    """Frees what a child of this machine held that is gone (None: any)."""
    holder = holder_of(settings, pid)
    let_go(store, holder)
    release_leases(store, LEASE, holder)


def seed_of(runs: Mapping[str, StepRun]) -> str:
    """What a store's schedule is drawn from: the moment at which it first wanted a step, to the microsecond."""
    return repr(min((run.wanted_at for run in runs.values()), default=0.0))


def due_now(settings: Settings, store: Store, now: float) -> list[str]:
    """The steps that are due; the first time nothing is, but that moment is kept."""
    runs = step_runs(store)
    if missing := [name for name in STEPS if name not in runs]:
        want_steps(store, missing, now)
        runs = step_runs(store)
    ran = {name: run.ran_at for name, run in runs.items()}
    wanted = {name: run.wanted_at for name, run in runs.items()}
    found = due_steps(list(STEPS), ran, wanted, now, settings.watch, seed_of(runs))
    again = ran.get(AGAIN) or 0.0
    asked = max(again, ran.get(probing.NAME) or 0.0)
    if not found and now - asked >= AGAIN_S and any(one.by == probing.BY for one in suspensions(store).values()):
        found.append(AGAIN)
    return found


def has_work(settings: Settings, store: Store, now: float) -> bool:
    """Whether there is anything to do for the keeper's child."""
    if due_now(settings, store, now):
        return True
    return any(turn.replays for turn in turns(settings, store, Allowance(settings.watch, store, CLOCK), now))


async def run_steps(
    settings: Settings, store: Store, names: Sequence[str], note: events.Note, only: str | None = None
) -> list[Finding]:
    """Runs the named steps, with own engines as far as they start: a probe says of the others that they do not."""
    client = outbound(settings)
    concerned = {
        name for one in settings.processes.values() if only in (None, one.name) for name in one.upstreams
    }  # fmt: skip
    specs = [settings.upstreams[name] for name in sorted(concerned)]
    known: Mapping[str, Step] = {**STEPS, AGAIN: probing.probe_again}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        for spec in specs:
            with suppress(OperatorError):
                await stack.enter_async_context(own_engines(settings, [spec], client))
        with suppress(OperatorError):
            await learn_weights(settings, specs)
        meter = await stack.enter_async_context(metering(settings, store))
        round_ = _round(with_templates(settings, idle=True), store, client, note, only, meter)
        return await watch_round(round_, {name: known[name] for name in names})


def _round(
    settings: Settings, store: Store, client: Client, note: events.Note, only: str | None, meter: Meter
) -> Round:
    def account(process: Process, spec: UpstreamSpec) -> Account:
        return meter.account(process, spec, WATCH)

    def made(version: PromptVersion) -> Ask:
        spec = settings.upstreams[version.upstream]
        return ask_of(settings, version, client, account(settings.processes[version.process], spec))

    async def listed(spec: UpstreamSpec) -> Listed | None:
        return await ask_models(spec, read_key(settings, spec.key) if spec.key else None, client)

    now = CLOCK.now()
    return Round(
        settings=settings,
        store=store,
        clock=CLOCK,
        rng=Random(f"{settings.source} {now}"),  # noqa: S311  # which canary goes first is no secret
        note=note,
        allowance=Allowance(settings.watch, store, CLOCK),
        upstream=lambda spec: upstream(settings, spec, None, client),
        ask=made,
        account=account,
        listed=listed,
        cuts=[cut for cut in cut_offs(store, in_force_at=now) if cut.fault is None],
        only=only,
    )


def retiring(settings: Settings, process: str | None) -> list[Finding]:
    """What retires of what a process (None: each) rests on, with the days left."""
    with open_store(settings) as store:
        found = retirements.ahead(settings, store, CLOCK.now())
    return [one for one in found if process in (None, one.about)]


def run_by_hand(settings: Settings, process: str | None, *, actor: Actor | None = None) -> list[Finding]:
    """Every step at once, for one process or all. Raises Forbidden, OperatorError while another round runs."""
    access.check(settings, actor, "watch run", process)
    holder = f"command:{os.uname().nodename}:{os.getpid()}:{secrets.token_hex(4)}"
    with open_store(settings) as store, alone(store, holder), noting(settings, actor) as note:
        return asyncio.run(run_steps(settings, store, list(STEPS), note, process))


@dataclass(frozen=True, slots=True, kw_only=True)
class Warm:
    """A proof that is kept: until when it holds, and how many replays a day keep it (None: no rate would)."""

    process: str
    candidate: str
    expires_at: float
    replays_per_day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the watch knows: its steps and when the next round is, probes, retirements, proofs, and due orders."""

    next_round: float
    steps: Sequence[StepRun]
    probes: Sequence[Probe]
    retirements: Sequence[Finding]
    warm: Sequence[Warm]
    orders: Sequence[Turn]
    running: Sequence[DueOrder]


def standing(settings: Settings, process: str | None = None) -> Standing:
    """Where the watch stands, without asking anybody."""
    now = CLOCK.now()
    with open_store(settings) as store:
        due_now(settings, store, now)
        runs, probes = step_runs(store), newest_probes(store)
        seen = with_templates(settings, idle=True)
        waiting = turns(settings, store, Allowance(settings.watch, store, CLOCK), now)
        ids = {turn.order.id for turn in waiting}
        wanted = {process} if process is not None else set(settings.processes)
        upstreams = {name for one in wanted for name in settings.processes[one].upstreams}
        return Standing(
            next_round=next_moment(now, settings.watch, seed_of(runs)),
            steps=[runs[name] for name in STEPS if name in runs],
            probes=[probes[name] for name in sorted(upstreams) if name in probes],
            retirements=[one for one in retirements.ahead(settings, store, now) if one.about in wanted],
            warm=[
                Warm(
                    process=held.process,
                    candidate=held.candidate,
                    expires_at=held.expires_at,
                    replays_per_day=None if rate is None else -int(-rate // 1),
                )
                for held, rate in rates(seen, store, now)
                if held.process in wanted
            ],
            orders=[turn for turn in waiting if turn.order.process in wanted],
            running=[
                one for one in due_orders(store, waiting=True) if one.id not in ids and one.process in wanted
            ],
        )  # fmt: skip
