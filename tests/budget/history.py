"""What a history of calls must have cost, at each of its lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from switchover.store.ledger import Account


@dataclass
class Attempt:
    """One attempt as far as the history tells of it; amounts in micro-USD."""

    bound: int
    cost: int | None = None
    settling: int | None = None
    unknown: bool = False
    done: bool = False
    refused: bool = False

    @property
    def range(self) -> tuple[int, int]:
        """The least and the most that the ledger may have settled for it, once whoever made it is gone."""
        if self.refused:
            return 0, 0
        if self.done and self.settling is not None:
            return self.settling, self.settling
        if self.cost is None:
            # Killed while it was reserved: before, or after.
            return 0, self.bound
        if self.settling is not None and not self.unknown:
            # Killed while it was settled: with its cost, with its bound, or between the two.
            return self.settling, self.settling + self.bound
        return self.bound, self.bound * (2 if self.unknown else 1)


# Budget, and the part of an attempt's name (worker.number.place.key.upstream) that says that it is charged to it.
CHARGED = {
    "organisation": (), "process:p": (), "provider:other": (4, "other"), "key:hardkeyx": (3, "hardkeyx"),
    "key:softkeyx": (3, "softkeyx"),
}  # fmt: skip


def lines_of(lines: Iterable[str], budget: str) -> list[str]:
    """What of a history is charged to a budget."""
    place = CHARGED[budget]
    return [line for line in lines if not place or line.split()[1].split(".")[place[0]] == place[1]]


class Wrong(AssertionError):
    """The history breaks a promise."""


def read(lines: Iterable[str]) -> dict[str, Attempt]:
    """The attempts of a history."""
    found: dict[str, Attempt] = {}
    for line in lines:
        kind, name, *rest = line.split()
        if kind == "A":
            found[name] = Attempt(int(rest[0]))
        elif kind == "B":
            found[name].cost = int(rest[0])
        elif kind in ("Z", "U"):
            found[name].settling, found[name].unknown = int(rest[0]), kind == "U"
        elif kind == "D":
            found[name].done = True
        elif kind == "R":
            found[name].refused = True
    return found


def served(lines: Iterable[str]) -> Iterator[int]:
    """What providers bill for all that was begun, at every prefix of the history."""
    total = 0
    for line in lines:
        if line.startswith("B "):
            total += int(line.split()[2])
        yield total


def check_prefixes(lines: list[str], cap: int) -> None:
    """Raises Wrong where more was served than the cap."""
    for place, total in enumerate(served(lines), 1):
        if total > cap:
            raise Wrong(f"after line {place} of the history {total} were served, of {cap}")


def check_end(lines: list[str], account: Account) -> None:
    """Raises Wrong where the ledger at the end is not what was served: exactly, but for what was killed midway."""
    attempts, name = read(lines).values(), account.budget
    least, most = (sum(one.range[place] for one in attempts) for place in (0, 1))
    if not least <= account.settled <= most:
        raise Wrong(f"{account.settled} of {name} are settled; the history has it between {least} and {most}")
    known = sum(one.settling or 0 for one in attempts if one.done and not one.unknown)
    if account.settled - account.unknown < known:
        told = account.settled - account.unknown
        raise Wrong(f"{told} of {name} are settled as known; calls that ended with usage cost {known}")
    if account.leased:
        raise Wrong(f"{account.leased} of {name} are leased though nobody lives")
