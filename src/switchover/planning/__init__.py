"""Process, health, pauses, cut-offs and proofs → attempts."""

from .breaker import Board, BreakerState
from .continuing import Broken, GoingOn, cannot_continue, may_go_on
from .pauses import Pause
from .plan import Attempt, Plan, Skipped, plan
from .queues import Queues
from .side import ANSWERS, NEEDS, asked_for, plan_request
from .timers import Timers

__all__ = [
    "ANSWERS",
    "NEEDS",
    "Attempt",
    "Board",
    "BreakerState",
    "Broken",
    "GoingOn",
    "Pause",
    "Plan",
    "Queues",
    "Skipped",
    "Timers",
    "asked_for",
    "cannot_continue",
    "may_go_on",
    "plan",
    "plan_request",
]
