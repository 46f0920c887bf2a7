"""A gateway on loopback in a thread: the real server, client and dialects, a register made in the test."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from types import TracebackType

import uvicorn

from switchover.access.keys import make_key
from switchover.clock import Clock, SystemClock
from switchover.domain.candidate import Continuation, PromptKind, PromptVersion, Proof, State, fingerprint
from switchover.domain.exchange import Exchange, Intent
from switchover.domain.personal import Privacy
from switchover.domain.ports import Upstream
from switchover.domain.process import Process, Provider, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.gateway import App, FixedSnapshot, Gateway, server_config
from switchover.gateway.budget import Holding
from switchover.gateway.export import Tracer
from switchover.gateway.record import Recorder
from switchover.gateway.tell import Teller
from switchover.privacy.finder import Finder, OwnFinder
from switchover.upstreams import UPSTREAMS

PEPPER = b"p" * 32
# Seconds; it ends what hangs and measures nothing.
ENOUGH_S = 60.0


class MemorySpool:
    """Keeps records in memory, through the spool's interface."""

    def __init__(self) -> None:
        self.records: list[Intent | Exchange] = []
        self.written = 0
        self.healthy, self.failing = True, False
        self.gaps = 0

    def append(self, record: Intent | Exchange, *, at_once: bool = False) -> int:
        """Keeps a record."""
        self.records.append(record)
        self.written = len(self.records)
        return self.written

    async def wait_written(self, number: int, timeout: float = 0.02) -> bool:  # noqa: ASYNC109  # the spool's own name
        """Written at once."""
        return True

    async def wait_durable(self, number: int, timeout: float = 5.0) -> bool:  # noqa: ASYNC109  # as above
        """As durable as memory is."""
        return True

    @property
    def exchanges(self) -> list[Exchange]:
        """The finished ones."""
        return [record for record in self.records if isinstance(record, Exchange)]


def spec(name: str, url: str, kind: str = "openai", **more: object) -> UpstreamSpec:
    """An upstream of a provider of the same name; ``url`` without path."""
    base = f"{url}/v1" if kind != "anthropic" else url
    fields: dict[str, object] = {
        "name": name,
        "kind": kind,
        "model": f"{name}-model",
        "developer": name,
        "host": name,
        "base_url": base,
        "key": f"env:{name.upper()}",
    }
    return UpstreamSpec(**{**fields, **more})  # type: ignore[arg-type]  # the test names the fields


def proof_for(
    upstream: UpstreamSpec, process: str, *, expires_at: float = 4e9, **more: object
) -> tuple[Proof, PromptVersion]:
    """A proof in date, and the prompt version it was made with (as-is)."""
    version = PromptVersion.make(process=process, upstream=upstream.name, kind=PromptKind.AS_IS)
    fields: dict[str, object] = {
        "id": f"proof-{upstream.name}",
        "process": process,
        "upstream": upstream.name,
        "fingerprint": fingerprint(upstream),
        "prompt_version": version.id,
        "grader": "label",
        "epoch": "1",
        "state": State.READY,
        "margin": 0.1,
        "lower": -0.02,
        "replays": 200,
        "made_at": 1.0,
        "expires_at": expires_at,
    }
    return Proof(**{**fields, **more}), version  # type: ignore[arg-type]  # the test names the fields


def register(
    process: Process,
    upstreams: list[UpstreamSpec],
    *,
    proven: tuple[str, ...] = (),
    continuation: Continuation | None = None,
) -> tuple[Snapshot, str]:
    """A snapshot with one process, and the token of a caller key for it.

    The ``proven`` upstreams have proofs in date, with cut-and-continue cases in the way of ``continuation`` if given.
    """
    key, token = make_key(process.name, PEPPER, 1.0)
    until = None if continuation is None else 4e9
    made = [
        proof_for(one, process.name, continuation=continuation, continues_until=until)
        for one in upstreams
        if one.name in proven
    ]
    snapshot = Snapshot(
        version=1,
        made_at=1.0,
        providers={one.host: Provider(name=one.host, home="US") for one in upstreams},
        upstreams={one.name: one for one in upstreams},
        processes={process.name: process},
        keys={key.id: key},
        proofs=tuple(proof for proof, _ in made),
        prompt_versions={version.id: version for _, version in made},
    )
    return snapshot, token.reveal()


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._announce = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce.set()


class ServedGateway:
    """Serves a snapshot on a free loopback port; use as a context manager, then ``url``.

    ``clock`` may run faster than the machine's own; ``client`` may trust others than the system does, or use a proxy.
    ``tracer(client)`` makes the one who sends spans, ``finder(privacy)`` the detectors of personal data, ``budgets()``
    what is held in the ledger; ``recorder`` is a spool of one's own instead of one in memory.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        wrap: Callable[[Upstream], Upstream] | None = None,
        clock: Clock | None = None,
        client: Client | None = None,
        teller: Teller | None = None,
        tracer: Callable[[Client], Tracer] | None = None,
        finder: Callable[[Privacy], Finder] = OwnFinder,
        recorder: Recorder | None = None,
        budgets: Callable[[], Holding] | None = None,
    ) -> None:
        self.source, self.spool = (
            FixedSnapshot(snapshot),
            recorder if isinstance(recorder, MemorySpool) else MemorySpool(),
        )
        self.held: list[tuple[str, str, str]] = []
        self.suspended: list[tuple[str, str]] = []
        self._wrap = wrap
        self._clock = clock or SystemClock()
        self._client = client or Client(self._clock)
        self.gateway = Gateway(
            self.source,
            self._make,
            recorder or self.spool,
            self._clock,
            lambda digest: b"",
            PEPPER,
            on_held=lambda scope, name, fault: self.held.append((scope, name, fault)),
            on_suspended=lambda name, why: self.suspended.append((name, why)),
            teller=teller,
            tracer=tracer(self._client) if tracer else None,
            finder=finder,
            budgets=budgets,
        )
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = server_config(
            App(self.gateway, on_stop=self._client.close), log_level="critical", timeout_graceful_shutdown=2
        )
        self._started = threading.Event()
        self._server = _Announcing(config, self._started)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _make(self, one: UpstreamSpec, base_url: str | None) -> Upstream:
        made = UPSTREAMS[one.kind](one, base_url or "", Secret("upstream-secret"), self._client)
        return self._wrap(made) if self._wrap else made

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        await self._server.serve([self._socket])

    def __enter__(self) -> ServedGateway:
        self._thread.start()
        if not self._started.wait(ENOUGH_S):
            raise RuntimeError("the gateway did not start; its log says why")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(ENOUGH_S)
        self._socket.close()
