"""What a cell's earlier proofs are worth once more was replayed: they stand no longer than all that is known says.

A proof's end is reckoned without new replays. Those that came may have brought it nearer, or be there already; a proof
that kept its old date would go on serving by what its own cell no longer shows.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from switchover.domain.candidate import Cell
from switchover.evidence import events
from switchover.store import Store
from switchover.store.proofs import proofs, save_proof
from switchover.store.register import baseline_lost


def cut_back(store: Store, cell: Cell, until: float, *, now: float, note: events.Note) -> None:
    """Ends the cell's proofs in date at ``until`` (Unix seconds) at the latest, and notes of each that it changed.

    Not while the baseline is gone: its proofs are held as they were at that moment, and NOT READY alone ends them.
    """
    if cell.process in baseline_lost(store):
        return
    for proof in proofs(store, cell.process, now=now):
        if proof.expires_at > until and asdict(cell).items() <= asdict(proof).items():
            ended = replace(proof, expires_at=until)
            note(events.proof(save_proof(store, ended), ended))
