"""Key ring and erasures, as commands ask for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from switchover.access.approvals import require_approval
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.evidence import canonical
from switchover.privacy import erase as story
from switchover.privacy.erase import Erased
from switchover.privacy.keyring import KeyRing, subject_hash
from switchover.privacy.master import OwnMaster
from switchover.privacy.ring_backup import Restored, back_up, restore
from switchover.privacy.seal_old import Old, find_old, seal_old
from switchover.store.ring import Reach

from .evidence import log_of, noting
from .parts import CLOCK, master_of, open_store, ring_of

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
HASH = re.compile(r"[0-9a-f]{64}")
OWN = "own"


@contextmanager
def opened(settings: Settings) -> Iterator[KeyRing]:
    """The ring, for as long as a command needs it."""
    with closing(ring_of(settings)) as ring:
        ring.look()
        yield ring


def reaches(
    ring: KeyRing,
    *,
    subject: str | None = None,
    hashed: str | None = None,
    process: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> list[Reach]:
    """What an erasure is to reach. Raises OperatorError where that is nothing, everything, or no month."""
    if subject is not None and hashed is not None:
        raise OperatorError("a subject is named twice", mend="give --subject or --subject-hash")
    if subject is None and hashed is None and process is None:
        raise OperatorError("everything would be erased", mend="name --subject, --subject-hash or --process")
    for month in (since, until):
        if month is not None and not MONTH.fullmatch(month):
            raise OperatorError(f"{month!r} is no month", mend="keys are by the month: write one such as 2026-03")
    if since is not None and until is not None and since > until:
        raise OperatorError(f"{since} is after {until}", mend="give the earlier month as --since")
    if hashed is not None and not HASH.fullmatch(hashed):
        raise OperatorError("that is no subject's hash", mend="take the 64 hex digits that `exchanges show` prints")
    if subject == "":
        raise OperatorError("the subject is empty", mend="give what the requests name, such as the customer's number")
    named: list[str | None] = [hashed]
    if subject is not None:
        named = [subject_hash(key, subject) for key in ring.subject_keys()]
    return [Reach(process, one, since, until) for one in named]


def would_erase(settings: Settings, wanted: Sequence[Reach]) -> Erased:
    """What an erasure would take."""
    with open_store(settings) as store, opened(settings) as ring:
        return story.would_erase(store, ring, wanted)


def erase(settings: Settings, wanted: Sequence[Reach], actor: Actor, *, reason: str) -> Erased:
    """Erases what another person approved. Raises Forbidden, and ApprovalNeeded where nobody did yet.

    Words that lie in clear in the spool are sealed first, so that they go, too.
    """
    if not reason.strip():
        raise OperatorError("an erasure has no reason", mend="say why: --reason")
    processes = {reach.process for reach in wanted}
    with open_store(settings) as store, opened(settings) as ring, noting(settings, actor) as note:
        agreed = require_approval(
            store,
            actor,
            "erase",
            "; ".join(map(in_words, wanted)),
            process=processes.pop() if len(processes) == 1 else None,
            parameters={"reach": [list(reach) for reach in wanted]},
            reason=reason,
            now=CLOCK.now(),
            note=note,
        )
        seal_old(store, Path(settings.data_dir))
        by, other = actor.recorded, str(agreed.decided_by)
        return story.erase(store, ring, settings.data_dir, wanted, by=by, approved_by=other, reason=reason, note=note)


def in_words(reach: Reach) -> str:
    """What an erasure reaches, as whoever approves it reads it."""
    whom = f"subject {reach.subject}" if reach.subject else "everybody"
    where = f" in {reach.process}" if reach.process else ""
    since = f" from {reach.first}" if reach.first else ""
    return f"{whom}{where}{since}{f' up to {reach.last}' if reach.last else ''}"


def seal_what_is_in_clear(settings: Settings, *, dry_run: bool = False) -> Old:
    """Seals what was recorded before there were keys."""
    with open_store(settings) as store:
        return (find_old if dry_run else seal_old)(store, Path(settings.data_dir))


def rotate(settings: Settings, before: str | None) -> int:
    """Wraps every key under another master key; ``before`` is a reference to the old one where ours is given.

    "own" is the file beside the ring. Returns how many keys that were.
    """
    own = OwnMaster(Path(settings.data_dir, "keyring"))
    if before is None:
        with opened(settings) as ring:
            return ring.rotate()
    old = master_of(settings, None if before == OWN else before)
    now = master_of(settings, settings.master)
    held = now.held()
    new = held[0] if held else now.first()
    with closing(KeyRing(settings.data_dir, ring_of(settings).clock, old)) as ring:
        ring.look()
        done = ring.rotate(new)
    if before == OWN and settings.master is not None:
        own.forget()
    return done


def backup(settings: Settings, folder: Path) -> int:
    """Keeps the ring apart; returns how many keys it has."""
    with opened(settings) as ring:
        return back_up(ring, folder)


def restored(settings: Settings, folder: Path) -> Restored:
    """Puts back what the ring lacks, and nothing that the store or the evidence log says was erased."""
    with open_store(settings) as store, opened(settings) as ring:
        log = log_of(settings)
        entries = log.entries() if log.folder.exists() else []
        told = story.noted([canonical.decode(entry) for entry in entries])
        return restore(ring, folder, story.known(store) + told)


def scopes(settings: Settings) -> list[dict[str, object]]:
    """How many keys there are by process and month: for the process itself, for subjects, and erased ones."""
    with opened(settings) as ring:
        found: dict[tuple[str, str], dict[str, object]] = {}

        def row(process: str, month: str) -> dict[str, object]:
            fresh = {"process": process, "month": month, "process_keys": 0, "subject_keys": 0, "erased": 0}
            return found.setdefault((process, month), fresh)

        for one in ring.file.rows():
            counted = row(one.process, one.month)
            name = "subject_keys" if HASH.fullmatch(one.subject) else "process_keys"
            counted[name] = int(str(counted[name])) + 1
        for _, process, month, _ in ring.file.tombstones():
            counted = row(process, month)
            counted["erased"] = int(str(counted["erased"])) + 1
    return [found[key] for key in sorted(found)]
