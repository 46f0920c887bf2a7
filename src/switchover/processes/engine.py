"""The local engine's child process: llama.cpp's whole HTTP server on loopback, behind a random key.

In a child, so that a native crash never takes the gateway down.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from switchover.clock import SystemClock
from switchover.domain.process import DEFAULT_CONTEXT
from switchover.errors import EngineFailed, OperatorError, UpstreamError
from switchover.upstreams.templates import in_force
from switchover.upstreams.weights import state_of

from .canary import first_word
from .child import announce, complain, fresh_key, leave_with_parent, withdraw

SEED = 1
# Warnings and errors: the level below names tokens and timings of every request.
LOG_WARNINGS = 2
# llama.cpp's own n_ubatch.
STEP = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How an engine runs. ``context`` is in tokens per slot; ``template`` replaces the chat template in the weights."""

    name: str
    weights: Path
    data_dir: Path
    context: int = DEFAULT_CONTEXT
    slots: int = 1
    threads: int | None = None
    template: Path | None = None


def serve(settings: EngineSettings) -> None:
    """Runs the engine until SIGTERM or SIGINT, or until its parent is gone. Returns after it withdrew its place.

    It announces itself when it has generated a token, not when it listens. Answers are drawn at temperature 0 with a
    fixed seed unless a request says otherwise. Raises WeightsMissing for weights without a chat template or with an
    unsafe one, RuntimeError when the engine does not start (its reason is on standard error), EngineFailed when it
    runs another template than it was given, generates nothing, or whose weights were replaced while it loaded them.
    """
    state = state_of(settings.weights)
    template = in_force(settings.weights, settings.template)
    parent = os.getppid()
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    key = fresh_key(settings.data_dir, settings.name)
    url = _start(settings, key.reveal(), template if settings.template else None)
    leave_with_parent(parent)
    facts = asyncio.run(first_word(settings.name, url, key, template, SystemClock()))
    if state_of(settings.weights) != state:
        raise EngineFailed(f"{settings.weights} was replaced while it was loaded", mend="start the engine again")
    announce(settings.data_dir, settings.name, url, replace(facts, weights=state))
    ended.wait()
    withdraw(settings.data_dir, settings.name)


_running: list[object] = []


def _start(settings: EngineSettings, key: str, template: str | None) -> str:
    import xllamacpp  # the native library, loaded in this child only

    params = xllamacpp.CommonParams()
    params.model.path = str(settings.weights)
    params.model_alias = {settings.name}
    # llama.cpp divides the context by the number of slots.
    params.n_ctx = settings.context * settings.slots
    params.n_parallel = settings.slots
    # One step takes no more than this many tokens of a prompt (as many as are computed at once anyway), so that between
    # two steps a slow machine can still say how far it got.
    params.n_batch = STEP
    params.n_predict = settings.context // 2
    params.cpuparams.n_threads = settings.threads or os.cpu_count() or 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    # How far it got, which tells an engine that works from one that hangs.
    params.endpoint_metrics = True
    if template is not None:
        params.chat_template = template
    params.offline = True
    # Other callers' prompts are not kept beyond their slot.
    params.cache_ram_mib = 0
    params.sampling.temp = 0.0
    params.sampling.seed = SEED
    params.verbosity = LOG_WARNINGS
    server = xllamacpp.Server(params)
    _running.append(server)
    return str(server.listening_address)


def main(arguments: list[str] | None = None) -> int:
    """The child's command line: 0 when told to end, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="switchover engine")
    parser.add_argument("--name", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--context", type=int, default=DEFAULT_CONTEXT)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--template", type=Path)
    given = parser.parse_args(arguments)
    settings = EngineSettings(
        name=given.name,
        weights=given.weights,
        data_dir=given.data,
        context=given.context,
        slots=given.slots,
        threads=given.threads,
        template=given.template,
    )
    try:
        serve(settings)
    except OperatorError as error:
        complain(str(error))
        return 1
    except (RuntimeError, UpstreamError) as error:
        complain(f"the engine did not start: {error}")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    # The native server's threads do not end by themselves; nothing is left to be written.
    os._exit(code)
