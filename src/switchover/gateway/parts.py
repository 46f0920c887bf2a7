"""The parts that a live request goes through, made once for each worker."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import partial

from switchover.clock import Clock
from switchover.dialects.side import NEED
from switchover.dialects.subject import subject_said
from switchover.domain.exchange import Exchange
from switchover.domain.personal import Privacy
from switchover.domain.ports import Upstream
from switchover.domain.process import UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.planning import ANSWERS, Plan
from switchover.privacy.finder import Finder, OwnFinder

from .admit import LOOPBACK, Call, Door, routes_of
from .attempt import Artefacts
from .budget import Budgets, Holding
from .classified import Classified
from .continuing import GoingOn
from .export import Tracer
from .failover import Failover, OnHeld
from .guard import Watch
from .identity import Identity, OnSuspended
from .kept import Kept
from .metrics import Metrics
from .neighbours import Neighbours
from .plans import Plans
from .pulse import Pulse
from .record import Recorder
from .snapshot import SnapshotSource
from .spent import first_choice
from .tell import Teller
from .told import Told


def _nobody(*_said: str) -> None:
    """Nobody asked to be told."""


class Gateway:
    """What a request meets on its way; everything that it touches is handed in.

    ``snapshot_source``: the register, see :class:`~switchover.gateway.snapshot.SnapshotSource`.
    ``upstream_factory(spec, base_url)``: the upstream to call; ``base_url`` is the engine's own for kinds that run
    here. It may raise a SwitchoverError (a key that can't be read): then the upstream counts as failed.
    ``spool``: the recorder, started by whoever made it. ``artefacts(sha256)``: bytes of a prompt version's artefact.
    ``pepper``: the HMAC key of caller keys. ``hosts``: the host names callers may use, without port.
    ``on_held(scope, upstream, fault)``: told when a breaker is held from now on; must return at once.
    ``on_suspended(upstream, why)``: the same for proofs that must not count any more.
    ``rng``: jitter of retries. ``neighbours``: the other workers and the keeper; absent, it is the only worker.
    ``teller``: who tells the log of requests, ``tracer``: who sends their spans; absent, nobody does.
    ``budgets()``: what this worker holds in the budget ledger; absent, nothing is spent that a budget is about.
    ``workers``: how many share what an engine of our own can take. ``finder(privacy)``: who finds personal data.
    """

    def __init__(
        self,
        snapshot_source: SnapshotSource,
        upstream_factory: Callable[[UpstreamSpec, str | None], Upstream],
        spool: Recorder,
        clock: Clock,
        artefacts: Artefacts,
        pepper: bytes,
        *,
        hosts: Iterable[str] = (),
        on_held: OnHeld = _nobody,
        on_suspended: OnSuspended = _nobody,
        rng: random.Random | None = None,
        neighbours: Neighbours | None = None,
        teller: Teller | None = None,
        tracer: Tracer | None = None,
        budgets: Callable[[], Holding] | None = None,
        workers: int = 1,
        finder: Callable[[Privacy], Finder] = OwnFinder,
        subject_named: Callable[[str], str] | None = None,
    ) -> None:
        self.subject_named = subject_named
        self.source, self.spool, self.clock = snapshot_source, spool, clock
        self.door = Door(pepper, clock)
        self.watch = Watch()
        self.hosts = LOOPBACK | {host.lower() for host in hosts}
        self.metrics = Metrics()
        self.classified = Classified(clock, self.metrics, finder)
        self.kept = Kept(spool, clock, self.metrics, lambda: self.classified.finder(self._current()))
        self.neighbours = neighbours or Neighbours("worker-0", None, clock)
        self.teller, self.tracer = teller, tracer
        self.told = Told()
        self.plans = Plans(upstream_factory, clock)
        self.budgets = Budgets(self._current, clock, budgets)
        judged = partial(Identity, self._current, metrics=self.metrics)
        failover = partial(
            Failover,
            upstream=self.plans.upstream,
            clock=clock,
            artefacts=artefacts,
            rng=rng or random.Random(),  # noqa: S311  # jitter, not a secret
            budgets=self.budgets,
            workers=workers,
        )
        self.failover = failover(on_held=on_held, identity=judged(on_suspended))
        # Side requests have breakers and timers of their own: who makes no embeddings may well answer in words. Proofs
        # are of answers in words, so that no vector can cast doubt on one.
        self.aside = {dialect: failover(on_held=_nobody, identity=judged(_nobody)) for dialect in NEED}
        self.plans.failovers = (self.failover, *self.aside.values())
        self.boards = {ANSWERS: self.failover.board, **{NEED[name]: one.board for name, one in self.aside.items()}}
        self.pulse = Pulse(
            snapshot_source,
            self.boards,
            self.metrics.lag,
            clock,
            teller.log if teller is not None else None,
            follow=self._follow,
            moved=self.neighbours.hurry,
        )
        self.going_on = GoingOn(self.failover, clock, artefacts)

    def _current(self) -> Snapshot:
        return self.source.current

    def _follow(self, snapshot: Snapshot) -> None:
        self.plans.follow(snapshot)
        self.classified.follow(snapshot)

    def failover_for(self, call: Call) -> Failover:
        """Who walks a plan for this kind of call."""
        return self.aside.get(call.dialect.name, self.failover)

    def plan(self, call: Call) -> Plan:
        """The plan as things stand now. Raises NoUpstream."""
        return self.plans.plan_for(call, self.source.current, self.failover_for(call))

    def subject(self, call: Call) -> str | None:
        """Whom the call is about, as the record names them; None where its process does not say."""
        where = call.process.recording.subject
        if where is None or self.subject_named is None:
            return None
        said = subject_said(where, call.peek.metadata, call.body)
        return None if said is None else self.subject_named(said)

    def tell(self, call: Call, exchange: Exchange) -> None:
        """Counts the exchange, and tells whoever wants to know of it."""
        if self.teller is not None:
            self.teller.ended(exchange, routes_of(call.process))
        if self.tracer is not None:
            self.tracer.ended(call, exchange)
        upstream, first = exchange.upstream, exchange.first_content_ms
        self.metrics.ended(
            call.process.name,
            upstream or "",
            call.dialect.name,
            exchange.outcome,
            exchange.elapsed_ms / 1000,
            exchange.attempts,
            switched=upstream is not None and upstream != first_choice(call),
            first=first / 1000 if first is not None and call.peek.stream else None,
            usage=exchange.usage,
        )
