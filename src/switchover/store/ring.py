"""The key ring's file: a small SQLite database of its own, which overwrites what is deleted from it.

It holds wrapping keys, each itself wrapped under the master key, which is not in it. A row that was erased stays as a
tombstone: without its key, and without whom it was about. Workers and commands share the file; SQLAlchemy is not
needed.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from switchover.errors import StoreUnavailable

from .files import claim

FILE = "ring.sqlite"
BUSY_SECONDS = 5.0
TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wrapping (
    id TEXT PRIMARY KEY, process TEXT NOT NULL, subject TEXT NOT NULL, month TEXT NOT NULL,
    made_at REAL NOT NULL, wrapped BLOB, erased_at REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wrapping_scope ON wrapping (process, subject, month, made_at);
CREATE INDEX IF NOT EXISTS wrapping_subject ON wrapping (subject);
"""
LIVE = "SELECT id, process, subject, month, made_at, wrapped FROM wrapping WHERE wrapped IS NOT NULL"


class Scope(NamedTuple):
    """Whose records share a wrapping key: a process, one subject in it ("" for none), and the month "2026-03" (UTC)."""

    process: str
    subject: str
    month: str


class Row(NamedTuple):
    """A wrapping key as it lies in the ring."""

    id: str
    process: str
    subject: str
    month: str
    made_at: float
    wrapped: bytes

    @property
    def scope(self) -> Scope:
        """Whose it is."""
        return Scope(self.process, self.subject, self.month)


class Reach(NamedTuple):
    """What an erasure reaches: what is None is no condition. Months are inclusive."""

    process: str | None = None
    subject: str | None = None
    first: str | None = None
    last: str | None = None

    def condition(self) -> tuple[str, list[str]]:
        """As SQL over a wrapping key's columns, and its parameters."""
        parts = {"process = ?": self.process, "subject = ?": self.subject, "month >= ?": self.first}
        parts["month <= ?"] = self.last
        return " AND ".join(["1", *(part for part, value in parts.items() if value is not None)]), [
            value for value in parts.values() if value is not None
        ]


class RingFile:
    """The file, open. Raises StoreUnavailable when it can't be read or written; one thread at a time may use it."""

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder, FILE)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            claim(self.path)
        except OSError as cause:
            raise self._unavailable(cause.strerror or str(cause)) from cause
        with self._translated():
            self._raw = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            # A key that was deleted is overwritten; a key that a record was sealed with survives a loss of power.
            self._raw.execute("PRAGMA secure_delete=ON")
            self._raw.execute("PRAGMA journal_mode=TRUNCATE")
            self._raw.execute("PRAGMA synchronous=FULL")
            if not self._raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'wrapping'").fetchone():
                self._raw.executescript(f"BEGIN IMMEDIATE;{TABLES}COMMIT;")

    def close(self) -> None:
        """Closes it."""
        self._raw.close()

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """Everything in the block is saved, or nothing is; no other process writes meanwhile."""
        with self._translated():
            self._raw.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._raw.execute("ROLLBACK")
                raise
            self._raw.execute("COMMIT")

    def version(self) -> int:
        """Another number than before when somebody else has written."""
        with self._translated():
            found: int = self._raw.execute("PRAGMA data_version").fetchone()[0]
            return found

    def about(self, name: str) -> bytes | None:
        """What the ring says about itself under ``name``."""
        with self._translated():
            row = self._raw.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
            return None if row is None else bytes(row[0])

    def say(self, name: str, value: bytes) -> None:
        """Says something about itself; within :meth:`write`."""
        self._raw.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def names(self, beginning: str) -> list[str]:
        """The names under which the ring says something, that begin so."""
        with self._translated():
            wanted = "SELECT name FROM about WHERE substr(name, 1, ?) = ? ORDER BY name"
            return [row[0] for row in self._raw.execute(wanted, (len(beginning), beginning))]

    def newest(self, scope: Scope) -> Row | None:
        """The key that a scope's records are sealed with, if it has one."""
        with self._translated():
            wanted = f"{LIVE} AND process = ? AND subject = ? AND month = ? ORDER BY made_at DESC, id LIMIT 1"
            row = self._raw.execute(wanted, scope).fetchone()
            return Row(*row) if row else None

    def get(self, name: str) -> Row | None:
        """The key of this id; None when it was erased or never was here."""
        with self._translated():
            row = self._raw.execute(f"{LIVE} AND id = ?", (name,)).fetchone()
            return Row(*row) if row else None

    def knows(self, name: str) -> bool:
        """True for a key that is or was here."""
        with self._translated():
            return self._raw.execute("SELECT 1 FROM wrapping WHERE id = ?", (name,)).fetchone() is not None

    def rows(self) -> list[Row]:
        """Every key."""
        with self._translated():
            return [Row(*row) for row in self._raw.execute(f"{LIVE} ORDER BY month, process, id")]

    def tombstones(self) -> list[tuple[str, str, str, float]]:
        """(id, process, month, moment) of each key that was erased."""
        with self._translated():
            wanted = "SELECT id, process, month, erased_at FROM wrapping WHERE wrapped IS NULL ORDER BY id"
            return self._raw.execute(wanted).fetchall()

    def add(self, rows: Iterable[Row]) -> int:
        """Adds keys, within :meth:`write`; one that is or was here is left as it is. Returns how many were added."""
        before = self._raw.total_changes
        self._raw.executemany(
            "INSERT OR IGNORE INTO wrapping (id, process, subject, month, made_at, wrapped) VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        return self._raw.total_changes - before

    def rewrap(self, rows: Iterable[Row]) -> None:
        """Replaces how keys are wrapped, within :meth:`write`."""
        changed = [(row.wrapped, row.id) for row in rows]
        self._raw.executemany("UPDATE wrapping SET wrapped = ? WHERE id = ? AND wrapped IS NOT NULL", changed)

    def bury(self, tombstones: Sequence[tuple[str, str, str, float]]) -> None:
        """Takes over tombstones from elsewhere, within :meth:`write`: keys of those ids are erased here, too."""
        self._raw.executemany(
            "INSERT INTO wrapping (id, process, subject, month, made_at, wrapped, erased_at) "
            "VALUES (?, ?, '', ?, 0, NULL, ?) ON CONFLICT (id) DO UPDATE SET "
            "wrapped = NULL, subject = '', erased_at = coalesce(wrapping.erased_at, excluded.erased_at)",
            tombstones,
        )

    def reached(self, reach: Reach) -> list[Row]:
        """The keys that an erasure would delete."""
        condition, values = reach.condition()
        with self._translated():
            return [Row(*row) for row in self._raw.execute(f"{LIVE} AND {condition}", values)]

    def erase(self, names: Sequence[str], at: float) -> None:
        """Deletes keys, within :meth:`write`: what is left of each says only that it was here."""
        self._raw.executemany(
            "UPDATE wrapping SET wrapped = NULL, subject = '', erased_at = ? WHERE id = ? AND wrapped IS NOT NULL",
            [(at, name) for name in names],
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as cause:
            raise self._unavailable(str(cause)) from cause

    def _unavailable(self, said: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"the key ring {self.path} can't be used: {said}",
            mend="make its folder writable and its disk have room, or restore it: switchover keyring restore",
        )
