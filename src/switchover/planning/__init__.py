"""Process, health, cut-offs and proofs → attempts."""

from .breaker import Board, BreakerState
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
    "Plan",
    "Queues",
    "Skipped",
    "Timers",
    "asked_for",
    "plan",
    "plan_request",
]
