"""The archive and retention, as the domain knows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from switchover.domain.keeping import Archiving, Retention

from .document import Document, Place
from .secrets import absolute
from .sections.record import ArchiveSection, ProcessRetentionSection, RetentionSection

S3 = "s3://"


def archiving_of(
    document: Document, section: ArchiveSection, base: Path, check_url: Callable[[Document, Place, str], None]
) -> Archiving:
    """The section, with a folder from the configuration's own folder on. Raises ConfigError."""
    at = ("archive",)
    if not section.to.startswith(S3):
        for name, value in (("endpoint", section.endpoint), ("key", section.key)):
            if value is not None:
                raise document.error(
                    (*at, name), got="something for a folder", want="nothing, or to: s3://bucket/prefix"
                )
        to = str((base / section.to).resolve())
        return Archiving(to=to, bodies=section.bodies, after=section.after)
    if not section.to[len(S3) :].partition("/")[0]:
        raise document.error((*at, "to"), got=section.to, want="s3://bucket/prefix")
    if section.endpoint is None:
        want = "the address of the object store, such as https://s3.eu-west-1.amazonaws.com"
        raise document.error((*at, "endpoint"), got="nothing", want=want)
    check_url(document, (*at, "endpoint"), section.endpoint)
    if section.key is None:
        raise document.error((*at, "key"), got="nothing", want="env:NAME or file:PATH that holds ID:SECRET")
    return Archiving(
        to=section.to.rstrip("/"),
        endpoint=section.endpoint.rstrip("/"),
        region=section.region,
        key=absolute(section.key, base),
        bodies=section.bodies,
        after=section.after,
    )


def retention_of(document: Document, section: RetentionSection) -> Retention:
    """The section. Raises ConfigError for terms that contradict each other."""
    found = Retention(exchanges=section.exchanges, bodies=section.bodies, archive=section.archive, spool=section.spool)
    check_retention(document, ("retention",), found)
    return found


def process_retention(
    document: Document, at: Place, section: ProcessRetentionSection | None, every: Retention
) -> Retention:
    """A process's own terms, and where it has none those of ``every`` process. Raises ConfigError."""
    if section is None:
        return every
    found = Retention(
        exchanges=every.exchanges if section.exchanges is None else section.exchanges,
        bodies=every.bodies if section.bodies is None else section.bodies,
        archive=every.archive if section.archive is None else section.archive,
        spool=every.spool,
        hold=section.hold,
    )
    check_retention(document, at, found)
    return found


def check_retention(document: Document, at: Place, found: Retention) -> None:
    """Bodies do not outlive their exchanges. Raises ConfigError."""
    if found.bodies is not None and found.exchanges is not None and found.bodies > found.exchanges:
        raise document.error((*at, "bodies"), got="a longer time than exchanges", want="at most as long as exchanges")
