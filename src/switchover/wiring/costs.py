"""Costs to come, from the store and the register as they are."""

from __future__ import annotations

from switchover.costs.ahead import Terms, ahead
from switchover.costs.options import Known
from switchover.costs.outlook import Outlook
from switchover.domain.process import Settings
from switchover.store.proofs import proofs, verdicts

from .parts import CLOCK, open_store
from .register import snapshot
from .templates import with_templates


def projection(settings: Settings, terms: Terms) -> Outlook | str:
    """The projection from now on, or why there is none."""
    settings = with_templates(settings, idle=True)
    with open_store(settings) as store:
        now = CLOCK.now()
        suspended = snapshot(settings, store).suspended
        held = [proof for proof in proofs(store, now=now) if proof.upstream not in suspended]
        return ahead(store, settings, Known(proofs=held, verdicts=verdicts(store)), now, terms)
