"""One gateway worker with its parts. Imports no more than a live request needs."""

from __future__ import annotations

import gc
import logging
import socket
import sys
from functools import partial
from pathlib import Path

import uvicorn

from switchover.access import load_pepper
from switchover.config import load
from switchover.domain.ports import Upstream
from switchover.domain.process import Settings, UpstreamSpec
from switchover.egress import Client
from switchover.errors import SwitchoverError
from switchover.gateway.app import App
from switchover.gateway.export import Tracer
from switchover.gateway.neighbours import Neighbours
from switchover.gateway.parts import Gateway
from switchover.gateway.server import server_config
from switchover.gateway.snapshot import LiveSnapshot
from switchover.gateway.tell import Teller
from switchover.log import Bridge, Lines, Log, line_log
from switchover.privacy.keyring import subject_hash
from switchover.privacy.sealing import Sealer
from switchover.store.held import forget_held, held_path, note_held, note_suspended
from switchover.store.snapshot import read_snapshot
from switchover.store.spool import Spool

from .budget import holding
from .parts import CLOCK, artefact, outbound, read_key, ring_of, upstream

# Time for open streams to end after SIGTERM.
DRAIN_SECONDS = 25
# As many callers as the kernel may keep waiting while a worker restarts.
BACKLOG = 2048
# How long a thread may compute while another waits.
SWITCH_S = 0.000_2
TRACES_PATH = "/v1/traces"


def serve_worker(configuration: str, name: str, descriptor: int) -> None:
    """Serves the gateway on an inherited listening socket until SIGTERM; returns when open streams have ended."""
    settings = load(configuration)
    lines = Lines()
    lines.start()
    log = line_log(name, CLOCK, form=settings.log.format, least=settings.log.level, write=lines.put)
    logging.getLogger().addHandler(Bridge(log))
    sealer = Sealer(ring_of(settings))
    spool = Spool(Path(settings.data_dir, "spool", name), clock=CLOCK, seal=sealer.seal)
    spool.start()
    gateway = build(settings, name, spool, log, lines, sealer)

    async def stop() -> None:
        spool.close()

    app = App(gateway, on_stop=stop)
    # Without a configuration of its own, what uvicorn logs comes to the same log.
    config = server_config(
        app, loop="uvloop", backlog=BACKLOG, timeout_graceful_shutdown=DRAIN_SECONDS, log_config=None
    )
    # What was imported lives as long as the worker: no reason to look through it at every collection.
    gc.collect()
    gc.freeze()
    # The thread that seals records computes; at the default of 5 ms each of its turns is a caller's wait.
    sys.setswitchinterval(SWITCH_S)
    try:
        uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])
    finally:
        lines.close()


def build(settings: Settings, name: str, spool: Spool, log: Log, lines: Lines, sealer: Sealer) -> Gateway:
    """The gateway of one worker, on the register's snapshot file."""
    client, held = outbound(settings), held_path(settings.data_dir, name)
    forget_held(held)

    def factory(spec: UpstreamSpec, base_url: str | None) -> Upstream:
        return upstream(settings, spec, base_url, client)

    return Gateway(
        LiveSnapshot(str(Path(settings.data_dir, "snapshot.json")), read_snapshot),
        factory,
        spool,
        CLOCK,
        lambda digest: artefact(settings, sealer, digest),
        load_pepper(settings.data_dir),
        hosts=[settings.gateway.host],
        on_held=lambda _scope, which, _fault: note_held(held, which, True, CLOCK.now()),
        on_suspended=lambda which, why: note_suspended(held, which, why, CLOCK.now()),
        neighbours=Neighbours(name, Path(settings.data_dir, "run"), CLOCK),
        teller=Teller(log, settings.log.requests, dropped=lambda: lines.dropped),
        tracer=tracer(settings, name, client, log),
        budgets=lambda: holding(settings, name),
        workers=settings.gateway.workers,
        subject_named=partial(subject_hash, sealer.ring.subject_key()),
    )


def tracer(settings: Settings, name: str, client: Client, log: Log) -> Tracer | None:
    """Who sends spans, where the configuration names a collector whose headers can be read. Callers come first."""
    traces = settings.traces
    if traces is None:
        return None
    headers = {"content-type": "application/json"}
    try:
        headers |= {header: read_key(settings, reference).reveal() for header, reference in traces.headers.items()}
        # The operator's own: it may have a private address. Plain http but for loopback was refused with the file.
        endpoint = client.prepare("POST", f"{traces.endpoint.rstrip('/')}{TRACES_PATH}", headers, local=True)
    except (SwitchoverError, ValueError) as error:
        log("no spans are sent", level="error", detail=str(error))
        return None
    return Tracer(
        lambda batch: client.send(endpoint, batch), name, CLOCK, log, sample=traces.sample, pass_to=traces.pass_to
    )
