"""What ``switchover up`` runs: workers on one socket, the keeper, and the engines of own upstreams."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from switchover.access import load_pepper
from switchover.config import load
from switchover.costs.tariffs import tariffs
from switchover.domain.budget import Tariff
from switchover.domain.process import Settings, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.egress import Client
from switchover.errors import ConfigError, EngineFailed, OperatorError, StoreUnavailable, WeightsMissing
from switchover.log import Log, OncePerChange, line_log
from switchover.processes.beside import lasting
from switchover.processes.canary import Pulse
from switchover.processes.changing import Changing
from switchover.processes.housekeeping import Housekeeping
from switchover.processes.keeper import Keeper
from switchover.processes.own import engine_command, student_command
from switchover.processes.reload import WatchedSettings
from switchover.processes.supervise import ChildSpec, Supervisor
from switchover.processes.watching import Watching
from switchover.store.copying import file_of
from switchover.store.files import write_whole
from switchover.store.held import forget_all_held
from switchover.store.register import build_snapshot
from switchover.store.snapshot import read_snapshot, write_snapshot
from switchover.upstreams.local import STUDENT_SERVER, child_name, read_place

from .alerts import delivering
from .archive import target_of
from .budget import load_priced
from .listening import address_of, bind, bind_pages, who_comes_in
from .parts import CLOCK, database, lives, open_store, read_key, read_login, references, ring_of, unwritable
from .templates import follow_templates, with_templates
from .timestamps import follow as follow_stamps
from .watching import has_work, let_go_of
from .weights import follow_weights

# An engine is handed no provider's key.
ENGINE_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "SWITCHOVER_WEIGHTS")
START_SECONDS = 60.0


def up(settings: Settings, say: Callable[[str], None]) -> None:
    """Runs everything until SIGTERM or SIGINT. Raises OperatorError at the start: port, folder, weights, key."""
    with alone(settings):
        prepare(settings)
        forget_all_held(settings.data_dir)
        _run(settings, say)


def _run(settings: Settings, say: Callable[[str], None]) -> None:
    log = line_log("supervisor", CLOCK, form=settings.log.format, least=settings.log.level)
    children = Children(settings, log)
    children.check()
    listening = bind(settings)
    host, port = listening.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    children.descriptor = listening.fileno()
    run = Path(settings.data_dir, "run")
    pages = bind_pages(settings, say)
    if pages is not None:
        children.pages = pages.fileno()
        address = address_of(settings.pages, pages.getsockname()[1])
        _tell_place(run / "pages.json", address)
        say(f"pages on {address}/, {who_comes_in(settings)}")
    _tell_place(run / "gateway.json", url)
    say(f"gateway on {url}, {settings.gateway.workers} worker(s); stop with Ctrl-C")
    for line in _unreadable_keys(settings):
        say(line)
    supervisor = Supervisor(children, CLOCK, children.log, status=run / "supervisor.json")
    try:
        asyncio.run(_until_told(supervisor, listening))
    finally:
        run.joinpath("gateway.json").unlink(missing_ok=True)
        listening.close()
        if pages is not None:
            run.joinpath("pages.json").unlink(missing_ok=True)
            pages.close()


def _tell_place(path: Path, url: str) -> None:
    """Says where something is served, and by whom; whoever reads it sees this or what an earlier start left."""
    write_whole(path, json.dumps({"url": url, "pid": os.getpid()}).encode())


def _unreadable_keys(settings: Settings) -> Iterator[str]:
    """A line for each key, and the login of the proxy, that can't be read, as the doctor says it.

    What does not rest on it is served.
    """
    for what, reference in references(settings):
        try:
            read_key(settings, reference)
        except ConfigError as error:
            yield f"BAD  {what}: {error}"
    try:
        if settings.egress.proxy_login is not None:
            read_login(settings, settings.egress.proxy_login)
    except ConfigError as error:
        yield f"BAD  login of the proxy: {error}"


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Holds the data folder: two that wrote to one spool would spoil the record.

    Raises OperatorError when another does already, StoreUnavailable when the folder takes no file.
    """
    run = Path(settings.data_dir, "run")
    try:
        run.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(run / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as cause:
        raise unwritable(settings.data_dir, cause) from cause
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as cause:
            raise OperatorError(
                f"another `switchover up` runs on {settings.data_dir}",
                mend="stop it first, or name another folder under data:",
            ) from cause
        yield
    finally:
        os.close(handle)


async def _until_told(supervisor: Supervisor, listening: socket.socket) -> None:
    stop = asyncio.Event()

    def told() -> None:
        # While it is open here, newcomers would wait in line for workers that let nobody in.
        listening.close()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)
    await supervisor.run(stop)


def prepare(settings: Settings) -> None:
    """The data folder with its pepper, the store at its newest schema, and a first snapshot for the workers.

    Where the store is a server that is away, the snapshot is the last one, until the keeper has made another.
    """
    folder = Path(settings.data_dir)
    try:
        folder.joinpath("run").mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as cause:
        raise unwritable(settings.data_dir, cause) from cause
    load_pepper(settings.data_dir)
    # Made before any worker needs it, and refused here when its master key can't be had.
    ring = ring_of(settings)
    ring.look()
    ring.close()
    prices = tariffs(settings, CLOCK.now())
    seen, now = with_templates(settings), CLOCK.now()
    try:
        with open_store(settings) as store:
            first = build_snapshot(store, seen, endpoints(settings), now, prices)
    except StoreUnavailable:
        # A server may be away for a while, and callers need not wait for it; a file that can't be read is our own.
        if file_of(settings.database) is not None:
            raise
        known = _as_known_last(folder / "snapshot.json", seen, prices, now)
        if known is None:
            raise
        first = known
    write_snapshot(folder / "snapshot.json", first)


def _as_known_last(path: Path, settings: Settings, prices: Mapping[str, Tariff], now: float) -> Snapshot | None:
    """The last snapshot under the settings of today; None when there is none that can be read."""
    try:
        known = read_snapshot(path)
    except StoreUnavailable:
        return None
    return replace(
        known,
        made_at=now,
        providers=settings.providers,
        upstreams=settings.upstreams,
        processes=settings.processes,
        proofs=tuple(proof for proof in known.proofs if proof.process in settings.processes),
        baseline_lost={name: at for name, at in known.baseline_lost.items() if name in settings.processes},
        endpoints=endpoints(settings),
        privacy=settings.privacy,
        budgets=settings.budgets,
        tariffs=prices,
        suspended={name: found for name, found in known.suspended.items() if name in settings.upstreams},
    )


def runs(settings: Settings) -> bool:
    """True while a `switchover up` runs on the data folder; one that was killed leaves its file behind."""
    try:
        said = Path(settings.data_dir, "run", "gateway.json").read_bytes()
        return lives(int(json.loads(said)["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def endpoints(settings: Settings) -> dict[str, str]:
    """Base URLs of own upstreams whose engine runs now."""
    found = {}
    for name, spec in settings.upstreams.items():
        place = read_place(settings.data_dir, child_name(spec)) if spec.is_own else None
        if place is not None and lives(place.pid):
            found[name] = f"{place.url}/v1"
    return found


class Children:
    """Which children there should be, from the configuration as it stands now."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = WatchedSettings(settings, load)
        self.log = log
        self.descriptor = -1
        # The pages' listening socket; None: they are not served.
        self.pages: int | None = None
        self._refused: dict[str, str] = {}
        self._client = Client(CLOCK)
        self._pulses: dict[str, Pulse] = {}

    def check(self) -> None:
        """Raises WeightsMissing when an engine could not even be begun."""
        for spec in self.settings.current.upstreams.values():
            if spec.kind == "local":
                engine_command(spec, self.settings.current.data_dir, os.environ)

    def __call__(self) -> Sequence[ChildSpec]:
        """The children wanted now. Weights that went missing later leave their engine out and are said once."""
        self.settings.changed()
        settings = self.settings.current
        # The keeper ends last: what workers record while they drain is to be in the store.
        wanted = [self._own("keeper", ["keeper"], last=True)]
        for number in range(settings.gateway.workers):
            name = f"worker-{number}"
            words = ["worker", "--name", name, "--fd", str(self.descriptor)]
            wanted.append(self._own(name, words, fds=(self.descriptor,)))
        if self.pages is not None:
            wanted.append(self._own("pages", ["pages", "--fd", str(self.pages)], fds=(self.pages,)))
        return wanted + self._engines()

    def _own(self, name: str, words: list[str], fds: tuple[int, ...] = (), *, last: bool = False) -> ChildSpec:
        command = (sys.executable, "-m", "switchover", *words, "--config", self.settings.current.source)
        return ChildSpec(name=name, argv=command, env=dict(os.environ), inherit_fds=fds, last=last)

    def _engines(self) -> list[ChildSpec]:
        settings = self.settings.current
        quiet = {name: os.environ[name] for name in ENGINE_ENVIRONMENT if name in os.environ}
        found = []
        for name, spec in settings.upstreams.items():
            if spec.kind == "local":
                command = self._command(spec)
                if command is not None:
                    found.append(self._engine(f"engine-{name}", name, command, quiet, self._pulse(name)))
        if any(spec.kind == "student" for spec in settings.upstreams.values()):
            command = student_command(settings.data_dir)
            found.append(self._engine(STUDENT_SERVER, STUDENT_SERVER, command, quiet))
        return found

    def _command(self, spec: UpstreamSpec) -> list[str] | None:
        """An engine's command line; None for one whose weights are missing or altered, which costs no other engine."""
        said = ""
        command = None
        try:
            command = engine_command(spec, self.settings.current.data_dir, os.environ)
        except WeightsMissing as error:
            said = str(error)
        if said and said != self._refused.get(spec.name):
            self.log("engine left out", engine=spec.name, detail=said)
        self._refused[spec.name] = said
        return command

    def _pulse(self, name: str) -> Callable[[], Awaitable[bool]]:
        pulse = self._pulses.setdefault(name, Pulse(self._client))
        data = self.settings.current.data_dir

        async def beats() -> bool:
            place = read_place(data, name)
            return place is None or not lives(place.pid) or await pulse.beats(place)

        return beats

    def _engine(
        self,
        child: str,
        place: str,
        command: Sequence[str],
        env: Mapping[str, str],
        pulse: Callable[[], Awaitable[bool]] | None = None,
    ) -> ChildSpec:
        data = self.settings.current.data_dir

        def ready() -> bool:
            found = read_place(data, place)
            return found is not None and lives(found.pid)

        output = Path(data, "run", f"{place}.log")
        return ChildSpec(name=child, argv=tuple(command), env=env, ready_check=ready, output=output, pulse=pulse)


def serve_keeper(configuration: str) -> None:
    """The keeper, until SIGTERM."""
    settings = load(configuration)
    log = line_log("keeper", CLOCK, form=settings.log.format, least=settings.log.level)
    keeper = Keeper(
        settings,
        clock=CLOCK,
        log=log,
        load=load_priced,
        endpoints=endpoints,
        as_seen=with_templates,
        open_store=database,
    )

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        house = Housekeeping(
            lambda: keeper.settings.current,
            clock=CLOCK,
            say=OncePerChange(log),
            leads=lambda: keeper.lease.held,
            target=target_of,
            open_store=database,
        )

        def beside(name: str, begin: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
            return asyncio.create_task(lasting(name, begin, stop, log), name=name)

        def current() -> Settings:
            return keeper.settings.current

        finishing = [
            beside("housekeeping", lambda: house.run(stop)),
            beside("watch", lambda: _watching(keeper, log).run(stop)),
            beside("prompts", lambda: _changing(keeper, log).run(stop)),
            beside("alerts", lambda: delivering(current, log).run(stop)),
        ]
        following = [
            beside("chat templates", lambda: follow_templates(current, Client(CLOCK), CLOCK, log)),
            beside("weights", lambda: follow_weights(current, CLOCK, log)),
            beside("time-stamps", lambda: follow_stamps(current, log)),
        ]
        try:
            await keeper.run(stop)
            await asyncio.gather(*finishing)
        finally:
            for task in (*finishing, *following):
                task.cancel()

    asyncio.run(run())


def _changing(keeper: Keeper, log: Log) -> Changing:
    return Changing(
        lambda: with_templates(keeper.settings.current),
        clock=CLOCK,
        log=log,
        leads=lambda: keeper.lease.held,
        open_store=database,
    )


def _watching(keeper: Keeper, log: Log) -> Watching:
    return Watching(
        lambda: keeper.settings.current,
        clock=CLOCK,
        log=log,
        leads=lambda: keeper.lease.held,
        has_work=has_work,
        gone=let_go_of,
        command=lambda settings: (sys.executable, "-m", "switchover", "watcher", "--config", settings.source),
        open_store=database,
    )


@contextmanager
def running(settings: Settings, *, log: Path) -> Iterator[str]:
    """``switchover up`` as a child for as long as this lasts; gives the gateway's URL once everything answers."""
    command = [sys.executable, "-m", "switchover", "up", "--config", settings.source]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)  # noqa: S603  # our own program
    try:
        yield _answering(settings, child, log)
    finally:
        child.terminate()
        try:
            child.wait(40)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _answering(settings: Settings, child: subprocess.Popen[bytes], log: Path) -> str:
    place = Path(settings.data_dir, "run", "gateway.json")
    own = [name for name, spec in settings.upstreams.items() if spec.is_own]
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise OperatorError(f"switchover up ended:\n{_tail(log)}", mend=f"see {log}")
        # One that was killed leaves its file behind.
        told = json.loads(place.read_bytes()) if place.exists() else {}
        if told.get("pid") == child.pid and not set(own) - set(endpoints(settings)):
            return str(told["url"])
        time.sleep(0.05)
    raise EngineFailed(f"not everything started within {START_SECONDS:.0f} s:\n{_tail(log)}", mend=f"see {log}")


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
