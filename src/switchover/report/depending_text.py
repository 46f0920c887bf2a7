"""What the graph of dependence says in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .depending import Falling, Survival
from .graph import Level, Node, Weight
from .wording import share, span, usd

# US DOJ and FTC, Merger Guidelines 2023, 2.1: above 1,800 of 10,000 a market is highly concentrated.
HIGH = 0.18
# Shares are sums of floats.
EXACT = 1e-9
OF = {
    Weight.VOLUME: "all answers",
    Weight.SPEND: "all spend",
    Weight.CRITICALITY: "answers to critical processes",
}


def order_words(node: Node, found: Survival) -> str:
    """What one order to a company or by a country would do, in a sentence."""
    who = (
        f"to one company, {node.name},"
        if node.level is not Level.JURISDICTION
        else f"from one jurisdiction, {node.name},"
    )
    if found.stops is None or found.surviving is None or found.proven is None:
        return f"What one order {who} would stop can't be said: nothing critical has been recorded."
    if found.stops < EXACT:
        return f"One order {who} would stop nothing critical: all of it is shown to go on."
    waiting, rest = found.proven - found.surviving, ""
    if waiting > 0:
        part = "All of that has" if found.stops - waiting < EXACT else f"Of it {share(waiting)} has"
        rest = f" {part} a proven replacement that no drill has tried whole: untested counts as stopping."
    return f"One order {who} would stop {share(found.stops)} of critical volume.{rest}"


def worst(nodes: Iterable[tuple[Node, Survival]]) -> tuple[Node, Survival] | None:
    """The node whose loss leaves least of critical volume; among equals the first; None where none is recorded."""
    known = [(found.surviving, node, found) for node, found in nodes if found.surviving is not None]
    least = min(known, key=lambda one: one[0], default=None)
    return None if least is None else (least[1], least[2])


def spend_words(node: Node) -> str:
    """A node's share of all spend; what has no price is no spend of nothing."""
    found, unpriced = node.shares[Weight.SPEND], node.amounts.unpriced
    if unpriced and not node.amounts.spend:
        return "unpriced"
    if found is None:
        return "–"
    return f"{share(found)}, {unpriced:,} unpriced" if unpriced else share(found)


def kind_of(found: Survival | None) -> str:
    """How bad a loss is: good, open (proven, untested), bad; "" where that can't be said."""
    if found is None or found.surviving is None or found.proven is None:
        return ""
    return "good" if found.surviving > 1 - EXACT else "open" if found.proven > 1 - EXACT else "bad"


def concentration_words(index: float | None) -> str:
    """A Herfindahl index as a person takes it in."""
    if index is None:
        return "not known"
    alike = 1 / index
    said = "one holds all" if alike < 1.05 else f"as if {alike:.1f} held equal parts"
    return f"{index:.2f}, {said}"


def took_words(one: Falling) -> str:
    """How long it takes until something else answers, as a drill saw it; what was never drilled is untested."""
    outcome = one.drill.outcome if one.drill else None
    if outcome is None:
        return "untested"
    if outcome.rto is None:
        return "did not recover in its drill"
    took = f"{outcome.rto:.1f} s" if outcome.rto < 120 else span(outcome.rto)
    return f"{took} of {span(one.process.rto)} promised"


def dearer_words(dearer: Decimal | str | None) -> str:
    """What the replacement costs more in a month."""
    if dearer is None:
        return "–"
    if isinstance(dearer, str):
        return f"unknown: {dearer}"
    if not dearer:
        return "the same"
    return f"+{usd(dearer)} a month" if dearer > 0 else f"{usd(dearer)} a month"
