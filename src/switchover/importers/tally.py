"""What came of an import, file by file: taken, known already, skipped and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

# Beyond these the same few lines say enough.
EXAMPLES = 3
MOST_REASONS = 40
OTHERS = "for other reasons"


@dataclass(slots=True)
class Reason:
    """Why records were skipped: how many, the first places, and what to do about it."""

    reason: str
    mend: str = ""
    count: int = 0
    lines: list[int] = field(default_factory=list)


@dataclass(slots=True)
class FileTally:
    """One file. ``sha256`` is that of the file as it lies there, None when it was not read to its end.

    Of those taken, ``undated`` told no moment and ``beside`` were not answered by their process's baseline.
    ``processes`` and ``upstreams`` count those taken, too.
    """

    file: str
    format: str | None = None
    unit: str = "line"
    sha256: str | None = None
    taken: int = 0
    known: int = 0
    undated: int = 0
    beside: int = 0
    processes: Counter[str] = field(default_factory=Counter)
    upstreams: Counter[str] = field(default_factory=Counter)
    skipped: list[Reason] = field(default_factory=list)

    @property
    def skipped_count(self) -> int:
        """How many records were skipped."""
        return sum(reason.count for reason in self.skipped)

    def skip(self, line: int, reason: str, mend: str = "") -> None:
        """Counts a record that is not taken."""
        found = next((one for one in self.skipped if one.reason == reason), None)
        if found is None and len(self.skipped) >= MOST_REASONS:
            reason, mend = OTHERS, ""
            found = next((one for one in self.skipped if one.reason == reason), None)
        if found is None:
            found = Reason(reason, mend)
            self.skipped.append(found)
        found.count += 1
        if len(found.lines) < EXAMPLES and line not in found.lines:
            found.lines.append(line)


@dataclass(slots=True)
class Tally:
    """All files. ``first`` and ``last`` are the moments between which what was taken happened."""

    files: list[FileTally] = field(default_factory=list)
    first: float | None = None
    last: float | None = None
    dry_run: bool = False
    interrupted: bool = False

    @property
    def taken(self) -> int:
        """How many exchanges are new."""
        return sum(one.taken for one in self.files)

    @property
    def known(self) -> int:
        """How many were there already, or twice in these files."""
        return sum(one.known for one in self.files)

    @property
    def undated(self) -> int:
        """How many of those taken told no moment."""
        return sum(one.undated for one in self.files)

    @property
    def beside(self) -> int:
        """How many of those taken were not answered by their process's baseline."""
        return sum(one.beside for one in self.files)

    @property
    def processes(self) -> Counter[str]:
        """How many were taken for each process."""
        return sum((one.processes for one in self.files), Counter())

    @property
    def upstreams(self) -> Counter[str]:
        """How many were taken that each upstream answered."""
        return sum((one.upstreams for one in self.files), Counter())

    @property
    def skipped(self) -> int:
        """How many records were not taken."""
        return sum(one.skipped_count for one in self.files)
