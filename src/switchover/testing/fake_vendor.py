"""A simulated vendor on loopback: real wire formats, answers from the corpus's truth, failures on demand.

No model is behind it. In tests it runs in a thread (:class:`FakeVendor`), for the demo in a process of its own
(:class:`VendorProcess`), by hand as ``python -m switchover.testing.fake_vendor --key K``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from .fake_answers import Oracle, inbox_answers
from .fake_app import Scope, VendorApp

HOST = "127.0.0.1"
MODELS = ("big-1", "big-2")
KEY_VARIABLE = "SWITCHOVER_FAKE_VENDOR_KEY"
# Seconds; it ends what hangs and measures nothing.
ENOUGH_S = 60.0


class Listener:
    """The vendor's socket: opened, closed and opened again on the same port. Lives on one event loop."""

    def __init__(self, oracle: Oracle, key: str, models: tuple[str, ...], port: int) -> None:
        self.app = VendorApp(oracle, key, models=models, abort=self._abort, refuse=self.refuse)
        self.port = port
        self._state = ServerState()
        self._server: asyncio.AbstractServer | None = None
        self._reopening: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._config = uvicorn.Config(
            self.app, lifespan="off", access_log=False, log_config=None, http="httptools", ws="none"
        )
        self._config.load()

    async def open(self) -> None:
        """Listens; raises OSError when the port is taken."""
        if self._server is not None:
            return
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, self.port))
        except OSError:
            listening.close()
            raise
        self.port = listening.getsockname()[1]
        made: Callable[[], asyncio.Protocol] = lambda: self._config.http_protocol_class(  # type: ignore[call-arg]  # noqa: E731  # uvicorn types it as a bare Protocol
            config=self._config, server_state=self._state, app_state={}
        )
        self._server = await asyncio.get_running_loop().create_server(made, sock=listening, backlog=512)

    def close(self) -> None:
        """Stops listening and breaks every connection."""
        if self._reopening is not None:
            self._reopening.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._state.connections):
            connection.transport.abort()

    def refuse(self, seconds: float) -> None:
        """Closes once the current answer is out; reopens after ``seconds``, 0 = when told."""
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, self.close)
        if seconds:
            self._reopening = None
            loop.call_later(0.01 + seconds, self._reopen)

    def _reopen(self) -> None:
        self.app.control.mode = "normal"
        task = asyncio.ensure_future(self.open())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _abort(self, scope: Scope) -> None:
        for connection in self._state.connections:
            if getattr(connection, "scope", None) is scope:
                connection.transport.abort()
                return

    async def finish(self) -> None:
        """Closes for good."""
        self.close()
        for task in [*self._state.tasks, *self._tasks]:
            task.cancel()
        await asyncio.gather(*self._state.tasks, *self._tasks, return_exceptions=True)
        await asyncio.sleep(0)


class FakeVendor:
    """The vendor in a thread of this process. Use as a context manager; ``url`` has no path.

    ``answers`` maps a user's text to the answer; without it, the inbox's truth. ``wrong`` and ``failures`` are shares,
    ``latency`` a mean in seconds.
    """

    def __init__(
        self,
        answers: Mapping[str, str] | None = None,
        *,
        key: str = "test-key",
        seed: int = 1,
        wrong: float = 0.0,
        latency: float = 0.0,
        failures: float = 0.0,
        models: Sequence[str] = MODELS,
        port: int = 0,
    ) -> None:
        known = inbox_answers() if answers is None else answers
        self.key = key
        self._oracle = Oracle(known, seed=seed, wrong=wrong, latency=latency, failures=failures)
        self._listener = Listener(self._oracle, key, tuple(models), port)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-vendor", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, once entered."""
        return f"http://{HOST}:{self._listener.port}"

    @property
    def served(self) -> dict[str, int]:
        """How many calls ended how: answered, wrong, cut, left, rejected, or a fault's id."""
        return dict(self._listener.app.served)

    def retire(self, model: str, day: str) -> None:
        """From now on the list of models gives this day (ISO date) as the model's ``shutdown_date``."""
        self._listener.app.retires[model] = day

    def control(self, mode: str | None = None, **changes: float) -> None:
        """As POST /_control; ``refused`` lasts until the next call of this, or ``seconds``. Raises ValueError."""
        given: dict[str, Any] = {**changes, **({"mode": mode} if mode else {})}
        self._run(self._set(given))

    def __enter__(self) -> FakeVendor:
        self._thread.start()
        self._run(self._listener.open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._run(self._listener.finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ENOUGH_S)
        self._loop.close()

    async def _set(self, changes: Mapping[str, Any]) -> None:
        self._listener.app.set(**changes)
        if changes.get("mode") == "refused":
            await asyncio.sleep(0.02)
        elif "mode" in changes:
            await self._listener.open()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ENOUGH_S)


class VendorProcess:
    """The vendor in a process of its own, which ends with this one. The key goes by its environment."""

    def __init__(
        self,
        *,
        key: str,
        seed: int = 1,
        wrong: float = 0.08,
        latency: float = 0.02,
        failures: float = 0.0,
        port: int = 0,
    ) -> None:
        rates = {"seed": seed, "wrong": wrong, "latency": latency, "failures": failures, "port": port}
        self._command = [sys.executable, "-m", __name__, "--leave-with-stdin"]
        self._command += [part for name, value in rates.items() for part in (f"--{name}", str(value))]
        self._environment = {**os.environ, KEY_VARIABLE: key}
        self._child: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> VendorProcess:
        self._child = subprocess.Popen(  # noqa: S603  # our own module, no shell
            self._command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        said = self._child.stdout.readline() if self._child.stdout else ""
        found = re.search(r"http://\S+", said)
        if found is None:
            self.__exit__(None, None, None)
            raise RuntimeError(f"the fake vendor did not start: {said.strip() or 'it said nothing'}")
        self.url = found.group()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._child is None:
            return
        self._child.terminate()
        self._child.wait(ENOUGH_S)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: serves until it is terminated. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="fake_vendor", description="A simulated vendor: no model is behind it.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default=os.environ.get(KEY_VARIABLE), help=f"or {KEY_VARIABLE} in the environment")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wrong", type=float, default=0.08, help="share of wrong answers")
    parser.add_argument("--latency", type=float, default=0.02, help="mean seconds")
    parser.add_argument("--failures", type=float, default=0.0, help="share of HTTP failures")
    parser.add_argument("--leave-with-stdin", action="store_true", help="end when standard input is closed")
    given = parser.parse_args(arguments)
    if not given.key:
        parser.error(f"a key is wanted: --key, or {KEY_VARIABLE} in the environment")
    try:
        uvloop.run(_serve(given))
    except OSError as error:
        sys.stderr.write(f"port {given.port}: {error.strerror}; choose another with --port\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


async def _serve(given: argparse.Namespace) -> None:
    oracle = Oracle(inbox_answers(), seed=given.seed, wrong=given.wrong, latency=given.latency, failures=given.failures)
    listener = Listener(oracle, given.key, MODELS, given.port)
    await listener.open()
    sys.stdout.write(f"http://{HOST}:{listener.port} is a SIMULATED vendor: no model is behind its answers\n")
    sys.stdout.flush()
    over = asyncio.Event()
    if given.leave_with_stdin:

        def heard() -> None:
            if not os.read(sys.stdin.fileno(), 1):
                over.set()

        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), heard)
    await over.wait()
    await listener.finish()


if __name__ == "__main__":
    sys.exit(main())
