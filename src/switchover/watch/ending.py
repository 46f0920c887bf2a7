"""Ends proofs whose ground has given way: revoked for the reason, their verdicts EXPIRED, rehearsals left due."""

from __future__ import annotations

from dataclasses import replace

from switchover.domain.candidate import Proof, State, Verdict, digest
from switchover.domain.watching import Change, ChangeKind, DueOrder, Why
from switchover.evidence import events
from switchover.store import Store, facts
from switchover.store.changes import save_change
from switchover.store.due_orders import open_order
from switchover.store.proofs import latest_verdict, proofs, revoke_proofs, save_verdict

from .held import cell_of

DUE = {ChangeKind.PROMPT: Why.CHANGED, ChangeKind.BASELINE: Why.CHANGED, ChangeKind.REPLACEMENT: Why.DRIFT}


def end(store: Store, change: Change, note: events.Note) -> list[Proof]:
    """Saves the change, which opens empty ledgers, and ends the proofs that it concerns; returns those in date.

    The gateway stops going over to them with its next snapshot.
    """
    ended = [one for one in proofs(store, change.process, now=change.at) if change.upstream in (None, one.upstream)]
    note(events.saved(save_change(store, change)))
    revoke_proofs(store, at=change.at, process=change.process, upstream=change.upstream, why=change.why)
    for fact in facts.ended(store, "proof", change.at):
        note(events.ended(fact))
    for cell in {cell_of(proof) for proof in ended}:
        before = latest_verdict(store, cell.id)
        if before is not None:
            after = _expired(before, change)
            note(events.verdict(save_verdict(store, after), after, before.state))
    for candidate, version in sorted({(proof.upstream, proof.prompt_version) for proof in ended}):
        open_order(
            store,
            DueOrder.of(
                change.process,
                candidate,
                DUE[change.kind],
                about=change.id,
                said=change.why,
                now=change.at,
                prompt_version=version,
            ),
        )
    return ended


def _expired(before: Verdict, change: Change) -> Verdict:
    return replace(
        before,
        id=digest([before.id, change.id]),
        state=State.EXPIRED,
        evidence=replace(before.evidence, reasons=(change.why,)),
        made_at=change.at,
        expires_at=None,
        calls=0,
    )
