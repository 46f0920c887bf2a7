"""What a doctor looks at: configuration, keys, folder, store, weights, and what runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from switchover.domain.process import Settings
from switchover.errors import SwitchoverError
from switchover.upstreams.gguf import has_chat_template
from switchover.upstreams.local import child_name
from switchover.upstreams.weights import resolve as resolve_weights

from .parts import open_store, read_key
from .running import endpoints

# Below this a busy day's record may fill the disk before anyone looks.
LOW_DISK = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``said`` says what is wrong and how to mend it, or that it is well."""

    what: str
    well: bool
    said: str


def examine(settings: Settings) -> list[Finding]:
    """Looks at everything; finds all faults, not only the first."""
    found = [Finding("configuration", True, settings.source)]
    for name, spec in settings.upstreams.items():
        if spec.key is not None:
            found.append(_try(f"key of {name}", lambda key=spec.key: _key(settings, key)))  # type: ignore[misc]  # bound per turn
        if spec.kind == "local":
            found.append(_try(f"weights of {name}", lambda w=spec.weights: _weights(settings, w)))  # type: ignore[misc]  # as above
    found.append(_try("data folder", lambda: _folder(settings)))
    found.append(_try("store", lambda: _store(settings)))
    return found + list(_running(settings))


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (SwitchoverError, OSError) as error:
        return Finding(what, False, str(error))


def _key(settings: Settings, reference: str) -> str:
    read_key(settings, reference)
    return f"{reference} can be read"


def _weights(settings: Settings, reference: str | None) -> str:
    path = resolve_weights(reference or "starter", settings.data_dir, os.environ)
    if not has_chat_template(path):
        raise OSError(f"{path} has no chat template; use instruction-tuned weights")
    return f"{path.name} is there"


def _folder(settings: Settings) -> str:
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    probe = folder / ".doctor"
    probe.write_bytes(b"ok")
    probe.unlink()
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK:
        raise OSError(f"only {free >> 20} MiB are free in {folder}; free some space")
    return f"{folder}, {free >> 30} GiB free"


def _store(settings: Settings) -> str:
    with open_store(settings):
        return "answers, schema is the newest"


def _gateway_lives(said: Path) -> bool:
    """True when the `switchover up` that wrote the file runs still; one that was killed leaves the file behind."""
    try:
        os.kill(int(json.loads(said.read_bytes())["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _running(settings: Settings) -> Iterator[Finding]:
    run = Path(settings.data_dir, "run")
    if not _gateway_lives(run / "gateway.json"):
        yield Finding("gateway", True, "not running; start it with `switchover up`")
        return
    here = endpoints(settings)
    for name, spec in settings.upstreams.items():
        if spec.is_own:
            said = (
                "its engine runs" if name in here else f"its engine does not run; see {run / f'{child_name(spec)}.log'}"
            )
            yield Finding(f"engine of {name}", name in here, said)
    try:
        keeper = json.loads((run / "keeper.json").read_bytes())
    except (OSError, ValueError):
        yield Finding("keeper", False, "says nothing; restart `switchover up`")
        return
    for part in ("store", "configuration", "evidence"):
        yield Finding(f"keeper, {part}", keeper.get(part) == "ok", str(keeper.get(part)))
