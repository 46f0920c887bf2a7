"""Costs to come, from the store and the register as they are, and the assumptions behind them."""

from __future__ import annotations

from collections.abc import Mapping

from switchover.costs import assumed
from switchover.costs.ahead import Inputs, Terms, inputs, weighed
from switchover.costs.assumed import Overtaken, Standing, process_of, standing, standings
from switchover.costs.options import Known
from switchover.costs.outlook import Outlook
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.store import Store
from switchover.store.assumptions import edits
from switchover.store.proofs import proofs, verdicts

from . import access
from .evidence import noting
from .parts import CLOCK, open_store
from .register import snapshot
from .templates import with_templates


def projection(settings: Settings, terms: Terms) -> Outlook | str:
    """The projection from today on, or why there is none."""
    with open_store(settings) as store:
        return weighed(projected(settings, store, terms))


def projected(settings: Settings, store: Store, terms: Terms) -> Inputs:
    """What a projection made now rests on."""
    settings = with_templates(settings, idle=True)
    now = CLOCK.now()
    suspended = snapshot(settings, store).suspended
    held = [proof for proof in proofs(store, now=now) if proof.upstream not in suspended]
    return inputs(store, settings, Known(proofs=held, verdicts=verdicts(store)), now, terms)


def assumptions(settings: Settings) -> list[Standing]:
    """Every assumption that can be said, with where the row in force stands."""
    with open_store(settings) as store:
        return standings(settings, edits(store))


def assume(settings: Settings, actor: Actor, name: str, given: Mapping[str, str] | None, reason: str) -> Standing:
    """Edits an assumption, or takes the edit back, whatever was edited before; that is noted. Returns what stands then.

    Raises Forbidden, ConfigError, NotFound and OperatorError.
    """
    access.check(settings, actor, "costs assume", process_of(name))
    with open_store(settings) as store, noting(settings, actor) as note:
        seen = standing(settings, edits(store), name).version
        found = assumed.assume(
            store, settings, name, given, seen=seen, reason=reason, actor=actor, now=CLOCK.now(), note=note
        )
        if isinstance(found, Overtaken):
            raise OperatorError(f"somebody else edited {name} meanwhile", mend="look at it, and say it again")
        return standing(settings, edits(store), name)
