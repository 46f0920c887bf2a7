"""A value that must not be shown."""

from __future__ import annotations


class Secret:
    """Holds a secret; ``repr`` and ``str`` show ``***``, so that logs and errors can't tell it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def reveal(self) -> str:
        """The secret itself, for the one place that sends it."""
        return self._value
