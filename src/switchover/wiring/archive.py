"""The archive and retention as commands use them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from switchover.config.keeping import S3
from switchover.domain.keeping import Archiving
from switchover.domain.process import Settings
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.egress.s3 import Bucket, origin
from switchover.errors import ConfigError, NotFound, OperatorError
from switchover.evidence import archive as evidence_of
from switchover.privacy.sealing import Sealer
from switchover.processes.archiving import Archiver
from switchover.processes.housekeeping import LEASE, LEASE_S
from switchover.processes.lease import Lease
from switchover.processes.retention import Due, Retaining
from switchover.store import Store
from switchover.store.archive.partitions import Partition, list_parts
from switchover.store.archive.parts import Part, opened
from switchover.store.archive.target import MANIFEST, Folder, Target, read_manifest
from switchover.store.words import Words, words_of

from .evidence import log_of
from .parts import CLOCK, open_store, outbound, read_key, ring_of


def target_of(settings: Settings) -> Target | None:
    """Where the archive lies; None where there is none. The object store's key is read when it is first asked."""
    found = settings.archive
    if found is None:
        return None
    if not found.to.startswith(S3):
        return Folder(found.to)
    bucket, _, prefix = found.to[len(S3) :].partition("/")
    endpoint = found.endpoint or ""
    return Bucket(
        endpoint,
        bucket,
        prefix,
        region=found.region,
        key=lambda: _key(settings, found),
        client=lambda: _bound(settings, endpoint),
        clock=CLOCK,
    )


def _bound(settings: Settings, endpoint: str) -> Client:
    """A client that calls the object store and nobody else."""
    return outbound(settings, allow=(origin(endpoint),))


def _key(settings: Settings, found: Archiving) -> Secret:
    reference = found.key or ""
    try:
        key = read_key(settings, reference)
    except ConfigError as cause:
        # Read when the archive is needed: by then it is no longer the configuration that is wrong.
        raise OperatorError(f"archive.key can't be read: {cause}", mend=f"see that {reference} is there") from cause
    if not all(key.reveal().partition(":")) or not key.reveal().isprintable():
        raise OperatorError("archive.key holds something else", mend=f"put ID:SECRET, in one line, at {reference}")
    return key


def _there(settings: Settings) -> tuple[Archiving, Target]:
    target = target_of(settings)
    if settings.archive is None or target is None:
        raise NotFound("no archive is configured", mend="name a folder or s3://bucket/prefix under archive.to")
    return settings.archive, target


@contextmanager
def _alone(store: Store) -> Iterator[Lease]:
    """Holds the lease that archiving and deleting need. Raises OperatorError while another has it."""
    holder = f"command:{os.uname().nodename}:{os.getpid()}:{secrets.token_hex(4)}"
    lease = Lease(LEASE, holder, clock=CLOCK, seconds=LEASE_S)
    if not lease.renew(store):
        raise OperatorError(
            "another archives, deletes or verifies right now", mend="wait until it is done, and try again"
        )
    try:
        yield lease
    finally:
        lease.release(store)


def run(settings: Settings) -> list[tuple[Partition, Part]]:
    """Archives every finished day that is not archived yet; returns the parts placed."""
    archiving, target = _there(settings)
    log = log_of(settings)
    with open_store(settings) as store, _alone(store) as lease:
        archiver = Archiver(Path(settings.data_dir), archiving, target, CLOCK, log.append)
        done = archiver.run(store, lambda: lease.renew(store))
    if done:
        log.sign()
    return done


def adopt(settings: Settings) -> int:
    """Takes what the archive holds for archived from this store, which was filled anew; returns how many parts."""
    archiving, target = _there(settings)
    log = log_of(settings)
    with open_store(settings) as store, _alone(store):
        return Archiver(Path(settings.data_dir), archiving, target, CLOCK, log.append).adopt(store)


def listed(settings: Settings) -> dict[Partition, list[Part]]:
    """The parts of each partition, as the store notes them."""
    _there(settings)
    with open_store(settings) as store:
        return list_parts(store)


def verify(settings: Settings) -> evidence_of.Checked:
    """Reads the whole archive and holds it against the evidence log."""
    _, target = _there(settings)
    with open_store(settings) as store, _alone(store):
        return evidence_of.check(target, evidence_of.vouched(log_of(settings).entries()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Files that were written in clear."""

    files: tuple[str, ...]
    rows: int


def open_partitions(settings: Settings, process: str, days: Sequence[str], to: Path) -> Opened:
    """Writes partitions with their bodies in clear into the new folder ``to``, readable by its owner only.

    Raises NotFound for a partition that is not there, OperatorError for a folder that is there and for files that are
    not those of their manifest.
    """
    _, target = _there(settings)
    if to.exists():
        raise OperatorError(f"{to} is there already", mend="name a new folder: what is in clear is to be seen as such")
    sealer = Sealer(ring_of(settings))

    def opener(key: str, exchange: str, content: bytes) -> Words | None:
        return words_of(sealer, exchange, key, content)

    files, rows = list[str](), 0
    for day in days:
        partition = Partition(process, day)
        told = target.get(f"{partition.path}/{MANIFEST}")
        if told is None:
            raise NotFound(f"the archive has no {partition.path}", mend="see `switchover archive list`")
        for part in read_manifest(told)[1]:
            path = f"{partition.path}/{part.name}"
            data = target.get(path)
            if data is None or not part.is_of(data):
                raise OperatorError(
                    f"{path} is not the file its manifest names", mend="see `switchover archive verify`"
                )
            Folder(to).put(path, opened(data, opener))
            files.append(path)
            rows += part.rows
    return Opened(files=tuple(files), rows=rows)


def due(settings: Settings) -> list[Due]:
    """What retention would delete now."""
    with open_store(settings) as store:
        return _retaining(settings).due(store)


def retain(settings: Settings) -> list[Due]:
    """Deletes what has had its time, whatever the clock says of the last pass; returns what that was."""
    log = log_of(settings)
    with open_store(settings) as store, _alone(store) as lease:
        retaining = _retaining(settings)
        found = retaining.due(store)
        for _ in retaining.steps(store):
            lease.renew(store)
    if found:
        log.sign()
    return found


def _retaining(settings: Settings) -> Retaining:
    target, log = target_of(settings), log_of(settings)
    data = Path(settings.data_dir)
    archiver = None
    if settings.archive is not None and target is not None:
        archiver = Archiver(data, settings.archive, target, CLOCK, log.append)
    return Retaining(data, settings, archiver, CLOCK, log.append)
