"""How long what was recorded is kept, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Archiving:
    """Where finished days go. ``to`` is an absolute folder, or ``s3://bucket/prefix`` at ``endpoint``.

    ``key`` is a reference to ``ID:SECRET``. ``after``: so many seconds after its end a day is archived.
    """

    to: str
    endpoint: str | None = None
    region: str = "us-east-1"
    key: str | None = None
    bodies: bool = True
    after: float = 6 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept, in seconds; None: for ever. ``hold``: nothing goes while it lasts."""

    exchanges: float | None = None
    bodies: float | None = None
    archive: float | None = None
    spool: float | None = None
    hold: bool = False
