"""Which row of an assumption is in force: the one that somebody edited, else the file's, else the shipped one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from switchover.config.costs import stated
from switchover.domain.costing import Assumption, Edit
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import ConfigError, NotFound, OperatorError
from switchover.evidence import events
from switchover.evidence.events import Note
from switchover.facts.read import facts
from switchover.store import Store
from switchover.store.assumptions import edits, save_edit

from .assumptions import shipped

MOST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An assumption with the ``row`` in force and those ``beneath`` it, nearest first; of one process, or of all.

    ``edit`` is the newest edit of this very name, taken back or not. ``void`` says why that edit is not in force.
    ``least`` and ``most`` bound what a value may be.
    """

    name: str
    row: Assumption
    beneath: tuple[Assumption, ...]
    edit: Edit | None
    void: str
    process: str | None
    per_process: bool
    least: float
    most: float

    @property
    def version(self) -> int:
        """That of the newest edit; 0 where there is none."""
        return self.edit.version if self.edit is not None else 0


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Somebody else edited the same assumption meanwhile."""

    name: str


def process_of(name: str) -> str | None:
    """The process that an assumption is said for; None: it is said for all."""
    return name.partition(":")[2] or None


def standings(settings: Settings, found: Mapping[str, Edit]) -> list[Standing]:
    """Every assumption that can be said, those for one process after the one for all."""
    known: Mapping[str, Mapping[str, Any]] = facts("assumptions")["assumptions"]
    made = []
    for kind, rules in known.items():
        said = {name for name in (*settings.costing.assumptions, *found) if name.partition(":")[0] == kind}
        own = sorted(name for name in said if name != kind and process_of(name) in settings.processes)
        made += [_standing(settings, name, rules, found) for name in (kind, *own)]
    return made


def standing(settings: Settings, found: Mapping[str, Edit], name: str) -> Standing:
    """One assumption, also of a process of which nobody said it yet. Raises NotFound."""
    known: Mapping[str, Mapping[str, Any]] = facts("assumptions")["assumptions"]
    kind, colon, process = name.partition(":")
    rules = known.get(kind)
    if rules is None or (colon and (not rules.get("per_process") or process not in settings.processes)):
        raise NotFound(f"there is no assumption {name!r}", mend="see the list of assumptions")
    return _standing(settings, name, rules, found)


def _standing(settings: Settings, name: str, rules: Mapping[str, Any], found: Mapping[str, Edit]) -> Standing:
    """Rows of one process stand before those of all, and of each what was edited before the file."""
    kind, edit = name.partition(":")[0], found.get(name)
    rows = []
    for one in dict.fromkeys((name, kind)):
        edited, filed = _row_of(found.get(one), settings.processes)[0], settings.costing.assumptions.get(one)
        rows += [row for row in (edited, filed) if row is not None]
    rows.append(shipped()[kind])
    return Standing(
        name=name, row=rows[0], beneath=tuple(rows[1:]), edit=edit, void=_row_of(edit, settings.processes)[1],
        process=process_of(name), per_process=bool(rules.get("per_process")), least=float(rules["least"]),
        most=float(rules["most"]),
    )  # fmt: skip


def with_edits(settings: Settings, found: Mapping[str, Edit]) -> tuple[Settings, list[str]]:
    """The settings with what was edited in the place of what the file says; and the edits that can't be in force."""
    rows, voids = dict(settings.costing.assumptions), []
    for name, edit in found.items():
        row, void = _row_of(edit, settings.processes)
        if row is not None:
            rows[name] = row
        elif void:
            voids.append(void)
    return replace(settings, costing=replace(settings.costing, assumptions=rows)), voids


def _row_of(edit: Edit | None, processes: Collection[str]) -> tuple[Assumption | None, str]:
    """An edit as a row, or why it is none: a newer Switchover may know it no more, or bound it more narrowly."""
    if edit is None or edit.value is None:
        return None, ""
    given = {name: str(getattr(edit, name)) for name in ("value", "low", "high", "source", "owner", "date")}
    try:
        return stated(edit.name, given, processes), ""
    except ConfigError as error:
        return None, f"the edit of {edit.name} is not in force: {error.got}; wanted {error.want}"


def assume(
    store: Store,
    settings: Settings,
    name: str,
    given: Mapping[str, str] | None,
    *,
    seen: int,
    reason: str,
    actor: Actor,
    now: float,
    note: Note,
) -> Edit | Overtaken:
    """Edits an assumption, or with ``given`` None takes the edit back; that is noted, with who and when.

    ``given`` are the fields of a row of the file, as text. ``seen`` is the version of the edit that whoever acts has
    seen (0: none): if there is a newer one, nothing is changed. Raises ConfigError for what is no value, NotFound, and
    OperatorError where no reason is given or nothing is there to be taken back.
    """
    there = standing(settings, edits(store), name)
    if not reason.strip() or len(reason) > MOST_REASON:
        raise OperatorError("an assumption is changed for a reason", mend=f"say it in {MOST_REASON} characters at most")
    if there.version != seen:
        return Overtaken(name)
    if given is not None:
        row: Assumption | None = stated(name, given, settings.processes)
    elif there.edit is None or there.edit.value is None:
        raise OperatorError(f"nobody edited {name}, so there is nothing to take back", mend="see where its row stands")
    else:
        row = None
    edit = Edit(
        name=name, version=seen + 1, reason=reason.strip(), at=now, by=actor.recorded,
        value=row.value if row else None, low=row.low if row else None, high=row.high if row else None,
        source=row.source if row else "", owner=row.owner if row else "", date=row.date if row else "",
    )  # fmt: skip
    saved = save_edit(store, edit)
    if saved is None:
        return Overtaken(name)
    note(events.assumed(saved, edit))
    return edit
