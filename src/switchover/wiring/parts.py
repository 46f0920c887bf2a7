"""The parts that every command needs: the store, the clock, an upstream with its key."""

from __future__ import annotations

import os
from pathlib import Path

from switchover.clock import SystemClock
from switchover.config import resolve
from switchover.domain.ports import Upstream
from switchover.domain.process import Settings, UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import StoreUnavailable
from switchover.store import Store
from switchover.upstreams import UPSTREAMS
from switchover.upstreams import weights as weight_files
from switchover.upstreams.local import OwnUpstream

CLOCK = SystemClock()


def open_store(settings: Settings) -> Store:
    """The store, at its newest schema; the data folder is made when a command comes before the first ``up``."""
    try:
        Path(settings.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as cause:
        raise unwritable(settings.data_dir, cause) from cause
    return Store.open(settings.database)


def unwritable(folder: str, cause: OSError) -> StoreUnavailable:
    """Our error for a data folder that takes no files."""
    return StoreUnavailable(
        f"{folder}: {cause.strerror}", mend="make it writable, free some space, or name another folder under data:"
    )


def upstream(settings: Settings, spec: UpstreamSpec, base_url: str | None, client: Client) -> Upstream:
    """The upstream of a spec, its key read now. Raises ConfigError when the key can't be read."""
    if spec.is_own:
        return OwnUpstream(spec, settings.data_dir, client)
    secret = read_key(settings, spec.key) if spec.key else None
    return UPSTREAMS[spec.kind](spec, base_url or spec.base_url or "", secret, client)


def read_key(settings: Settings, reference: str) -> Secret:
    """The key behind an upstream's reference, read now. Raises ConfigError when it can't be."""
    return resolve(reference, str(Path(settings.source).parent), os.environ)


def lives(pid: int) -> bool:
    """True while there is a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def fetch_starter(target: Path | None) -> Path:
    """Fetches the starter weights, by hash."""
    return weight_files.fetch_starter(target or next(iter(weight_files.folders(".", os.environ))))


def starter_weights() -> Path:
    """The starter weights on this machine, checked. Raises WeightsMissing."""
    return weight_files.resolve("starter", ".", os.environ)
