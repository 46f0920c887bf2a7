"""What was expected of one row in one dialect, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from catalogue import Row


@dataclass
class Result:
    """One line of the table."""

    row: Row
    dialect: str
    streamed: bool
    expected: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, wanted: object, got: object, good: bool) -> None:
        """Keeps one thing that was expected and what was seen of it."""
        self.expected.append(f"{what}: {wanted}")
        self.seen.append(f"{what}: {got}")
        if not good:
            self.wrong.append(f"{what}: want {wanted}, got {got}")
