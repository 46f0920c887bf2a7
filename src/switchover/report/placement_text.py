"""A placement in the lines of a terminal. Pure; names and reasons come from outside and are made harmless there."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from .model import Placed
from .placements import Placement
from .wording import day, harmless

MARKS = {True: "✓", False: "✗", None: "?"}


def in_lines(one: Placement) -> Iterator[str]:
    """What is proposed and where it stands."""
    yield f"{one.process.name}: {one.proposal.said}"
    yield f"  {decided_words(one)}"
    if one.decided is not None and not one.decided.decision.follows:
        yield f"  Decided instead: {one.decided.words}"


def in_full(one: Placement) -> Iterator[str]:
    """With reasons, what was passed over, what would make it better, and every decision."""
    yield from in_lines(one)
    yield "Why"
    for reason in one.proposal.reasons:
        sources = f" ({', '.join(map(str, reason.sources))})" if reason.sources else ""
        yield f"  {MARKS[reason.holds]} {reason.rule}: {reason.said}{sources}"
    if one.proposal.passed:
        yield "Passed over"
        yield from (f"  {other.name} ({other.place}): {other.rule}: {other.why}" for other in one.proposal.passed)
    if one.proposal.steps:
        yield "For a better placement"
    for step in one.proposal.steps:
        yield f"  {step.what}" + (f": {step.command}" if step.command else "")
    yield "To be signed by a person"
    for assessed in one.assessed:
        signed = one.signed.get(assessed.subject)
        by = f"signed as {signed[0]} by {signed[1]}" if signed else "not signed"
        yield f"  {assessed.subject}: proposed {assessed.value} ({assessed.said}); {by}"
    yield from _register(one)


def decided_words(one: Placement) -> str:
    """Where its decision stands, in one sentence."""
    if one.decided is None:
        return "Proposed; nobody has decided."
    taken = one.decided.decision
    said = f"Decided by {one.decided.by} on {day(taken.made_at)}, to be looked at again on {taken.review_on}"
    said += ": overdue" if one.decided.overdue else ""
    if one.decided.shaken:
        said += "; what it rests on has changed"
    return f"{said}."


def _register(one: Placement) -> Iterator[str]:
    taken = (one.decided, *one.history) if one.decided else ()
    if taken:
        yield "Decisions, newest first"
    for found in taken:
        decision = found.decision
        gone = "" if found is one.decided else " (superseded)"
        follows = "as proposed" if decision.follows else "other than proposed"
        yield f"  {decision.number}. {day(decision.made_at)}, {found.by}: {found.words}, {follows}{gone}"
        yield f"     because: {decision.reason}"
        if found is one.decided:
            yield from (f"     changed since: {change}" for change in found.changes)
            if not found.carried_out:
                yield f"     not carried out: {one.process.baseline} serves"


def placed_line(one: Placed) -> Text:
    """As the board's report has it in a terminal."""
    line = Text(harmless(f"{one.process}: {one.said} "))
    wrong = one.overdue or bool(one.changes)
    line.append("Handed over entirely. " if one.kept is False else "", style="yellow")
    if not one.decided:
        return line.append("Nobody has decided.", style="yellow")
    said = f"Decided by {one.by}: {one.decided}, to be looked at again on {one.review_on}"
    said += ", overdue" if one.overdue else ""
    said += f"; what it rests on has changed: {'; '.join(one.changes)}" if one.changes else ""
    return line.append(harmless(f"{said}."), style="red" if wrong else "green")
