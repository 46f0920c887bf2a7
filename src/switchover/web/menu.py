"""The sections of the pages, in the order in which they are offered on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Entry:
    """A section: its title, its first page, and what else lies in it.

    Whoever may not the ``act`` of its first page is led to ``instead``.
    """

    title: str
    path: str
    within: tuple[str, ...] = ()
    act: str = ""
    instead: str = ""

    def holds(self, path: str) -> bool:
        """True for a page of this section."""
        return path == self.path or any(
            path == below or path.startswith(f"{below}/") for below in (self.path, *self.within) if below != "/"
        )


MENU: tuple[Entry, ...] = (
    Entry("Now", "/", within=("/cut",)),
    Entry("Dependence", "/dependence"),
    Entry("Processes", "/processes", within=("/verdicts", "/compare", "/label", "/exchanges", "/decisions")),
    Entry("Drills", "/drills"),
    Entry("Costs", "/costs"),
    Entry("Evidence", "/evidence"),
    Entry("Report", "/report"),
    Entry("Settings", "/settings", act="settings", instead="/settings/access"),
)


def menu_for(allows: Callable[[str], bool]) -> list[Entry]:
    """The menu of somebody, where ``allows`` says which acts they may."""
    return [
        replace(entry, path=entry.instead, within=(*entry.within, entry.path))
        if entry.act and not allows(entry.act)
        else entry
        for entry in MENU
    ]
