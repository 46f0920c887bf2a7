"""What a doctor says of the pages: where they are, whether anybody comes in, and what lies open to a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from switchover.config.pages import is_loopback
from switchover.domain.process import Settings
from switchover.errors import PortInUse
from switchover.web.peer import TABLES

from . import access
from .listening import address_of, bound
from .parts import lives


def examine_pages(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    """What was looked at, whether it is well, and what there is to say. Raises StoreUnavailable."""
    at = settings.pages
    if not at.serve:
        yield "pages", True, "not served: pages.serve is false"
        return
    yield _where(settings)
    yield _who(settings)
    if not is_loopback(at.host):
        yield _network(settings)


def _where(settings: Settings) -> tuple[str, bool, str]:
    """Their address while they are up; else whether their port could be had."""
    what, at = "pages", settings.pages
    running = _told(settings)
    if running is not None:
        return what, True, f"served on {running}/"
    if at.port == 0:
        return what, True, "not up; a free port is taken when `switchover up` starts"
    try:
        bound("pages", at.host, at.port).close()
    except PortInUse as error:
        return what, False, str(error)
    return what, True, f"not up; `switchover up` will serve them on {address_of(at, at.port)}/"


def _told(settings: Settings) -> str | None:
    """Where `up` says that they are, as long as it lives."""
    try:
        found = json.loads(Path(settings.data_dir, "run", "pages.json").read_bytes())
        return str(found["url"]) if lives(int(found["pid"])) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _who(settings: Settings) -> tuple[str, bool, str]:
    """Whether somebody can come in at all."""
    what = "sign-in to the pages"
    people, keys = access.people(settings)
    now = access.now()
    known = {person.id for person in people if person.revoked_at is None}
    ends = ((key, [at for at in (key.revoked_at, key.expires_at) if at is not None]) for key in keys)
    able = {key.person for key, moments in ends if key.person in known and all(at > now for at in moments)}
    if able:
        return what, True, f"{len(able)} {'person has' if len(able) == 1 else 'people have'} a key that counts"
    if people:
        mend = "make another admin on this machine: switchover access init NAME --again"
        return what, False, f"nobody has a key that counts any more; {mend}"
    mend = "let people sign in: switchover access init NAME"
    if settings.pages.address is not None:
        return what, False, f"nobody is known, and through {settings.pages.address} nobody else comes in; {mend}"
    if not any(table.exists() for table in TABLES):
        return what, False, f"nobody is known, and this system does not tell whose a connection is; {mend}"
    return what, True, f"nobody is known, so they are open to this user on this machine; {mend}"


def _network(settings: Settings) -> tuple[str, bool, str]:
    """A port that others reach takes TLS in front, which can't be seen from here."""
    what, at = "network of the pages", settings.pages
    here = f"they listen on {at.host}, which others can reach"
    if at.address is None or not at.address.startswith("https:"):
        mend = "set pages.host to 127.0.0.1, or put what speaks TLS in front and name it as pages.address"
        return what, False, f"{here}, without TLS in front; {mend}"
    return what, True, f"{here}; let only what speaks TLS for {at.address} come to port {at.port}"
