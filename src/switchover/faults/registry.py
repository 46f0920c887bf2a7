"""The faults by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from switchover.domain.ports import Fault
from switchover.errors import OperatorError

FAULTS: dict[str, type[Any]] = {}

F = TypeVar("F")


def fault(name: str) -> Callable[[type[F]], type[F]]:
    """Registers a fault under the name that drills use."""

    def register(cls: type[F]) -> type[F]:
        FAULTS[name] = cls
        return cls

    return register


def make(name: str, settings: Mapping[str, float]) -> Fault:
    """The fault ``name`` with its settings. Raises OperatorError for a name or setting that there is not."""
    if name not in FAULTS:
        raise OperatorError(f"there is no fault named {name!r}", mend=f"use one of {', '.join(sorted(FAULTS))}")
    known = {field.name for field in fields(FAULTS[name])}
    if unknown := sorted(set(settings) - known):
        raise OperatorError(
            f"the fault {name} has no setting {', '.join(unknown)}",
            mend=f"it takes: {', '.join(sorted(known)) or 'none'}",
        )
    made: Fault = FAULTS[name](**settings)
    return made
