"""The story of an erasure: keys → words in the store → what was made of them → saved and noted.

The keys go first: from then on nothing that was sealed with them can be read by anyone, wherever a copy lies. What
follows takes out what is left of it here. Killed midway, the same erasure begun again goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from switchover.domain.candidate import digest
from switchover.evidence import events
from switchover.store import Store, artefacts, facts
from switchover.store.erasing import Gone, erase_words, erasures, save_erasure, shed, would_go
from switchover.store.prompt_versions import withdrawn_artefacts
from switchover.store.ring import Reach

from .keyring import KeyRing
from .ring_backup import Erasure
from .sealing import apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What went: wrapping keys, exchanges, prompt versions withdrawn, proofs revoked. ``id`` is None when none did yet.

    ``in_clear``: so many bodies were not sealed; copies of them elsewhere can be read.
    """

    id: str | None
    reach: tuple[Reach, ...]
    keys: int
    exchanges: int
    in_clear: int
    versions: tuple[str, ...]
    proofs: int


def would_erase(store: Store, ring: KeyRing, reaches: Sequence[Reach]) -> Erased:
    """What :func:`erase` would take."""
    ring.look()
    found = [would_go(store, reach) for reach in reaches]
    keys = sum(len(ring.file.reached(reach)) for reach in reaches)
    return _summed(None, reaches, keys, found)


def erase(
    store: Store,
    ring: KeyRing,
    data_dir: str,
    reaches: Sequence[Reach],
    *,
    by: str,
    approved_by: str,
    reason: str,
    note: events.Note,
) -> Erased:
    """Erases what ``reaches`` name. Who asked, who approved and why go into the store; of them the log has a hash."""
    at = ring.clock.now()
    keys = sum(len(ring.erase(reach)) for reach in reaches)
    found = [erase_words(store, reach, at) for reach in reaches]
    made = sorted({name for gone in found for name in gone.artefacts})
    for name in made:
        ring.erase(Reach(subject=apart(name)))
        artefacts.drop(data_dir, name)
    shed(store)
    name = f"erasure-{digest([[list(reach) for reach in reaches], at], 10)}"
    done = _summed(name, reaches, keys, found)
    for place, reach in enumerate(reaches):
        row: dict[str, object] = {
            "id": name if not place else f"{name}-{place}",
            "at": at,
            "process": reach.process,
            "subject": reach.subject,
            "first_month": reach.first,
            "last_month": reach.last,
            "by": by,
            "approved_by": approved_by,
            "reason": reason,
            "keys": keys,
            "exchanges": done.exchanges,
            "versions": len(done.versions),
            "proofs": done.proofs,
        }
        note(events.erasure(save_erasure(store, row), row, made))
    for fact in facts.ended(store, "proof", at):
        note(events.ended(fact))
    return done


def noted(entries: Sequence[dict[str, Any]]) -> list[Erasure]:
    """The erasures that the evidence log tells of: what no backup of the ring may bring back."""
    found = []
    for entry in entries:
        if entry.get("event") == events.SAVED["erasure"]:
            reach = Reach(*(entry.get(name) for name in ("process", "subject", "first_month", "last_month")))
            at = datetime.fromisoformat(str(entry["since"])).timestamp()
            found += [(one, at) for one in (reach, *_apart(entry.get("artefacts") or ()))]
    return found


def known(store: Store) -> list[Erasure]:
    """The erasures that the store tells of."""
    found: list[Erasure] = [
        (Reach(row["process"], row["subject"], row["first_month"], row["last_month"]), row["at"])
        for row in erasures(store)
    ]
    return found + [(one, at) for name, at in withdrawn_artefacts(store) for one in _apart([name])]


def _apart(names: Sequence[str]) -> list[Reach]:
    return [Reach(subject=apart(name)) for name in names]


def _summed(name: str | None, reaches: Sequence[Reach], keys: int, found: Sequence[Gone]) -> Erased:
    versions = sorted({version for gone in found for version in gone.versions})
    return Erased(
        id=name,
        reach=tuple(reaches),
        keys=keys,
        exchanges=sum(gone.exchanges for gone in found),
        in_clear=sum(gone.in_clear for gone in found),
        versions=tuple(versions),
        proofs=sum(gone.proofs for gone in found),
    )
