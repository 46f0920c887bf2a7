"""Process, health, pauses, cut-offs and proofs → attempts."""

from .breaker import Board, BreakerState
from .continuing import Broken, GoingOn, cannot_continue, may_go_on
from .pauses import Pause
from .plan import Attempt, Plan, Skipped, plan
from .queues import Queues
from .timers import Timers

__all__ = [
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
    "cannot_continue",
    "may_go_on",
    "plan",
]
