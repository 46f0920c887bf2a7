"""A file's records, one by one: JSON lines, a JSON list, JSON documents or CSV, each also under gzip.

What can't be read is a record with ``trouble``, and reading goes on behind it where that can be told. Memory holds one
record, whatever the file's size. Lengths, depth and UTF-8 are checked before anything is made of a record.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from switchover.errors import OperatorError

from .json_values import TooLong, Unclosed, values

MOST_BYTES = 32 << 20
MOST_DEPTH = 100
# A first look: so much of a file says of which kind it is.
LOOK = 1 << 16
CHUNK = 1 << 20

_NO_NUMBER = re.compile(rb"[:\[,]\s*-?(?:NaN|Infinity)\b")
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
# Beginnings of files that hold exchanges in a form that is not read here.
_FOREIGN = {
    b"PAR1": ("a Parquet file", "export it as JSON lines or CSV"),
    b"PK\x03\x04": ("a zip archive", "unpack it first"),
    b"\xff\xfe": ("UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it as UTF-8"),
    b"\x28\xb5\x2f\xfd": ("a Zstandard archive", "unpack it first, or compress it with gzip"),
    b"SQLite format": ("an SQLite database", "export its table as CSV or JSON"),
}
TOO_LONG = f"longer than {MOST_BYTES >> 20} MiB"
TOO_DEEP = f"nested more than {MOST_DEPTH} deep"


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line that it begins in (its number, in a list), and its value, or why there is none."""

    line: int
    value: Any = None
    trouble: str = ""


class _Hashed(io.RawIOBase):
    """A file whose bytes are counted and hashed as they are read."""

    def __init__(self, file: io.FileIO) -> None:
        self._file, self.hash, self.read_so_far = file, hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._file.readinto(buffer) or 0
        self.hash.update(memoryview(buffer)[:got])
        self.read_so_far += got
        return got


class Opened:
    """A file that is being read. ``unit``: what its records are counted in."""

    def __init__(self, path: Path, file: io.FileIO) -> None:
        self.path, self.unit = path, "line"
        # Of a row of CSV, which may be many lines.
        self._row_bytes = 0
        self._raw = _Hashed(file)
        plain: io.BufferedReader[Any] = io.BufferedReader(self._raw, CHUNK)
        packed = plain.peek(2)[:2] == _GZIP
        self._data = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=plain)), CHUNK) if packed else plain

    @property
    def read_so_far(self) -> int:
        """Bytes of the file itself that were read."""
        return self._raw.read_so_far

    def sha256(self) -> str:
        """The SHA-256 of the whole file as it lies there, hex; reads what is left of it."""
        while self._raw.read(CHUNK):
            pass
        return self._raw.hash.hexdigest()

    def records(self) -> Iterator[Record]:
        """Its records. Raises OperatorError for a file that holds none of any kind that is known."""
        last = 0
        try:
            for record in self._records():
                last = record.line
                yield record
        except (OSError, EOFError, zlib.error) as cause:
            if isinstance(cause, OSError) and cause.errno is not None:
                raise unreadable(self.path, cause) from cause
            yield Record(last + 1, trouble="the gzip data breaks off or is damaged; nothing after it was read")

    def _records(self) -> Iterator[Record]:
        head = self._data.peek(LOOK)[:LOOK]
        for begins, (what, mend) in _FOREIGN.items():
            if head.startswith(begins):
                raise OperatorError(f"{self.path} is {what}", mend=mend)
        if head.startswith(_BOM):
            self._data.read(len(_BOM))
            head = head[len(_BOM) :]
        first = head.lstrip()[:1]
        if first == b"[":
            self.unit = "record"
            yield from self._values(listed=True)
        elif first == b"{":
            if _is_lines(head.lstrip()):
                yield from self._lines()
            else:
                self.unit = "record"
                yield from self._values(listed=False)
        elif b"\0" not in head and b"," in head.lstrip().partition(b"\n")[0]:
            yield from self._rows()
        elif first:
            raise OperatorError(
                f"{self.path} is neither JSON nor CSV: it begins with {_shown(head)}",
                mend="give JSON lines, a JSON list or CSV with a heading, as docs/how-to/import-what-you-have.md says",
            )

    def _lines(self) -> Iterator[Record]:
        number = 0
        while line := self._data.readline(MOST_BYTES + 1):
            number += 1
            if len(line) > MOST_BYTES:
                while line and not line.endswith(b"\n"):
                    line = self._data.readline(MOST_BYTES)
                yield Record(number, trouble=TOO_LONG)
            elif line.strip():
                yield _record(number, line)

    def _values(self, *, listed: bool) -> Iterator[Record]:
        number = 0
        try:
            for number, value in enumerate(values(self._data.read, listed=listed, most=MOST_BYTES), 1):
                yield _record(number, value)
        except TooLong:
            yield Record(number + 1, trouble=f"{TOO_LONG}; nothing after it was read")
        except Unclosed:
            yield Record(number + 1, trouble="the JSON breaks off; nothing after it was read")

    def _rows(self) -> Iterator[Record]:
        rows = csv.reader(self._text_lines())
        names: list[str] = []
        try:
            # The limit is the module's own, for every reader there is.
            before = csv.field_size_limit(MOST_BYTES)
            try:
                for row in rows:
                    self._row_bytes = 0
                    if not names:
                        names = [name.strip() for name in row]
                    elif row:
                        yield _row(names, row, rows.line_num)
            finally:
                csv.field_size_limit(before)
        except (csv.Error, TooLong):
            trouble = f"a row is {TOO_LONG}, or no CSV; nothing after it was read"
            yield Record(rows.line_num + 1, trouble=trouble)

    def _text_lines(self) -> Iterator[str]:
        while line := self._data.readline(MOST_BYTES + 1):
            self._row_bytes += len(line)
            if self._row_bytes > MOST_BYTES:
                raise TooLong
            # What is no UTF-8 is kept apart, so that its row can be told.
            yield line.decode("utf-8", "surrogateescape")


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """A file, open for reading. Raises OperatorError when it can't be."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
        if regular:
            file = path.open("rb", buffering=0)
    except OSError as cause:
        raise unreadable(path, cause) from cause
    if not regular:
        # Its beginning is looked at first, and what was read of a pipe is gone.
        raise OperatorError(f"{path} is no ordinary file", mend="write what is to be imported to a file, and name that")
    with file:
        yield Opened(path, file)


def unreadable(path: Path, cause: OSError) -> OperatorError:
    """Our error for a file that can't be read."""
    return OperatorError(f"{path}: {cause.strerror or cause}", mend="name a file that is there and that you may read")


def _record(number: int, data: bytes) -> Record:
    try:
        data.decode()
    except UnicodeDecodeError:
        return Record(number, trouble="not UTF-8")
    try:
        value = msgspec.json.decode(data)
    except RecursionError:
        return Record(number, trouble=TOO_DEEP)
    except msgspec.DecodeError:
        return Record(number, trouble="NaN or Infinity, which JSON has not" if _NO_NUMBER.search(data) else "not JSON")
    if data.count(b"{") + data.count(b"[") > MOST_DEPTH and is_deep(value):
        return Record(number, trouble=TOO_DEEP)
    return Record(number, value)


def is_deep(value: Any) -> bool:
    """Whether lists and objects are nested deeper than is taken."""
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            below
            for one in level
            if isinstance(one, dict | list)
            for below in (one.values() if isinstance(one, dict) else one)
            if isinstance(below, dict | list)
        ]
        if not level:
            return False
    return True


def _row(names: list[str], row: list[str], number: int) -> Record:
    if len(row) != len(names):
        return Record(number, trouble=f"{len(row)} columns where the heading has {len(names)}")
    value = dict(zip(names, row, strict=True))
    if any(cell and not cell.isascii() and _is_broken(cell) for cell in row):
        return Record(number, trouble="not UTF-8")
    return Record(number, value)


def _is_broken(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return True
    return False


def _is_lines(head: bytes) -> bool:
    """Whether a file that begins with an object has one a line, not one over many lines."""
    first, newline, rest = head.partition(b"\n")
    if not newline or rest.lstrip()[:1] == b"{":
        return True
    try:
        msgspec.json.decode(first)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _shown(head: bytes) -> str:
    """The kind of a file's first byte, not what it says."""
    return "text" if head[:16].isascii() and b"\0" not in head[:16] else "bytes that are no text"
