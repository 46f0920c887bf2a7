"""Costs to come, from the store and the register as they are, and the assumptions behind them."""

from __future__ import annotations

from collections.abc import Mapping

from switchover.costs import assumed
from switchover.costs.ahead import Inputs, Terms, inputs, usages, weighed
from switchover.costs.assumed import Overtaken, Standing, process_of, standing, standings, with_edits
from switchover.costs.assumptions import shipped
from switchover.costs.hosting import SECONDS_PER_MONTH
from switchover.costs.options import Known
from switchover.costs.outlook import Outlook
from switchover.costs.own_price import MOST_BUSY, OwnPrice, busy_share, own_price
from switchover.costs.serving import Serving
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.store import Store
from switchover.store.assumptions import edits
from switchover.store.proofs import proofs, verdicts
from switchover.store.spending import spend_rows

from . import access
from .evidence import noting
from .parts import CLOCK, open_store
from .register import snapshot
from .templates import with_templates

# Days of the record that say how busy a machine is.
RECENT_S = 30 * 86_400.0
MONTHS_IN_RECENT = RECENT_S / SECONDS_PER_MONTH


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


def price_of_own(settings: Settings, upstream: str, share: float | None = None) -> OwnPrice:
    """What a token costs on the machine that an option names for an upstream, when it is busy a ``share`` of the time.

    Without one the last 30 days say it. Raises OperatorError where the machine, its speed or its price is not known.
    """
    settings = with_templates(settings, idle=True)
    named = [one for one in settings.costing.options if one.upstream == upstream and one.machine]
    if not named:
        raise OperatorError(
            f"nobody says which machine {upstream} runs on",
            mend=f"name it under costs.options, such as own-box: {{machine: dgx-spark, upstream: {upstream}}}",
        )
    now = CLOCK.now()
    with open_store(settings) as store:
        settings, _ = with_edits(settings, edits(store))
        usage, _ = usages(store, settings, None, None)
        serving = Serving(settings, usage, verdicts(store), now, 1)
        found = serving.hosting(named[0])
        rows = [row for row in spend_rows(store, now - RECENT_S, now, ("upstream",)) if row["upstream"] == upstream]
    if isinstance(found, str):
        raise OperatorError(found, mend="measure it, and say tokens_per_second and measured beside the machine")
    known = shipped() | dict(settings.costing.assumptions)
    if share is None:
        read = sum(row["input_tokens"] + row["written_tokens"] for row in rows) / MONTHS_IN_RECENT
        written = sum(row["output_tokens"] for row in rows) / MONTHS_IN_RECENT
        share = min(busy_share(found, known, read, written), MOST_BUSY)
    if not share:
        raise OperatorError(
            f"{upstream} was not asked in the last 30 days, so that nobody knows how busy its machine will be",
            mend="say it: --busy 0.5",
        )
    try:
        return own_price(found, known, share)
    except ValueError as cause:
        raise OperatorError(str(cause), mend="see `switchover costs project --assumptions`") from cause
