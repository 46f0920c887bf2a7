"""The key ring: a key per process, subject and month, which wraps the key of each record; deleting it erases them."""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from switchover.clock import Clock
from switchover.errors import OperatorError, StoreUnavailable
from switchover.store.ring import FILE, Reach, RingFile, Row, Scope

from .master import Master, OwnMaster, master_id

FOLDER = "keyring"
NONCE = 12
# Random nonces of 96 bits are good for 2^32 uses of a key (NIST SP 800-38D, 8.3); several workers share one.
MOST_USES = 1 << 30
KEPT = 20_000
# So long a worker, and a reader, may hold a key that somebody else erased: a look costs a few system calls.
WORKER_SECONDS, READER_SECONDS = 0.05, 1.0
MASTER, SUBJECTS = "master", "subjects"
K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Wrapping:
    """A wrapping key in memory. ``uses`` counts the records that this process sealed with it."""

    id: str
    cipher: AESGCM
    uses: int = 0


class KeyRing:
    """Wrapping keys by scope and by id; threads may share it, and so may processes share its file.

    Whatever another process changed in the file is seen by :meth:`look`, and within 50 ms by :meth:`wrapping`: a key
    that was erased is forgotten. Raises StoreUnavailable when the file or the master key can't be had.
    """

    def __init__(self, data_dir: str | Path, clock: Clock, master: Master | None = None) -> None:
        self.folder, self.clock = Path(data_dir, FOLDER), clock
        self.master: Master = master or OwnMaster(self.folder)
        self._lock = threading.RLock()
        self._file: RingFile | None = None
        self._key = b""
        self._version = 0
        self._looked_at = 0.0
        self._by_scope: OrderedDict[Scope, Wrapping] = OrderedDict()
        self._by_id: OrderedDict[str, Wrapping | None] = OrderedDict()

    def close(self) -> None:
        """Closes the file and forgets every key."""
        with self._lock:
            self._forget()
            if self._file is not None:
                self._file.close()
                self._file = None

    @property
    def file(self) -> RingFile:
        """The file; made, with a master key, where there is none."""
        with self._lock:
            if self._file is None:
                self._file = self._opened()
            return self._file

    def look(self) -> None:
        """Forgets the keys held in memory when anybody changed the ring."""
        with self._lock:
            version = self.file.version()
            self._looked_at = self.clock.monotonic()
            if version != self._version:
                self._version = version
                self._forget()

    def wrapping(self, scopes: Iterable[Scope]) -> Mapping[Scope, Wrapping]:
        """The key of each scope, made and saved where there is none yet: in one transaction for all of them."""
        with self._lock:
            self._look_after(WORKER_SECONDS)
            found: dict[Scope, Wrapping] = {}
            missing = []
            for scope in scopes:
                known = self._by_scope.get(scope)
                if known is None or known.uses >= MOST_USES:
                    missing.append((scope, known is None))
                else:
                    self._by_scope.move_to_end(scope)
                    found[scope] = known
            unmade = []
            for scope, may_be_there in missing:
                row = self.file.newest(scope) if may_be_there else None
                if row is None:
                    unmade.append(scope)
                else:
                    found[scope] = self._keep(row)
            if unmade:
                found |= self._make(unmade)
            return found

    def cipher(self, name: str) -> AESGCM | None:
        """The key of this id; None when it was erased or never was in this ring."""
        with self._lock:
            self._look_after(READER_SECONDS)
            if name not in self._by_id:
                row = self.file.get(name)
                _put(self._by_id, name, None if row is None else Wrapping(row.id, AESGCM(self._unwrap(row))))
            known = self._by_id[name]
            return known.cipher if known is not None else None

    def subject_key(self) -> bytes:
        """The key under which subjects are named."""
        with self._lock:
            wrapped = self.file.about(SUBJECTS)
            if wrapped is None:
                raise self._foreign("says nothing of how subjects are named")
            return self._open(wrapped, SUBJECTS.encode())

    def subject_keys(self) -> list[bytes]:
        """The key under which subjects are named, then those of rings that were taken over."""
        with self._lock:
            self.look()
            others = [name for name in self.file.names(SUBJECTS) if name != SUBJECTS]
            wrapped = [(name, self.file.about(name)) for name in others]
            return [self.subject_key(), *(self._open(data, name.encode()) for name, data in wrapped if data)]

    def name_subjects(self, key: bytes) -> None:
        """Takes over a key that subjects were named under, within the file's ``write``; a ring without keys uses it."""
        if key in self.subject_keys():
            return
        name = SUBJECTS if not self.file.rows() else f"{SUBJECTS}:{master_id(key).hex()}"
        self.file.say(name, _wrap(self._key, key, name.encode()))

    def erase(self, reach: Reach) -> list[Row]:
        """Deletes the keys that ``reach`` names, for good, and returns what they were for."""
        with self._lock:
            with self.file.write():
                rows = self.file.reached(reach)
                self.file.erase([row.id for row in rows], self.clock.now())
            self._forget()
            return rows

    def rotate(self, master: bytes | None = None) -> int:
        """Wraps every key under another master key, and returns how many that were.

        None makes a new one in the place of our own. A process that runs finds the new one by itself.
        """
        with self._lock:
            own = self.master if isinstance(self.master, OwnMaster) else None
            file = self.file
            if master is None and own is None:
                raise OperatorError(
                    "the master key lies elsewhere", mend="put a new one in its place, and give the old one with --from"
                )
            with file.write():
                if own is not None and master is None:
                    own.settle(file.about(MASTER))
                new = master if master is not None else own.propose()  # type: ignore[union-attr]  # own, or refused above
                rows = [row._replace(wrapped=_wrap(new, self._unwrap(row), about_row(row))) for row in file.rows()]
                file.rewrap(rows)
                for name in file.names(SUBJECTS):
                    file.say(name, _wrap(new, self._open(file.about(name) or b"", name.encode()), name.encode()))
                file.say(MASTER, master_id(new))
            if own is not None and master is None:
                own.settle(master_id(new))
            self._key = new
            self._forget()
            return len(rows)

    def take_over(self, rows: Iterable[tuple[Row, bytes]]) -> int:
        """Adds keys from a backup (each with its plain bytes), within the file's ``write``; those erased stay so."""
        return self.file.add([row._replace(wrapped=_wrap(self._key, key, about_row(row))) for row, key in rows])

    def plain(self) -> list[tuple[Row, bytes]]:
        """Every row with its key's bytes."""
        with self._lock:
            self.look()
            return [(row, self._unwrap(row)) for row in self.file.rows()]

    # -- inside

    def _opened(self) -> RingFile:
        file = RingFile(self.folder)
        try:
            with file.write():
                known = file.about(MASTER)
                if known is None:
                    self._key = self.master.first()
                    file.say(MASTER, master_id(self._key))
                    file.say(SUBJECTS, _wrap(self._key, secrets.token_bytes(32), SUBJECTS.encode()))
            if known is not None:
                self._key = self._held(known)
        except BaseException:
            file.close()
            raise
        self._version = file.version()
        return file

    def _look_after(self, seconds: float) -> None:
        if self._file is None or self.clock.monotonic() - self._looked_at >= seconds:
            self.look()

    def _held(self, known: bytes) -> bytes:
        key = next((key for key in self.master.held() if master_id(key) == known), None)
        if key is None:
            raise self._foreign("is wrapped under another master key than the one that is there")
        return key

    def _foreign(self, said: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"the key ring {self.folder / FILE} {said}",
            mend="put back the master key that belongs to it (keyring.master, or the file beside the ring)",
        )

    def _forget(self) -> None:
        self._by_scope.clear()
        self._by_id.clear()
        if self._file is not None:
            known = self._file.about(MASTER)
            if known is not None and known != master_id(self._key):
                self._key = self._held(known)

    def _make(self, scopes: Iterable[Scope]) -> dict[Scope, Wrapping]:
        now, made = self.clock.now(), {}
        with self.file.write():
            for scope in scopes:
                # Another worker may have been quicker; a key of ours that is used up is not taken again.
                row = self.file.newest(scope)
                used = self._by_scope.get(scope)
                if row is None or (used is not None and used.id == row.id):
                    key, bare = AESGCM.generate_key(256), Row(secrets.token_hex(12), *scope, now, b"")
                    row = bare._replace(wrapped=_wrap(self._key, key, about_row(bare)))
                    self.file.add([row])
                made[scope] = row
        return {scope: self._keep(row) for scope, row in made.items()}

    def _keep(self, row: Row) -> Wrapping:
        wrapping = Wrapping(row.id, AESGCM(self._unwrap(row)))
        _put(self._by_scope, row.scope, wrapping)
        return wrapping

    def _unwrap(self, row: Row) -> bytes:
        return self._open(row.wrapped, about_row(row))

    def _open(self, wrapped: bytes, about: bytes) -> bytes:
        try:
            return AESGCM(self._key).decrypt(wrapped[:NONCE], wrapped[NONCE:], about)
        except InvalidTag as cause:
            raise self._foreign("holds a key that was changed") from cause


def subject_hash(key: bytes, value: str) -> str:
    """How a subject is named in the record: HMAC-SHA256 of what the caller wrote, hex."""
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()


def _wrap(master: bytes, key: bytes, about: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(master).encrypt(nonce, key, about)


def about_row(row: Row) -> bytes:
    """What a wrapped key is bound to."""
    return "\0".join((row.id, row.process, row.subject, row.month)).encode()


def _put(kept: OrderedDict[K, V], name: K, value: V) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > KEPT:
        kept.popitem(last=False)
