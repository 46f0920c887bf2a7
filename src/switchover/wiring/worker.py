"""One gateway worker with its parts. Imports no more than a live request needs."""

from __future__ import annotations

import gc
import socket
from pathlib import Path

import uvicorn

from switchover.access import load_pepper
from switchover.config import load
from switchover.domain.ports import Upstream
from switchover.domain.process import Settings, UpstreamSpec
from switchover.egress import Client
from switchover.gateway.app import App
from switchover.gateway.handle import Gateway
from switchover.gateway.neighbours import Neighbours
from switchover.gateway.server import server_config
from switchover.gateway.snapshot import LiveSnapshot
from switchover.store.artefacts import get
from switchover.store.held import forget_held, held_path, note_held
from switchover.store.register import read_snapshot
from switchover.store.spool import Spool

from .parts import CLOCK, upstream

# Time for open streams to end after SIGTERM.
DRAIN_SECONDS = 25
# As many callers as the kernel may keep waiting while a worker restarts.
BACKLOG = 2048


def serve_worker(configuration: str, name: str, descriptor: int) -> None:
    """Serves the gateway on an inherited listening socket until SIGTERM; returns when open streams have ended."""
    settings = load(configuration)
    spool = Spool(Path(settings.data_dir, "spool", name), clock=CLOCK)
    spool.start()
    gateway = build(settings, name, spool)

    async def stop() -> None:
        spool.close()

    app = App(gateway, on_stop=stop)
    config = server_config(app, loop="uvloop", backlog=BACKLOG, timeout_graceful_shutdown=DRAIN_SECONDS)
    # What was imported lives as long as the worker: no reason to look through it at every collection.
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def build(settings: Settings, name: str, spool: Spool) -> Gateway:
    """The gateway of one worker, on the register's snapshot file."""
    client, held = Client(CLOCK), held_path(settings.data_dir, name)
    forget_held(held)

    def factory(spec: UpstreamSpec, base_url: str | None) -> Upstream:
        return upstream(settings, spec, base_url, client)

    return Gateway(
        LiveSnapshot(str(Path(settings.data_dir, "snapshot.json")), read_snapshot),
        factory,
        spool,
        CLOCK,
        lambda digest: get(settings.data_dir, digest),
        load_pepper(settings.data_dir),
        hosts=[settings.gateway.host],
        on_held=lambda _scope, which, _fault: note_held(held, which, True, CLOCK.now()),
        neighbours=Neighbours(name, Path(settings.data_dir, "run"), CLOCK),
        workers=settings.gateway.workers,
    )
