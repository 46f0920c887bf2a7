"""The evidence log as commands use it: noting what they do, and answering about it."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import NotFound, OperatorError, StoreUnavailable
from switchover.evidence import EvidenceLog, canonical, merkle
from switchover.evidence.bundle import export
from switchover.evidence.checkpoint import Checkpoint, PublicKey
from switchover.evidence.compare import Noted, differences, late, unnoted
from switchover.evidence.log import Event
from switchover.evidence.verify import Check, Key
from switchover.report.model import Sealed
from switchover.store import Store

from .parts import CLOCK, open_store

# What another command saved and is about to note is no difference a moment later.
SECOND_LOOK_S = 1.0

T = TypeVar("T")


class Notes:
    """Takes events to the log, with who acts. One that it does not take is said on standard error, undoing nothing."""

    def __init__(self, log: EvidenceLog, actor: Actor | None = None) -> None:
        self.log = log
        self._who = {} if actor is None else {"by": actor.id} | ({"role": str(actor.role)} if actor.role else {})
        self._told = False

    def __call__(self, event: Event) -> None:
        """Appends an event."""
        self._try(lambda: self.log.append({**event, **self._who}))

    def sign(self) -> Checkpoint | None:
        """The checkpoint over all of it; None when it can't be signed."""
        return self._try(self.log.sign)

    def _try(self, do: Callable[[], T]) -> T | None:
        try:
            return do()
        except StoreUnavailable as error:
            if not self._told:
                self._told = True
                sys.stderr.write(f"switchover: not noted in the evidence log: {error}\n")
            return None


def log_of(settings: Settings) -> EvidenceLog:
    """The log in the data folder."""
    return EvidenceLog(settings.data_dir, CLOCK)


@contextmanager
def noting(settings: Settings, actor: Actor | None = None) -> Iterator[Notes]:
    """For as long as a command does something worth noting; at its end all of it is under a checkpoint."""
    notes = Notes(log_of(settings), actor)
    try:
        yield notes
    finally:
        notes.sign()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a verification found: ``wrong`` is nothing when all holds, ``remarks`` are worth a look."""

    folder: str
    entries: int
    covered: int
    checkpoints: int
    key: str
    wrong: tuple[str, ...]
    remarks: tuple[str, ...]


def verify(
    settings: Settings | None,
    folder: Path | None,
    held: Sequence[Path],
    key: str | None,
    files: Sequence[Path],
    stamps: Callable[[Check], tuple[list[str], list[str]]] | None = None,
) -> Verified:
    """Checks a log; that of the data folder (``folder`` None) against the facts in the store, too.

    ``stamps`` says of its time-stamps what is wrong with their signatures, and what else there is to say of them.
    Raises NotFound when there is no log, OperatorError for a key that is none.
    """
    own = log_of(settings) if settings is not None and folder is None else None
    folder = own.folder if own is not None else Path(folder or ".")
    if not any(folder.joinpath(part).exists() for part in ("checkpoint", "tile", "tail")):
        raise NotFound(f"there is no evidence log in {folder}", mend="name the folder of a log or of its bundle")
    check = _checked(folder, held, key)
    wrong, remarks, entries = list(check.wrong), list(check.remarks), len(check.entries)
    if stamps is not None:
        unsigned, signed = stamps(check)
        wrong += unsigned
        remarks += signed
    for path in files:
        place = check.names(path)
        told = f"entry {place} names {path}" if place is not None else f"{path}: no entry names this file as it is"
        (remarks if place is not None else wrong).append(told)
    if not check.checkpoints:
        wrong.append("there is no checkpoint: nothing vouches for the entries; `switchover evidence checkpoint` signs")
    if settings is not None and own is not None:
        there = own.entries()
        uncovered = there[len(check.entries) :]
        entries += len(uncovered)
        unlike = (n for n, (a, b) in enumerate(zip(there, check.entries, strict=False)) if a != b)
        wrong += [f"entry {n} in tail/ is not the one in tile/entries/: one of the two was changed" for n in unlike]
        more, noticed = _against_store(settings, own)
        wrong += more
        remarks += noticed
        if uncovered:
            remarks.append(f"{len(uncovered)} entries are not under a checkpoint yet")
    return Verified(
        folder=str(folder),
        entries=entries,
        covered=len(check.entries),
        checkpoints=len(check.checkpoints),
        key=check.key.name,
        wrong=tuple(wrong),
        remarks=tuple(remarks),
    )


def _checked(folder: Path, held: Sequence[Path], key: str | None) -> Check:
    try:
        known = Key(key or (folder / "key.pub").read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise OperatorError(
            f"the public key can't be used: {cause}", mend="give the text that `switchover evidence key` prints"
        ) from cause
    return Check(folder, known, held)


def _against_store(settings: Settings, log: EvidenceLog) -> tuple[list[str], list[str]]:
    """What differs between store and log, and what is worth a look."""

    def look(store: Store) -> tuple[list[str], list[str]]:
        noted = Noted()
        try:
            noted.take(log.entries())
        except (ValueError, StoreUnavailable) as error:
            return [f"the store was not compared: the log can't be read: {error}"], []
        return differences(store, noted), late(noted)

    with open_store(settings) as store:
        first, remarks = look(store)
        if first:
            time.sleep(SECOND_LOOK_S)
            again, remarks = look(store)
            first = [one for one in first if one in again]
    return first, remarks


def sign(settings: Settings) -> Checkpoint:
    """Notes what is in the store and was not noted, and signs."""
    log = log_of(settings)
    with open_store(settings) as store:
        noted = _taken(log)
        found = unnoted(store, noted, CLOCK.now())
    if found:
        log.append(*found)
    return log.sign()


def _taken(log: EvidenceLog) -> Noted:
    noted = Noted()
    try:
        noted.take(log.entries())
    except ValueError as cause:
        raise StoreUnavailable(
            f"the evidence log in {log.folder} has an entry that is none of ours",
            mend="`switchover evidence verify` names it; restore the folder evidence/ from a backup",
        ) from cause
    return noted


def sealed(settings: Settings) -> Sealed | None:
    """What the newest checkpoint covers; None while nothing was signed, or when it can't be read."""
    try:
        found = log_of(settings).checkpoint()
    except StoreUnavailable:
        return None
    if found is None:
        return None
    return Sealed(size=found.size, root=base64.b64encode(found.root).decode(), origin=found.origin)


def entries(settings: Settings, last: int | None) -> list[dict[str, object]]:
    """The newest entries, oldest first."""
    found = log_of(settings).entries()
    return [canonical.decode(entry) for entry in found[-last if last else 0 :]]


def public_key(settings: Settings) -> PublicKey:
    """The key that checkpoints are checked with; made with the private one when there is none."""
    return log_of(settings).public_key()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """That an entry is in the log of a checkpoint: its audit path (RFC 6962, 2.1.1), in hex, from the leaf up."""

    entry: int
    leaf_sha256: str
    size: int
    root: str
    path: tuple[str, ...]
    checkpoint: str


def prove(settings: Settings, number: int) -> Proven:
    """An inclusion proof. Raises NotFound."""
    log = log_of(settings)
    signed = log.sign()
    hashes = [merkle.leaf_hash(entry) for entry in log.entries()[: signed.size]]
    if not 0 <= number < len(hashes):
        raise NotFound(f"there is no entry {number}", mend=f"name one of 0 to {len(hashes) - 1}")
    path = merkle.inclusion(number, hashes)
    return Proven(
        entry=number,
        leaf_sha256=hashes[number].hex(),
        size=signed.size,
        root=signed.root.hex(),
        path=tuple(step.hex() for step in path),
        checkpoint=signed.note,
    )


def write_bundle(settings: Settings, to: Path) -> Checkpoint:
    """Signs, and writes a bundle for an auditor: a folder, or a zip file when ``to`` ends so."""
    signed = sign(settings)
    export(log_of(settings), to)
    return signed
