"""A world to project that can be reckoned by hand: one process, one vendor, nothing that happens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from switchover.costs.assumptions import Chance, Values, shipped
from switchover.costs.hosting import Hosting, Machine, Throughput
from switchover.costs.project import Option, Priced, Serve, World
from switchover.costs.usage import UsageModel

BEGINS = 1_793_491_200.0


def usage(process: str = "claims", **changes: Any) -> UsageModel:
    """300 million tokens in, 100 million out and 100,000 calls a month; nothing grows and all is sure."""
    given: dict[str, Any] = {
        "process": process,
        "calls": 100_000.0,
        "input": 300e6,
        "cached": 0.0,
        "output": 100e6,
        "peak_ratio": 2.0,
        "week": (),
        "growth": (0.0, 0.0, 0.0),
        "error": 0.0,
        "hours": 1000.0,
        "first": 0.0,
        "last": 3_600_000.0,
        "confidence": "sure",
        "gaps": (),
    }
    return UsageModel(**given | changes)


def priced(
    where: str = "vendor", read: float = 2.0, written: float = 10.0, kind: str = "vendor", months: int = 24
) -> Priced:
    """USD per million tokens in and out, the same in every month."""
    return Priced(
        where=where, host=where, kind=kind, rates=np.tile([read, read / 10, written], (months, 1)), source="a test"
    )


def hosting(write: float = 200.0, read: float | None = 2000.0, rented: bool = False, **changes: Any) -> Hosting:
    """A machine of $3,600 that draws 100 W, or is rented for $1 an hour."""
    given: dict[str, Any] = {
        "id": "box",
        "name": "a box",
        "price": 3600.0,
        "rent": (1.0, 1.0),
        "watts": 100.0,
        "card": False,
    }
    machine = Machine(**given | {"source": "a test"} | changes)
    speed = Throughput(write=write, read=read, one=write, saturated=False, source="a test")
    return Hosting(machine=machine, model="open", throughput=speed, rented=rented)


def world(*others: Option, serve: Serve | None = None, months: int = 24, **changes: Any) -> World:
    """Staying with the vendor, and the others."""
    processes = changes.pop("usage", {"claims": usage()})
    stays: dict[str, Serve] = {name: serve or priced(months=months) for name in processes}
    stay = Option(name="stay", words="what serves today", serves=stays)
    return World(months=months, begins=BEGINS, usage=processes, options=(stay, *others), rows=shipped(), **changes)


def said(found: World, **values: float) -> World:
    """With these assumptions for certain."""
    rows = dict(found.rows)
    for name, value in values.items():
        kind = name.partition(":")[0]
        rows[name] = replace(rows[kind], name=name, value=value, low=value, high=value)
    return replace(found, rows=rows)


def certain(found: World) -> Values:
    """Every assumption at its value."""
    return Values(found.rows, Chance(1, 1), certain=True)
