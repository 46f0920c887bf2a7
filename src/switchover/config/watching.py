"""The watch's section, and the retirements among the facts that we ship."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from switchover.domain.process import Sampling, Watch

from .sections.watch import ProcessWatchSection, WatchSection
from .values import hours_of


def watch_of(section: WatchSection) -> Watch:
    """The section as the domain has it."""
    begins, lasts = hours_of(section.at)
    return Watch(
        begins=begins,
        lasts=lasts,
        calls_per_day=section.calls_per_day,
        replays_per_day=section.replays_per_day,
        spend_per_day=section.spend_per_day,
        rehearses=section.rehearse == "auto",
    )


def sampling_of(section: ProcessWatchSection | None, watch: WatchSection) -> Sampling:
    """How a process's proofs are watched: as it says itself, and else as all are."""
    own = section or ProcessWatchSection()
    return Sampling(
        shadow=watch.shadow if own.shadow is None else own.shadow,
        canaries=watch.canaries if own.canaries is None else own.canaries,
    )


@dataclass(frozen=True, slots=True)
class KnownRetirement:
    """A vendor's model is gone from its own endpoint from ``day`` on (ISO date), as ``source`` says."""

    vendor: str
    model: str
    day: str
    source: str


@cache
def known_retirements() -> tuple[KnownRetirement, ...]:
    """Those among the facts that we ship."""
    text = resources.files("switchover.facts").joinpath("models.yaml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["models"]  # noqa: S506  # a safe loader, written in C where there is one
    return tuple(
        KnownRetirement(row["vendor"], row["id"], str(row["retirement_date"]), row["source"])
        for row in rows
        if row.get("retirement_date")
    )
