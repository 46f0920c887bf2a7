"""What runs on this machine, and how fresh what it says is: as its files told it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from switchover.gateway.health import Page

OK = "ok"
# The keeper goes round ten times a second; one that is restarted is back by then (neighbours.py).
LATE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A child of `switchover up`: whether its process is there and ``ready``, and how often it was started again."""

    name: str
    lives: bool
    ready: bool
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """What the keeper last said: each part is "ok" or what is wrong. ``age``: seconds since its last round."""

    lives: bool
    age: float
    store: str
    configuration: str
    evidence: str
    budgets: str
    snapshot_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """``is_up``: `switchover up` runs on this data folder. ``keeper`` None: it has said nothing yet.

    ``register_age``: how many seconds ago the register that workers go by was written, None: never.
    """

    is_up: bool
    children: tuple[Child, ...] = ()
    keeper: Keeper | None = None
    register_age: float | None = None

    @property
    def workers(self) -> tuple[Child, ...]:
        """The gateway's workers."""
        return tuple(child for child in self.children if child.name.startswith("worker-"))

    @property
    def serving(self) -> int:
        """How many of the workers are there."""
        return sum(worker.lives for worker in self.workers) if self.is_up else 0

    def troubles(self) -> Iterator[str]:
        """What keeps requests from being answered, or changes from coming into force, in sentences."""
        if not self.is_up:
            yield (
                "Nothing runs on this machine: no request is answered here, and a cut-off comes into force once "
                "something does."
            )
            return
        if not self.serving:
            yield "No worker runs: no request is answered here until one is back."
        if self.keeper is None or not self.keeper.lives:
            yield "The keeper does not run: workers go by what they knew last, and no change reaches them meanwhile."
        elif self.keeper.store != OK:
            yield "The keeper can't use the store: workers go by what they knew last, and no change reaches them."
        elif self.keeper.age > LATE_S:
            yield f"The keeper has not gone round for {self.keeper.age:.0f} s: no change reaches the workers meanwhile."


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Workers' pages of figures that are fresh, and the base URLs of own engines that run."""

    pages: tuple[Page, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)

    @property
    def age(self) -> float | None:
        """How many seconds ago the one wrote that wrote first; None: nobody did."""
        return max((age for _, age, _ in self.pages), default=None)
