"""Rehearsals, adaptations and drills with their upstreams, engines and store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from switchover.access.approvals import require_approval
from switchover.access.local import local
from switchover.adaptation.run import Adaptation, adapt
from switchover.adaptation.run import Progress as AdaptationProgress
from switchover.domain.candidate import PromptKind, PromptVersion, epoch_of
from switchover.domain.charge import ADAPTATION
from switchover.domain.cut_off import Drill, Target, TargetKind
from switchover.domain.people import Actor
from switchover.domain.process import Process, RehearsalTerms, Settings, UpstreamSpec
from switchover.drill.order import DrillOrder
from switchover.drill.run import quiet, run_drill
from switchover.egress import Client
from switchover.errors import NotFound, OperatorError
from switchover.evidence import events
from switchover.planning.plan import MEND_UNREAD, UNREAD_WEIGHTS
from switchover.privacy.sealing import Sealer
from switchover.processes.own import OwnChild, engine_child, healthy, student_child
from switchover.store import Store
from switchover.store import prompt_versions as version_rows
from switchover.store import trials as trial_rows
from switchover.store.changes import marks
from switchover.store.files import write_whole
from switchover.store.people import person
from switchover.trial.ask import asker
from switchover.trial.caps import Caps
from switchover.trial.continuing import Continuer, continuer
from switchover.trial.metering import Account, Meter
from switchover.trial.replay import Ask
from switchover.upstreams.local import child_name, read_place

from . import access
from .budget import holding
from .evidence import noting
from .parts import CLOCK, artefact, open_store, outbound, ring_of, upstream
from .templates import learn_templates, with_templates
from .weights import learn_weights

Result = TypeVar("Result")


@asynccontextmanager
async def own_engines(
    settings: Settings, specs: Iterable[UpstreamSpec], client: Client
) -> AsyncIterator[frozenset[str]]:
    """Own engines for these upstreams: those of a running ``switchover up``, or started for as long as this lasts.

    Gives the names of the upstreams that ``up`` runs: callers may be asking them, too.
    """
    running = set()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        for spec in {child_name(spec): spec for spec in specs if spec.is_own}.values():
            place = read_place(settings.data_dir, child_name(spec))
            if place is not None and await healthy(place, client):
                running.add(spec.name)
                continue
            child = _child(settings, spec, client)
            stack.callback(child.stop)
            await child.start()
        yield frozenset(running)


def _child(settings: Settings, spec: UpstreamSpec, client: Client) -> OwnChild:
    if spec.kind == "student":
        return student_child(settings.data_dir, clock=CLOCK, client=client)
    return engine_child(spec, settings.data_dir, os.environ, clock=CLOCK, client=client)


def _shown(settings: Settings, version: PromptVersion) -> bytes | None:
    if version.artefact is None:
        return None
    sealer = Sealer(ring_of(settings))
    try:
        return artefact(settings, sealer, version.artefact)
    finally:
        sealer.close()


def ask_of(settings: Settings, version: PromptVersion, client: Client, account: Account, *, tries: int = 1) -> Ask:
    """A function that asks a version's upstream as the version says, each try charged to ``account``."""
    spec = settings.upstreams[version.upstream]
    data = _shown(settings, version)
    return asker(upstream(settings, spec, None, client), version, data, CLOCK, tries=tries, spec=spec, account=account)


@asynccontextmanager
async def metering(settings: Settings, store: Store) -> AsyncIterator[Meter]:
    """A meter whose entries are saved, and whose leases of the budgets end, however this ends."""
    meter = Meter(store, CLOCK, Caps(settings, CLOCK, lambda: holding(settings, f"trials-{os.getpid()}")))
    try:
        yield meter
    finally:
        meter.close()


def continuer_of(settings: Settings, version: PromptVersion, client: Client, account: Account) -> Continuer:
    """A version's upstream, to be asked to go on with answers."""
    spec = settings.upstreams[version.upstream]
    data = _shown(settings, version)
    plain = PromptVersion.make(process=version.process, upstream=spec.name, kind=PromptKind.AS_IS)
    return continuer(spec, upstream(settings, spec, None, client), version, plain, data, CLOCK, account)


async def with_client(settings: Settings, run: Callable[[Client], Awaitable[Result]]) -> Result:
    """What ``run`` does with connections of its own, which are closed behind it."""
    client = outbound(settings)
    try:
        return await run(client)
    finally:
        await client.close()


async def seen_of(settings: Settings, specs: Sequence[UpstreamSpec], client: Client) -> Settings:
    """The settings with the chat templates and weights that these upstreams run at this moment, or would run.

    Raises OperatorError where nobody can say what the weights of one of them hold.
    """
    await asyncio.gather(learn_templates(settings, specs, client), learn_weights(settings, specs))
    seen = with_templates(settings, idle=True)
    for spec in specs:
        if not seen.upstreams[spec.name].is_known:
            raise OperatorError(f"{spec.name}: {UNREAD_WEIGHTS}", mend=MEND_UNREAD)
    return seen


def candidate_of(settings: Settings, process: Process, name: str) -> UpstreamSpec:
    """A fallback of the process. Raises NotFound."""
    if name not in process.fallbacks:
        raise NotFound(
            f"{name!r} is no fallback of {process.name}",
            mend=f"use one of {', '.join(process.fallbacks) or 'those you add under fallbacks'}",
        )
    return settings.upstreams[name]


def terms_of(process: Process) -> RehearsalTerms:
    """How the process judges candidates. Raises NotFound."""
    if process.rehearse is None:
        raise NotFound(
            f"{process.name} does not say how candidates are judged", mend=f"add processes.{process.name}.rehearse"
        )
    return process.rehearse


def version_of(store: Store, process: Process, spec: UpstreamSpec, name: str | None) -> PromptVersion:
    """The prompt version of this name; None: as it is, of a student the newest. Raises NotFound."""
    if name is not None:
        found = version_rows.prompt_version(store, name)
        if found is None or found.process != process.name or found.upstream != spec.name:
            raise NotFound(
                f"{process.name} has no prompt version {name!r} for {spec.name}",
                mend=f"run `switchover adapt {process.name}`; it lists those there are",
            )
        return found
    if spec.kind != "student":
        version = PromptVersion.make(process=process.name, upstream=spec.name, kind=PromptKind.AS_IS)
        version_rows.save_prompt_version(store, version)
        return version
    taught = [v for v in version_rows.prompt_versions(store, process.name) if v.upstream == spec.name]
    if not taught:
        raise NotFound(f"{spec.name} has learned nothing yet", mend=f"run `switchover adapt {process.name}` first")
    return max(taught, key=lambda version: (version.made_at, version.id))


def adapt_process(
    settings: Settings,
    process: str,
    *,
    ways: Sequence[str],
    actor: Actor | None = None,
    seed: int = 1,
    progress: Callable[[AdaptationProgress], None] = lambda _: None,
) -> Adaptation:
    """Finds prompt versions for the fallbacks of a process and saves them with their scores; that is noted."""
    access.check(settings, actor, "adapt", process)
    found = settings.processes[process]

    async def run(client: Client) -> Adaptation:
        with open_store(settings) as store, noting(settings, actor) as note:
            wanted = [settings.upstreams[name] for name in found.fallbacks]

            def ask_for(version: PromptVersion) -> Ask:
                spec = settings.upstreams[version.upstream]
                return ask_of(settings, version, client, meter.account(found, spec, ADAPTATION))

            async with own_engines(settings, wanted, client), metering(settings, store) as meter:
                seen = await seen_of(settings, [*wanted, settings.upstreams[found.baseline]], client)
                since = replace(marks(store, process, found.baseline), replacement="")
                span = epoch_of(seen.upstreams[found.baseline], since)
                result = await adapt(
                    found,
                    ways=ways,
                    upstreams=settings.upstreams,
                    store=store,
                    data_dir=settings.data_dir,
                    ask_for=ask_for,
                    clock=CLOCK,
                    seed=seed,
                    progress=progress,
                    second_samples=trial_rows.baseline_samples(store, process, span),
                )
                note(events.adapted(process, [version.id for version in result.versions]))
                return result

    return asyncio.run(with_client(settings, run))


async def drill(
    settings: Settings,
    process: str,
    *,
    target: Target,
    fault: str,
    approver: str | None,
    operator: str,
    actor: Actor | None = None,
    progress: Callable[[str, float], None] = quiet,
    **terms: Any,
) -> Drill:
    """A timed live drill on the running gateway; its report goes to ``reports/`` in the data folder.

    ``terms`` are those of :class:`~switchover.drill.order.DrillOrder`. A drill of more than one upstream takes two
    people: its ``approver`` is who approved it. Raises Forbidden, ApprovalNeeded.
    """
    access.check(settings, actor, "drill", process)
    two = target.kind is not TargetKind.UPSTREAM
    if two == (approver is not None):
        raise OperatorError(
            f"a drill of {target} {'is approved by a second person' if two else 'needs a named approver'}",
            mend=f"leave --approver out: `switchover approve` says who, before {target} is lost"
            if two
            else "name the role that approved it: --approver head-of-service",
        )
    order = DrillOrder.of(
        with_templates(settings, idle=True),
        process,
        target=target,
        fault=fault,
        approver=approver or "",
        operator=operator,
        reports=Path(settings.data_dir, "reports"),
        **terms,
    )
    with open_store(settings) as store, noting(settings, actor) as note:
        if two:
            approver = _approved(store, order, actor or local(), note)
            order = replace(order, approver=approver)
        done = await run_drill(order, store=store, clock=CLOCK, progress=progress, note=note)
        signed = note.sign()
    if signed is not None and order.reports is not None:
        # Beside the report, whose hash it covers: what an auditor wants to hold.
        write_whole(order.reports / f"{done.id}.checkpoint", signed.note.encode())
    return done


def _approved(store: Store, order: DrillOrder, actor: Actor, note: events.Note) -> str:
    """The name of the second person who agreed to exactly this drill. Raises Forbidden, ApprovalNeeded."""
    asked = {
        "fault": order.fault,
        "settings": dict(order.settings),
        "share": order.share,
        "duration": order.duration,
        "steady_for": order.steady_for,
        "warm_up": order.warm_up,
        "hypothesis": order.hypothesis,
        "scenario": order.scenario,
        "thresholds": order.thresholds,
    }
    found = require_approval(
        store,
        actor,
        "drill",
        str(order.target),
        process=order.process.name,
        parameters=asked,
        reason=order.hypothesis,
        now=CLOCK.now(),
        note=note,
    )
    other = person(store, found.decided_by or "")
    return other.name if other is not None else str(found.decided_by)
