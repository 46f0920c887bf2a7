"""All SQL and the spool.

Workers use the spool alone: SQLAlchemy, 0.4 s and 20 MB, is imported with the first use of :class:`Store`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Store

__all__ = ["Store"]


def __getattr__(name: str) -> type[Store]:
    if name != "Store":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .database import Store

    return Store
