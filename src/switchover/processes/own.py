"""Starts an engine or the student server as a child, waits until it answers, and stops it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.process import UpstreamSpec
from switchover.egress import Client
from switchover.errors import EngineFailed, UpstreamError
from switchover.upstreams.local import STUDENT_SERVER, Place, key_file, read_place, state_file
from switchover.upstreams.templates import template_file
from switchover.upstreams.weights import resolve

# Twice the slowest start seen for weights of 8 GB from a cold disk.
START_LIMIT_S = 120.0
POLL_S = 0.05
LAST_LINES = 12


def engine_command(spec: UpstreamSpec, data_dir: str, env: Mapping[str, str]) -> list[str]:
    """The command line of a local engine's child. Raises WeightsMissing."""
    weights = resolve(spec.weights or "starter", data_dir, env)
    command = [sys.executable, "-m", "switchover.processes.engine", "--name", spec.name, "--weights", str(weights)]
    command += ["--data", data_dir, "--context", str(spec.window), "--slots", str(spec.slots)]
    command += ["--threads", str(spec.threads)] if spec.threads else []
    template = template_file(spec)
    return command + (["--template", str(template)] if template else [])


def student_command(data_dir: str) -> list[str]:
    """The command line of the child that serves every student."""
    return [sys.executable, "-m", "switchover.processes.student_server", "--data", data_dir]


@dataclass(slots=True)
class OwnChild:
    """One server child of ours. ``name`` is that of its files in ``run/``; its output goes to ``run/<name>.log``."""

    name: str
    command: Sequence[str]
    data_dir: str
    clock: Clock
    client: Client
    start_limit: float = START_LIMIT_S
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """What the child wrote to standard output and error, of its last start."""
        return Path(self.data_dir, "run", f"{self.name}.log")

    @property
    def alive(self) -> bool:
        """True while the child runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """The child's process id, while it runs."""
        return self._child.pid if self._child is not None and self.alive else None

    async def start(self) -> Place:
        """Starts the child and returns its place once ``/health`` says that it is ready.

        A child that does not start is started once more, since the engine's own start-up fails now and then. Raises
        EngineFailed with the end of the log.
        """
        if await self._try() or await self._try():
            place = read_place(self.data_dir, self.name)
            if place is not None:
                return place
        raise EngineFailed(
            f"{self.name} did not start; the end of its log:\n{self._end_of_log()}",
            mend=f"see {self.log}; check weights, context, slots and the memory that is free",
        )

    async def _try(self) -> bool:
        self.stop()
        for stale in (state_file(self.data_dir, self.name), key_file(self.data_dir, self.name)):
            stale.unlink(missing_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(  # noqa: S603, ASYNC220  # our own interpreter and module; returns at once
                list(self.command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = self.clock.monotonic() + self.start_limit
        while self.alive and self.clock.monotonic() < deadline:
            place = read_place(self.data_dir, self.name)
            if place is not None and await healthy(place, self.client):
                return True
            await asyncio.sleep(POLL_S)
        self.stop()
        return False

    def _end_of_log(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(f"    {line[:300]}" for line in lines[-LAST_LINES:]) or "    (it wrote nothing)"

    def stop(self, limit: float = 5.0) -> None:
        """Ends the child; one that does not end within ``limit`` seconds is killed."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(limit)
            except subprocess.TimeoutExpired:
                child.kill()
        child.wait()


async def healthy(place: Place, client: Client) -> bool:
    """True when ``GET /health`` answers 200; an engine that is still loading answers 503."""
    try:
        answer = await client.request(
            "GET", f"{place.url}/health", {}, connect_timeout=1.0, answer_timeout=2.0, local=True
        )
        async for _ in answer.chunks():
            pass
    except UpstreamError:
        return False
    return answer.status == 200


def engine_child(
    spec: UpstreamSpec, data_dir: str, env: Mapping[str, str], *, clock: Clock, client: Client
) -> OwnChild:
    """The child for an upstream of kind ``local``. Raises WeightsMissing."""
    return OwnChild(spec.name, engine_command(spec, data_dir, env), data_dir, clock, client)


def student_child(data_dir: str, *, clock: Clock, client: Client) -> OwnChild:
    """The child for all upstreams of kind ``student``."""
    return OwnChild(STUDENT_SERVER, student_command(data_dir), data_dir, clock, client)
