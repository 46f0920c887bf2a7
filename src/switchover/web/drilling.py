"""Starting a drill: what is lost for which process, how, for how much of its traffic and for how long."""

from __future__ import annotations

from starlette.responses import Response

from switchover.domain.cut_off import Target, TargetKind
from switchover.errors import ApprovalNeeded, OperatorError

from .sources import DrillAsked
from .visit import Visit

MOST_MINUTES = 240
MOST_WORDS = 500


def take(visit: Visit) -> Response:
    """Starts it; where two people have to agree, it waits on the page of approvals for the second."""
    form = visit.form
    actor = visit.check("drill", form.get("process", ""))
    try:
        visit.sources.drill(visit.settings, _asked(visit), actor)
    except ApprovalNeeded:
        return visit.see("/settings/access#approvals")
    return visit.see("/drills")


def _asked(visit: Visit) -> DrillAsked:
    """What the form asks for. Raises OperatorError."""
    form = visit.form
    try:
        target = Target.parse(form.get("target", ""))
    except ValueError as cause:
        raise OperatorError(str(cause), mend="go back, and choose what to lose") from cause
    hypothesis, approver = form.get("hypothesis", "").strip(), form.get("approver", "").strip()
    if len(hypothesis) > MOST_WORDS or len(approver) > MOST_WORDS:
        raise OperatorError("that is too long", mend=f"say it in at most {MOST_WORDS} characters")
    return DrillAsked(
        process=form.get("process", ""),
        target=target,
        fault=form.get("fault", ""),
        share=_number(form.get("share", ""), "share of the calls", 1, 100) / 100,
        seconds=60.0 * _number(form.get("minutes", ""), "number of minutes", 2, MOST_MINUTES),
        approver=approver or None if target.kind is TargetKind.UPSTREAM else None,
        hypothesis=hypothesis,
    )


def _number(text: str, what: str, least: int, most: int) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and least <= int(text) <= most):
        raise OperatorError(f"{text!r} is no {what}", mend=f"give a whole number from {least} to {most}")
    return float(text)
