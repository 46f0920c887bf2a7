"""The pages with their parts, served on a listening socket that `switchover up` holds."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

import uvicorn

from switchover.access import load_pepper
from switchover.access.local import local
from switchover.clock import Clock
from switchover.config.showing import InForce
from switchover.costs.ahead import Terms
from switchover.costs.tariffs import tariff
from switchover.domain.candidate import Verdict
from switchover.domain.cut_off import CutOff, Target
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.evidence.events import Note
from switchover.log import Bridge, line_log
from switchover.rehearsal import Desk
from switchover.store import Store
from switchover.web.app import application
from switchover.web.projections import Projections
from switchover.web.security import Guard
from switchover.web.server import Site, site_config
from switchover.web.session import Sessions
from switchover.web.sittings import Sittings
from switchover.web.sources import Sources

from . import alive, answer, drilling, labels, register
from .budget import standings
from .configured import Configured
from .costs import projected
from .diagnosis import examine
from .evidence import noting
from .parts import CLOCK, database
from .placement import KeptQuarter
from .templates import with_templates


def serve_pages(configuration: str, descriptor: int) -> None:
    """Serves the pages on an inherited listening socket until SIGTERM."""
    configured = Configured(configuration, CLOCK)
    current = configured.settings
    settings = current()
    log = line_log("pages", CLOCK, form=settings.log.format, least=settings.log.level)
    logging.getLogger().addHandler(Bridge(log))
    listening = socket.socket(fileno=descriptor)
    keeping = Keeping(current)
    # Whoever cuts something off in a hurry must not wait a second for the price list to be read.
    threading.Thread(target=_read_prices, args=(settings,), name="prices", daemon=True).start()
    sittings = Sittings(seat, noting, CLOCK)
    made = site(settings, current, keeping, listening.getsockname()[1], sittings, configured.in_force)
    try:
        uvicorn.Server(site_config(made)).run(sockets=[listening])
    finally:
        sittings.lapse(current(), keeping, after=0.0)
        keeping.close()


def site(
    settings: Settings,
    current: Callable[[], Settings],
    store: Callable[[], Store],
    port: int,
    sittings: Sittings,
    in_force: Callable[[], InForce],
    clock: Clock = CLOCK,
) -> Site:
    """The pages of these settings, reached at ``port``; ``clock`` says what is now to them."""
    at = settings.pages
    guard = Guard.at(at.address, at.host, port)
    sources = Sources(
        settings=current,
        as_seen=lambda found: with_templates(found, idle=True),
        store=store,
        snapshot=register.snapshot,
        noting=noting,
        local=local,
        clock=clock,
        sessions=Sessions(load_pepper(settings.data_dir), clock),
        sittings=sittings,
        labelled=labels.newest,
        in_force=in_force,
        examined=examine,
        quarter=KeptQuarter(clock.now),
        budgets=standings,
        projected=lambda found, kept: projected(found, kept, Terms()),
        projections=Projections(),
        running=alive.running,
        told=alive.told,
        cut=_cut,
        drill=drilling.start,
        lift=_lift,
        issue=lambda found, actor, simulated: str(answer.issue(found, actor, simulated=simulated).report.id),
    )
    return Site(application(sources, guard.scheme), guard, lambda: sittings.lapse(current(), store))


def _read_prices(settings: Settings) -> None:
    for spec in settings.upstreams.values():
        tariff(spec, CLOCK.now())


def _cut(settings: Settings, target: Target, reason: str, lasting: float | None, actor: Actor) -> tuple[CutOff, bool]:
    return register.place_cut(settings, target, reason=reason, by=actor.name, actor=actor, lasting=lasting)


def _lift(settings: Settings, name: str, actor: Actor) -> tuple[CutOff, str]:
    return register.lift_one(settings, name, by=actor.name, actor=actor)


def seat(settings: Settings, store: Store, last: Verdict, actor: Actor, note: Note) -> Desk:
    """A desk at which somebody labels. Raises OperatorError."""
    return Desk(
        labels.order_of(settings, last),
        last.cell,
        store=store,
        clock=CLOCK,
        person=labels.person_of(actor, None),
        source="page",
        note=note,
    )


class Keeping:
    """The store, kept open from one page to the next; opened again once it could not be had."""

    def __init__(self, current: Callable[[], Settings]) -> None:
        self._current, self._lock = current, threading.Lock()
        self._store: Store | None = None

    def __call__(self) -> Store:
        """The store. Raises StoreUnavailable."""
        with self._lock:
            if self._store is None:
                self._store = database(self._current())
            return self._store

    def close(self) -> None:
        """Closes it."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None
