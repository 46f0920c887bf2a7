"""The local engine's child process: llama.cpp's whole HTTP server on loopback, behind a random key.

In a child, so that a native crash never takes the gateway down.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from switchover.errors import OperatorError, WeightsMissing
from switchover.upstreams.gguf import has_chat_template

from .child import announce, complain, fresh_key, leave_with_parent, withdraw

SEED = 1
# Warnings and errors: the level below names tokens and timings of every request.
LOG_WARNINGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How an engine runs. ``context`` is in tokens per slot."""

    name: str
    weights: Path
    data_dir: Path
    context: int = 4096
    slots: int = 1
    threads: int | None = None


def serve(settings: EngineSettings) -> None:
    """Runs the engine until SIGTERM or SIGINT, or until its parent is gone. Returns after it withdrew its place.

    Answers are drawn at temperature 0 with a fixed seed unless a request says otherwise. Raises WeightsMissing for
    weights without a chat template, RuntimeError when the engine does not start (its reason is on standard error).
    """
    if not has_chat_template(settings.weights):
        raise WeightsMissing(
            f"{settings.weights.name} has no chat template, so the engine would guess one",
            mend="use instruction-tuned weights whose GGUF file carries tokenizer.chat_template",
        )
    parent = os.getppid()
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    key = fresh_key(settings.data_dir, settings.name)
    url = _start(settings, key.reveal())
    leave_with_parent(parent)
    announce(settings.data_dir, settings.name, url)
    ended.wait()
    withdraw(settings.data_dir, settings.name)


_running: list[object] = []


def _start(settings: EngineSettings, key: str) -> str:
    import xllamacpp  # the native library, loaded in this child only

    params = xllamacpp.CommonParams()
    params.model.path = str(settings.weights)
    params.model_alias = {settings.name}
    # llama.cpp divides the context by the number of slots.
    params.n_ctx = settings.context * settings.slots
    params.n_parallel = settings.slots
    params.n_predict = settings.context // 2
    params.cpuparams.n_threads = settings.threads or os.cpu_count() or 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
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
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args(arguments)
    settings = EngineSettings(
        name=given.name,
        weights=given.weights,
        data_dir=given.data,
        context=given.context,
        slots=given.slots,
        threads=given.threads,
    )
    try:
        serve(settings)
    except OperatorError as error:
        complain(str(error))
        return 1
    except RuntimeError as error:
        complain(f"the engine did not start: {error}")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    # The native server's threads do not end by themselves; nothing is left to be written.
    os._exit(code)
