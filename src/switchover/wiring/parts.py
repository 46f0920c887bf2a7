"""The parts that every command needs: the store, the clock, an upstream with its key."""

from __future__ import annotations

import os
from pathlib import Path

from switchover.clock import SystemClock
from switchover.config import resolve
from switchover.domain.ports import Upstream
from switchover.domain.process import Settings, UpstreamSpec
from switchover.egress import Client
from switchover.store import Store
from switchover.upstreams import UPSTREAMS
from switchover.upstreams import weights as weight_files
from switchover.upstreams.local import OwnUpstream

CLOCK = SystemClock()


def open_store(settings: Settings) -> Store:
    """The store, at its newest schema."""
    return Store.open(settings.database)


def upstream(settings: Settings, spec: UpstreamSpec, base_url: str | None, client: Client) -> Upstream:
    """The upstream of a spec, its key read now. Raises ConfigError when the key can't be read."""
    if spec.is_own:
        return OwnUpstream(spec, settings.data_dir, client)
    folder = str(Path(settings.source).parent)
    secret = resolve(spec.key, folder, os.environ) if spec.key else None
    return UPSTREAMS[spec.kind](spec, base_url or spec.base_url or "", secret, client)


def fetch_starter(target: Path | None) -> Path:
    """Fetches the starter weights, by hash."""
    return weight_files.fetch_starter(target or next(iter(weight_files.folders(".", os.environ))))


def starter_weights() -> Path:
    """The starter weights on this machine, checked. Raises WeightsMissing."""
    return weight_files.resolve("starter", ".", os.environ)
