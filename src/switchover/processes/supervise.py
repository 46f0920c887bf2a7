"""The supervisor: starts children, starts them again when they die, and lets none outlive it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from switchover.clock import Clock
from switchover.errors import StoreUnavailable
from switchover.log import Log
from switchover.store.files import write_whole

FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
STEADY_SECONDS = 30.0
POLL_SECONDS = 0.1
PR_SET_PDEATHSIG = 1
LAST_LINES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A child to run. Two specs that differ are two children: a changed one is stopped and started anew.

    ``env`` is the whole environment; ``inherit_fds`` stay open in the child under their numbers; ``ready_check`` says
    whether it does its work yet; ``output`` is the file for what it writes (None: where ours goes), anew at each start;
    ``last`` says that at the end it is stopped when all others have ended. ``pulse`` asks a ready child whether it
    lives, every ``pulse_every`` seconds; one that says no is killed, and started again as if it had died.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    inherit_fds: tuple[int, ...] = ()
    ready_check: Callable[[], bool] | None = field(default=None, compare=False)
    output: Path | None = None
    last: bool = False
    pulse: Callable[[], Awaitable[bool]] | None = field(default=None, compare=False)
    pulse_every: float = 10.0


class _Child:
    """One child through its deaths."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.process: asyncio.subprocess.Process | None = None
        self.ready = False
        self.restarts = 0
        self.last_exit: int | None = None
        self.task: asyncio.Task[None] | None = None
        self.pulse: asyncio.Future[bool] | None = None
        self.pulse_at = 0.0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    def forget_pulse(self) -> None:
        """What is being asked of it is of no use any more."""
        if self.pulse is not None:
            self.pulse.cancel()
            self.pulse = None

    def signal(self, number: int) -> None:
        """Signals the child's whole group: what it started is its own."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


class Supervisor:
    """Keeps the children that ``children()`` lists running until :meth:`run` is told to stop.

    A child that dies is started again after 0.2 s, twice as long each time up to 10 s; 30 s of running forgive it.
    ``status`` is where ``run/supervisor.json`` goes (None: nowhere); ``drain`` is how many seconds a child has between
    SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        children: Callable[[], Sequence[ChildSpec]],
        clock: Clock,
        log: Log,
        *,
        status: Path | None = None,
        drain: float = 30.0,
    ) -> None:
        self.children, self.clock, self.log, self.status, self.drain = children, clock, log, status, drain
        self._running: dict[str, _Child] = {}
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._told = b""

    async def run(self, stop: asyncio.Event) -> None:
        """Starts, watches and reconciles until ``stop`` is set; then drains every child."""
        try:
            while not stop.is_set():
                self._reconcile()
                self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), POLL_SECONDS)
        finally:
            gone = list(self._running.values())
            self._running.clear()
            await asyncio.gather(*(self._stop(c) for c in gone if not c.spec.last), *self._stopping.values())
            await asyncio.gather(*(self._stop(c) for c in gone if c.spec.last))
            self._tell()

    def state(self) -> dict[str, dict[str, object]]:
        """Each child's pid (None while it is down), whether it is ready, its restarts and last exit status."""
        return {
            name: {
                "pid": child.pid,
                "ready": child.ready,
                "restarts": child.restarts,
                "last_exit": child.last_exit,
            }
            for name, child in sorted(self._running.items())
        }

    def _reconcile(self) -> None:
        self._stopping = {name: task for name, task in self._stopping.items() if not task.done()}
        wanted = {spec.name: spec for spec in self.children()}
        for name, child in list(self._running.items()):
            if wanted.get(name) != child.spec:
                del self._running[name]
                self._stopping[name] = asyncio.create_task(self._stop(child))
        for name, spec in wanted.items():
            # A successor waits for its forerunner's end: two workers must not write to one spool.
            if name not in self._running and name not in self._stopping:
                child = self._running[name] = _Child(spec)
                child.task = asyncio.create_task(self._keep(child))

    async def _keep(self, child: _Child) -> None:
        """Starts the child, and starts it again, until the task is cancelled."""
        wait = FIRST_WAIT
        while True:
            begun = self.clock.monotonic()
            try:
                child.process = await _start(child.spec)
            except OSError as error:
                said = error.strerror or str(error)
                self.log("child can't be started", level="error", child=child.spec.name, detail=said)
            else:
                self.log("child started", child=child.spec.name, pid=child.process.pid)
                child.last_exit = await child.process.wait()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)  # what it started and left behind
            started, child.ready = child.ready, False
            child.forget_pulse()
            wait = FIRST_WAIT if self.clock.monotonic() - begun >= STEADY_SECONDS else wait
            told: dict[str, object] = {"child": child.spec.name, "status": child.last_exit, "again_in": wait}
            if started or child.spec.output is None:
                self.log("child ended", level="warning", **told)
            else:
                see, said = str(child.spec.output), _tail(child.spec.output)
                self.log("child did not start", level="error", **told, see=see, said=said)
            await self.clock.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
            child.restarts += 1

    async def _stop(self, child: _Child) -> None:
        child.forget_pulse()
        if child.task is not None:
            child.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await child.task
        if child.process is None or child.process.returncode is not None:
            return
        child.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(child.process.wait(), self.drain)
        except TimeoutError:
            late = "child killed: it did not end in time"
            self.log(late, level="warning", child=child.spec.name, seconds=self.drain)
            child.signal(signal.SIGKILL)
            await child.process.wait()

    def _look(self) -> None:
        for child in self._running.values():
            if child.pid is not None and not child.ready:
                check = child.spec.ready_check
                child.ready = check is None or check()
                child.pulse_at = self.clock.monotonic() + child.spec.pulse_every
            elif child.pid is not None and child.spec.pulse is not None:
                self._feel(child, child.spec.pulse)
        self._tell()

    def _feel(self, child: _Child, ask: Callable[[], Awaitable[bool]]) -> None:
        """Asks a child that is due, or takes its answer."""
        if child.pulse is None:
            if self.clock.monotonic() >= child.pulse_at:
                child.pulse = asyncio.ensure_future(ask())
            return
        if not child.pulse.done():
            return
        asked, child.pulse = child.pulse, None
        child.pulse_at = self.clock.monotonic() + child.spec.pulse_every
        if asked.exception() is not None:
            self.log("pulse not felt", level="warning", child=child.spec.name, detail=repr(asked.exception()))
        elif not asked.result():
            hangs = "child hangs: it is killed and started again"
            self.log(hangs, level="error", child=child.spec.name, pid=child.pid)
            child.signal(signal.SIGKILL)

    def _tell(self) -> None:
        if self.status is None:
            return
        told = msgspec.json.encode({"pid": os.getpid(), "children": self.state()})
        if told != self._told:
            try:
                write_whole(self.status, told)
                self._told = told
            except StoreUnavailable as error:
                self._told = told
                self.log("status not written", level="error", detail=str(error))


async def _start(spec: ChildSpec) -> asyncio.subprocess.Process:
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def tie() -> None:
        """In the child: dies when we die, even by SIGKILL."""
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    with _output(spec.output) as out:
        return await asyncio.create_subprocess_exec(
            *spec.argv,
            env=dict(spec.env),
            pass_fds=spec.inherit_fds,
            start_new_session=True,
            preexec_fn=tie,
            stdout=out,
            stderr=out,
        )


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[int | None]:
    if path is None:
        yield None
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _tail(path: Path) -> str:
    """The last lines a child wrote."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return " | ".join(line.strip()[:300] for line in lines[-LAST_LINES:]) or "nothing"
