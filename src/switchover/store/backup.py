"""A backup: one SQLite file of one moment, whatever the store, with a manifest that tells whether it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from sqlalchemy import insert

from switchover import __version__
from switchover.errors import OperatorError, StoreUnavailable

from .copying import (
    PASSING,
    Told,
    address_of,
    as_one_file,
    batches_of,
    holds_anything,
    open_file,
    replace_all,
    silent,
    tables,
)
from .database import Store
from .files import sync_folder, unavailable
from .migrations import HEAD

MANIFEST = "backup_manifest"
FORMAT = 1
OTHERS = PASSING | {"alembic_version", MANIFEST}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One table in a backup: its columns, how many rows, and the SHA-256 over them in the order of its key."""

    columns: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds. ``made_at`` is Unix seconds; ``schema`` is the revision of its tables."""

    format: int
    schema: str
    made_at: float
    switchover: str
    tables: Mapping[str, Part]

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(part.rows for part in self.tables.values())

    @property
    def sha256(self) -> str:
        """Of what is held, and not of when it was copied: equal stores have equal ones."""
        held = {"schema": self.schema, "tables": {name: asdict(part) for name, part in self.tables.items()}}
        return hashlib.sha256(json.dumps(held, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


_manifest = msgspec.json.Decoder(Manifest)


def write_backup(store: Store, to: Path, at: float, told: Told = silent) -> Manifest:
    """Copies the store as it is at one moment, while others write to it, to a file that is not there yet.

    Raises StoreUnavailable; then there is no file.
    """
    if to.exists():
        raise StoreUnavailable(f"{to} is there already", mend="name another file, or move that one away")
    draft = to.with_name(f".{to.name}.{os.getpid()}.draft")
    try:
        with Store.open(address_of(draft)) as made, store.read() as source, made.write() as target:
            for table in tables():
                rows = 0
                for batch in batches_of(source, table):
                    target.execute(insert(table), batch)
                    rows += len(batch)
                    told(table.name, rows)
        manifest = _sealed(draft, at)
        _synced(draft)
        os.replace(draft, to)
        sync_folder(to.parent)
    except OSError as cause:
        raise unavailable(to, cause) from cause
    finally:
        for rest in draft.parent.glob(f"{draft.name}*"):
            with contextlib.suppress(OSError):
                rest.unlink()
    return manifest


def verify_backup(path: Path) -> Manifest:
    """Reads the whole backup and compares it with its manifest. Raises StoreUnavailable when it is not what it was."""
    with open_file(path) as raw:
        manifest = _told(raw, path)
        if manifest.schema > HEAD:
            raise _newer(path)
        [(said,)] = raw.execute("PRAGMA integrity_check(1)").fetchall()
        if said != "ok":
            raise _damaged(path, str(said))
        found = _parts(raw)
        for name in sorted(manifest.tables.keys() | found.keys()):
            wanted, there = manifest.tables.get(name), found.get(name)
            if wanted != there:
                rows = (wanted.rows if wanted else 0, there.rows if there else 0)
                raise _damaged(path, f"{name} is not what the manifest says ({rows[0]} rows then, {rows[1]} found)")
    return manifest


def restore_backup(
    store: Store, path: Path, *, replace: bool, told: Told = silent, verified: Manifest | None = None
) -> Manifest:
    """Puts a backup into a store that holds nothing, or with ``replace`` in place of what it holds.

    A backup of an earlier schema is brought up to date on the way; the file itself stays as it is. ``verified`` is what
    :func:`verify_backup` gave, where it was asked already. Raises OperatorError for a store that is not empty,
    StoreUnavailable for a backup that is damaged or a newer Switchover's; either way the store stays as it was.
    """
    if not replace and holds_anything(store):
        raise OperatorError(
            f"the store {store.name} is not empty", mend="name an empty one, or add --replace: what it holds is lost"
        )
    manifest = verified or verify_backup(path)
    if manifest.schema == HEAD:
        replace_all(store, path, told)
        return manifest
    with tempfile.TemporaryDirectory(dir=path.parent if os.access(path.parent, os.W_OK) else None) as folder:
        newest = Path(folder, "newest.sqlite")
        try:
            shutil.copyfile(path, newest)
        except OSError as cause:
            raise unavailable(newest, cause) from cause
        Store.open(address_of(newest)).close()
        as_one_file(newest)
        replace_all(store, newest, told)
    return manifest


def _told(raw: sqlite3.Connection, path: Path) -> Manifest:
    try:
        [(text,)] = raw.execute(f"SELECT manifest FROM {MANIFEST}").fetchall()  # noqa: S608  # a name of ours
        manifest = _manifest.decode(text)
    except (sqlite3.OperationalError, ValueError, TypeError, msgspec.MsgspecError) as cause:
        raise StoreUnavailable(
            f"{path} is not a backup of ours", mend="name a file that `switchover store backup` wrote"
        ) from cause
    if manifest.format != FORMAT:
        raise _newer(path)
    return manifest


def _sealed(path: Path, at: float) -> Manifest:
    """Reads back what was written, and writes the manifest of it beside it."""
    as_one_file(path)
    raw = sqlite3.connect(path, isolation_level=None)
    try:
        [(revision,)] = raw.execute("SELECT version_num FROM alembic_version").fetchall()
        manifest = Manifest(format=FORMAT, schema=revision, made_at=at, switchover=__version__, tables=_parts(raw))
        raw.execute(f"CREATE TABLE {MANIFEST} (manifest TEXT NOT NULL)")
        raw.execute(f"INSERT INTO {MANIFEST} VALUES (?)", [msgspec.json.encode(manifest).decode()])  # noqa: S608  # ours
    except sqlite3.Error as cause:
        raise StoreUnavailable(f"{path} can't be written: {cause}", mend="make room on its disk") from cause
    finally:
        raw.close()
    return manifest


def _parts(raw: sqlite3.Connection) -> dict[str, Part]:
    names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {name: _part(raw, name) for name in names if name not in OTHERS and not name.startswith("sqlite_")}


def _part(raw: sqlite3.Connection, table: str) -> Part:
    about = raw.execute(f'PRAGMA table_info("{_quoted(table)}")').fetchall()
    columns = tuple(sorted(row[1] for row in about))
    # Text in the order of its bytes, which is SQLite's own: the same for a copy of either database.
    keys = [row[1] for row in sorted(about, key=lambda row: row[5]) if row[5]] or list(columns)
    told = ", ".join(f'"{_quoted(name)}"' for name in columns)
    order = ", ".join(f'"{_quoted(name)}"' for name in keys)
    statement = f'SELECT {told} FROM "{_quoted(table)}" ORDER BY {order}'  # noqa: S608  # names of the schema, quoted
    digest, rows, encode = hashlib.sha256(), 0, msgspec.msgpack.Encoder().encode
    for row in raw.execute(statement):
        digest.update(encode(row))
        rows += 1
    return Part(columns=columns, rows=rows, sha256=digest.hexdigest())


def _quoted(name: str) -> str:
    return name.replace('"', '""')


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _newer(path: Path) -> StoreUnavailable:
    return StoreUnavailable(f"{path} was made by a newer Switchover", mend="install that version")


def _damaged(path: Path, what: str) -> StoreUnavailable:
    return StoreUnavailable(f"the backup {path} is damaged: {what}", mend="take another backup; nothing was changed")
