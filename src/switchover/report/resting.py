"""What a decision rested on when it was taken, against what holds today. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .placing import LEVELS

# What is worse than what, least first; of what is in none of these every change wants a look.
ORDERS: tuple[tuple[str, ...], ...] = (
    ("none", "in date"),
    ("none", *(str(fate) for fate, _ in sorted(LEVELS.items(), key=lambda pair: pair[1]))),
    ("too little", "not measured", "carried"),
)
NO_END = "not announced"
GONE = "not among its upstreams any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is otherwise than it was; ``worse`` False: the decision rests on more than it did."""

    what: str
    was: str
    today: str
    worse: bool

    def __str__(self) -> str:
        return f"{self.what}: was {self.was}, is {self.today}"


def changed(then: Mapping[str, str], today: Mapping[str, str], serves: str) -> tuple[Difference, ...]:
    """What differs between two bases of a placement by which ``serves`` serves, what is worse first.

    That it was carried out is no change: whoever serves needs no proof any more.
    """
    done = {"serves today", f"{serves}: proof", f"{serves}: drill"} if today.get("serves today") == serves else set()
    found = [
        Difference(what=name, was=was, today=today.get(name, GONE), worse=_is_worse(was, today.get(name, GONE)))
        for name, was in then.items()
        if name not in done and today.get(name, GONE) != was
    ]
    return tuple(sorted(found, key=lambda change: (not change.worse, change.what)))


def _is_worse(was: str, today: str) -> bool:
    for order in ORDERS:
        if was in order and today in order:
            return order.index(today) < order.index(was)
    return not (was.startswith("no, ") and today == "yes") and today != NO_END
