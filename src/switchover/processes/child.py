"""What every server child of ours does: its key, its place, and leaving with its parent."""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from switchover.domain.secret import Secret
from switchover.upstreams.local import EngineFacts, key_file, state_file


def fresh_key(data_dir: Path, name: str) -> Secret:
    """Writes a new random key for the child ``name`` (0600, replacing the old) and returns it.

    A place that a forerunner left behind, killed before it could take it back, is no place any more. The child makes
    its own key, so that none is ever on a command line or in an environment.
    """
    state_file(data_dir, name).unlink(missing_ok=True)
    key = secrets.token_urlsafe(32)
    _write(key_file(data_dir, name), key)
    return Secret(key)


def announce(data_dir: Path, name: str, url: str, engine: EngineFacts | None = None) -> None:
    """Says where this child listens and, if it is an engine, what it found out; call when it answers."""
    told: dict[str, object] = {"url": url, "pid": os.getpid()}
    if engine is not None:
        told["engine"] = asdict(engine)
    _write(state_file(data_dir, name), json.dumps(told))


def withdraw(data_dir: Path, name: str) -> None:
    """Takes the announcement back, unless a successor has made its own."""
    path = state_file(data_dir, name)
    try:
        if json.loads(path.read_bytes())["pid"] == os.getpid():
            path.unlink()
    except (OSError, ValueError, KeyError, TypeError):
        return


def leave_with_parent(parent: int) -> None:
    """Ends this process when ``parent`` is no longer its parent: an engine must not outlive its supervisor.

    A thread and not a signal: a parent that was killed sends none.
    """

    def watch() -> None:
        gone = threading.Event()
        while os.getppid() == parent:
            gone.wait(1.0)
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)


def complain(message: str) -> None:
    """One line on standard error, which our parent keeps as the child's log."""
    sys.stderr.write(message.rstrip() + "\n")
    sys.stderr.flush()
