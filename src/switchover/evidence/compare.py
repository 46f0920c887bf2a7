"""The store's facts against the log: which row is not the one an entry vouches for, and what was never noted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from switchover.store import Store
from switchover.store.facts import Fact, facts

from . import canonical, events
from .log import Event

KIND_SAVED = {event: kind for kind, event in events.SAVED.items()}
KIND_ENDED = {event: kind for kind, event in events.ENDED.items()}
# States in which a drill's row may still change; any other row is as its newest entry has it.
PASSING = frozenset({"planned", "running"})
# What only the keeper saves and notes: one that is not noted yet is neither late nor given time.
KEEPERS = frozenset({"gap"})
# So long the command that saved a row has to note it before it counts as forgotten.
GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry said of a row."""

    number: int
    sha256: str
    state: str | None
    late: bool


class Noted:
    """What the log says so far, taken in entry by entry."""

    def __init__(self) -> None:
        self.size = 0
        self.rows: dict[tuple[str, str], Entry] = {}
        self.ends: dict[tuple[str, str], Entry] = {}
        self.expired: set[str] = set()
        self.served_by: dict[str, str | None] = {}
        self.held: set[str] = set()
        self.configuration = ""

    def take(self, entries: Iterable[bytes]) -> None:
        """Takes in the entries from number ``size`` on. Raises ValueError for one that is none of ours."""
        for data in entries:
            self._take(canonical.decode(data))

    def _take(self, entry: Event) -> None:
        event, name = str(entry.get("event", "")), str(entry.get("id", ""))
        said = Entry(self.size, str(entry.get("sha256", "")), entry.get("state"), bool(entry.get("late")))
        if event in KIND_SAVED:
            self.rows[KIND_SAVED[event], name] = said
        elif event in KIND_ENDED:
            self.ends[KIND_ENDED[event], name] = said
        elif event == "proof expired":
            self.expired.add(name)
        elif event == "failover":
            self.served_by[str(entry.get("process", ""))] = entry.get("to")
        elif event == "breaker held":
            self.held.add(str(entry.get("upstream", "")))
        elif event == "breaker restored":
            self.held.discard(str(entry.get("upstream", "")))
        elif event == "configuration":
            self.configuration = said.sha256
        self.size += 1


def unnoted(store: Store, noted: Noted, now: float) -> list[Event]:
    """Events for what is in the store and was never noted, as after a crash between the two; marked as late.

    A row that is not the one noted is left as it is: that is for :func:`differences` to say.
    """
    found: list[Event] = []
    for fact in facts(store):
        key = (fact.kind, fact.id)
        entry = noted.rows.get(key)
        moved_on = entry is not None and entry.state in PASSING and fact.state != entry.state
        own = fact.kind in KEEPERS
        if (entry is None or moved_on) and (own or now - fact.at > GRACE_S):
            found.append(events.saved(fact, late=not own))
        if fact.ended_at is not None and key not in noted.ends and now - fact.ended_at > GRACE_S:
            found.append(events.ended(fact, late=fact.ended_by != "expiry"))
    return found


def differences(store: Store, noted: Noted) -> list[str]:
    """What differs between the store and the log, in words; nothing when all agree."""
    found: list[str] = []
    seen, ended = set[tuple[str, str]](), set[tuple[str, str]]()
    for fact in facts(store):
        key = (fact.kind, fact.id)
        seen.add(key)
        found += _of_row(fact, noted.rows.get(key))
        if fact.ended_at is not None:
            ended.add(key)
            found += _of_end(fact, noted.ends.get(key))
    for key in noted.rows.keys() - seen:
        found.append(f"{_name(key)} of entry {noted.rows[key].number} is not in the store: it was removed")
    for key in (noted.ends.keys() & seen) - ended:
        found.append(f"{_name(key)} ended by entry {noted.ends[key].number}; the store says that it did not")
    return sorted(found)


def _of_row(fact: Fact, entry: Entry | None) -> Sequence[str]:
    name = _name((fact.kind, fact.id))
    if entry is None:
        return [f"{name} is in the store, and no entry says so"]
    if entry.sha256 == fact.sha256:
        return []
    if entry.state in PASSING and fact.state != entry.state:
        return [f"{name} is {fact.state} in the store; the newest entry about it, {entry.number}, says {entry.state}"]
    return [f"{name} in the store is not the one that entry {entry.number} vouches for: its row was changed"]


def _of_end(fact: Fact, entry: Entry | None) -> Sequence[str]:
    name = _name((fact.kind, fact.id))
    if entry is None:
        return [f"{name} has ended in the store, and no entry says so"]
    if entry.sha256 != fact.end_sha256:
        return [f"when or by whom {name} ended is not what entry {entry.number} vouches for: its row was changed"]
    return []


def late(noted: Noted) -> list[str]:
    """Rows that were found in the store without an entry: a crash between the two, or somebody else's hand."""
    both = [*noted.rows.items(), *noted.ends.items()]
    rows = sorted((entry.number, key) for key, entry in both if entry.late)
    return [f"{_name(key)} was found in the store without an entry, and noted in {number}" for number, key in rows]


def _name(key: tuple[str, str]) -> str:
    return " ".join(key)
