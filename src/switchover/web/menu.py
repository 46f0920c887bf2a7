"""The sections of the pages, in the order in which they are offered on each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A section: its title, its first page, and what else lies in it."""

    title: str
    path: str
    within: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """True for a page of this section."""
        return path == self.path or any(
            path.startswith(f"{below}/") for below in (self.path, *self.within) if below != "/"
        )


MENU: tuple[Entry, ...] = (
    Entry("Now", "/", within=("/cut",)),
    Entry("Dependence", "/dependence"),
    Entry("Processes", "/processes", within=("/verdicts", "/compare", "/label", "/exchanges")),
    Entry("Costs", "/costs"),
    Entry("Report", "/report"),
)
