"""What only PostgreSQL needs of its driver; imported with it, and by nobody else."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types import string

# What stands for a character that can't be had.
INSTEAD = "\ufffd"


class WithoutNul(string.StrDumperUnknown):
    """Text as it is, but for NUL, which PostgreSQL does not take: an upstream's words must not halt the index."""

    def dump(self, obj: str) -> Any:
        """The text's bytes."""
        return super().dump(obj.replace("\0", INSTEAD))


def told_without_nul(connection: psycopg.Connection[Any]) -> None:
    """Lets a connection take any text."""
    connection.adapters.register_dumper(str, WithoutNul)
