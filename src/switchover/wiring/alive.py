"""What runs on a data folder, by the files in its ``run/``; no store is asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from switchover.domain.process import Settings
from switchover.gateway.neighbours import Neighbours
from switchover.web.running import Child, Keeper, Running, Told

from .parts import CLOCK, lives
from .running import endpoints


def running(settings: Settings) -> Running:
    """Whether `switchover up` runs, its children and its keeper. A file that can't be read says nothing."""
    run = Path(settings.data_dir, "run")
    said, _ = _read(run / "supervisor.json")
    keeper, age = _read(run / "keeper.json")
    is_up = _lives(said.get("pid"))
    children = said.get("children")
    return Running(
        is_up=is_up,
        children=tuple(_child(name, one) for name, one in children.items()) if isinstance(children, dict) else (),
        keeper=_keeper(keeper, age) if keeper else None,
        register_age=_age(Path(settings.data_dir, "snapshot.json")),
    )


def told(settings: Settings) -> Told:
    """The figures of workers that wrote within 30 s, and the engines that run."""
    pages = Neighbours("", Path(settings.data_dir, "run"), CLOCK).others()
    return Told(pages=tuple(pages), endpoints=endpoints(settings))


def _child(name: str, one: dict[str, Any]) -> Child:
    return Child(
        name=name, lives=_lives(one.get("pid")), ready=bool(one.get("ready")), restarts=int(one.get("restarts") or 0)
    )


def _keeper(said: dict[str, Any], age: float) -> Keeper:
    parts = {name: str(said.get(name)) for name in ("store", "configuration", "evidence", "budgets")}
    version = said.get("snapshot_version")
    return Keeper(
        lives=_lives(said.get("pid")), age=age, snapshot_version=version if isinstance(version, int) else None, **parts
    )


def _lives(pid: object) -> bool:
    return isinstance(pid, int) and pid > 0 and lives(pid)


def _read(path: Path) -> tuple[dict[str, Any], float]:
    """A file that holds an object, and its age in seconds; nothing where there is none."""
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return {}, 0.0
    return (found, _age(path) or 0.0) if isinstance(found, dict) else ({}, 0.0)


def _age(path: Path) -> float | None:
    try:
        return max(CLOCK.now() - path.stat().st_mtime, 0.0)
    except OSError:
        return None
